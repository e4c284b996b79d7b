//! Connections that are used again, under load and after their server has forgotten them.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::{Arc, Barrier},
    thread,
};

use fosse_harness::{Backend, Client, Dir, Edge, sockets};

use crate::app::{edge, status_of};

const CLIENTS: usize = 48;
const REQUESTS: usize = 60;

/// A body of this size is written to the client by dispatch itself. The rest of it is announced in
/// the turn in which it is read and the connection goes to the next request.
const REQUEST: &[u8] = b"GET /bytes/65536 HTTP/1.1\r\nHost: a.example\r\n\r\n";

#[test]
fn no_connection_is_closed_because_of_the_end_of_the_response_before() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1", "--waf", "off"]);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Client::connect(edge.address());
                for _ in 0..REQUESTS {
                    client.send(REQUEST);
                    assert_eq!(client.response().body.len(), 65536);
                }
            });
        }
    });
    // A client that is between two requests leaves its connection to others, so there are never
    // more than clients.
    let made = edge.counter("dispatch", "connects");
    assert!(made <= CLIENTS as u64, "{made} connections for {CLIENTS} clients");
}

/// Waits until a request's head has come. Returns false where nothing comes any more.
fn hears(stream: &mut UnixStream) -> bool {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1..) => head.push(byte[0]),
            _ => return false,
        }
    }
    true
}

/// An application that serves the first request of each connection, and does `then` with it when
/// the second one has come. The first `together` requests get their responses at once.
fn serves_once(dir: &Dir, together: usize, then: impl Fn(UnixStream) + Send + Sync + 'static) -> String {
    let (path, all) = (dir.join("app.sock"), Arc::new(Barrier::new(together)));
    let count = std::sync::atomic::AtomicUsize::new(0);
    sockets::listen(&path, move |mut stream: UnixStream| {
        if !hears(&mut stream) {
            return;
        }
        if count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < together {
            all.wait();
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        if hears(&mut stream) {
            then(stream);
        }
    });
    format!("unix:{}", path.display())
}

#[test]
fn a_request_passes_by_every_connection_that_its_server_has_forgotten() {
    let dir = Dir::new();
    let address = serves_once(&dir, 8, drop);
    let edge = edge(&[&address], "pool_idle_seconds = 3600");
    thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| assert_eq!(status_of(&edge, "GET"), 200)))));
    assert_eq!(status_of(&edge, "GET"), 200);
    assert_eq!((edge.counter("dispatch", "retries"), edge.counter("dispatch", "connects")), (8, 9));
    assert!(!edge.log().contains("backend-failed"), "{}", edge.log());
}

#[test]
fn a_request_that_is_lost_with_a_forgotten_connection_is_told_of_and_is_no_fault_of_the_server() {
    let dir = Dir::new();
    let edge = edge(&[&serves_once(&dir, 1, drop)], "pool_idle_seconds = 3600\n[backend.health]\nfailures_max = 1");
    assert_eq!((status_of(&edge, "GET"), status_of(&edge, "POST")), (200, 502));
    edge.wait_for_log("event=backend-failed");
    assert!(!edge.log().contains("state=down"), "{}", edge.log());
}

#[test]
fn a_server_that_falls_silent_on_a_connection_that_it_has_served_is_taken_out() {
    let dir = Dir::new();
    let silent = serves_once(&dir, 1, |mut stream| drop(stream.read(&mut [0])));
    let lines = "pool_idle_seconds = 3600\nfirst_byte_seconds = 1\n[backend.health]\nfailures_max = 1";
    let edge = edge(&[&silent], lines);
    assert_eq!((status_of(&edge, "GET"), status_of(&edge, "GET")), (200, 504));
    edge.wait_for_log("why=\"no response in time\" state=down");
}
