//! HTTP at a real edge, where the RFCs leave no choice or users of proxies expect one.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use fosse_harness::{Backend, Client, Dir, Edge, Response, request, sockets, wait_for};

/// An edge with one site and one backend, with more lines of each and of the top of the file.
fn edge(servers: &str, top: &str, site: &str, backend: &str) -> Edge {
    Edge::with_config(
        &format!(
            "lanes = 1\n{top}\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nbackend = \"app\"\n{site}\n\
             [[backend]]\nname = \"app\"\nservers = [\"{servers}\"]\n{backend}\n"
        ),
        &[],
    )
}

fn ask(edge: &Edge, line: &str, fields: &str) -> Response {
    request(edge.address(), format!("{line} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{fields}\r\n"))
}

#[test]
fn a_method_that_is_not_served_gets_405_and_the_list_of_those_that_are_whatever_the_firewall_does() {
    let app = Backend::start();
    for waf in ["off", "detect", "block"] {
        let edge = edge(&app.address(), "", &format!("waf = \"{waf}\"\nmethods = [\"GET\", \"POST\"]"), "");
        for method in ["TRACE", "DELETE", "get"] {
            let response = ask(&edge, &format!("{method} /"), "");
            assert_eq!((response.status, response.header("allow")), (405, Some("GET, POST")), "{waf} {method}");
        }
        assert_eq!(ask(&edge, "GET /", "").status, 200, "{waf}");
    }
    assert_eq!(app.requests(), 3);
}

#[test]
fn a_firewall_that_does_not_block_takes_no_method_from_an_application_unasked() {
    let app = Backend::start();
    for (waf, status) in [("off", 200), ("detect", 200), ("block", 405)] {
        let edge = edge(&app.address(), "", &format!("waf = \"{waf}\""), "");
        assert_eq!(ask(&edge, "PROPFIND /", "").status, status, "{waf}");
        assert_eq!(ask(&edge, "TRACE /", "").status, 405, "{waf}");
    }
}

#[test]
fn lengths_and_text_are_limited_where_the_firewall_is_off() {
    let app = Backend::start();
    let strict = edge(&app.address(), "", "waf = \"off\"\nbody_bytes_max = 1000\nutf8 = \"require\"", "");
    let body = "x".repeat(1001);
    let chunked = |body: &str| format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n", body.len());
    assert_eq!(ask(&strict, "POST /", "Content-Length: 1001\r\n").status, 413);
    assert_eq!(ask(&strict, "POST /", &chunked(&body)).status, 413);
    assert_eq!(ask(&strict, "GET /%ff", "").status, 400);
    assert_eq!(ask(&strict, "POST /", &chunked(&body[1..])).status, 200);
    assert_eq!(ask(&strict, "GET /%c3%a9", "").status, 200);
}

#[test]
fn a_request_in_a_loop_ends_with_508() {
    let dir = Dir::new();
    let edge = edge(&format!("unix:{}", dir.join("round.sock").display()), "", "waf = \"off\"", "");
    // The way back: what the edge sends to its backend comes to it again.
    let address = edge.address();
    sockets::listen(&dir.join("round.sock"), move |from: UnixStream| {
        let to = std::net::TcpStream::connect(address).unwrap();
        let (mut back, mut out) = (to.try_clone().unwrap(), from.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut back, &mut out));
        let (mut from, mut to) = (from, to);
        let _ = std::io::copy(&mut from, &mut to);
    });
    assert_eq!(ask(&edge, "GET /", "").status, 508);
    // Nine passages, and the tenth that was not.
    assert_eq!(edge.counter("parse", "requests"), 9);
}

#[test]
fn an_application_hears_of_the_proxy_unless_the_backend_says_no() {
    let app = Backend::start();
    for (backend, via) in [("", true), ("via = false", false)] {
        let edge = edge(&app.address(), "", "", backend);
        let seen = ask(&edge, "OPTIONS /", "Via: 1.1 cdn\r\nMax-Forwards: 3\r\n");
        assert_eq!(seen.header("via"), None, "responses say nothing of what is here");
        let seen = seen.text().into_owned();
        assert_eq!(seen.contains("\nVia: 1.1 fosse\r\n"), via, "{seen}");
        assert!(seen.contains("\nVia: 1.1 cdn\r\n") && seen.contains("\nMax-Forwards: 2\r\n"), "{seen}");
    }
    let edge = edge(&app.address(), "", "", "");
    let here = ask(&edge, "OPTIONS /", "Max-Forwards: 0\r\n");
    assert_eq!(here.status, 200);
    assert!(here.header("allow").is_some_and(|methods| methods.contains("PATCH")), "{}", here.head);
    assert_eq!(app.requests(), 2);
}

