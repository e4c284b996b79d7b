//! Cache poisoning: what is not in the key must not change what others get. A row for each way that
//! is known.

use crate::site::{App, Site, ok, response};

/// An application that makes its response of everything that it is told.
fn gullible() -> App {
    App::start(|head, _| ok("Cache-Control: max-age=60\r\n", &head.replace("\r\n", "\n")))
}

/// Fields that applications are known to go by.
const STEERING: [&str; 19] = [
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: evil",
    "X-Forwarded-Scheme: evil",
    "X-Forwarded-Port: 6666",
    "X-Forwarded-For: 6.6.6.6",
    "X-Host: evil.example",
    "X-Original-URL: /evil",
    "X-Rewrite-URL: /evil",
    "X-HTTP-Method-Override: EVIL",
    "X-Method-Override: EVIL",
    "Forwarded: host=evil.example",
    "Origin: https://evil.example",
    "Range: bytes=66-",
    "X-Evil: evil",
    "Accept-Encoding: evil",
    "Via: 1.1 evil",
    "TE: evil",
    "Content-Type: evil/evil",
    "True-Client-IP: 6.6.6.6",
];

/// Fields that clients send by themselves.
const USUAL: [&str; 6] = [
    "Referer: https://evil.example",
    "User-Agent: evil",
    "Accept: evil/evil",
    "Accept-Language: evil",
    "Max-Forwards: 66",
    "Pragma: evil",
];

/// One client sends that field; what another one gets is kept already, and has nothing of it.
fn assert_clean(line: &str, keys: &str) {
    let site = Site::new(gullible(), keys);
    let poisoned = site.get("/a", &format!("{line}\r\n"));
    assert!([200, 206, 416].contains(&poisoned.status), "{line}: {poisoned:?}");
    let (body, status) = site.seen("/a", "");
    assert!(status.starts_with("fosse; hit") && site.app.requests() == 1, "{line}: {status}");
    // A number may have any digits.
    let lines: Vec<&str> = body.lines().filter(|line| !line.starts_with("X-Request-ID: ")).collect();
    let body = lines.join("\n").to_lowercase();
    let value = line.split_once(": ").unwrap().1.to_lowercase();
    assert!(body.starts_with("get /a http/1.1\n") && !body.contains("evil"), "{line}: {body}");
    assert!(!body.contains(&value), "{line}: {body}");
}

#[test]
fn no_field_that_applications_go_by_reaches_what_others_get_unless_it_is_in_the_key() {
    STEERING.iter().for_each(|line| assert_clean(line, ""));
}

#[test]
fn no_field_at_all_that_is_not_in_the_key_reaches_what_others_get_where_the_site_says_so() {
    for line in STEERING.iter().chain(&USUAL).chain(&["If-None-Match: \"evil\""]) {
        assert_clean(line, "cache_key_only = true");
    }
}

#[test]
fn what_a_client_has_is_not_what_others_get() {
    let site = Site::new(gullible(), "");
    assert_eq!(site.get("/a", "If-None-Match: \"evil\"\r\n").status, 200);
    let (body, status) = site.seen("/a", "");
    assert!(status.contains("uri-miss") && !body.contains("evil"), "{status}: {body}");
}

#[test]
fn a_get_with_a_body_is_not_kept() {
    let site = Site::new(gullible(), "");
    let head = "GET /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nConnection: close\r\n\r\nevil";
    assert_eq!(fosse_harness::request(site.edge.address(), head.as_bytes()).status, 200);
    let (body, status) = site.seen("/a", "");
    assert!(status.contains("uri-miss") && !body.contains("evil"), "{status}: {body}");
}

#[test]
fn paths_and_queries_that_differ_in_a_byte_are_different() {
    let site = Site::new(gullible(), "");
    let targets =
        ["/a", "/A", "/%61", "/a/", "//a", "/a?", "/a?x=1&y=2", "/a?y=2&x=1", "/a?x=1;y=2", "/a;x", "/a?X=1&y=2"];
    for target in targets {
        let (body, status) = site.seen(target, "");
        let is_own = body.starts_with(&format!("GET {target} HTTP/1.1\n"));
        assert!(is_own && status.contains("uri-miss"), "{target}: {status}: {body}");
    }
}

#[test]
fn what_hides_in_a_parameter_is_in_the_key_or_not_in_the_request() {
    let site = Site::new(gullible(), "cache_key_query = [\"page\"]");
    site.get("/a?page=1&utm=evil;page=9&callback=evil", "");
    let (body, status) = site.seen("/a?page=1", "");
    assert!(status.starts_with("fosse; hit") && body.starts_with("GET /a?page=1 HTTP/1.1\n"), "{status}: {body}");
    let (body, status) = site.seen("/a?page=1;evil", "");
    assert!(status.contains("uri-miss") && body.starts_with("GET /a?page=1;evil "), "{status}: {body}");
}

#[test]
fn hosts_are_told_apart() {
    let site = Site::new(gullible(), "");
    let of = |host: &str| {
        let head = format!("GET /a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        fosse_harness::request(site.edge.address(), head.as_bytes()).text().into_owned()
    };
    let [one, other, port] = ["one.example", "other.example", "one.example:8080"].map(of);
    assert!(one.contains("Host: one.example\n") && other.contains("Host: other.example\n"));
    assert!(port.contains("Host: one.example:8080\n") && site.app.requests() == 3);
}

#[test]
fn an_error_that_one_client_provokes_is_not_what_others_get() {
    // Cache-poisoned denial of service: a field that the application cannot stand.
    let site = Site::new(
        App::start(|head, _| match head.contains("X-Oversized") || head.contains("X-Meta") {
            true => response(400, "Cache-Control: max-age=60\r\n", "bad request"),
            false => ok("Cache-Control: max-age=60\r\n", "good"),
        }),
        "cache_errors = true",
    );
    let oversized = format!("X-Oversized: {}\r\n", "x".repeat(6000));
    for lines in [oversized.as_str(), "X-Meta: \u{1f}\r\n", "X-Meta: 1\r\n"] {
        site.get("/a", lines);
        assert_eq!(site.seen("/a", "").0, "good");
    }
}
