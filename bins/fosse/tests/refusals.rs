//! Each refusal of a real edge is one line of its log: who, for which host or site, why, and which
//! limit.

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
};

use fosse_harness::{Backend, Client, Dir, Edge, WAIT_MAX, request, sockets, wait_for};

const CONFIGURATION: &str = r#"
lanes = 1
[timeouts]
head_seconds = 1
body_seconds = 1
[limits]
head_bytes_max = 2048
header_bytes_max = 1024
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
[[site]]
hosts = ["off.example"]
backend = "app"
waf = "off"
utf8 = "require"
body_bytes_max = 100
[[site]]
hosts = ["busy.example"]
waf = "off"
backend = "busy"
[[backend]]
name = "app"
servers = ["BACKEND"]
first_byte_seconds = 3600
[[backend]]
name = "busy"
servers = ["BACKEND"]
connections_max = 1
queue_requests_max = 0
first_byte_seconds = 3600
"#;

fn edge(backend: &Backend, listen: &str, flags: &[&str]) -> Edge {
    let text = CONFIGURATION.replace("BACKEND", &backend.address()).replace("LISTEN", listen);
    Edge::with_config(&text, flags)
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

/// Sends from 127.0.0.`last`, and reads to the end of the connection: the status.
fn status_from(last: u8, edge: &Edge, text: &[u8]) -> u16 {
    let mut stream = sockets::connect_from(last, edge.address(), WAIT_MAX).unwrap();
    // Who is refused in the middle may be closed before all is sent.
    let _ = stream.write_all(text);
    read_status(stream)
}

fn read_status(mut stream: TcpStream) -> u16 {
    let mut response = Vec::new();
    if let Err(error) = stream.read_to_end(&mut response) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    let text = String::from_utf8_lossy(&response).into_owned();
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// What a refused client sends, the status that it gets, and what the line says.
type Row = (String, u16, &'static [&'static str]);

fn rows() -> Vec<Row> {
    let get = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n");
    let post = |host: &str, fields: &str| format!("POST / HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
    let chunked = format!("Transfer-Encoding: chunked\r\n\r\n65\r\n{}\r\n0\r\n", "x".repeat(101));
    let websocket = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                     Sec-WebSocket-Version: 8\r\n";
    vec![
        ("GET / HTTP/1.1\r\nHost: A.example:80\r\nbad line\r\n\r\n".into(), 400, &["host=A.example:80 ", "why="]),
        ("\x16\x03\x01\x02\x00\x01\x00".into(), 400, &["why=\"the first byte begins no HTTP request\""]),
        ("GET / HTTP/1.1\r\n\r\n".into(), 400, &["why=\"there is no Host\""]),
        ("GET /%ff HTTP/1.1\r\nHost: off.example\r\n\r\n".into(), 400, &["host=off.example ", "limit=utf8"]),
        (post("a.example", "Transfer-Encoding: chunked\r\n\r\nx\r\n"), 400, &["site=a.example ", "why=\"a chunk size"]),
        ("DELETE-ALL / HTTP/1.1\r\nHost: a.example\r\n\r\n".into(), 405, &["host=a.example ", "limit=methods"]),
        ("GET / HTTP/1.1\r\nHost: a.example\r\n".into(), 408, &["host=a.example ", "limit=head_seconds"]),
        (post("off.example", "Content-Length: 9\r\n"), 408, &["site=off.example ", "limit=body_seconds"]),
        (post("a.example", "Content-Length: 101\r\n"), 413, &["site=a.example ", "limit=body_bytes_max"]),
        (post("off.example", "Content-Length: 101\r\n"), 413, &["host=off.example ", "limit=body_bytes_max"]),
        (post("a.example", &chunked), 413, &["site=a.example ", "limit=body_bytes_max"]),
        (post("off.example", &chunked), 413, &["site=off.example ", "limit=body_bytes_max"]),
        (get("").replace("/ ", &format!("/{} ", "x".repeat(300))), 414, &["host=a.example ", "limit=target_bytes_max"]),
        (get("Expect: 200-ok\r\n"), 417, &["host=a.example ", "why="]),
        ("GET / HTTP/1.1\r\nHost: b.example\r\n\r\n".into(), 421, &["host=b.example ", "why="]),
        (get(websocket), 426, &["host=a.example ", "why="]),
        (get(&"a: b\r\n".repeat(9)), 431, &["host=a.example ", "limit=header_count_max"]),
        (get(&format!("a: {}\r\n", "b".repeat(1100))), 431, &["host=a.example ", "limit=header_bytes_max"]),
        (get(&format!("a: {}\r\n", "b".repeat(900)).repeat(3)), 431, &["host=a.example ", "limit=head_bytes_max"]),
        ("CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n".into(), 501, &["host=a.example:80 ", "why="]),
        (
            "GET / HTTP/1.1\r\nHost: busy.example\r\n\r\n".into(),
            503,
            &["site=busy.example ", "limit=queue_requests_max"],
        ),
        ("GET / HTTP/3.0\r\nHost: a.example\r\n\r\n".into(), 505, &["host=a.example ", "why="]),
        (get(&"Via: 1.1 fosse, 1.1 fosse\r\n".repeat(5)), 508, &["host=a.example ", "why="]),
    ]
}

/// Asks as a proxy whose client this is.
fn asked(edge: &Edge, client: &str, target: &str) -> Client {
    let mut front = Client::connect_unix(&edge.dir().join("front.sock"));
    front.send(format!("GET {target} HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: {client}\r\n\r\n").as_bytes());
    front
}

/// The lines about a client.
fn about<'a>(log: &'a str, client: &str) -> Vec<&'a str> {
    let client = format!(" event=refused client={client} ");
    log.lines().filter(|line| line.contains(&client)).collect()
}

