//! Servers that cannot be reached, are full, or fail: the request is served by another one.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::app::{App, edge, response, status_of};
use fosse_harness::{Client, wait_for};
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketFlags, SocketType, bind, connect, getsockname, listen, socket_with,
};

/// A listener whose queue is full: the kernel drops every further SYN.
pub(crate) struct Silent {
    pub(crate) address: std::net::SocketAddr,
    _sockets: Vec<OwnedFd>,
}

impl Silent {
    pub(crate) fn start() -> Self {
        let socket = || socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap();
        let listener = socket();
        bind(&listener, &std::net::SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        listen(&listener, 0).unwrap();
        let address: std::net::SocketAddr = SocketAddrAny::try_into(getsockname(&listener).unwrap()).unwrap();
        let mut sockets = vec![listener];
        // A queue of none has room for one; the others are never answered, and keep it full.
        for _ in 0..4 {
            let client = socket();
            let _ = connect(&client, &address);
            sockets.push(client);
        }
        Self { address, _sockets: sockets }
    }
}

#[test]
fn every_request_to_a_server_that_drops_syn_is_served_by_the_other_one() {
    for method in ["GET", "POST"] {
        let (silent, app) = (Silent::start(), App::start(|_| response(200, "")));
        // It is never taken out: each request that is sent to it has to find its own way.
        let lines = "connect_seconds = 1\n[backend.health]\nfailures_max = 100";
        let edge = Arc::new(edge(&[&silent.address.to_string(), &app.address], lines));
        let requests: Vec<_> = (0..20)
            .map(|_| {
                let edge = Arc::clone(&edge);
                std::thread::spawn(move || status_of(&edge, method))
            })
            .collect();
        let statuses: Vec<u16> = requests.into_iter().map(|request| request.join().unwrap()).collect();
        assert_eq!(statuses, [200; 20], "{method}");
        // Some were sent to the silent one first.
        edge.wait_for_log("why=timeout");
        assert_eq!(app.requests(), 20);
    }
}

#[test]
fn no_server_is_tried_twice_while_another_was_not() {
    for balance in ["round-robin", "least-connections"] {
        let (dead, app) = (fosse_harness::Dir::new(), App::start(|_| response(200, "")));
        let gone = |name: &str| format!("unix:{}", dead.join(name).display());
        let lines = format!("balance = \"{balance}\"\n[backend.health]\nfailures_max = 100");
        let edge = edge(&[&gone("a"), &gone("b"), &app.address], &lines);
        for _ in 0..12 {
            assert_eq!((status_of(&edge, "GET"), status_of(&edge, "POST")), (200, 200), "{balance}");
        }
    }
}

#[test]
fn a_request_never_waits_at_a_full_server_while_a_sibling_is_free() {
    let stuck = Arc::new(AtomicBool::new(true));
    let holds = Arc::clone(&stuck);
    let hangs = App::start(move |_| {
        wait_for("the end of the test", || (!holds.load(Ordering::Relaxed)).then_some(()));
        response(200, "")
    });
    let app = App::start(|_| response(200, ""));
    let edge = edge(&[&hangs.address, &app.address], "connections_max = 1");
    let mut waits = Client::connect(edge.address());
    // With one connection for each server at the most, every other request would wait for the
    // first.
    while hangs.requests() == 0 {
        waits = Client::connect(edge.address());
        waits.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
        wait_for("the request", || (hangs.requests() + app.requests() > 0).then_some(()));
    }
    (0..20).for_each(|_| assert_eq!(status_of(&edge, "POST"), 200));
    stuck.store(false, Ordering::Relaxed);
    assert_eq!(waits.response().status, 200);
}

#[test]
fn the_queue_has_its_own_length_and_time() {
    let (stuck, checks) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let (holds, checked) = (Arc::clone(&stuck), Arc::clone(&checks));
    let app = App::start(move |head| {
        if head.contains("fosse-health") {
            checked.fetch_add(1, Ordering::Relaxed);
        } else {
            wait_for("the end of the test", || (!holds.load(Ordering::Relaxed)).then_some(()));
        }
        response(200, "")
    });
    let lines = "connections_max = 1\nqueue_requests_max = 1\nqueue_seconds = 3600\nconnect_seconds = 1\n\
        [backend.health]\npath = \"/\"\ninterval_seconds = 1";
    let edge = edge(&[&app.address], lines);
    let send = || {
        let mut client = Client::connect(edge.address());
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
        client
    };
    let mut first = send();
    wait_for("the first request", || (app.requests() == 1).then_some(()));
    let mut second = send();
    wait_for("the second request", || (edge.counter("dispatch", "requests") == 2).then_some(()));
    assert_eq!(status_of(&edge, "GET"), 503, "the queue is full");
    edge.wait_for_log("event=backend-full backend=app");
    // There is one a second: it waits for longer than connect_seconds, which is not the queue's
    // limit.
    let begun = checks.load(Ordering::Relaxed);
    wait_for("four checks", || (checks.load(Ordering::Relaxed) >= begun + 4).then_some(()));
    stuck.store(false, Ordering::Relaxed);
    assert_eq!((first.response().status, second.response().status), (200, 200));
}

#[test]
fn a_request_that_waits_too_long_in_the_queue_gets_503() {
    let stuck = Arc::new(AtomicBool::new(true));
    let holds = Arc::clone(&stuck);
    let app = App::start(move |_| {
        wait_for("the end of the test", || (!holds.load(Ordering::Relaxed)).then_some(()));
        response(200, "")
    });
    let edge = edge(&[&app.address], "connections_max = 1\nqueue_seconds = 1");
    let mut first = Client::connect(edge.address());
    first.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    wait_for("the first request", || (app.requests() == 1).then_some(()));
    assert_eq!(status_of(&edge, "GET"), 503);
    edge.wait_for_log("backend=app why=queue");
    stuck.store(false, Ordering::Relaxed);
    assert_eq!(first.response().status, 200);
}

const FAILS: usize = 0;
const HOLDS: usize = 1;
const SERVES: usize = 2;

/// An application that closes without a response, holds requests, or serves them.
fn app_of(state: &Arc<AtomicUsize>) -> App {
    let state = Arc::clone(state);
    App::start(move |_| {
        let now = || state.load(Ordering::Relaxed);
        if now() == FAILS {
            return String::new();
        }
        wait_for("the test to let go", || (now() != HOLDS).then_some(()));
        response(200, "")
    })
}

#[test]
fn after_its_time_out_a_server_gets_one_request_first_and_then_a_share_that_grows() {
    for (slow_start_seconds, share) in [(0, 40..=60), (3600, 1..=10)] {
        let state = Arc::new(AtomicUsize::new(FAILS));
        let (fails, app) = (app_of(&state), App::start(|_| response(200, "")));
        let lines =
            format!("[backend.health]\nfailures_max = 2\nrest_seconds = 1\nslow_start_seconds = {slow_start_seconds}");
        let edge = edge(&[&fails.address, &app.address], &lines);
        while !edge.log().contains("state=down") {
            assert_eq!(status_of(&edge, "GET"), 200);
        }
        state.store(HOLDS, Ordering::Relaxed);
        let (before, mut held) = (fails.requests(), Vec::new());
        wait_for("the one that goes first", || {
            let mut client = Client::connect(edge.address());
            client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
            held.push(client);
            (fails.requests() > before).then_some(())
        });
        (0..20).for_each(|_| assert_eq!(status_of(&edge, "POST"), 200));
        assert_eq!(fails.requests(), before + 1, "all others wait for what becomes of it");
        state.store(SERVES, Ordering::Relaxed);
        held.iter_mut().for_each(|client| assert_eq!(client.response().status, 200));
        let before = fails.requests();
        (0..100).for_each(|_| assert_eq!(status_of(&edge, "GET"), 200));
        let got = fails.requests() - before;
        assert!(share.contains(&got), "slow_start_seconds = {slow_start_seconds}: {got} of 100");
    }
}
