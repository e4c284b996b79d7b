//! How long an edge takes to end, and an old generation after a reload: as long as it says, and
//! never longer than whoever asks is willing to wait.

use fosse_harness::{Backend, Client, Edge, get, is_alive};
use rustix::process::Signal;

/// A connection that never ends by itself.
struct WebSocket(Client);

impl WebSocket {
    fn open(edge: &Edge) -> Self {
        let mut client = Client::connect(edge.address());
        client.send(b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
        client.send(b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        assert_eq!(client.response().status, 101, "{}", edge.log());
        assert_eq!(client.bytes(5), b"hello");
        Self(client)
    }

    fn lives(&mut self) -> bool {
        self.0.try_send(b"ping").is_ok() && self.0.bytes(4) == b"ping"
    }

    /// Whether it ends without another byte.
    fn ends(mut self) -> bool {
        self.0.rest().is_empty()
    }
}

fn configuration(backend: &Backend, more: &str) -> String {
    format!(
        "lanes = 1\nuid_base = {{uid_base}}\n{more}\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\n\
         waf = \"off\"\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        backend.address()
    )
}

#[test]
fn a_stop_says_what_it_waits_for_and_how_long() {
    let backend = Backend::start();
    let mut edge = Edge::with_config(&configuration(&backend, "stop_seconds_max = 1"), &[]);
    let open = WebSocket::open(&edge);
    assert_eq!(edge.terminate(), Some(0), "{}", edge.log());
    assert!(open.ends());
    let log = edge.log();
    assert!(log.contains("event=ending waits=\"1 upgraded connection\" seconds_at_most=1\n"), "{log}");
    assert!(log.contains("event=end-overdue waits=\"1 upgraded connection\" limit=stop_seconds_max"), "{log}");
    assert!(log.contains("event=ended") && !log.contains("event=exited"), "{log}");
}

#[test]
fn a_stop_that_is_overdue_says_so_in_one_line_and_no_program_speaks_of_another() {
    let backend = Backend::start();
    let text = configuration(&backend, "stop_seconds_max = 1").replace("waf = \"off\"\n", "");
    let mut edge = Edge::with_config(&text, &[]);
    let open = WebSocket::open(&edge);
    // The first that is killed is not the first of its lane.
    assert!(edge.process("parse").signal(Signal::KILL) && open.ends());
    edge.wait_for_log("event=replaced lane=0");
    let _open = WebSocket::open(&edge);
    let mut slow: Vec<Client> = (0..4).map(|_| Client::connect(edge.address())).collect();
    slow.iter_mut().for_each(|client| client.send(b"GET /sleep/3600000/late HTTP/1.1\r\nHost: a\r\n\r\n"));
    fosse_harness::wait_for("the slow requests", || (edge.counter("parse", "connections") == 5).then_some(()));
    assert_eq!(edge.terminate(), Some(0), "{}", edge.log());
    let log = edge.log();
    let said: Vec<&str> = log.lines().skip_while(|line| !line.contains("event=ending")).collect();
    let waits = "waits=\"4 connections, 1 upgraded connection\"";
    let expected = [
        format!("fosse-start: info: event=ending {waits} seconds_at_most=1"),
        format!("fosse-start: warning: event=end-overdue {waits} limit=stop_seconds_max seconds=1 action=kill"),
        "fosse-start: info: event=ended".to_owned(),
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_stop_that_waits_for_no_connection_names_the_program_that_stands_still() {
    let backend = Backend::start();
    let mut edge = Edge::with_config(&configuration(&backend, "stop_seconds_max = 1"), &[]);
    assert_eq!(get(edge.address(), "/").status, 200);
    edge.process("status").signal(Signal::STOP);
    assert_eq!(edge.terminate(), Some(0), "{}", edge.log());
    let log = edge.log();
    let line = log.lines().find(|line| line.contains("event=end-overdue")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("fosse-status") && line.contains(" limit=stop_seconds_max seconds=1 action=kill"), "{line}");
}

#[test]
fn a_second_request_to_end_is_obeyed_at_once() {
    let backend = Backend::start();
    let mut edge = Edge::with_config(&configuration(&backend, "stop_seconds_max = 3600"), &[]);
    let mut open = WebSocket::open(&edge);
    edge.signal(Signal::INT);
    edge.wait_for_log("event=ending waits=\"1 upgraded connection\" seconds_at_most=3600");
    assert!(open.lives(), "{}", edge.log());
    let all = edge.children();
    assert_eq!(edge.terminate(), Some(0), "{}", edge.log());
    assert!(all.iter().all(|process| !is_alive(process.pid)) && open.ends(), "{}", edge.log());
    assert!(edge.log().contains("event=ending-now waits=\"1 upgraded connection\" action=kill"), "{}", edge.log());
}

#[test]
fn a_quit_takes_its_time_until_a_stop_hastens_it() {
    let backend = Backend::start();
    let limits = "drain_seconds_max = 3600\nstop_seconds_max = 1";
    let mut edge = Edge::with_config(&configuration(&backend, limits), &[]);
    let mut open = WebSocket::open(&edge);
    let mut slow = Client::connect(edge.address());
    slow.send(b"GET /sleep/3000/late HTTP/1.1\r\nHost: a\r\n\r\n");
    fosse_harness::wait_for("the slow request", || (edge.counter("parse", "connections") == 2).then_some(()));
    edge.signal(Signal::QUIT);
    edge.wait_for_log("event=ending waits=\"1 connection, 1 upgraded connection\" seconds_at_most=3600");
    assert!(slow.response().text().contains("/late"), "{}", edge.log());
    edge.signal(Signal::QUIT);
    assert!(open.lives(), "{}", edge.log());
    assert_eq!(edge.terminate(), Some(0), "{}", edge.log());
    assert!(open.ends() && edge.log().contains("event=ending-sooner seconds_at_most=1"), "{}", edge.log());
}

#[test]
fn control_c_is_for_start_which_asks_the_others_to_end() {
    let backend = Backend::start();
    let mut edge = Edge::in_foreground(&configuration(&backend, "stop_seconds_max = 3600"), &[]);
    let mut slow = Client::connect(edge.address());
    slow.send(b"GET /sleep/500/late HTTP/1.1\r\nHost: a\r\n\r\n");
    fosse_harness::wait_for("the slow request", || (backend.requests() == 1).then_some(()));
    edge.signal_group(Signal::INT);
    assert!(slow.response().text().contains("/late"), "{}", edge.log());
    assert_eq!(edge.wait(), Some(0), "{}", edge.log());
    assert!(edge.log().contains("event=ended") && !edge.log().contains("event=exited"), "{}", edge.log());
}

#[test]
fn a_fourth_generation_does_not_wait_for_the_oldest_but_cuts_it_off() {
    let backend = Backend::start();
    let text = configuration(&backend, "drain_seconds_max = 3600");
    let edge = Edge::with_config(&text, &[]);
    let mut open = vec![WebSocket::open(&edge)];
    for _ in 0..2 {
        edge.reload(&text);
        open.push(WebSocket::open(&edge));
    }
    assert!(open.iter_mut().all(WebSocket::lives), "{}", edge.log());
    edge.reload(&text);
    assert!(open.remove(0).ends(), "{}", edge.log());
    assert!(open.iter_mut().all(WebSocket::lives), "{}", edge.log());
    assert_eq!(get(edge.address(), "/").status, 200);
    let said = "event=generation-cut generation=1 waits=\"1 upgraded connection\" action=kill";
    assert!(edge.log().contains(said) && !edge.log().contains("event=exited"), "{}", edge.log());
}

#[test]
fn a_reload_says_when_it_serves_and_when_the_old_lanes_are_done_and_no_more() {
    let backend = Backend::start();
    let text = configuration(&backend, "").replace("lanes = 1", "lanes = 2");
    let edge = Edge::with_config(&text, &[]);
    assert_eq!(get(edge.address(), "/").status, 200);
    edge.reload(&text);
    edge.wait_for_log("event=drained generation=1");
    let log = edge.log();
    let said = log.lines().skip_while(|line| !line.contains("event=reload-asked"));
    // A machine with few descriptors is told of at each reload.
    let said: Vec<&str> = said.filter(|line| !line.contains("event=connections-limited")).collect();
    let expected = ["reload-asked", "serving generation=2 lanes=2", "drained generation=1"];
    assert_eq!(said, expected.map(|event| format!("fosse-start: info: event={event}")), "{log}");
}

#[test]
fn an_old_generation_that_takes_too_long_is_cut_off_and_that_is_said() {
    let backend = Backend::start();
    let text = configuration(&backend, "drain_seconds_max = 1");
    let edge = Edge::with_config(&text, &[]);
    let open = WebSocket::open(&edge);
    edge.reload(&text);
    assert!(open.ends(), "{}", edge.log());
    let said = "event=generation-cut generation=1 waits=\"1 upgraded connection\" limit=drain_seconds_max action=kill";
    assert!(edge.log().contains(said) && !edge.log().contains("event=exited"), "{}", edge.log());
}