#[test]
fn a_request_that_is_refused_has_one_line_with_client_host_cause_and_limit() {
    let (backend, files) = (Backend::start(), Dir::new());
    fs::write(files.join("deny.txt"), "192.0.2.0/24\n").unwrap();
    let front = format!(
        "[[listen]]\naddress = \"unix:{{dir}}/front.sock\"\ntrusted = [\"unix\"]\naddress_connections_max = 1\n\
         deny = [\"{}\"]\n",
        files.join("deny.txt").display()
    );
    let flags = ["--dir", &files.path().to_string_lossy()];
    let mut edge = edge(&backend, &front, &flags);
    // Its one connection is taken: the next request is one too many.
    let mut busy = Client::connect(edge.address());
    busy.send(b"GET /sleep/600000/ HTTP/1.1\r\nHost: busy.example\r\n\r\n");
    wait_for("the request", || (backend.requests() == 1).then_some(()));
    for (last, (text, status, _)) in (2u8..).zip(rows()) {
        assert_eq!(status_from(last, &edge, text.as_bytes()), status, "{text:.200}");
    }
    assert_eq!(asked(&edge, "192.0.2.7", "/").response().status, 403);
    let held = asked(&edge, "198.51.100.7", "/sleep/600000/");
    wait_for("the request", || (backend.requests() == 2).then_some(()));
    assert_eq!(asked(&edge, "198.51.100.7", "/").response().status, 429);
    drop((held, busy));
    assert_eq!(edge.terminate(), Some(0));
    let log = edge.log();
    let named: [(&str, u16, &[&str]); 2] = [
        ("192.0.2.7", 403, &["host=a.example ", "limit=deny"]),
        ("198.51.100.7", 429, &["host=a.example ", "limit=address_connections_max"]),
    ];
    let direct = (2u8..).zip(rows()).map(|(last, (_, status, parts))| (format!("127.0.0.{last}"), status, parts));
    for (client, status, parts) in direct.chain(named.map(|(client, status, parts)| (client.to_owned(), status, parts)))
    {
        let lines = about(&log, &client);
        assert_eq!(lines.len(), 1, "{status} {parts:?}: {lines:?}\n{log}");
        assert!(
            lines[0].contains("fosse-parse: info: ") && lines[0].contains(&format!(" status={status} ")),
            "{lines:?}"
        );
        assert!(lines[0].contains(" why=") && parts.iter().all(|part| lines[0].contains(part)), "{parts:?}: {lines:?}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row for each request")]
fn a_route_has_limits_of_heads_of_its_own_wider_or_narrower_than_those_of_all() {
    let sites = "[[site]]\nhosts = [\"wide.example\"]\nbackend = \"app\"\nheader_count_max = 20\n\
                 [[site.route]]\nprefix = \"/sso\"\nhead_bytes_max = 8192\nheader_bytes_max = 4096\n\
                 [[site.route]]\npath = \"/ping\"\nhead_bytes_max = 1024\nheader_count_max = 8\n\
                 [[site.route]]\nheader_count_max = 8\nwhen = { method = [\"PUT\"] }\n";
    let backend = Backend::start();
    let mut edge = edge(&backend, sites, &[]);
    let get = |path: &str, fields: &str| format!("GET {path} HTTP/1.1\r\nHost: wide.example\r\n{fields}\r\n");
    let long = format!("Authorization: {}\r\n", "k".repeat(3000));
    let some = "a: b\r\n".repeat(12);
    let (close, none): (_, &[&str]) = ("Connection: close\r\n", &[]);
    let rows: [(String, u16, &[&str]); 7] = [
        (get("/sso/x", &format!("{close}{long}")), 200, none),
        (
            get("/", &format!("a: {}\r\n", "b".repeat(1100))),
            431,
            &["site=wide.example status=431 ", "limit=header_bytes_max"],
        ),
        (get("/", &format!("{close}{some}")), 200, none),
        (get("/ping", &some), 431, &["site=wide.example route=/ping ", "limit=header_count_max"]),
        (
            get("/ping", &format!("a: {}\r\n", "b".repeat(600)).repeat(2)),
            431,
            &["route=/ping ", "limit=head_bytes_max"],
        ),
        (get("/", &some).replace("GET", "PUT"), 431, &["route=3 ", "limit=header_count_max"]),
        // Longer than any site takes: it is not read so far that it has a site.
        (
            get("/sso", &format!("a: {}\r\n", "b".repeat(5000))),
            431,
            &["host=wide.example status=431 ", "limit=header_bytes_max"],
        ),
    ];
    for (last, (text, status, _)) in (2u8..).zip(&rows) {
        assert_eq!(status_from(last, &edge, text.as_bytes()), *status, "{text:.60}");
    }
    assert_eq!(edge.terminate(), Some(0));
    let log = edge.log();
    for (last, (_, _, parts)) in (2u8..).zip(&rows) {
        let lines = about(&log, &format!("127.0.0.{last}"));
        assert_eq!(lines.len(), usize::from(!parts.is_empty()), "{parts:?}: {log}");
        assert!(parts.iter().all(|part| lines[0].contains(part)), "{parts:?}: {lines:?}");
    }
}

/// The refusals of which lines about a client speak: one each, and what `more` says.
fn told(log: &str, client: &str) -> u64 {
    let more = |line: &&str| line.split(" more=").nth(1).and_then(|more| more.split(' ').next()?.parse::<u64>().ok());
    about(log, client).iter().map(|line| more(line).unwrap_or(1)).sum()
}

#[test]
fn a_flood_of_one_client_is_counted_to_the_last_and_hides_no_other_client() {
    let backend = Backend::start();
    let mut edge = edge(&backend, "", &[]);
    for _ in 0..300 {
        assert_eq!(status_from(2, &edge, b"GET / HTTP/1.1\r\nHost: a.example\r\nbad line\r\n\r\n"), 400);
    }
    assert_eq!(status_from(3, &edge, b"GET / HTTP/1.1\r\nHost: b.example\r\n\r\n"), 421);
    // Without a wait for the end of the window: what a lane has counted is said when it ends.
    assert_eq!(edge.terminate(), Some(0));
    let log = edge.log();
    assert_eq!((told(&log, "127.0.0.2"), told(&log, "127.0.0.3")), (300, 1), "{log}");
    assert!(about(&log, "127.0.0.2").len() < 300, "{log}");
}

#[test]
fn a_connection_without_its_proxy_header_has_a_line() {
    let backend = Backend::start();
    let edge = edge(&backend, "proxy_protocol = true\ntrusted = [\"127.0.0.0/8\"]", &[]);
    assert_eq!(request(edge.address(), "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").status, 400);
    assert!(line(&edge, 400).contains("why=\"the PROXY header is missing or malformed\""), "{}", edge.log());
}

#[test]
fn a_connection_beyond_the_limit_has_a_line_and_a_flood_of_them_only_a_few() {
    let backend = Backend::start();
    let mut edge = edge(&backend, "", &[]);
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(edge.address());
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert_eq!(client.response().status, 200);
        held.push(client);
    }
    for _ in 0..200 {
        // A silent one would be refused a second later, when the kernel reports it.
        let refused = sockets::connect(edge.address(), WAIT_MAX).and_then(|mut stream| {
            stream.write_all(b"G")?;
            stream.read_exact(&mut [0])
        });
        assert!(refused.is_err());
    }
    let expected = "fosse-accept: info: event=refused client=127.0.0.1 why=\"too many connections from this address\" \
                    limit=address_connections_max";
    edge.wait_for_log(expected);
    drop(held);
    assert_eq!(edge.terminate(), Some(0));
    let log = edge.log();
    assert_eq!(told(&log, "127.0.0.1"), 200, "{log}");
    assert!(about(&log, "127.0.0.1").len() < 20, "{log}");
}
