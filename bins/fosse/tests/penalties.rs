//! A source whose bytes killed a stage twice stays out, whatever becomes of the accept that saw it.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
};

use fosse_harness::{Backend, Edge, Page, WAIT_MAX, get, is_alive, is_root, wait_for};
use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with},
    process::Signal,
};

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Asks from 127.0.0.`last`; what comes back, nothing where the door is closed.
fn ask_from(last: u8, address: SocketAddr) -> String {
    let fd = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    bind(&fd, &SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
    connect(&fd, &address).unwrap();
    let mut stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
    let _ = stream.write_all(ASK);
    let mut response = Vec::new();
    if let Err(error) = stream.read_to_end(&mut response) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "neither served nor refused");
    }
    String::from_utf8_lossy(&response).into_owned()
}

/// The `number`th connection of 127.0.0.9 in the access log. Lines of other clients come in
/// between.
fn connection_of_source(edge: &Edge, number: usize) -> u64 {
    let path = edge.dir().join("access.log");
    let line = wait_for("the access log", || {
        let log = fs::read_to_string(&path).unwrap_or_default();
        log.lines().filter(|line| line.contains("\"client\":\"127.0.0.9\"")).nth(number - 1).map(str::to_owned)
    });
    let (_, rest) = line.split_once("\"connection\":").unwrap_or_else(|| panic!("{line}"));
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// Lets dispatch die as if by the bytes of that connection. It is stopped meanwhile, for it writes
/// down itself what it works on.
fn dies_of(edge: &Edge, connection: u64) {
    let victim = edge.process("dispatch");
    let page = Page::of(edge, &victim);
    victim.signal(Signal::STOP);
    wait_for("the stop", || victim.field("State").starts_with('T').then_some(()));
    page.set_word(fosse_counters::STREAM_CONNECTION, connection);
    victim.signal(Signal::ABORT);
    victim.signal(Signal::CONT);
    wait_for("its end", || (!is_alive(victim.pid)).then_some(()));
    wait_for("a new lane", || (edge.process("dispatch").pid != victim.pid).then_some(()));
    wait_for("a response", || (get(edge.address(), "/").status == 200).then_some(()));
}

#[test]
fn a_penalty_outlives_a_death_of_accept_a_reload_and_an_upgrade() {
    if !is_root() {
        return println!("skipped: needs root to write into a process's page");
    }
    let backend = Backend::start();
    let configuration = format!(
        "lanes = 1\naccess_log = \"access.log\"\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\n\
         backend = \"a\"\n[[backend]]\nname = \"a\"\nservers = [\"{}\"]\n",
        backend.address()
    );
    let edge = Edge::with_config(&configuration, &[]);
    let address = edge.address();
    for asked in 1..=2 {
        assert!(ask_from(9, address).starts_with("HTTP/1.1 200 "), "{}", edge.log());
        let connection = connection_of_source(&edge, asked);
        dies_of(&edge, connection);
    }
    edge.wait_for_log("event=penalised client=127.0.0.9 why=\"programs crashed over its requests\"");
    let out_and_others_in = |when: &str| {
        assert_eq!(ask_from(9, address), "", "{when}: {}", edge.log());
        assert!(ask_from(10, address).starts_with("HTTP/1.1 200 "), "{when}: {}", edge.log());
    };
    out_and_others_in("at once");
    let accept = edge.process("accept");
    accept.signal(Signal::KILL);
    wait_for("another accept", || (edge.process("accept").pid != accept.pid).then_some(()));
    out_and_others_in("after a death of accept");
    edge.reload(&configuration);
    out_and_others_in("after a reload");
    let lane = edge.process("parse").lane;
    edge.signal(Signal::USR2);
    wait_for("the successor's lane", || (edge.process("parse").lane > lane).then_some(()));
    out_and_others_in("after an upgrade");
}
