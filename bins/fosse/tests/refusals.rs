//! Each refusal of a real edge is one line of its log: who, for which host or site, why, and which
//! limit.

use std::io::Read as _;

use fosse_harness::{Backend, Client, Edge, request, sockets};

const CONFIGURATION: &str = r#"
lanes = 1
[timeouts]
head_seconds = 1
[limits]
head_bytes_max = 2048
header_count_max = 8
target_bytes_max = 256
[[listen]]
address = "{address}"
address_connections_max = 3
LISTEN
[[site]]
hosts = ["a.example"]
backend = "app"
body_bytes_max = 100
[[backend]]
name = "app"
servers = ["BACKEND"]
"#;

fn edge(backend: &Backend, listen: &str) -> Edge {
    let text = CONFIGURATION.replace("BACKEND", &backend.address()).replace("LISTEN", listen);
    Edge::with_config(&text, &[])
}

/// The one line about it.
fn line(edge: &Edge, status: u16) -> String {
    let status = format!(" status={status} ");
    edge.wait_for_log(&status);
    let log = edge.log();
    let found: Vec<&str> =
        log.lines().filter(|line| line.contains("event=refused") && line.contains(&status)).collect();
    assert_eq!(found.len(), 1, "{log}");
    found[0].to_owned()
}

#[test]
fn a_request_that_is_refused_has_a_line_with_client_host_cause_and_limit() {
    let backend = Backend::start();
    let edge = edge(&backend, "");
    let fields = "a: b\r\n".repeat(9);
    for (text, status, expected) in [
        (
            "GET / HTTP/1.1\r\nHost: A.example:80\r\nbad line\r\n\r\n".to_owned(),
            400,
            vec!["host=A.example:80 ", "why="],
        ),
        (
            "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 101\r\n\r\n".to_owned(),
            413,
            vec!["site=a.example ", "limit=body_bytes_max"],
        ),
        (
            format!("GET /{} HTTP/1.1\r\nHost: a.example\r\n\r\n", "x".repeat(300)),
            414,
            vec!["host=a.example ", "limit=target_bytes_max"],
        ),
        ("GET / HTTP/1.1\r\nHost: b.example\r\n\r\n".to_owned(), 421, vec!["host=b.example ", "why="]),
        (
            format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n"),
            431,
            vec!["host=a.example ", "limit=header_count_max"],
        ),
        ("GET / HTTP/3.0\r\nHost: a.example\r\n\r\n".to_owned(), 505, vec!["host=a.example ", "why="]),
        ("GET / HTTP/1.1\r\nHost: a.example\r\n".to_owned(), 408, vec!["host=a.example ", "limit=head_seconds"]),
    ] {
        let mut client = Client::connect(edge.address());
        client.send(text.as_bytes());
        assert_eq!(client.response().status, status);
        let line = line(&edge, status);
        assert!(line.contains("fosse-parse: info: event=refused client=127.0.0.1 "), "{line}");
        assert!(expected.iter().all(|part| line.contains(part)), "{expected:?}: {line}");
    }
    assert_eq!(backend.requests(), 0);
}

#[test]
fn a_connection_without_its_proxy_header_has_a_line() {
    let backend = Backend::start();
    let edge = edge(&backend, "proxy_protocol = true\ntrusted = [\"127.0.0.0/8\"]");
    assert_eq!(request(edge.address(), "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").status, 400);
    assert!(line(&edge, 400).contains("why=\"the PROXY header is missing or malformed\""), "{}", edge.log());
}

#[test]
fn a_connection_beyond_the_limit_has_a_line_and_a_flood_of_them_only_a_few() {
    let backend = Backend::start();
    let edge = edge(&backend, "");
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(edge.address());
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert_eq!(client.response().status, 200);
        held.push(client);
    }
    for _ in 0..200 {
        let refused = sockets::connect(edge.address(), fosse_harness::WAIT_MAX);
        let mut byte = [0];
        assert!(refused.is_err() || refused.is_ok_and(|mut stream| !matches!(stream.read(&mut byte), Ok(1))));
    }
    let expected = "fosse-accept: info: event=refused client=127.0.0.1 why=\"too many connections from this address\" \
                    limit=address_connections_max";
    edge.wait_for_log(expected);
    edge.wait_for_log(" more=");
    assert!(edge.log().matches("event=refused").count() < 20, "{}", edge.log());
}
