//! Whatever becomes of the store, no request does.

mod edge;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use edge::{
    another_store, configuration, counting, edge, response, rules, setting, status, store, with_records_in_time,
};
use fosse_harness::{Backend, Client, Edge, is_alive, is_root, wait_for};
use rustix::process::Signal;

/// Sends requests over several connections while `what` is done, and sees that the backend serves
/// every one.
fn under_load(edge: &Edge, what: impl FnOnce()) {
    let (over, served) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let mut client = Client::connect(edge.address());
                while !over.load(Ordering::Relaxed) {
                    let response = response(&mut client, "/").expect("a response");
                    assert_eq!(response.status, 200);
                    served.fetch_add(1, Ordering::Relaxed);
                    // A lane that finishes says so.
                    if response.header("connection") == Some("close") {
                        client = Client::connect(edge.address());
                    }
                }
            });
        }
        wait_for("the load", || (served.load(Ordering::Relaxed) > 100).then_some(()));
        what();
        let before = served.load(Ordering::Relaxed);
        wait_for("responses afterwards", || (served.load(Ordering::Relaxed) > before + 100).then_some(()));
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_store_killed_under_load_costs_counters_and_no_request() {
    let (backend, rules) = (Backend::start(), rules(&counting(1_000_000)));
    let edge = edge(&backend, &rules, 2);
    under_load(&edge, || {
        for _ in 0..5 {
            let one = store(&edge).unwrap();
            one.signal(Signal::KILL);
            wait_for("its end", || (!is_alive(one.pid)).then_some(()));
            another_store(&edge, one.pid);
        }
    });
    edge.wait_for_log("event=exited program=store");
    // The last one counts what came since it began: few, beside all.
    let one = store(&edge).unwrap();
    one.signal(Signal::KILL);
    another_store(&edge, one.pid);
    wait_for("a count that begins again", || {
        let found = (1..20).any(|number| status(&edge, &format!("/?is={number}")) == 418);
        found.then_some(())
    });
}

#[test]
fn a_store_that_stands_still_is_replaced_and_requests_are_served_meanwhile() {
    let (backend, rules) = (Backend::start(), rules(&counting(1_000_000)));
    let edge = edge(&backend, &rules, 2);
    let one = store(&edge).unwrap();
    under_load(&edge, || {
        one.signal(Signal::STOP);
        edge.wait_for_log("event=store-silent");
        edge.wait_for_log("event=hangs program=store");
        another_store(&edge, one.pid);
    });
    wait_for("its counters", || (edge.counter("waf-filter", "records_missed") > 0).then_some(()));
    let kept = edge.counter("store", "saves");
    assert_eq!(status(&edge, "/"), 200);
    wait_for("the next one to keep", || (edge.counter("store", "saves") > kept).then_some(()));
}

#[test]
fn a_store_that_replies_again_is_asked_again() {
    let (backend, rules) = (Backend::start(), rules(&counting(1_000_000)));
    let edge = edge(&backend, &rules, 1);
    let one = store(&edge).unwrap();
    assert_eq!(status(&edge, "/?is=1"), 418);
    one.signal(Signal::STOP);
    assert_eq!(status(&edge, "/"), 200);
    edge.wait_for_log("event=store-silent");
    one.signal(Signal::CONT);
    edge.wait_for_log("event=store-responds");
    assert_eq!(store(&edge).unwrap().pid, one.pid);
    // What was changed while it stood still was sent when it went on. A record may be late again,
    // and is empty then; the request counts all the same.
    let mut number = 2;
    wait_for("a record in time", || {
        number += 1;
        (status(&edge, &format!("/?is={number}")) == 418).then_some(())
    });
}

