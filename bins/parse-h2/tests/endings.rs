//! What requests get when a lane ends or changes, and when their clients do.

mod lane;

use fosse_harness::{Backend, wait_for};
use rustix::process::Signal;

use lane::{Client, edge, frame};

#[test]
fn a_reload_serves_what_was_asked_for_and_says_goodbye() {
    let app = Backend::start();
    let edge = edge(&app, "", "");
    let mut client = Client::connect(edge.address());
    client.get(1, "/sleep/1500/bytes/7");
    wait_for("the request", || (app.requests() == 1).then_some(()));
    assert!(edge.fosse(&["reload"]).status.success());
    assert_eq!(client.wait(1).body, b"xxxxxxx");
    assert_eq!(client.end().map(|(_, code)| code), Some(0));
    let mut client = Client::connect(edge.address());
    client.get(1, "/bytes/3");
    assert_eq!(client.wait(1).body, b"xxx");
}

#[test]
fn a_dead_ring_is_a_503_for_those_who_have_seen_nothing_and_a_reset_for_others() {
    let app = Backend::start();
    let edge = edge(&app, "", "");
    let mut client = Client::connect(edge.address());
    client.reads = false;
    client.get(1, "/bytes/1000000");
    client.get(3, "/sleep/5000/bytes/1");
    wait_for("the requests", || (app.requests() == 2).then_some(()));
    while client.streams.get(&1).is_none_or(|stream| stream.body.is_empty()) {
        client.next().unwrap();
    }
    // Room for the second response, and none for more of the first.
    client.send(&frame(8, 0, 0, &65_535u32.to_be_bytes()));
    edge.process("dispatch").signal(Signal::KILL);
    let (first, second) = (client.wait(1), client.wait(3));
    assert!(first.reset.is_some() && !first.ended);
    assert_eq!((second.status, second.ended), (vec![503], true));
    assert!(client.end().is_some());
    wait_for("another lane", || {
        let mut client = Client::connect(edge.address());
        client.get(1, "/bytes/3");
        while client.streams.get(&1).is_none_or(|stream| !stream.ended) {
            client.next()?;
        }
        (client.wait(1).status == [200]).then_some(())
    });
}

#[test]
fn a_client_that_resets_or_goes_leaves_nothing_behind() {
    let app = Backend::start();
    let edge = edge(&app, "", "");
    for _ in 0..20 {
        let mut client = Client::connect(edge.address());
        for at in 0..10u32 {
            let head = client.head(at * 2 + 1, "POST", "/body", &[], false);
            client.send(&head);
            client.send(&frame(0, 0, at * 2 + 1, b"part"));
        }
        client.send(&frame(3, 0, 1, &[0, 0, 0, 8]));
        drop(client);
    }
    wait_for("no connection to the application", || (app.live() == 0).then_some(()));
    let mut client = Client::connect(edge.address());
    client.get(1, "/bytes/3");
    assert_eq!(client.wait(1).body, b"xxx");
    assert_eq!(edge.alarms(), [""; 0]);
}
