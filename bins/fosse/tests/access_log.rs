//! The access log of a real edge: what an operator finds in it, in each form.

use std::io::Write as _;

use fosse_harness::http::Reader;
use fosse_harness::{Backend, Client, Dir, Edge, request, sockets, wait_for};
use serde_json::Value;

/// An application that responds with the X-Request-ID it got.
fn application() -> (String, Dir) {
    let dir = Dir::new();
    let path = dir.join("app.sock");
    sockets::listen(&path, |stream| {
        let mut reader = Reader::new(stream);
        while let Ok((head, _)) = reader.request() {
            let ids: Vec<&str> = head.all("X-Request-ID").collect();
            let id = ids.join(",");
            let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{id}", id.len());
            if reader.source.write_all(response.as_bytes()).is_err() {
                return;
            }
        }
    });
    (format!("unix:{}", path.display()), dir)
}

fn configuration(server: &str, more: &str, listen: &str) -> String {
    format!(
        "lanes = 1\naccess_log = \"access.log\"\n{more}\n[[listen]]\naddress = \"{{address}}\"\n{listen}\n\
         [[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{server}\"]\n"
    )
}

fn lines(edge: &Edge, count: usize) -> Vec<String> {
    wait_for("access log lines", || {
        let text = std::fs::read_to_string(edge.dir().join("access.log")).ok()?;
        (text.lines().count() >= count).then(|| text.lines().map(str::to_owned).collect())
    })
}

fn objects(edge: &Edge, count: usize) -> Vec<Value> {
    lines(edge, count).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const BROWSER: &str = "User-Agent: Browser/1.0 \"x\"\r\nReferer: http://a.example/before\r\n";

fn get_as(edge: &Edge, host: &str, fields: &str) -> fosse_harness::Response {
    request(edge.address(), format!("GET /x?y=1 HTTP/1.1\r\nHost: {host}\r\n{fields}Connection: close\r\n\r\n"))
}

#[test]
fn a_line_says_when_who_what_and_which_server_and_the_application_has_its_number() {
    let (server, _dir) = application();
    let edge = Edge::with_config(&configuration(&server, "", ""), &[]);
    let forged = format!("{BROWSER}X-Request-ID: forged\r\n");
    let response = get_as(&edge, "a.example", &forged);
    let line = objects(&edge, 1).remove(0);
    let time = line["time"].as_str().unwrap();
    assert!(time.len() == "2026-11-29T11:42:29.123Z".len() && time.ends_with('Z'), "{time}");
    assert_eq!((&time[4..5], &time[10..11], &time[19..20]), ("-", "T", "."), "{time}");
    for (name, expected) in [
        ("client", "127.0.0.1"),
        ("site", "a.example"),
        ("host", "a.example"),
        ("method", "GET"),
        ("target", "/x?y=1"),
        ("version", "HTTP/1.1"),
        ("user_agent", "Browser/1.0 \"x\""),
        ("referer", "http://a.example/before"),
        ("server", &server),
        ("end", "complete"),
    ] {
        assert_eq!(line[name], expected, "{name}: {line}");
    }
    assert_eq!((&line["status"], &line["bytes_out"], &line["retries"]), (&200.into(), &16.into(), &0.into()));
    assert!(line["us"].as_u64() >= line["server_us"].as_u64() && line["server_us"].is_u64(), "{line}");
    assert_eq!(
        (line["request_id"].as_str(), line["request"].as_str()),
        (Some(&*response.text()), Some(&*response.text()))
    );
}

#[test]
fn the_number_that_a_trusted_proxy_gives_a_request_goes_on_and_is_logged() {
    let (server, _dir) = application();
    let edge = Edge::with_config(&configuration(&server, "", "trusted = [\"127.0.0.0/8\"]"), &[]);
    let response = get_as(&edge, "a.example", "X-Request-ID: from-the-proxy\r\n");
    assert_eq!(response.text(), "from-the-proxy");
    assert_ne!(get_as(&edge, "a.example", "X-Request-ID: no name\r\n").text(), "no name");
    let all = objects(&edge, 2);
    assert_eq!(all[0]["request_id"], "from-the-proxy");
    assert_eq!(all[1]["request_id"], all[1]["request"]);
}

#[test]
fn a_response_that_no_application_sent_has_its_cause() {
    let backend = Backend::start();
    let gone = "unix:/nonexistent/app.sock";
    let edge = Edge::with_config(&configuration(gone, "", ""), &[]);
    assert_eq!(get_as(&edge, "a.example", "").status, 502);
    assert_eq!(get_as(&edge, "b.example", "").status, 421);
    edge.reload(&configuration(&backend.address(), "", ""));
    let denied = "GET /?q=%00 HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    assert_eq!(request(edge.address(), denied).status, 400);
    let all = objects(&edge, 3);
    let of = |at: usize, name: &str| all[at][name].clone();
    assert_eq!((of(0, "cause"), of(0, "server")), ("backend".into(), gone.into()), "{all:?}");
    assert_eq!((of(1, "cause"), of(1, "why")), ("request".into(), "no site has this host".into()), "{all:?}");
    assert_eq!((of(1, "host"), of(1, "request_id")), ("b.example".into(), Value::Null), "{all:?}");
    assert_eq!((of(2, "cause"), of(2, "rule")), ("protocol".into(), 0.into()), "{all:?}");
}

#[test]
fn a_line_has_the_fields_that_are_chosen_and_no_others() {
    let (server, _dir) = application();
    let more = "access_log_fields = [\"status\", \"time\", \"user_agent\"]";
    let edge = Edge::with_config(&configuration(&server, more, ""), &[]);
    get_as(&edge, "a.example", BROWSER);
    get_as(&edge, "b.example", BROWSER);
    let all = objects(&edge, 2);
    let names = |at: usize| all[at].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(0), ["status", "time", "user_agent"], "{all:?}");
    assert_eq!(names(1), ["status", "time"], "{all:?}");
}

