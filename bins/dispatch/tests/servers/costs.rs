//! The system calls of an exchange, counted on a running lane.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use fosse_harness::{Backend, Edge, is_root};
use rustix::process::{Pid, Signal, kill_process};

use crate::app::{App, edge, response, status_of};

const REQUESTS: usize = 100;

/// A program of an edge that strace(1) watches.
struct Traced<'a> {
    edge: &'a Edge,
    strace: Child,
}

impl<'a> Traced<'a> {
    /// Begins; `None` where there is no strace, or none that may.
    fn begin(edge: &'a Edge, program: &str) -> Option<Self> {
        let pid = edge.process(program).pid.to_string();
        let mut strace = Command::new("strace");
        strace.args(["-o", &trace(edge), "-p", &pid]).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut strace = strace.spawn().ok().filter(|_| is_root())?;
        let mut said = String::new();
        BufReader::new(strace.stderr.take()?).read_line(&mut said).ok()?;
        said.contains("attached").then_some(Self { edge, strace })
    }

    /// Ends, and returns the number of calls of that name.
    fn end(mut self) -> impl Fn(&str) -> usize {
        kill_process(Pid::from_child(&self.strace), Signal::TERM).unwrap();
        self.strace.wait().unwrap();
        let calls = std::fs::read_to_string(trace(self.edge)).unwrap();
        move |name| calls.lines().filter(|line| line.split('(').next() == Some(name)).count()
    }
}

fn trace(edge: &Edge) -> String {
    edge.dir().join("trace").display().to_string()
}

/// Counts the calls of `program` in exchanges with a server, and holds them against the most that
/// one may cost. Looking for events and yielding are no part of that.
fn exchanges_cost(server: &str, program: &str, most: &[(&str, usize)]) {
    let edge = edge(&[server], "");
    assert_eq!(status_of(&edge, "GET"), 200);
    let Some(traced) = Traced::begin(&edge, program) else { return println!("skipped: no strace here") };
    (0..REQUESTS).for_each(|_| assert_eq!(status_of(&edge, "GET"), 200));
    let calls = traced.end();
    for (name, most) in most {
        let count = calls(name);
        assert!(count <= most * REQUESTS + REQUESTS / 10, "{program} {name}: {count} in {REQUESTS} exchanges");
    }
    assert!(calls("epoll_pwait") > 0 || calls("epoll_wait") > 0, "it was watched");
}

#[test]
fn an_exchange_costs_dispatch_a_read_and_a_write_on_each_side_and_a_connection_five_calls_more() {
    let (closes, keeps) = (App::start_tcp(|_| response(200, "")), Backend::start());
    let connection = ["sendmsg", "recvmsg", "epoll_ctl", "close"];
    let all = |most: [usize; 4]| -> Vec<_> {
        [("recvfrom", 2), ("sendto", 2)].into_iter().chain(connection.into_iter().zip(most)).collect()
    };
    exchanges_cost(&keeps.address(), "dispatch", &all([0, 0, 0, 0]));
    exchanges_cost(&closes.address, "dispatch", &all([1, 1, 2, 1]));
}

#[test]
fn a_connection_within_the_machine_costs_connect_no_watch() {
    let closes = App::start_tcp(|_| response(200, ""));
    let most = [("recvmsg", 2), ("socket", 1), ("connect", 2), ("setsockopt", 1), ("sendmsg", 1), ("close", 1)];
    exchanges_cost(&closes.address, "connect", &[&most[..], &[("epoll_ctl", 0), ("getsockopt", 0)]].concat());
}