#[test]
fn another_version_of_websocket_hears_which_one_is_spoken() {
    let app = Backend::start();
    let edge = edge(&app.address(), "", "", "");
    let offer = "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: ";
    let response = request(edge.address(), format!("{offer}8\r\n\r\n"));
    assert_eq!((response.status, response.header("sec-websocket-version")), (426, Some("13")), "{}", response.head);
    assert_eq!(response.header("upgrade"), Some("websocket"));
}

#[test]
fn a_probe_without_a_host_reaches_the_default_site_by_its_name() {
    let app = Backend::start();
    let probe = "OPTIONS / HTTP/1.0\r\n\r\n";
    for (hosts, host) in [("", "localhost"), ("hosts = [\"*.b.example\", \"www.b.example\"]", "www.b.example")] {
        let edge = edge(&app.address(), "", hosts, "");
        let seen = request(edge.address(), probe);
        assert!(seen.status == 200 && seen.text().contains(&format!("\nHost: {host}\r\n")), "{}", seen.text());
        assert_eq!(request(edge.address(), "GET / HTTP/1.1\r\nConnection: close\r\n\r\n").status, 400);
    }
    let config = format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\n\
         [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        app.address()
    );
    let without_default = Edge::with_config(&config, &[]);
    assert_eq!(request(without_default.address(), probe).status, 400);
}

/// An application that speaks another protocol once it has a request whole: `head` is its response,
/// then every byte comes back.
fn switching(dir: &Dir, head: &'static str) -> String {
    let path = dir.join("switch.sock");
    sockets::listen(&path, move |mut stream: UnixStream| {
        let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                let length =
                    head.split("Content-Length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
                body.len() >= length.unwrap_or(0)
            });
            if whole {
                break;
            }
            match stream.read(&mut piece) {
                Ok(count @ 1..) => bytes.extend_from_slice(&piece[..count]),
                _ => return,
            }
        }
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(format!("{} bytes\n", bytes.len()).as_bytes());
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            if stream.write_all(&piece[..count]).is_err() {
                return;
            }
        }
    });
    format!("unix:{}", path.display())
}

