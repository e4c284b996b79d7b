//! What is kept, for how long, and what is sent of it.

use fosse_harness::{Client, wait_for};

use crate::site::{App, Site, ok, on_time, response};

/// Starts a site whose application says the same of every response, and numbers them.
fn numbered(lines: &'static str, keys: &str) -> Site {
    Site::new(App::start(move |_, n| ok(lines, &format!("{n}"))), keys)
}

fn body(site: &Site, target: &str, lines: &str) -> String {
    site.seen(target, lines).0
}

#[test]
fn a_response_that_says_how_long_it_is_fresh_is_asked_for_once() {
    let site = numbered("Cache-Control: max-age=60\r\nX-A: b\r\n", "");
    let first = site.get("/a", "");
    assert_eq!(on_time(first.header("cache-status").unwrap()), "fosse; fwd=uri-miss; stored; ttl=60");
    let second = site.get("/a", "");
    assert!(second.header("cache-status").unwrap().starts_with("fosse; hit; ttl="), "{second:?}");
    assert_eq!((second.header("x-a"), &*second.text(), site.app.requests()), (Some("b"), "0", 1));
    assert!(second.header("age").unwrap().parse::<u32>().is_ok() && second.header("date").is_some());
    assert_eq!(body(&site, "/b", ""), "1");
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
}

#[test]
fn what_says_nothing_or_forbids_it_is_asked_for_each_time() {
    for lines in [
        "",
        "ETag: \"a\"\r\n",
        "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n",
        "Cache-Control: no-store, max-age=60\r\n",
        "Cache-Control: private, max-age=60\r\n",
        "Cache-Control: max-age=0\r\n",
        "Expires: 0\r\n",
        "Cache-Control: max-age=60\r\nSet-Cookie: a=b\r\n",
        "Cache-Control: max-age=60\r\nVary: *\r\n",
        "Cache-Control: max-age=60\r\nAge: 60\r\n",
    ] {
        let site = numbered(lines, "");
        let (first, second) = (body(&site, "/a", ""), body(&site, "/a", ""));
        assert_ne!(first, second, "{lines}");
    }
}

#[test]
fn a_route_says_how_long_what_says_nothing_is_fresh_and_that_cookies_are_for_everybody() {
    let site = numbered("", "cache_seconds = 60");
    assert_eq!([body(&site, "/a", ""), body(&site, "/a", "")], ["0", "0"]);
    let site = numbered("Cache-Control: max-age=60\r\nSet-Cookie: a=b\r\n", "cache_set_cookie = true");
    assert_eq!([body(&site, "/a", ""), body(&site, "/a", "")], ["0", "0"]);
    assert_eq!(site.get("/a", "").header("set-cookie"), Some("a=b"));
}

#[test]
fn errors_are_not_kept_unless_the_route_says_so() {
    let app = || App::start(|_, n| response(404, "Cache-Control: max-age=60\r\n", &format!("{n}")));
    let site = Site::new(app(), "");
    assert_ne!(body(&site, "/a", ""), body(&site, "/a", ""));
    let site = Site::new(app(), "cache_errors = true");
    let response = site.get("/a", "");
    assert_eq!((response.status, &*response.text(), body(&site, "/a", "")), (404, "0", "0".into()));
}

#[test]
fn a_stale_response_is_confirmed_by_its_validators() {
    let app = App::start(|head, n| match head.contains("If-None-Match: \"v1\"") {
        true => {
            "HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\nX-New: 1\r\nConnection: close\r\n\r\n".into()
        }
        false => ok("Cache-Control: no-cache\r\nETag: \"v1\"\r\nContent-Type: a/b\r\n", &format!("{n}")),
    });
    let site = Site::new(app, "");
    assert_eq!(body(&site, "/a", ""), "0");
    let confirmed = site.get("/a", "");
    let status = on_time(confirmed.header("cache-status").unwrap());
    assert_eq!(status, "fosse; fwd=stale; fwd-status=304; stored; ttl=60");
    let fields = (confirmed.header("x-new"), confirmed.header("content-type"), &*confirmed.text());
    assert_eq!(fields, (Some("1"), Some("a/b"), "0"));
    assert_eq!((site.seen("/a", "").1.starts_with("fosse; hit"), site.app.requests()), (true, 2));
}

#[test]
fn a_client_that_has_it_or_wants_a_part_gets_no_more() {
    let site = numbered("Cache-Control: max-age=60\r\nETag: \"v1\"\r\nContent-Type: a/b\r\n", "");
    // The first one asks for less too: the application is asked for all.
    let part = site.get("/a", "Range: bytes=0-0\r\n");
    assert_eq!((part.status, part.header("content-range")), (206, Some("bytes 0-0/1")));
    let has = site.get("/a", "If-None-Match: \"v1\"\r\n");
    assert_eq!((has.status, has.header("etag"), has.header("content-type")), (304, Some("\"v1\""), None));
    assert_eq!(site.get("/a", "Range: bytes=9-\r\n").status, 416);
    assert_eq!(site.get("/a", "Range: bytes=0-0\r\nIf-Range: \"v2\"\r\n").status, 200);
    let head = site.send("HEAD", "/a", "");
    assert_eq!((head.status, head.header("content-length"), &*head.text()), (200, Some("1"), ""));
    assert_eq!(site.app.requests(), 1);
    assert!(site.app.heads()[0].lines().all(|line| !line.starts_with("Range") && !line.starts_with("If-")));
}

