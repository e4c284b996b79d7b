//! What a name stands for is followed, whatever dies.

use std::sync::mpsc;

use fosse_harness::{Client, Edge, wait_for};
use rustix::process::Signal;

use crate::{Apps, LOOPBACK, configuration, name_server::NameServer, served_by, wait_for_app};

#[test]
fn another_address_is_followed_without_a_reload_and_no_connection_is_kept_to_the_one_before() {
    let (apps, names) = (Apps::start(2), NameServer::of(&["127.0.0.2"]));
    let edge = Edge::with_config(&configuration(&[&names], apps.port, LOOPBACK), &[]);
    wait_for_app(&edge, 2);
    assert!(apps.open(2) > 0, "a connection waits in the pool");
    let shown = format!("app/app.internal:{}#1 at 127.0.0.2", apps.port);
    wait_for("fosse status", || {
        let text = String::from_utf8(edge.fosse(&["status"]).stdout).unwrap();
        assert!(!text.contains("#2"), "{text}");
        text.contains(&shown).then_some(())
    });
    names.has(&["127.0.0.3"]);
    edge.wait_for_log("event=resolved name=app.internal addresses=127.0.0.3");
    wait_for_app(&edge, 3);
    wait_for("the pool to be let go", || (apps.open(2) == 0).then_some(()));
    assert_eq!(edge.log().matches("event=serving").count(), 1, "no generation");
    assert_eq!(edge.alarms(), Vec::<String>::new());
    edge.stop();
}

#[test]
fn all_addresses_of_a_name_serve_and_one_that_is_gone_costs_no_request() {
    let (apps, names) = (Apps::start(3), NameServer::of(&["127.0.0.2", "127.0.0.3", "127.0.0.9"]));
    // Nobody listens at the last one.
    let edge = Edge::with_config(&configuration(&[&names], apps.port, LOOPBACK), &[]);
    wait_for("two applications", || {
        let served: Vec<_> = (0..12).map(|_| served_by(&edge).expect("a response")).collect();
        (served.contains(&2) && served.contains(&3)).then_some(())
    });
    names.has(&["127.0.0.3", "127.0.0.4"]);
    edge.wait_for_log("127.0.0.4");
    wait_for("the new one", || {
        let served: Vec<_> = (0..12).map(|_| served_by(&edge).expect("a response")).collect();
        (served.contains(&3) && served.contains(&4) && !served.contains(&2)).then_some(())
    });
}

#[test]
fn an_edge_whose_name_does_not_exist_starts_and_serves_when_it_does() {
    let (apps, names) = (Apps::start(1), NameServer::start(|question| vec![question.no_such_name()]));
    let edge = Edge::with_config(&configuration(&[&names], apps.port, LOOPBACK), &[]);
    edge.wait_for_log("event=unresolved name=app.internal state=down");
    wait_for("the word on the name", || (served_by(&edge) == Err(503)).then_some(()));
    names.has(&["127.0.0.2"]);
    // "Nothing" holds for up to a minute; a reload asks at once.
    edge.reload(&configuration(&[&names], apps.port, LOOPBACK));
    wait_for_app(&edge, 2);
}

#[test]
fn requests_that_come_before_the_first_answer_wait_for_it() {
    let (apps, names) = (Apps::start(1), NameServer::start(|_| Vec::new()));
    let (told, wait) = mpsc::channel::<()>();
    names.does(move |question| {
        // Until the test has sent its request.
        let _ = wait.recv();
        vec![question.answer(&["127.0.0.2"])]
    });
    let edge = Edge::with_config(&configuration(&[&names], apps.port, LOOPBACK), &[]);
    let mut client = Client::connect(edge.address());
    client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    wait_for("the request", || (edge.counter("dispatch", "streams") == 1).then_some(()));
    drop(told);
    assert_eq!(client.response().text(), "2");
}

#[test]
fn without_a_name_server_the_last_address_serves_over_deaths_reloads_and_an_upgrade() {
    let (apps, names) = (Apps::start(2), NameServer::of(&["127.0.0.2"]));
    let text = configuration(&[&names], apps.port, LOOPBACK);
    let edge = Edge::with_config(&text, &[]);
    wait_for_app(&edge, 2);
    names.does(|_| Vec::new());
    let replace = |edge: &Edge, program: &str| {
        let before = edge.process(program);
        before.signal(Signal::KILL);
        wait_for("another one", || {
            let all = edge.children_of(program);
            (!all.is_empty() && all.iter().all(|other| other.pid != before.pid)).then_some(())
        });
    };
    replace(&edge, "resolve");
    wait_for_app(&edge, 2);
    replace(&edge, "dispatch");
    wait_for("another lane", || (served_by(&edge) == Ok(2)).then_some(()));
    edge.reload(&text);
    wait_for_app(&edge, 2);
    let resolve = edge.process("resolve");
    edge.signal(Signal::USR2);
    wait_for("the new programs", || (edge.log().matches("event=serving").count() == 3).then_some(()));
    wait_for("another resolve", || (edge.process("resolve").pid != resolve.pid).then_some(()));
    wait_for_app(&edge, 2);
    names.has(&["127.0.0.3"]);
    edge.wait_for_log("addresses=127.0.0.3");
    wait_for_app(&edge, 3);
    assert_eq!(edge.alarms(), Vec::<String>::new());
}

#[test]
fn a_name_server_that_is_gone_or_refuses_is_passed_over() {
    let apps = Apps::start(1);
    let (refuses, serves) =
        (NameServer::start(|question| vec![question.message(0x8185, &[])]), NameServer::of(&["127.0.0.2"]));
    // Its port is free again: whoever asks there is told so by the kernel.
    let mut gone = NameServer::of(&[]);
    gone.address = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let edge = Edge::with_config(&configuration(&[&gone, &refuses, &serves], apps.port, LOOPBACK), &[]);
    wait_for_app(&edge, 2);
}

#[test]
fn a_server_without_edns_is_asked_without_it_and_a_long_answer_comes_by_tcp() {
    let apps = Apps::start(1);
    let old = NameServer::start(|question| {
        let has_edns = question.bytes[11] != 0;
        vec![if has_edns { question.message(0x8181, &[]) } else { question.answer(&["127.0.0.2"]) }]
    });
    let edge = Edge::with_config(&configuration(&[&old], apps.port, LOOPBACK), &[]);
    wait_for_app(&edge, 2);
    let long = NameServer::start(|question| {
        vec![if question.by_tcp { question.answer(&["127.0.0.2"]) } else { question.truncated() }]
    });
    let edge = Edge::with_config(&configuration(&[&long], apps.port, LOOPBACK), &[]);
    wait_for_app(&edge, 2);
}

#[test]
fn checks_go_to_what_the_name_stands_for() {
    let (apps, names) = (Apps::start(1), NameServer::of(&["127.0.0.2", "127.0.0.9"]));
    let health = "[backend.health]\npath = \"/\"\ninterval_seconds = 1\nfailures_max = 1\npasses_min = 1";
    let edge = Edge::with_config(&configuration(&[&names], apps.port, &format!("{LOOPBACK}\n{health}")), &[]);
    let name = format!("app.internal:{}", apps.port);
    edge.wait_for_log(&format!("event=health server={name}#2 state=down"));
    wait_for_app(&edge, 2);
    assert!(!edge.log().contains(&format!("server={name}#1 state=down")), "{}", edge.log());
}
