//! The addresses of one IPv6 customer share what one may have, however many networks it has them
//! from: the connections themselves, in a network namespace of the test's own (ip-netns(8)).

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv6Addr, SocketAddr, TcpStream},
    process::Command,
};

use fosse_harness::{Backend, Edge, WAIT_MAX, free_port, is_root, wait_for};
use nix::sched::{CloneFlags, unshare};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

/// Moves the thread into a network namespace in which the machine has these addresses; false where
/// there is none to be had.
fn has_addresses(addresses: &[Ipv6Addr]) -> bool {
    let has_ip = Command::new("ip").arg("-Version").output().is_ok();
    if !is_root() || !has_ip {
        println!("skipped: needs root and ip(8)");
        return false;
    }
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    let ip = |words: &str| assert!(Command::new("ip").args(words.split(' ')).status().unwrap().success(), "ip {words}");
    ip("link set lo up");
    addresses.iter().for_each(|address| ip(&format!("-6 addr add {address}/128 dev lo nodad")));
    true
}

/// Asks for a page from an address: the connection, which stays open, and the status, 0 where the
/// connection is closed without one.
fn ask(from: Ipv6Addr, edge: SocketAddr) -> (TcpStream, u16) {
    let fd = socket_with(AddressFamily::INET6, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    bind(&fd, &SocketAddr::from((from, 0))).unwrap();
    set_socket_timeout(&fd, Timeout::Recv, Some(WAIT_MAX)).unwrap();
    connect(&fd, &edge).unwrap();
    let mut stream = TcpStream::from(fd);
    // One that is refused may be closed already.
    let _ = stream.write_all(b"GET /status/200 HTTP/1.1\r\nHost: a.example\r\n\r\n");
    let mut head = [0; 12];
    match stream.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
            return (stream, 0);
        }
        Err(error) => panic!("neither served nor refused: {error}"),
    }
    let status = std::str::from_utf8(&head[9..]).unwrap().parse().unwrap();
    (stream, status)
}

const fn address(site: u16, subnet: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, site, subnet, 0, 0, 0, 1)
}

#[test]
fn the_64s_of_a_56_have_four_times_and_those_of_a_48_sixteen_times_what_one_may_have() {
    // Five of the first /56, five of the next, then one of each: 17 that may all be within the /48.
    let subnets = [0, 1, 2, 3, 4, 0x100, 0x101, 0x102, 0x103, 0x104];
    let subnets: Vec<u16> = subnets.into_iter().chain((2..11).map(|network| network << 8)).collect();
    let all: Vec<Ipv6Addr> = subnets.iter().map(|subnet| address(0, *subnet)).chain([address(1, 0)]).collect();
    if !has_addresses(&all) {
        return;
    }
    let (backend, at) = (Backend::start(), SocketAddr::from((Ipv6Addr::LOCALHOST, free_port())));
    let edge = Edge::with_config(
        &format!(
            "lanes = 2\n[[listen]]\naddress = \"{at}\"\naddress_connections_max = 1\n[[site]]\ndefault = true\nwaf = \"off\"\n\
             backend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
            backend.address()
        ),
        &[],
    );
    let mut held = Vec::new();
    let mut statuses = Vec::new();
    for from in &all {
        let (stream, status) = ask(*from, at);
        statuses.push(status);
        held.extend((status == 200).then_some((*from, stream)));
    }
    let expected = [&[200, 200, 200, 200, 0].repeat(2)[..], &[200; 8], &[0, 200]].concat();
    assert_eq!(statuses, expected, "the fifth of a /56, the 17th of a /48, another /48: {}", edge.log());
    assert_eq!(ask(address(0, 0), at).1, 0, "the second of a /64");
    for refused in [address(0, 4), address(0, 0x104), address(0, 0xa00), address(0, 0)] {
        edge.wait_for_log(&format!(
            "fosse-accept: info: event=refused client={refused} why=\"too many connections from this address\" \
             limit=address_connections_max"
        ));
    }
    // Whoever leaves makes room for another of its networks.
    let (_, first) = held.remove(0);
    drop(first);
    wait_for("room in the /56 and the /48", || (ask(address(0, 4), at).1 == 200).then_some(()));
}
