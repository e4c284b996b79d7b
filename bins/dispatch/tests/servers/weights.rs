//! Weights and backup servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::app::{App, edge, response, status_of};
use fosse_harness::{Client, wait_for};

/// Returns the table of one server.
fn server(app: &App, lines: &str) -> String {
    format!("[[backend.server]]\naddress = \"{}\"\n{lines}\n", app.address)
}

#[test]
fn requests_are_shared_by_weight_and_none_goes_to_a_server_of_no_weight() {
    for balance in ["round-robin", "least-connections"] {
        let apps = [(); 3].map(|()| App::start(|_| response(200, "")));
        let tables = [server(&apps[1], "weight = 3"), server(&apps[2], "weight = 0")].concat();
        let edge = edge(&[&apps[0].address], &format!("balance = \"{balance}\"\n{tables}"));
        if balance == "round-robin" {
            (0..40).for_each(|_| assert_eq!(status_of(&edge, "GET"), 200));
            assert_eq!(apps.each_ref().map(App::requests), [10, 30, 0]);
        } else {
            (0..10).for_each(|_| assert_eq!(status_of(&edge, "GET"), 200));
            assert_eq!((apps[0].requests() + apps[1].requests(), apps[2].requests()), (10, 0));
        }
    }
}

#[test]
fn connections_under_way_are_shared_by_weight() {
    let stuck = Arc::new(AtomicBool::new(true));
    let apps = [(); 2].map(|()| {
        let holds = Arc::clone(&stuck);
        App::start(move |_| {
            wait_for("the end of the test", || (!holds.load(Ordering::Relaxed)).then_some(()));
            response(200, "")
        })
    });
    let lines = format!("balance = \"least-connections\"\n{}", server(&apps[1], "weight = 3"));
    let edge = edge(&[&apps[0].address], &lines);
    let mut clients: Vec<Client> = (1..=8)
        .map(|count| {
            let mut client = Client::connect(edge.address());
            client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
            wait_for("the request", || (apps[0].requests() + apps[1].requests() == count).then_some(()));
            client
        })
        .collect();
    assert_eq!(apps.each_ref().map(App::requests), [2, 6]);
    stuck.store(false, Ordering::Relaxed);
    clients.iter_mut().for_each(|client| assert_eq!(client.response().status, 200));
}

#[test]
fn a_backup_server_serves_while_no_other_is_up_and_no_longer() {
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let app = App::start(move |_| response(if failing.load(Ordering::Relaxed) { 503 } else { 200 }, ""));
    let spare = App::start(|_| response(200, ""));
    let lines = "[backend.health]\npath = \"/fosse-health\"\ninterval_seconds = 1\npasses_min = 1\nfailures_max = 1\n\
        slow_start_seconds = 0\n";
    let edge = edge(&[&app.address], &format!("{}{lines}", server(&spare, "backup = true")));
    (0..10).for_each(|_| assert_eq!(status_of(&edge, "POST"), 200));
    assert_eq!((app.requests(), spare.requests()), (10, 0));
    fails.store(true, Ordering::Relaxed);
    wait_for("a request of the backup server", || {
        status_of(&edge, "POST");
        (spare.requests() > 0).then_some(())
    });
    let before = app.requests();
    (0..10).for_each(|_| assert_eq!(status_of(&edge, "POST"), 200));
    assert_eq!(app.requests(), before);
    fails.store(false, Ordering::Relaxed);
    wait_for("a request of the first server", || {
        status_of(&edge, "POST");
        (app.requests() > before).then_some(())
    });
    let before = spare.requests();
    (0..10).for_each(|_| assert_eq!(status_of(&edge, "POST"), 200));
    assert_eq!(spare.requests(), before);
}
