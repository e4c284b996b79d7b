//! Connections that a lane was given and has not read when it is killed: another lane serves them,
//! and their clients see nothing of it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use fosse_harness::{Edge, WAIT_MAX, sockets, wait_for};
use rustix::process::Signal;

fn edge(lanes: u32) -> Edge {
    let site = "[[site]]\ndefault = true\nrespond = 200\nrespond_body = \"served\"\n";
    Edge::with_config(&format!("lanes = {lanes}\n[[listen]]\naddress = \"{{address}}\"\n{site}"), &[])
}

/// Clients of as many sources, each with its request sent.
fn ask(edge: &Edge, sources: std::ops::Range<u8>) -> Vec<TcpStream> {
    let clients = sources.map(|last| {
        let mut client = sockets::connect_from(last, edge.address(), WAIT_MAX).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        client
    });
    clients.collect()
}

fn is_served(client: &mut TcpStream) -> bool {
    let mut response = String::new();
    client.read_to_string(&mut response).is_ok() && response.ends_with("\r\n\r\nserved")
}

#[test]
fn what_a_killed_lane_has_not_read_is_served_by_another() {
    for lanes in [1, 2] {
        let edge = edge(lanes);
        let stopped = edge.children_of("parse");
        stopped.iter().for_each(|parse| assert!(parse.signal(Signal::STOP)));
        // As many as the socket of one lane holds, where each comes alone.
        let mut clients = ask(&edge, 10..16);
        wait_for("clients in their lanes", || (edge.counter("accept", "live") == 6).then_some(()));
        stopped.iter().for_each(|parse| assert!(parse.signal(Signal::KILL)));
        let served = clients.iter_mut().filter_map(|client| is_served(client).then_some(())).count();
        assert_eq!(served, 6, "with {lanes} lanes: {}", edge.log());
        wait_for("no connection that is counted and not there", || (edge.counter("accept", "live") == 0).then_some(()));
        assert!(edge.counter("accept", "returned") >= 6);
    }
}
