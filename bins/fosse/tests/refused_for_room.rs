//! Whoever is refused because memory, the file for long bodies or a queue is used up has one line
//! of the log of a real edge: who, for which site, why, and which limit. It is the client that has
//! most of it, and nobody else.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::FileExt as _,
};

use fosse_harness::{Backend, Client, Dir, Edge, WAIT_MAX, is_root, sockets, wait_for};
use rustix::process::Signal;

const MIB: usize = 1 << 20;

/// Returns the configuration with these lines of `[limits]`, of its site and of its backend.
fn configuration(server: &str, limits: &str, site: &str, backend: &str) -> String {
    format!(
        "lanes = 1\n[limits]\n{limits}\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\nhosts = [\"a.example\"]\n\
         backend = \"app\"\n{site}\n[[backend]]\nname = \"app\"\nservers = [\"{server}\"]\n\
         first_byte_seconds = 3600\n{backend}\n"
    )
}

/// An edge of that.
fn edge(server: &str, limits: &str, site: &str, backend: &str) -> Edge {
    Edge::with_config(&configuration(server, limits, site, backend), &[])
}

/// Begins an upload of `length` bytes from 127.0.0.`last`, and sends that many of them.
fn upload(last: u8, edge: &Edge, target: &str, length: usize, sent: usize) -> TcpStream {
    let mut stream = sockets::connect_from(last, edge.address(), WAIT_MAX).unwrap();
    let head = format!(
        "PUT {target} HTTP/1.1\r\nHost: a.example\r\nContent-Type: text/plain\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b'x'; sent]).unwrap();
    stream
}

/// Reads to the end of the connection: the status.
fn status(mut stream: &TcpStream) -> u16 {
    let mut response = Vec::new();
    if let Err(error) = stream.read_to_end(&mut response) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    let text = String::from_utf8_lossy(&response).into_owned();
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// Waits until the filter has that many bytes in memory.
fn wait_for_buffered(edge: &Edge, bytes: usize) {
    let bytes = u64::try_from(bytes).unwrap();
    wait_for("the bodies", || (edge.counter("waf-filter", "buffered_bytes") == bytes).then_some(()));
}

/// The log of the edge once it has ended, with all that it had to say.
fn log_at_end(mut edge: Edge) -> String {
    assert_eq!(edge.terminate(), Some(0));
    edge.log()
}

/// 127.0.0.`last` has one line for each of `count` refusals, which ends so, and nobody else has
/// one; no other event speaks of it.
fn assert_refused(log: &str, last: u8, count: usize, said: &str) {
    let refused: Vec<&str> = log.lines().filter(|line| line.contains("event=refused")).collect();
    let line = format!("fosse-parse: info: event=refused client=127.0.0.{last} site=a.example status=503 {said}");
    assert!(refused.len() == count && refused.iter().all(|found| found.ends_with(&line)), "{line}\n{log}");
    assert!(!log.contains("event=denied"), "{log}");
}

/// A site for bodies that memory of 1 MiB has room for.
const SMALL: &str = "body_bytes_max = \"1 MiB\"";
/// One for bodies that go to the file.
const LARGE: &str = "body_bytes_max = \"4 MiB\"";
const MEMORY: &str = "why=\"memory for bodies is used up\" limit=lane_held_bytes_max";
const LOST: &str = "why=\"the file for long bodies has lost its body\"";

#[test]
fn who_has_most_of_the_memory_for_request_bodies_is_refused_when_it_is_used_up() {
    let backend = Backend::start();
    let edge = edge(&backend.address(), "lane_held_bytes_max = \"1 MiB\"\nspool_bytes_max = 0", SMALL, "");
    let hoard = [350_000, 360_000].map(|sent| upload(2, &edge, "/", MIB, sent));
    wait_for_buffered(&edge, 710_000);
    let mut visitor = upload(3, &edge, "/", 340_000, 338_577);
    assert_eq!(status(&hoard[1]), 503, "its largest");
    wait_for_buffered(&edge, 688_577);
    visitor.write_all(&[b'x'; 1_423]).unwrap();
    assert_eq!(status(&visitor), 200);
    drop(hoard);
    assert_refused(&log_at_end(edge), 2, 1, MEMORY);
}

#[test]
fn who_has_most_of_the_bodies_that_no_server_takes_is_refused_when_they_are_too_much() {
    let backend = Backend::start();
    let servers = "connections_max = 1\nqueue_seconds = 600";
    let edge = edge(&backend.address(), "lane_held_bytes_max = \"1 MiB\"", SMALL, servers);
    let mut busy = Client::connect(edge.address());
    busy.send(b"POST /sleep/600000/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n");
    wait_for("the request", || (backend.requests() == 1).then_some(()));
    // The filter passes short bodies on whole, and dispatch has them until there is a server.
    let waiting = |(number, last): (u64, u8)| {
        let upload = upload(last, &edge, "/", 60_000, 60_000);
        wait_for("the request", || (edge.counter("dispatch", "requests") == number).then_some(()));
        upload
    };
    let all: Vec<TcpStream> = (2..).zip([[2; 16].as_slice(), &[3, 4]].concat()).map(waiting).collect();
    edge.wait_for_log("event=refused");
    drop((all, busy));
    backend.hang_up();
    assert_refused(&log_at_end(edge), 2, 1, MEMORY);
}

/// Responds with half of a page.
fn half_a_page(mut stream: std::os::unix::net::UnixStream) {
    let mut piece = [0; 4096];
    if stream.read(&mut piece).is_ok_and(|count| count > 0) {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 800000\r\n\r\n";
        let _ = stream.write_all(&[head.as_bytes(), &[b'x'; 400_000]].concat());
        // Until the edge closes it.
        let _ = stream.read(&mut piece);
    }
}

#[test]
fn who_has_most_of_the_memory_for_responses_is_refused_when_it_is_used_up() {
    let dir = Dir::new();
    sockets::listen(&dir.join("app.sock"), half_a_page);
    let rules = "SecResponseBodyAccess On\nSecResponseBodyLimit 1000000\nSecResponseBodyMimeType text/html\n\
                 SecRule RESPONSE_BODY \"@contains bad\" \"id:1,phase:4,deny\"\n";
    std::fs::write(dir.join("rules.conf"), rules).unwrap();
    let server = format!("unix:{}", dir.join("app.sock").display());
    let site = format!("{SMALL}\ninspect_responses = true\nrules = [\"{}\"]", dir.join("rules.conf").display());
    let text = configuration(&server, "lane_held_bytes_max = \"1 MiB\"", &site, "");
    let edge = Edge::with_config(&text, &["--dir", &dir.path().to_string_lossy()]);
    let ask = |last| {
        let mut stream = sockets::connect_from(last, edge.address(), WAIT_MAX).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        stream
    };
    let hoard = [ask(2), ask(2)];
    wait_for("two of them", || (edge.counter("waf-filter", "buffered_bytes") > 800_000).then_some(()));
    let visitor = ask(3);
    edge.wait_for_log("event=refused");
    wait_for("the room", || (edge.counter("waf-filter", "responses_denied") == 1).then_some(()));
    drop((hoard, visitor));
    assert_refused(&log_at_end(edge), 2, 1, MEMORY);
}

#[test]
fn who_has_most_of_the_file_for_long_bodies_is_refused_when_it_is_full() {
    let backend = Backend::start();
    let limits = "lane_held_bytes_max = \"4 MiB\"\nspool_bytes_max = \"8 MiB\"";
    let edge = edge(&backend.address(), limits, LARGE, "");
    let hoard = [(); 2].map(|()| upload(2, &edge, "/", 4 * MIB, 4 * MIB - 1));
    wait_for("their bodies", || (edge.counter("spool", "bodies") == 2).then_some(()));
    assert_eq!(status(&upload(3, &edge, "/", 3 * MIB, 3 * MIB)), 200, "{}", edge.log());
    let lost = usize::try_from(edge.counter("waf-filter", "spool_lost")).unwrap();
    assert!(lost >= 1, "{}", edge.log());
    drop(hoard);
    assert_refused(&log_at_end(edge), 2, lost, "why=\"the file for long bodies is full\" limit=spool_bytes_max");
}

/// Begins an upload to the file for long bodies.
fn spooled(edge: &Edge) -> TcpStream {
    let upload = upload(2, edge, "/", 3 * MIB, 2 * MIB);
    wait_for("its body", || (edge.counter("spool", "bodies") == 1).then_some(()));
    upload
}

#[test]
fn whose_body_is_in_the_file_for_long_bodies_is_refused_when_its_program_is_gone() {
    let backend = Backend::start();
    let edge = edge(&backend.address(), "lane_held_bytes_max = \"4 MiB\"", LARGE, "");
    let upload = spooled(&edge);
    assert!(edge.process("spool").signal(Signal::KILL));
    assert_eq!(status(&upload), 503);
    let log = log_at_end(edge);
    assert_refused(&log, 2, 1, LOST);
    assert!(log.contains("event=spool-gone lost=1 "), "{log}");
}

#[test]
fn whose_body_was_changed_in_the_file_for_long_bodies_is_refused() {
    if !is_root() {
        return println!("skipped: only root can change the file");
    }
    let backend = Backend::start();
    let edge = edge(&backend.address(), "lane_held_bytes_max = \"4 MiB\"", LARGE, "");
    let mut upload = spooled(&edge);
    wait_for("a part", || (edge.counter("spool", "written_bytes") >= MIB as u64).then_some(()));
    let path = format!("/proc/{}/fd/8", edge.process("spool").pid);
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(b"y", 300_000).unwrap();
    upload.write_all(&[b'x'; MIB]).unwrap();
    assert_eq!(status(&upload), 503);
    let log = log_at_end(edge);
    assert_refused(&log, 2, 1, LOST);
    assert!(log.contains("alert: event=spool-altered request="), "{log}");
}

#[test]
fn who_waits_for_a_server_for_too_long_is_refused() {
    let backend = Backend::start();
    let edge = edge(&backend.address(), "", "waf = \"off\"", "connections_max = 1\nqueue_seconds = 1");
    let mut busy = Client::connect(edge.address());
    busy.send(b"POST /sleep/600000/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n");
    wait_for("the request", || (backend.requests() == 1).then_some(()));
    assert_eq!(status(&upload(2, &edge, "/", 1, 1)), 503);
    drop(busy);
    backend.hang_up();
    let said = "why=\"no connection to its servers became free in time\" limit=queue_seconds";
    assert_refused(&log_at_end(edge), 2, 1, said);
}
