//! A whole edge with a listener for TLS, as its clients see it.

mod edge;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use edge::site::{Site, site};
use fosse_harness::{is_root, stat_field, wait_for};
use rustix::process::Signal;

#[test]
fn an_application_hears_that_its_client_came_over_tls() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site();
    for words in [&["--tlsv1.3"][..], &["--tls-max", "1.2"]] {
        let (said, status) = site.curl(words, "/head");
        assert_eq!(status, Some(0), "{said}\n{}", site.edge.log());
        assert!(said.to_lowercase().contains("x-forwarded-proto: https"), "{said}");
    }
    let two = Command::new("curl").arg("-V").output().unwrap();
    assert!(two.status.success());
}

#[test]
fn ten_mebibytes_pass_both_ways() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site();
    let body = "x".repeat(10 << 20);
    let file = site.made.path("body");
    std::fs::write(&file, &body).unwrap();
    let (said, status) = site.curl(&["--data-binary", &format!("@{file}"), "-H", "Expect:"], "/body");
    assert!(status == Some(0) && said == body, "{status:?}, {} bytes\n{}", said.len(), site.edge.log());
    // A client that takes its time: what waits for it is bounded, and all of it comes.
    let (said, status) = site.curl(&["--limit-rate", "8M"], "/bytes/10485760");
    assert!(status == Some(0) && said == body, "{status:?}, {} bytes", said.len());
}

#[test]
fn requests_follow_one_another_on_a_connection() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site();
    let mut client = site.client();
    for n in 0..50 {
        write!(client, "GET /bytes/{n} HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        let mut reader = fosse_harness::http::Reader::new(&mut client);
        let head = reader.head().unwrap_or_else(|_| panic!("{}", site.edge.log()));
        let framing = fosse_harness::http::Framing::of(&head).unwrap().unwrap();
        let mut length = 0;
        reader.body(framing, &mut |piece| length += piece.len()).unwrap();
        assert_eq!((head.status(), length), (200, n));
    }
    assert_eq!(site.backend.requests(), 50);
}

#[test]
fn a_websocket_speaks_over_tls() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site();
    let mut client = site.client();
    write!(
        client,
        "GET /upgrade HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"hello") {
        said.extend(edge::read(&mut client, 1));
    }
    assert!(said.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&said));
    let sent = edge::noise(200_000);
    let mut writer = client.sock.try_clone().unwrap();
    let mut records = Vec::new();
    client.conn.writer().write_all(&sent[..16_000]).unwrap();
    while client.conn.wants_write() {
        client.conn.write_tls(&mut records).unwrap();
    }
    writer.write_all(&records).unwrap();
    assert!(edge::read(&mut client, 16_000) == sent[..16_000]);
    client.conn.send_close_notify();
    client.flush().unwrap();
    let mut rest = Vec::new();
    let end = client.read_to_end(&mut rest);
    assert!(end.is_ok() && rest.is_empty(), "{end:?}: the application ends when its client does");
}

#[test]
fn a_program_that_is_killed_in_mid_body_leaves_no_part_that_looks_whole() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    for program in ["tls", "parse", "dispatch"] {
        let site = site();
        let mut client = site.client();
        client.write_all(b"GET /bytes/50000000 HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").unwrap();
        edge::read(&mut client, 100_000);
        assert!(site.edge.process(program).signal(Signal::KILL));
        let mut rest = Vec::new();
        let error = client.read_to_end(&mut rest).expect_err(program);
        let kinds = [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof];
        assert!(kinds.contains(&error.kind()) && rest.len() < 49_000_000, "{program}: {error}");
        wait_for("a new lane", || site.try_get("/bytes/5").ok().filter(|said| said.ends_with("xxxxx")));
    }
}

#[test]
fn keys_that_are_killed_cost_no_connection_and_new_handshakes_work_again() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site();
    let mut client = site.client();
    let mut ask = |path: &str| {
        write!(client, "GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        let mut reader = fosse_harness::http::Reader::new(&mut client);
        let head = reader.head().map_err(|_| path.to_owned()).unwrap();
        let framing = fosse_harness::http::Framing::of(&head).unwrap().unwrap();
        reader.body(framing, &mut |_| {}).unwrap();
        head.status()
    };
    assert_eq!(ask("/bytes/1"), 200);
    assert!(site.edge.process("keys").signal(Signal::KILL));
    assert_eq!(ask("/bytes/2"), 200, "the connection goes on");
    wait_for("new keys", || site.try_get("/bytes/5").ok());
    assert_eq!(ask("/bytes/3"), 200, "in the same lane");
}

/// Ends what others do, also where a test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_front_behind_tls_waits_for_more_where_tls_is_busy() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site();
    // Policy by its number and nice value, as sched(7) has them.
    let is_scheduled_as = |program: &str, wanted: (i64, i64)| {
        let pid = site.edge.process(program).pid;
        ((stat_field(pid, 41), stat_field(pid, 19)) == wanted).then_some(())
    };
    let programs = ["tls", "parse", "dispatch"];
    programs.iter().for_each(|program| wait_for("quiet programs", || is_scheduled_as(program, (0, -10))));
    // Handshakes are tls' work, of which parse has none: it answers each first message, which costs
    // its client nothing.
    let mut hello = Vec::new();
    site.client().conn.write_tls(&mut hello).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let over = Over(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let mut client = TcpStream::connect(site.edge.address()).unwrap();
                client.write_all(&hello).unwrap();
                edge::read(&mut client, 1);
            }
        });
        wait_for("a busy tls", || is_scheduled_as("tls", (3, 0)));
        wait_for("a parse that is scheduled with it", || is_scheduled_as("parse", (3, 0)));
        wait_for("a dispatch likewise", || is_scheduled_as("dispatch", (0, 0)));
        drop(over);
    });
    programs.iter().for_each(|program| wait_for("quiet programs", || is_scheduled_as(program, (0, -10))));
}

#[test]
fn reloads_under_load_fail_no_request() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site();
    std::thread::scope(|scope| {
        let site = &site;
        let load: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(move || {
                    for _ in 0..60 {
                        let said = site.get("/bytes/1000");
                        assert!(said.starts_with("HTTP/1.1 200 ") && said.len() > 1000, "{said}");
                    }
                })
            })
            .collect();
        for n in 0..3 {
            site.edge.reload(&format!("{}# {n}\n", site.configuration));
        }
        load.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_request_for_a_site_of_other_terms_is_misdirected() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let other = "[[site]]\nhosts = [\"b.example\"]\nbackend = \"app\"\n[site.tls]\nminimum_version = \"1.3\"";
    let site = Site::new(&["a.example", "b.example"], "", other);
    let mut client = site.client();
    client.write_all(b"GET / HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n").unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 421 "), "{said}");
    assert_eq!(site.backend.requests(), 0);
}
