//! A program that crashes over the bytes of a client is blamed on this client, wherever it was.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    ptr, thread,
    time::Instant,
};

use fosse_harness::{Edge, Page, Process, WAIT_MAX, is_root, sockets, wait_for};
use fosse_security::{Puppet, respond};
use nix::{
    sys::{
        ptrace,
        signal::Signal,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

/// A process that goes on instruction by instruction, and a word of its memory (ptrace(2)).
struct Traced {
    pid: Pid,
    address: u64,
    value: u64,
}

impl Traced {
    fn attach(to: &Process, address: u64) -> Self {
        let pid = Pid::from_raw(i32::try_from(to.pid).unwrap());
        ptrace::attach(pid).unwrap();
        assert_eq!(next_status(pid), WaitStatus::Stopped(pid, Signal::SIGSTOP));
        let mut traced = Self { pid, address, value: 0 };
        traced.value = traced.word();
        traced
    }

    fn word(&self) -> u64 {
        let address = ptr::without_provenance_mut(usize::try_from(self.address).unwrap());
        ptrace::read(self.pid, address).unwrap().cast_unsigned()
    }

    /// Lets the process go on until the word has changed, and returns its value.
    fn next_value(&mut self) -> u64 {
        let (before, begun, mut signal) = (self.value, Instant::now(), None);
        while self.value == before {
            assert!(begun.elapsed() < WAIT_MAX, "the word stays {before}");
            ptrace::step(self.pid, signal).unwrap();
            signal = match next_status(self.pid) {
                WaitStatus::Stopped(_, Signal::SIGTRAP) => None,
                WaitStatus::Stopped(_, other) => Some(other),
                status => panic!("{status:?}"),
            };
            self.value = self.word();
        }
        self.value
    }

    /// Ends the process where it is, as Rust and libc end one that has found itself broken.
    fn crash(self) {
        ptrace::cont(self.pid, Signal::SIGABRT).unwrap();
        assert!(matches!(next_status(self.pid), WaitStatus::Signaled(_, Signal::SIGABRT, _)));
    }
}

/// Waits for what becomes of a traced process. There are thousands of steps, each of which takes a
/// microsecond: too many to sleep for.
fn next_status(pid: Pid) -> WaitStatus {
    let begun = Instant::now();
    loop {
        match waitpid(pid, Some(WaitPidFlag::WNOHANG)).unwrap() {
            WaitStatus::StillAlive => thread::yield_now(),
            status => return status,
        }
        assert!(begun.elapsed() < WAIT_MAX, "nothing becomes of {pid}");
    }
}

/// Asks from 127.0.0.`last`: what comes back, nothing where the connection is refused.
fn ask_from(last: u8, edge: &Edge) -> TcpStream {
    sockets::connect_from(last, edge.address(), WAIT_MAX).unwrap()
}

/// Lets parse crash where it begins a request of 127.0.0.9 that came with the one before.
fn crash_at_pipelined_request(application: &Puppet, edge: &Edge) {
    let mut client = ask_from(9, edge);
    client.write_all("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n".repeat(2).as_bytes()).unwrap();
    let (mut request, _) = application.request();
    let (parse, start) = (edge.process("parse"), edge.start());
    let address = Page::of(edge, &parse).address_of(fosse_counters::STREAM_CONNECTION);
    // Whoever is traced may stand still for longer than start lets a program do.
    start.signal(rustix::process::Signal::STOP);
    let mut traced = Traced::attach(&parse, address);
    assert_eq!(traced.value, 0, "it waits for the response");
    respond(&mut request);
    // The response is worked on, then nothing, then the request that came with the first one.
    let (response, between, next) = (traced.next_value(), traced.next_value(), traced.next_value());
    assert!(response != 0 && between == 0 && next == response, "{response} {between} {next}");
    assert!(!application.has_another(), "that was after the request had gone on");
    traced.crash();
    start.signal(rustix::process::Signal::CONT);
    wait_for("a new lane", || (edge.process("parse").pid != parse.pid).then_some(()));
    let ended = client.read_to_end(&mut Vec::new());
    assert!(ended.is_ok() || ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
}

#[test]
fn a_crash_over_a_pipelined_request_is_blamed_on_its_sender() {
    if !is_root() {
        return println!("skipped: needs root to trace a process of another user");
    }
    let application = Puppet::new();
    let edge = Edge::with_config(
        &format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nwaf = \"off\"\nbackend = \"app\"\n\
             [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
            application.address()
        ),
        &[],
    );
    for _ in 0..2 {
        crash_at_pipelined_request(&application, &edge);
    }
    edge.wait_for_log("event=penalised client=127.0.0.9 ");
    assert!(ask_from(9, &edge).read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    let mut other = ask_from(10, &edge);
    other.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").unwrap();
    respond(&mut application.request().0);
    let mut response = String::new();
    other.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
}