#[test]
fn the_combined_format_is_that_of_apache_and_nginx() {
    let (server, _dir) = application();
    let edge = Edge::with_config(&configuration(&server, "access_log_format = \"combined\"", ""), &[]);
    get_as(&edge, "a.example", BROWSER);
    let mut other = Client::connect(edge.address());
    other.send(b"nonsense\r\n\r\n");
    assert_eq!(other.response().status, 400);
    let all = lines(&edge, 2);
    let (before, after) = all[0].split_once('[').unwrap();
    let (time, after) = after.split_once(']').unwrap();
    assert_eq!(before, "127.0.0.1 - - ");
    assert!(time.len() == "29/Nov/2026:11:42:29 +0000".len() && time.ends_with(" +0000"), "{time}");
    let expected = " \"GET /x?y=1 HTTP/1.1\" 200 16 \"http://a.example/before\" \"Browser/1.0 \\x22x\\x22\"";
    assert_eq!(after, expected);
    assert!(all[1].starts_with("127.0.0.1 - - [") && all[1].ends_with("] \"-\" 400 0 \"-\" \"-\""), "{}", all[1]);
}

#[test]
fn fields_that_cannot_all_be_escaped_in_a_line_are_cut_and_the_line_is_written() {
    let (server, _dir) = application();
    let edge = Edge::with_config(&configuration(&server, "", ""), &[]);
    // In a path they are refused.
    let mut text = b"GET /?".to_vec();
    text.extend_from_slice(&[b'"'; 8000]);
    text.extend_from_slice(b" HTTP/1.1\r\nHost: a.example\r\nReferer: ");
    text.extend_from_slice(&[0xff; 8000]);
    text.extend_from_slice(b"\r\nUser-Agent: ");
    text.extend_from_slice(&[0xff; 8000]);
    text.extend_from_slice(b"\r\nConnection: close\r\n\r\n");
    let status = request(edge.address(), text).status;
    let line = objects(&edge, 1).remove(0);
    assert_eq!(line["status"], status);
    assert!(line["user_agent"].as_str().unwrap().chars().all(|c| c == '\u{ff}'), "{line}");
    assert_eq!(edge.counter("parse", "access_dropped"), 0);
}
