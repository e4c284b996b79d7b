//! What is stale: whoever comes first asks the application whether it still holds, once for each
//! request (RFC 9111, section 4.3).

use std::sync::Arc;

use fosse_harness::{Client, wait_for};

use crate::{
    collapses::Gate,
    site::{App, Site, ok, on_time, response},
};

/// What is stale at once, and can be confirmed by this tag.
const STALE: &str = "Cache-Control: max-age=0\r\nETag: \"v1\"\r\nLast-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n";

/// Starts a site that has something stale of `/a`, the next responses for which are made by `next`.
fn stale(lines: &'static str, next: impl Fn(&str, usize) -> String + Send + Sync + 'static) -> Site {
    let site = Site::new(App::start(move |head, n| if n == 0 { ok(lines, "kept") } else { next(head, n) }), "");
    assert_eq!(site.seen("/a", ""), ("kept".into(), "fosse; fwd=uri-miss; stored; ttl=0".into()));
    site
}

fn is_conditional(head: &str) -> bool {
    head.contains("If-None-Match: \"v1\"\r\n") && head.contains("If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\n")
}

fn not_modified(lines: &str) -> String {
    format!("HTTP/1.1 304 Not Modified\r\n{lines}Connection: close\r\n\r\n")
}

#[test]
fn a_response_that_is_not_kept_in_place_of_a_stale_one_is_asked_for_once() {
    for (lines, status) in [("", 200), ("Cache-Control: no-store\r\n", 200), ("", 404), ("", 500)] {
        let site = stale(STALE, move |_, n| response(status, lines, &format!("{n}")));
        let seen = site.get("/a", "User-Agent: browser/1\r\n");
        assert_eq!((seen.status, &*seen.text(), site.app.requests()), (status, "1", 2), "{lines}");
        let head = site.app.heads().pop().unwrap();
        // With all that its client has said, and the conditions besides.
        assert!(is_conditional(&head) && head.contains("User-Agent: browser/1\r\n"), "{head}");
    }
}

#[test]
fn a_response_in_place_of_a_stale_one_is_kept_where_it_is_one_to_keep() {
    let site = stale(STALE, |_, n| ok("Cache-Control: max-age=60\r\n", &format!("{n}")));
    assert_eq!(site.seen("/a", "").0, "1");
    let (body, status) = site.seen("/a", "");
    assert_eq!((body.as_str(), status.starts_with("fosse; hit"), site.app.requests()), ("1", true, 2), "{status}");
}

