//! The application is asked with the request of whoever comes first, once for each request.

use fosse_harness::{Client, wait_for};

use crate::site::{App, Site, ok, response};

const KEPT: &str = "Cache-Control: max-age=60\r\n";

fn bodies(site: &Site, target: &str) -> [String; 2] {
    [(); 2].map(|()| site.seen(target, "").0)
}

#[test]
fn an_application_gets_the_request_of_whoever_comes_first_as_it_is() {
    let site = Site::new(App::start(|_, n| ok(KEPT, &format!("{n}"))), "");
    let lines = "User-Agent: browser/1\r\nAccept-Language: de\r\nReferer: http://a.example/\r\n";
    assert_eq!(site.seen("/a", lines), ("0".into(), "fosse; fwd=uri-miss; stored; ttl=60".into()));
    let head = site.app.heads().pop().unwrap();
    assert!(lines.lines().all(|line| head.contains(line)) && head.contains("X-Forwarded-For: 127.0.0.1"), "{head}");
    assert_eq!((bodies(&site, "/a"), site.app.requests()), (["0".into(), "0".into()], 1));
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
}

#[test]
fn what_is_not_kept_is_asked_for_once_for_each_request() {
    // A link that works once, as those by which addresses are confirmed.
    let site = Site::new(
        App::start(|_, n| match n {
            0 => response(302, "Location: /welcome\r\nSet-Cookie: session=1\r\n", ""),
            _ => response(410, "", "used already"),
        }),
        "",
    );
    let lines = "User-Agent: browser/1\r\nAccept: text/html\r\n";
    assert_eq!((site.get("/confirm?token=1", lines).status, site.app.requests()), (302, 1));
    assert_eq!((site.get("/confirm?token=1", lines).status, site.app.requests()), (410, 2));
    assert_eq!((site.send("HEAD", "/other", "").status, site.app.requests()), (410, 3));
    assert!(site.app.heads()[2].starts_with("HEAD "));
}

#[test]
fn a_body_of_any_length_and_framing_is_kept_as_it_came() {
    let chunked = |body: &str| {
        let head =
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (one, other) = body.split_at(body.len() / 2);
        format!("{head}{:x}\r\n{one}\r\n{:x}\r\n{other}\r\n0\r\n\r\n", one.len(), other.len())
    };
    let site = Site::new(
        App::start(move |head, _| {
            let body = "0123456789abcdef".repeat(if head.contains("long") { 60_000 } else { 4 });
            match head.contains("chunked") {
                true => chunked(&body),
                false => ok(KEPT, &body),
            }
        }),
        "",
    );
    for target in ["/short", "/long", "/chunked", "/chunked-long"] {
        let before = site.app.requests();
        let [first, second] = bodies(&site, target);
        assert!(first == second && first.len() % 16 == 0 && !first.is_empty(), "{target}");
        assert_eq!(site.app.requests(), before + 1, "{target}");
    }
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
}

#[test]
fn a_response_that_breaks_off_is_not_kept() {
    let site = Site::new(
        App::start(|_, n| match n {
            0 => "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 9\r\n\r\nhalf".into(),
            _ => ok(KEPT, &format!("{n}")),
        }),
        "",
    );
    let mut client = Client::connect(site.edge.address());
    client.send(b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert!(client.rest().ends_with(b"half"));
    wait_for("what is kept", || (site.seen("/a", "").0 != "half").then_some(()));
    assert_eq!((bodies(&site, "/a"), site.app.requests()), (["1".into(), "1".into()], 2));
}

#[test]
fn a_client_that_takes_nothing_keeps_no_other_waiting() {
    let long = "x".repeat(900_000);
    let site = Site::new(App::start(move |_, _| ok(KEPT, &long)), "");
    let mut slow = Client::connect(site.edge.address());
    slow.send(b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n");
    wait_for("its request", || (site.app.requests() == 1).then_some(()));
    assert_eq!((site.get("/a", "").body.len(), site.app.requests()), (900_000, 1));
    drop(slow);
}
