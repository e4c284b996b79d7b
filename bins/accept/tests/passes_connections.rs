//! Connections of every family reach a lane, in batches, each with what accept knows of it.

mod edge;

use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use edge::{Edge, client, client_from, fate, file, listener, silent_client};
use fosse_counters::accept as count;
use fosse_settings::{Accept, AcceptListener, Net};
use fosse_wire::request::Endpoint;
use rustix::net::sockopt;

#[test]
fn a_client_reaches_a_lane_with_its_address_and_its_bytes_unread() {
    let edge = Edge::new(&listener(AcceptListener::default()));
    let address = edge.listen_v4(0);
    let lane = edge.lane(7, 100);
    let mut client = silent_client(address);
    client.write_all(b"hello").unwrap();
    let (connection, fd) = lane.take(1).pop().unwrap();
    assert_eq!(connection.peer, Endpoint::from_socket(client.local_addr().unwrap()));
    assert!(connection.listener == 0 && !connection.trusted && !connection.unix && connection.id != 0);
    assert!(sockopt::tcp_nodelay(&fd).unwrap(), "inherited from the listener");
    assert_eq!(sockopt::socket_linger(&fd).unwrap(), Some(Duration::ZERO), "inherited from the listener");
    let mut bytes = [0; 5];
    file(fd).read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"hello");
    assert_eq!(fate(&mut client), "reset", "closed without a normal end");
}

#[test]
fn ipv6_and_ipv4_in_ipv6_keep_their_addresses() {
    let edge = Edge::new(&listener(AcceptListener::default()));
    let Ok(socket) = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)) else {
        return println!("skipped: no IPv6 here");
    };
    socket.set_nonblocking(true).unwrap();
    edge.listen(0, &socket);
    let lane = edge.lane(1, 100);
    let port = socket.local_addr().unwrap().port();
    for target in ["::1", "127.0.0.1"] {
        let client = client((target.parse::<std::net::IpAddr>().unwrap(), port).into());
        let (connection, _) = lane.take(1).pop().unwrap();
        assert_eq!(connection.peer, Endpoint::from_socket(client.local_addr().unwrap()), "{target}");
    }
}

#[test]
fn a_unix_peer_is_let_in_by_its_uid() {
    let own = rustix::process::getuid().as_raw();
    let for_uid = |uid| AcceptListener { peer_uids: vec![uid], trusted_unix: true, ..AcceptListener::default() };
    let edge = Edge::new(&Accept { connections_max: 9, listeners: vec![for_uid(own), for_uid(own + 1)] });
    let lane = edge.lane(1, 100);
    for (number, welcome) in [(0, true), (1, false)] {
        let path = std::env::temp_dir().join(format!("fosse-accept-{}-{number}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let socket = UnixListener::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        edge.listen(number, &socket);
        let mut client = UnixStream::connect(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        if welcome {
            let (connection, _fd) = lane.take(1).pop().unwrap();
            assert!(connection.unix && connection.trusted && connection.peer == Endpoint::default());
        } else {
            assert_eq!(client.read(&mut [0]).unwrap(), 0);
            assert!(lane.is_quiet(&edge));
            assert_eq!(edge.count(count::WRONG_PEER), 1);
        }
    }
}

#[test]
fn many_at_once_go_in_messages_of_up_to_64() {
    let edge = Edge::new(&listener(AcceptListener::default()));
    let address = edge.listen_v4(0);
    let clients: Vec<_> = (0..120).map(|_| client(address)).collect();
    let lane = edge.lane(1, 1000);
    let mut sizes = Vec::new();
    while sizes.iter().sum::<usize>() < clients.len() {
        let (message, fds) = lane.next(edge::SOON).expect("connections arrive");
        assert_eq!(message.connections.len(), fds.len());
        sizes.push(fds.len());
    }
    assert_eq!(sizes.iter().sum::<usize>(), clients.len());
    assert_eq!(sizes[0], 64, "{sizes:?}");
    edge.wait_for_count(count::CONNECTIONS, 120);
    edge.wait_for_count(count::LIVE, 120);
}

#[test]
fn a_source_keeps_its_lane_and_a_trusted_proxy_is_spread() {
    let proxies = Net { addr: "::ffff:127.0.0.200".parse::<Ipv6Addr>().unwrap().octets(), prefix: 128 };
    let edge = Edge::new(&listener(AcceptListener { trusted: vec![proxies], ..AcceptListener::default() }));
    let address = edge.listen_v4(0);
    let lanes = [edge.lane(1, 100), edge.lane(2, 100)];
    // Few enough not to be spread as a source that is ahead of the others is.
    let clients: Vec<_> = (0..10).map(|_| client_from(9, address)).collect();
    edge.wait_for_count(count::LIVE, 10);
    let held: Vec<usize> = lanes.iter().map(|lane| lane.arrived(&edge)).collect();
    assert!(held == [10, 0] || held == [0, 10], "{held:?}");
    let proxied: Vec<_> = (0..40).map(|_| client_from(200, address)).collect();
    edge.wait_for_count(count::LIVE, 50);
    let more: Vec<usize> = lanes.iter().map(|lane| lane.arrived(&edge)).collect();
    assert_eq!((held[0] + more[0], held[1] + more[1]), (25, 25));
    drop((clients, proxied));
}

#[test]
fn a_new_generation_of_listeners_closes_the_old_one() {
    let edge = Edge::new(&listener(AcceptListener::default()));
    let lane = edge.lane(1, 100);
    let old = edge.listen_v4(0);
    let _first = client(old);
    lane.take(1);
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    edge.order(fosse_wire::start::ToChild::Listen { listener: 0, generation: 2 }, Some(&socket));
    let _second = client(socket.local_addr().unwrap());
    lane.take(1);
    assert!(std::net::TcpStream::connect(old).is_err(), "the old socket is closed");
}