#[test]
fn long_bodies_come_whole_to_fast_and_slow_clients() {
    let long = "0123456789abcdef".repeat(50_000);
    let site = {
        let long = long.clone();
        Site::new(App::start(move |_, _| ok("Cache-Control: max-age=60\r\n", &long)), "")
    };
    for _ in 0..3 {
        assert!(site.get("/a", "").text() == long);
    }
    let mut client = Client::connect(site.edge.address());
    for _ in 0..3 {
        client.send(b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert!(client.response().text() == long);
    }
    assert_eq!(site.app.requests(), 1);
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
}

#[test]
fn what_is_longer_than_is_kept_passes() {
    let long = "x".repeat(5000);
    let app = App::start(move |_, _| ok("Cache-Control: max-age=60\r\n", &long));
    let site = Site::new(app, "[limits]\ncached_response_bytes_max = 4096\n");
    for _ in 0..2 {
        assert_eq!(site.get("/a", "").body.len(), 5000);
    }
    assert_eq!(site.seen("/a", "").1, "fosse; fwd=miss");
}

#[test]
fn a_stale_response_is_sent_while_it_is_made_fresh_and_where_that_fails() {
    let app = App::start(|head, n| match (head.contains("/error"), n) {
        (true, 1..) => response(503, "", "down"),
        (true, _) => ok("Cache-Control: max-age=0, stale-if-error=60\r\nETag: \"a\"\r\n", &format!("{n}")),
        _ => ok("Cache-Control: max-age=0, stale-while-revalidate=60\r\nETag: \"a\"\r\n", &format!("{n}")),
    });
    let site = Site::new(app, "");
    assert_eq!(body(&site, "/while", ""), "0");
    let (text, status) = site.seen("/while", "");
    assert_eq!((text.as_str(), status.starts_with("fosse; hit; ttl=")), ("0", true), "{status}");
    wait_for("a fresh one", || (body(&site, "/while", "") != "0").then_some(()));
    let site = Site::new(
        App::start(|_, n| match n {
            0 => ok("Cache-Control: max-age=0, stale-if-error=60\r\nETag: \"a\"\r\n", "kept"),
            _ => response(503, "", "down"),
        }),
        "",
    );
    assert_eq!(body(&site, "/error", ""), "kept");
    let (text, status) = site.seen("/error", "");
    assert_eq!((text.as_str(), status.ends_with("detail=stale-if-error")), ("kept", true), "{status}");
}

#[test]
fn a_request_says_what_it_wants_of_a_cache() {
    let site = numbered("Cache-Control: max-age=60\r\n", "");
    assert_eq!(site.get("/a", "Cache-Control: only-if-cached\r\n").status, 504);
    assert_eq!(body(&site, "/a", ""), "0");
    assert_eq!(body(&site, "/a", "Cache-Control: only-if-cached\r\n"), "0");
    assert_eq!(body(&site, "/a", "Cache-Control: no-cache\r\n"), "1");
    assert_eq!(body(&site, "/a", ""), "1");
    assert_eq!(body(&site, "/a", "Cache-Control: no-store\r\n"), "2");
    assert_eq!(body(&site, "/a", "Cache-Control: min-fresh=100\r\n"), "3");
}

#[test]
fn what_a_site_changes_of_a_response_it_changes_of_what_is_kept() {
    let site = Site::new(
        App::start(|_, _| ok("Cache-Control: max-age=60\r\nX-Where: http://inner/a\r\nX-Inner: 1\r\n", "it")),
        "response_headers.remove = [\"X-Inner\"]\nresponse_headers.set = { X-New = \"1\" }\n\
         [[site.response_headers.replace]]\nheader = \"X-Where\"\nregex = \"^http://inner\"\nvalue = \"https://outer\"",
    );
    for (lines, status) in [("Cookie: a=b\r\n", "bypass"), ("", "uri-miss"), ("", "hit")] {
        let response = site.get("/a", lines);
        assert!(response.header("cache-status").unwrap().contains(status), "{}", response.head);
        let changed = ["x-where", "x-inner", "x-new"].map(|name| response.header(name));
        assert_eq!(changed, [Some("https://outer/a"), None, Some("1")], "{status}");
    }
}

#[test]
fn an_error_that_is_kept_is_shown_to_nobody_where_the_site_has_a_page_for_it() {
    let site = Site::new(
        App::start(|_, _| response(404, "Cache-Control: max-age=60\r\n", "a trace of the application")),
        "cache_errors = true\nintercept_errors = [\"404\"]",
    );
    for _ in 0..3 {
        let shown = site.get("/a", "");
        assert_eq!(shown.status, 404);
        assert!(!shown.text().contains("trace"), "{}", shown.text());
    }
}