#[test]
fn those_who_wait_for_a_confirmation_get_what_is_kept_as_who_asked_does() {
    let gate = Arc::new(Gate::default());
    let own = Arc::clone(&gate);
    let site = stale(STALE, move |head, _| {
        own.pass();
        assert!(is_conditional(head));
        not_modified("Cache-Control: max-age=60\r\nETag: \"v1\"\r\nX-New: 1\r\n")
    });
    let mut clients: Vec<Client> = (0..5).map(|_| Client::connect(site.edge.address())).collect();
    for client in &mut clients {
        client.send(b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n");
    }
    wait_for("all to wait", || (site.edge.counter("cache", "collapsed") == 4).then_some(()));
    gate.open();
    let mut statuses = Vec::new();
    for client in &mut clients {
        let response = client.response();
        assert_eq!((response.status, &*response.text(), response.header("x-new")), (200, "kept", Some("1")));
        statuses.push(on_time(response.header("cache-status").unwrap()));
        // The connection goes on.
        client.send(b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert!(client.response().header("cache-status").unwrap().starts_with("fosse; hit; ttl="));
    }
    statuses.sort();
    assert_eq!(statuses[0], "fosse; fwd=stale; fwd-status=304; stored; ttl=60");
    assert!(statuses[1..].iter().all(|status| status.ends_with("; collapsed")), "{statuses:?}");
    assert_eq!(site.app.requests(), 2);
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
}

#[test]
fn where_an_application_fails_what_is_kept_is_sent_if_it_says_so_and_else_nothing() {
    const ON_ERROR: &str = "Cache-Control: max-age=0, stale-if-error=60\r\nETag: \"v1\"\r\n";
    let broken = |_: &str, _| String::new();
    let failed = |_: &str, _| response(503, "", &"down ".repeat(10_000));
    for (lines, is_sent) in [
        (ON_ERROR, true),
        ("Cache-Control: max-age=0\r\nETag: \"v1\"\r\n", false),
        ("Cache-Control: max-age=0, stale-if-error=60, must-revalidate\r\nETag: \"v1\"\r\n", false),
        ("Cache-Control: max-age=0, stale-if-error=60, proxy-revalidate\r\nETag: \"v1\"\r\n", false),
        ("Cache-Control: s-maxage=0, stale-if-error=60\r\nETag: \"v1\"\r\n", false),
        ("Cache-Control: no-cache, stale-if-error=60\r\nETag: \"v1\"\r\n", false),
    ] {
        for (site, status) in [(stale(lines, broken), 502), (stale(lines, failed), 503)] {
            let seen = site.get("/a", "");
            if is_sent {
                assert_eq!((seen.status, &*seen.text()), (200, "kept"), "{status}");
                assert!(seen.header("cache-status").unwrap().ends_with("detail=stale-if-error"), "{}", seen.head);
            } else {
                assert_eq!((seen.status, seen.text().contains("kept")), (status, false), "{lines}");
            }
        }
    }
}

#[test]
fn what_a_lane_has_no_room_to_read_ahead_is_asked_for_without_conditions() {
    let large = "kept ".repeat(120_000);
    let app = App::start(move |head, n| match n {
        0 => ok(STALE, &large),
        _ if is_conditional(head) => not_modified("ETag: \"v1\"\r\n"),
        _ => ok("", "new"),
    });
    let site = Site::new(app, "[limits]\nlane_response_bytes_max = \"1 MiB\"");
    assert_eq!(site.get("/a", "").text().len(), 600_000);
    assert_eq!((site.get("/a", "").status, &*site.get("/a", "").text()), (200, "new"));
}

#[test]
fn what_is_kept_is_sent_beside_clients_of_the_same_address_that_read_nothing() {
    let large = "kept ".repeat(120_000);
    let app = App::start(move |head, _| match head.split(' ').nth(1) {
        Some("/large") => ok("Cache-Control: no-store\r\n", &large.repeat(40)),
        Some("/fresh") => ok("Cache-Control: max-age=60\r\n", &large),
        _ if is_conditional(head) => not_modified("ETag: \"v1\"\r\n"),
        _ => ok(STALE, "kept"),
    });
    let site = Site::new(app, "[limits]\nlane_response_bytes_max = \"2 MiB\"");
    let kept = ["/a", "/fresh"].map(|target| site.get(target, "").status);
    let mut idle: Vec<Client> = (0..4).map(|_| Client::connect(site.edge.address())).collect();
    idle.iter_mut().for_each(|client| client.send(b"GET /large HTTP/1.1\r\nHost: a.example\r\n\r\n"));
    let has_no_room = || site.get("/fresh", "").header("cache-status")?.ends_with("fwd=bypass").then_some(());
    wait_for("a lane without room for what is kept", has_no_room);
    let (body, status) = site.seen("/a", "");
    assert_eq!((kept, body.as_str(), status.contains("fwd-status=304")), ([200; 2], "kept", true), "{status}");
}

#[test]
fn who_has_what_is_stale_is_told_by_the_application_whether_it_still_holds() {
    let site = stale(STALE, |head, _| match head.contains("If-None-Match: \"v1\"") {
        true => not_modified("Cache-Control: max-age=60\r\nETag: \"v1\"\r\n"),
        false => ok(STALE, "other"),
    });
    assert_eq!(site.get("/a", "If-None-Match: \"v1\"\r\n").status, 304);
    let (body, status) = site.seen("/a", "");
    assert_eq!((body.as_str(), status.starts_with("fosse; hit"), site.app.requests()), ("kept", true, 2), "{status}");
}

#[test]
fn a_cache_that_dies_while_something_is_confirmed_takes_no_response_with_it() {
    let gate = Arc::new(Gate::default());
    let own = Arc::clone(&gate);
    let site = stale(STALE, move |_, _| {
        own.pass();
        not_modified("Cache-Control: max-age=60\r\nETag: \"v1\"\r\n")
    });
    let mut client = Client::connect(site.edge.address());
    client.send(b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n");
    wait_for("its request", || (site.app.requests() == 2).then_some(()));
    for cache in site.edge.children_of("cache") {
        cache.signal(rustix::process::Signal::KILL);
    }
    wait_for("its end", || site.edge.log().contains("program=cache").then_some(()));
    gate.open();
    let response = client.response();
    assert_eq!((response.status, &*response.text()), (200, "kept"), "{}", response.head);
}

#[test]
fn what_is_purged_while_it_is_confirmed_is_sent_where_it_holds_and_not_where_that_fails() {
    for (status, expected) in [(304, (200, true)), (503, (503, false))] {
        let gate = Arc::new(Gate::default());
        let own = Arc::clone(&gate);
        let lines = "Cache-Control: max-age=0, stale-if-error=60\r\nETag: \"v1\"\r\n";
        let site = stale(lines, move |_, _| {
            own.pass();
            if status == 304 {
                not_modified("Cache-Control: max-age=60\r\nETag: \"v1\"\r\n")
            } else {
                response(503, "", "down")
            }
        });
        let mut client = Client::connect(site.edge.address());
        client.send(b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n");
        wait_for("its request", || (site.app.requests() == 2).then_some(()));
        assert!(site.edge.fosse(&["purge", "a.example/a"]).status.success());
        gate.open();
        let response = client.response();
        assert_eq!((response.status, response.text() == "kept"), expected, "{}", response.head);
        // Nothing of it is kept.
        let before = site.app.requests();
        site.get("/a", "");
        assert_eq!(site.app.requests(), before + 1);
    }
}