#[test]
fn a_protocol_changes_after_the_body_of_the_request() {
    for (token, switch) in [
        ("tcp", "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
        ("SPDY/3.1", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\r\n"),
    ] {
        for waf in ["off", "block"] {
            let dir = Dir::new();
            let site = format!("waf = \"{waf}\"");
            let edge = edge(&switching(&dir, switch), "", &site, "upgrade = [\"websocket\", \"tcp\", \"SPDY/3.1\"]");
            let json = "{\"Detach\":false,\"Tty\":true}";
            for body in [
                format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}", json.len()),
                "Content-Length: 0\r\n\r\n".to_owned(),
                "\r\n".to_owned(),
            ] {
                let mut client = Client::connect(edge.address());
                let head =
                    format!("POST /exec HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {token}\r\n{body}");
                client.send(head.as_bytes());
                let response = String::from_utf8_lossy(&client.bytes(33)).into_owned();
                assert!(response.starts_with("HTTP/1.1 101 "), "{token} {waf} {body:?}: {response}");
                client.send(b"ping");
                client.half_close();
                let rest = String::from_utf8_lossy(&client.rest()).into_owned();
                assert!(rest.ends_with(" bytes\nping"), "{token} {waf} {body:?}: {rest}");
            }
        }
    }
}

#[test]
fn a_connection_that_had_the_body_of_a_get_serves_no_other_request() {
    let app = Backend::start();
    let edge = edge(&app.address(), "", "waf = \"off\"", "");
    let mut client = Client::connect(edge.address());
    let mut connections = 0;
    for (line, body, expected) in [
        ("POST /", "x", 1),
        ("GET /", "", 1),
        ("GET /", "x", 1),
        ("GET /", "", 2),
        ("DELETE /", "x", 2),
        ("POST /", "x", 3),
    ] {
        client.send(format!("{line} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
        assert_eq!(client.response().status, 200);
        connections = app.connections();
        assert_eq!(connections, expected, "{line} {body}");
    }
    assert_eq!(connections, 3);
    wait_for("closed connections", || (app.live() == 1).then_some(()));
}

#[test]
fn the_beginning_of_a_request_behind_another_has_the_time_of_a_head() {
    let app = Backend::start();
    // A second for a head, and more than the test has for a connection that is idle.
    let edge = edge(&app.address(), "[timeouts]\nhead_seconds = 1\nidle_seconds = 3600", "waf = \"off\"", "");
    let mut client = Client::connect(edge.address());
    client.send(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HT");
    assert_eq!(client.response().status, 200);
    assert_eq!(client.response().status, 408);
}

#[test]
fn long_headers_and_many_of_them_pass_where_the_limits_say_so() {
    let app = Backend::start();
    let limits = "[limits]\nhead_bytes_max = \"64 KiB\"\nheader_bytes_max = \"60 KiB\"\nheader_count_max = 220";
    let (usual, wide) =
        (edge(&app.address(), "", "waf = \"off\"", ""), edge(&app.address(), limits, "waf = \"off\"", ""));
    let token = format!("Authorization: Bearer {}\r\n", "x".repeat(50_000));
    let many = "X-Y: z\r\n".repeat(200);
    for fields in [token, many] {
        assert_eq!(ask(&usual, "GET /", &fields).status, 431);
        let response = ask(&wide, "GET /", &fields);
        assert_eq!(response.status, 200);
        assert!(response.text().contains(&fields), "the application has it all");
    }
}

#[test]
fn long_headers_of_a_response_and_many_of_them_pass_where_the_limits_say_so() {
    const LONG: usize = 40_000;
    let dir = Dir::new();
    let long = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\nContent-Length: 2\r\n\r\nok", "x".repeat(LONG));
    let many = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\nok", "Set-Cookie: a=b\r\n".repeat(220));
    let some = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\nok", "Set-Cookie: a=b\r\n".repeat(150));
    let limits = "[limits]\nresponse_header_bytes_max = \"60 KiB\"\nresponse_header_count_max = 240";
    for (name, response, usual) in [("long", long, 502), ("many", many, 502), ("some", some, 200)] {
        let servers = parrot(&dir, name, response.leak().as_bytes());
        assert_eq!(ask(&edge(&servers, "", "waf = \"off\"", ""), "GET /", "").status, usual, "{name}");
        let wide = ask(&edge(&servers, limits, "waf = \"off\"", ""), "GET /", "");
        assert_eq!((wide.status, wide.text().as_ref()), (200, "ok"), "{name}");
        assert!(name != "long" || wide.header("x-long").is_some_and(|value| value.len() == LONG));
    }
}

#[test]
fn the_length_of_bodies_is_a_flag_of_up() {
    let app = Backend::start();
    let edge = Edge::up(&app.address(), &["--lanes", "1", "--waf", "off", "--body-max", "2 MiB"]);
    let body = |length: usize| format!("Content-Length: {length}\r\n\r\n{}", "x".repeat(length));
    assert_eq!(ask(&edge, "POST /", &body(1_500_000)).status, 200);
    assert_eq!(ask(&edge, "POST /", "Content-Length: 2097153\r\n").status, 413);
}

/// An application whose `/stream` begins a response and then says nothing, and whose `/wait` never
/// responds. Returns its address, and word of each connection that its peer has closed.
fn silent(dir: &Dir) -> (String, std::sync::mpsc::Receiver<()>) {
    let (path, (closed, word)) = (dir.join("silent.sock"), std::sync::mpsc::channel());
    sockets::listen(&path, move |mut stream: UnixStream| {
        let mut piece = [0; 4096];
        let Ok(count) = stream.read(&mut piece) else { return };
        if piece[..count].starts_with(b"GET /stream") {
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            let _ = stream.write_all(head);
        }
        while matches!(stream.read(&mut piece), Ok(1..)) {}
        let _ = closed.send(());
    });
    (format!("unix:{}", path.display()), word)
}

#[test]
fn work_for_a_client_that_has_closed_is_cancelled_where_the_backend_says_so() {
    let dir = Dir::new();
    let (servers, closed) = silent(&dir);
    let lines = "abort_on_close = true\nfirst_byte_seconds = 3600\nidle_seconds = 3600";
    let edge = edge(&servers, "", "waf = \"off\"", lines);
    for target in ["/wait", "/stream"] {
        let mut client = Client::connect(edge.address());
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        if target == "/stream" {
            assert_eq!(client.bytes(15), b"HTTP/1.1 200 OK");
        }
        client.half_close();
        closed.recv_timeout(fosse_harness::WAIT_MAX).expect("the application hears of it");
    }
}

#[test]
fn a_client_that_has_said_all_is_served_where_the_backend_says_nothing() {
    let app = Backend::start();
    for (lines, served) in [("", true), ("abort_on_close = true", false)] {
        let edge = edge(&app.address(), "", "waf = \"off\"", lines);
        let mut client = Client::connect(edge.address());
        client.send(b"GET /sleep/3000/ HTTP/1.1\r\nHost: a\r\n\r\n");
        client.half_close();
        assert_eq!(client.try_response(false).map(|response| response.status), served.then_some(200));
    }
}

/// An application that responds to everything with the same bytes, and closes.
fn parrot(dir: &Dir, name: &str, bytes: &'static [u8]) -> String {
    let path = dir.join(name);
    sockets::listen(&path, move |mut stream: UnixStream| {
        let mut piece = [0; 4096];
        if matches!(stream.read(&mut piece), Ok(1..)) {
            let _ = stream.write_all(bytes);
        }
    });
    format!("unix:{}", path.display())
}

#[test]
fn old_servers_are_forgiven_where_the_backend_says_so() {
    let dir = Dir::new();
    for (number, (bytes, forgiven)) in [
        (&b"HTTP/1.0 200 OK\nX-Old: yes\nContent-Length: 5\n\nhello"[..], true),
        (b"HTTP/1.1 200 OK\r\nX-Old: yes\r\n  indeed\r\nContent-Length: 5\r\n\r\nhello", true),
        (b"HTTP/1.1 200 OK\r\nX-Old: yes\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", true),
        (b"HTTP/1.1 200 OK\r\nX-Old: yes\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", false),
        (b"HTTP/1.1 200 OK\nX-Old: yes\nContent-Length: 5\nTransfer-Encoding: chunked\n\nhello", false),
        (b"HTTP/1.1 200 OK\nX-Old: yes\nContent-Length:\n 5\n\nhello", false),
    ]
    .into_iter()
    .enumerate()
    {
        let servers = parrot(&dir, &number.to_string(), bytes);
        let strict = edge(&servers, "", "waf = \"off\"", "");
        assert_eq!(ask(&strict, "GET /", "").status, 502, "{}", bytes.escape_ascii());
        let lenient = edge(&servers, "", "waf = \"off\"", "lenient_responses = true");
        let response = ask(&lenient, "GET /", "");
        assert_eq!(response.status == 200, forgiven, "{}", bytes.escape_ascii());
        if forgiven {
            assert!(response.text() == "hello" && response.header("x-old").is_some_and(|old| old.starts_with("yes")));
        }
    }
}

#[test]
fn a_status_that_is_none_is_passed_on_as_long_as_it_could_be_one() {
    let dir = Dir::new();
    let strange = parrot(&dir, "999", b"HTTP/1.1 999 Request denied\r\nContent-Length: 5\r\n\r\nhello");
    let sites = ["waf = \"off\"", "waf = \"detect\"", "waf = \"block\"\ninspect_responses = true"];
    for (site, lines) in sites.into_iter().zip(["", "lenient_responses = true", ""]) {
        let response = ask(&edge(&strange, "", site, lines), "GET /", "");
        assert_eq!((response.status, &*response.text()), (999, "hello"), "{site}");
    }
    for (name, bytes) in [
        ("000", &b"HTTP/1.1 000 x\r\nContent-Length: 5\r\n\r\nhello"[..]),
        ("099", b"HTTP/1.1 099 x\r\nContent-Length: 5\r\n\r\nhello"),
        ("1000", b"HTTP/1.1 1000 x\r\nContent-Length: 5\r\n\r\nhello"),
    ] {
        let edge = edge(&parrot(&dir, name, bytes), "", "waf = \"off\"", "lenient_responses = true");
        assert_eq!(ask(&edge, "GET /", "").status, 502, "{name}");
        edge.wait_for_log("event=backend-failed server=unix:");
        assert!(edge.log().contains("why=\"the status line is malformed\""), "{}", edge.log());
    }
}

#[test]
fn chunks_of_an_old_server_may_end_their_lines_in_a_line_feed_alone_where_the_backend_says_so() {
    let dir = Dir::new();
    let servers = parrot(
        &dir,
        "chunks",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\nhel\n2\r\nlo\n0\n\n",
    );
    for (lines, forgiven) in [("", false), ("lenient_responses = true", true)] {
        let edge = edge(&servers, "", "waf = \"off\"", lines);
        let mut client = Client::connect(edge.address());
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let response = client.try_response(false).filter(|response| response.status == 200 && response.complete);
        assert_eq!(response.map(|response| response.text().into_owned()), forgiven.then(|| "hello".to_owned()));
    }
}

#[test]
fn localhost_is_whichever_family_a_server_listens_in() {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
    for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let servers = format!("localhost:{}", listener.local_addr().unwrap().port());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut piece = [0; 4096];
                if matches!(stream.read(&mut piece), Ok(1..)) {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
                }
            }
        });
        let configured = edge(&servers, "", "waf = \"off\"", "");
        let up = Edge::up(&servers, &["--lanes", "1", "--waf", "off"]);
        for edge in [configured, up] {
            for _ in 0..5 {
                assert_eq!(ask(&edge, "GET /", "").status, 200, "{ip}");
            }
            // The address that refuses is no server that is down.
            assert_eq!(edge.counter("connect", "refused"), 0);
        }
    }
}