#[test]
fn whatever_waits_for_a_record_goes_on_whole_when_it_does_not_come() {
    let (backend, rules) = (Backend::start(), rules(&counting(1_000_000)));
    let edge = edge(&backend, &rules, 1);
    store(&edge).unwrap().signal(Signal::STOP);
    // All of them are on their way before the first has waited long enough.
    let body = "x=".to_owned() + &"y".repeat(5000);
    let send = |head: &str, body: &str| {
        let mut client = Client::connect(edge.address());
        client.send(format!("{head} HTTP/1.1\r\nHost: a\r\n{body}").as_bytes());
        client
    };
    let of_length = format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let mut posts = [send("POST /body", &of_length), send("POST /body", &chunked)];
    let mut expects = send("POST /body", "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    let mut pipelined = send("GET /a", "\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    drop(send("GET /gone", "\r\n"));
    for client in &mut posts {
        let response = client.response();
        assert!(response.status == 200 && response.text() == body, "{}", response.text().len());
    }
    assert_eq!(expects.bytes(25), b"HTTP/1.1 100 Continue\r\n\r\n");
    expects.send(b"a=b");
    assert_eq!(expects.response().text(), "a=b");
    for target in ["GET /a ", "GET /b "] {
        assert!(pipelined.response().text().starts_with(target));
    }
    edge.wait_for_log("event=store-silent");
}

#[test]
fn there_is_a_store_as_long_as_rules_keep_records() {
    let without = "SecRule ARGS \"@contains bad\" \"id:1,phase:2,deny,status:406\"\n";
    with_records_in_time(
        || setting(without, 1),
        |(backend, rules, edge)| {
            let configuration = configuration(backend, rules, 1);
            assert!(status(edge, "/?a=bad") == 406 && store(edge).is_none());
            std::fs::write(rules.join("own.conf"), counting(2)).unwrap();
            edge.reload(&configuration);
            assert_eq!([status(edge, "/"), status(edge, "/"), status(edge, "/")], [200, 200, 429]);
            assert!(store(edge).is_some());
            std::fs::write(rules.join("own.conf"), without).unwrap();
            edge.reload(&configuration);
            wait_for("its end", || store(edge).is_none().then_some(()));
            assert!(!edge.log().contains("event=exited"), "{}", edge.log());
            assert_eq!(status(edge, "/"), 200);
        },
    );
}

#[test]
fn an_upgrade_in_place_brings_a_new_store_and_fails_no_request() {
    let (backend, rules) = (Backend::start(), rules(&counting(1_000_000)));
    let edge = edge(&backend, &rules, 1);
    let one = store(&edge).unwrap();
    under_load(&edge, || {
        edge.signal(Signal::USR2);
        edge.wait_for_log("generation=2");
        another_store(&edge, one.pid);
    });
    wait_for("the end of the old one", || (!is_alive(one.pid)).then_some(()));
    wait_for("the next one to keep", || (edge.counter("store", "records") == 1).then_some(()));
    assert!(!edge.log().contains("event=store-gone"), "{}", edge.log());
}

#[test]
fn the_audit_finds_a_store_in_order() {
    if !is_root() {
        return println!("skipped: not root");
    }
    let (backend, rules) = (Backend::start(), rules(&counting(1_000_000)));
    let edge = edge(&backend, &rules, 2);
    assert_eq!(status(&edge, "/"), 200);
    let one = store(&edge).unwrap();
    one.signal(Signal::KILL);
    another_store(&edge, one.pid);
    let output = edge.fosse(&["audit"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(0) && text.contains("fosse-store"), "{text}");
}

#[test]
fn an_ordinary_users_edge_keeps_records_too() {
    if !is_root() {
        return println!("skipped: an ordinary user's edge is what every test here has");
    }
    let of_nobody = || {
        let (backend, rules) = (Backend::start(), rules(&counting(3)));
        let path = rules.path().to_string_lossy().into_owned();
        let edge = Edge::up_as(65_534, &backend.address(), &["--lanes", "2", "--rules", &path]);
        (backend, rules, edge)
    };
    with_records_in_time(of_nobody, |(_, _, edge)| {
        assert_eq!([(); 4].map(|()| status(edge, "/")), [200, 200, 200, 429], "{}", edge.log());
    });
}
