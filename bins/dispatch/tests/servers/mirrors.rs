//! Copies of requests for mirrors: they are what the application has got, and whatever a mirror
//! does, no client and no application notices it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use fosse_harness::{Client, Dir, Edge, sockets, wait_for};
use rustix::process::Signal;

use crate::app::{App, response, shared, status_of, try_status_of};

/// A server that keeps what it reads of each connection, and then does something.
struct Shadow {
    address: String,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    dir: Dir,
}

/// Reads a request with its body, of a length that it says.
fn request(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    bytes.extend_from_slice(&body);
    Some(bytes)
}

impl Shadow {
    /// Starts one that keeps each request, and then does this.
    fn start(does: impl Fn(&mut UnixStream) + Send + Sync + 'static) -> Self {
        let (dir, (kept, seen)) = (Dir::new(), shared(Vec::new()));
        sockets::listen(&dir.join("shadow.sock"), move |mut stream: UnixStream| {
            while let Some(bytes) = request(&mut stream) {
                kept.lock().unwrap().push(bytes);
                does(&mut stream);
            }
        });
        Self { address: format!("unix:{}", dir.join("shadow.sock").display()), seen, dir }
    }

    /// Starts one that keeps its connections.
    fn courteous() -> Self {
        Self::start(|stream| drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nof shadow")))
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

fn configuration(app: &str, mirror: &str, lines: &str, of_mirror: &str) -> String {
    format!(
        "uid_base = {{uid_base}}\nlanes = 1\n[[listen]]\naddress = \"{{address}}\"\n\
         [[site]]\ndefault = true\nbackend = \"app\"\n{lines}\n\
         [[backend]]\nname = \"app\"\nservers = [\"{app}\"]\nretry = false\n\
         [[backend]]\nname = \"shadow\"\nservers = [\"{mirror}\"]\n{of_mirror}\n"
    )
}

const ALL: &str = "mirror = { backend = \"shadow\" }";

fn edge(app: &App, mirror: &str, lines: &str, of_mirror: &str) -> Edge {
    Edge::with_config(&configuration(&app.address, mirror, lines, of_mirror), &[])
}

/// An application that keeps the heads of its requests.
fn app() -> (App, Arc<Mutex<Vec<String>>>) {
    let (kept, seen) = shared(Vec::new());
    let app = App::start(move |head| {
        kept.lock().unwrap().push(head.to_owned());
        response(200, "of app")
    });
    (app, seen)
}

fn ask(edge: &Edge, request: &str) -> (u16, String) {
    let mut client = Client::connect(edge.address());
    client.send(request.as_bytes());
    let response = client.response();
    (response.status, response.text().into())
}

#[test]
fn a_copy_is_what_the_application_has_got_and_its_response_goes_nowhere() {
    let ((app, heads), shadow) = (app(), Shadow::courteous());
    let edge = edge(&app, &shadow.address, ALL, "");
    let end = "Host: a.example\r\nX-Of: client\r\nConnection: close\r\n";
    for request in [
        format!("GET /a?b HTTP/1.1\r\n{end}\r\n"),
        format!("POST /b HTTP/1.1\r\n{end}Content-Length: 5\r\n\r\nhello"),
        format!("PUT /c HTTP/1.1\r\n{end}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ] {
        assert_eq!(ask(&edge, &request), (200, "of app".into()));
    }
    wait_for("the copies", || (shadow.count() == 3).then_some(()));
    let seen = shadow.seen.lock().unwrap();
    let mut seen: Vec<String> = seen.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
    // Each came over a connection of its own: GET, POST, PUT, whichever was read first.
    seen.sort_unstable();
    for (head, copy) in heads.lock().unwrap().iter().zip(&seen) {
        assert!(copy.starts_with(head.as_str()), "{head}\n{copy}");
    }
    assert!(seen[1].ends_with("\r\n\r\nhello") && seen[2].ends_with("Content-Length: 3\r\n\r\nabc"), "{seen:?}");
    let counts = || (edge.counter("dispatch", "mirrored"), edge.counter("dispatch", "mirrors_dropped"));
    wait_for("the counts", || (counts() == (3, 0)).then_some(()));
    let shown = edge.fosse(&["status"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("\nmirrors   3 copies sent, 0 dropped\n"), "{shown}");
    assert_eq!(
        edge.status_page("/traffic.txt").lines().filter(|line| line.starts_with("backend shadow 0 3 ")).count(),
        1
    );
}

#[test]
fn a_share_of_the_requests_is_copied_and_a_route_may_have_none() {
    let ((app, _), shadow) = (app(), Shadow::courteous());
    let lines =
        "mirror = { backend = \"shadow\", percent = 30 }\n[[site.route]]\nprefix = \"/private\"\nmirror = false";
    let edge = edge(&app, &shadow.address, lines, "");
    for _ in 0..100 {
        assert_eq!(ask(&edge, "GET /private HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").0, 200);
        assert_eq!(ask(&edge, "GET /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").0, 200);
    }
    let counted = || edge.counter("dispatch", "mirrored") + edge.counter("dispatch", "mirrors_dropped");
    wait_for("the copies", || (counted() == 30).then_some(()));
    assert!(shadow.seen.lock().unwrap().iter().all(|bytes| bytes.starts_with(b"GET /p ")));
}

#[test]
fn what_is_denied_is_not_copied() {
    let ((app, _), shadow) = (app(), Shadow::courteous());
    let lines = format!(
        "{ALL}\nmethods = [\"GET\"]\n[[site.route]]\nprefix = \"/in\"\nbasic_auth = {{ users = [\"ann:$2y$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.\"] }}"
    );
    let edge = edge(&app, &shadow.address, &lines, "");
    let end = "HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    for (request, status) in [
        (format!("GET /?a=%27%20or%201%3D1%20union%20select%201%2C2-- {end}"), 403),
        (format!("GET /in {end}"), 401),
        (format!("DELETE / {end}"), 405),
        (format!("GET /ok {end}"), 200),
    ] {
        assert_eq!(ask(&edge, &request).0, status, "{request}");
    }
    wait_for("the copy", || (shadow.count() == 1).then_some(()));
    assert!(shadow.seen.lock().unwrap()[0].starts_with(b"GET /ok "));
}

#[test]
fn what_is_too_long_is_not_copied_and_goes_on_all_the_same() {
    let (app, shadow) = (Shadow::courteous(), Shadow::courteous());
    let edge = Edge::with_config(&configuration(&app.address, &shadow.address, ALL, ""), &[]);
    for (length, copies, dropped) in [(60_000, 1, 0), (70_000, 1, 1)] {
        let body = "x".repeat(length);
        let head = "POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Type: text/plain\r\n";
        assert_eq!(ask(&edge, &format!("{head}Content-Length: {length}\r\n\r\n{body}")).0, 200);
        let counts = || (edge.counter("dispatch", "mirrored"), edge.counter("dispatch", "mirrors_dropped"));
        wait_for("the counts", || (counts() == (copies, dropped)).then_some(()));
    }
}

/// Mirrors that do not do what they should: the name of each, and what it does after a request.
type Hostile = (&'static str, fn(&mut UnixStream));

const HOSTILE: &[Hostile] = &[
    ("closes", |stream| drop(stream.shutdown(std::net::Shutdown::Both))),
    ("never responds", |stream| drop(stream.read(&mut [0]))),
    ("sends no HTTP", |stream| drop(stream.write_all(b"\0\0SSH-2.0\r\n\r\n"))),
    ("switches protocols", |stream| drop(stream.write_all(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n"))),
    ("sends interim heads without end", |stream| while stream.write_all(b"HTTP/1.1 102 x\r\n\r\n").is_ok() {}),
    ("sends a head without end", |stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"X-A: aaaaaaaaaaaaaaaaaaaaaaaa\r\n").is_ok() {}
    }),
    ("sends a body without end", |stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    }),
    ("sends two responses", |stream| {
        drop(
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        );
    }),
    ("dies in the body", |stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx");
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }),
];

#[test]
fn whatever_a_mirror_does_clients_get_their_responses_and_the_application_its_requests() {
    for (name, does) in HOSTILE {
        let ((app, _), shadow) = (app(), Shadow::start(does));
        let of_mirror = "connections_max = 4\nfirst_byte_seconds = 1\nidle_seconds = 1\n";
        let edge = edge(&app, &shadow.address, ALL, of_mirror);
        (0..40).for_each(|_| assert_eq!(status_of(&edge, "GET"), 200, "{name}"));
        (0..10).for_each(|_| assert_eq!(status_of(&edge, "POST"), 200, "{name}"));
        assert_eq!(app.requests(), 50, "{name}");
        assert_eq!(edge.counter("dispatch", "state_errors"), 0, "{name}");
        wait_for(name, || (shadow.count() > 0).then_some(()));
        assert!(edge.alarms().is_empty(), "{name}: {:?}", edge.alarms());
    }
}

#[test]
fn a_mirror_that_never_reads_holds_no_more_than_its_connections() {
    let (dir, (held, kept)) = (Dir::new(), shared(Vec::new()));
    sockets::listen(&dir.join("deaf.sock"), move |stream: UnixStream| held.lock().unwrap().push(stream));
    let (app, _) = app();
    let of_mirror = "connections_max = 3\nfirst_byte_seconds = 3600\nidle_seconds = 3600\n";
    let edge = edge(&app, &format!("unix:{}", dir.join("deaf.sock").display()), ALL, of_mirror);
    (0..60).for_each(|_| assert_eq!(status_of(&edge, "POST"), 200));
    wait_for("the drops", || (edge.counter("dispatch", "mirrors_dropped") == 57).then_some(()));
    assert!(kept.lock().unwrap().len() <= 3);
    assert_eq!(app.requests(), 60);
}

#[test]
fn a_mirror_that_is_not_there_costs_a_copy_and_comes_back_when_it_is() {
    let ((app, _), shadow) = (app(), Shadow::courteous());
    let gone = shadow.dir.join("elsewhere.sock");
    let edge = edge(&app, &shadow.address, ALL, "[backend.health]\nfailures_max = 2\nrest_seconds = 1\n");
    std::fs::rename(shadow.dir.join("shadow.sock"), &gone).unwrap();
    (0..20).for_each(|_| assert_eq!(status_of(&edge, "GET"), 200));
    wait_for("the drops", || (edge.counter("dispatch", "mirrors_dropped") == 20).then_some(()));
    std::fs::rename(&gone, shadow.dir.join("shadow.sock")).unwrap();
    wait_for("a copy", || {
        assert_eq!(status_of(&edge, "GET"), 200);
        (shadow.count() > 0).then_some(())
    });
}

#[test]
fn lanes_that_are_killed_while_they_copy_serve_and_copy_again_and_a_reload_changes_what_is_copied() {
    let ((app, _), shadow) = (app(), Shadow::courteous());
    let edge = edge(&app, &shadow.address, ALL, "");
    for program in ["dispatch", "connect"] {
        (0..4).for_each(|_| assert!(try_status_of(&edge, "GET").is_some()));
        let process = edge.process(program);
        process.signal(Signal::KILL);
        wait_for("another one", || (edge.process(program).pid != process.pid).then_some(()));
        wait_for("a response", || (try_status_of(&edge, "GET") == Some(200)).then_some(()));
        let before = shadow.count();
        wait_for("a copy", || {
            assert_eq!(status_of(&edge, "GET"), 200, "{program}");
            (shadow.count() > before).then_some(())
        });
    }
    edge.reload(&configuration(&app.address, &shadow.address, "", ""));
    wait_for("the last copies", || {
        let before = shadow.count();
        (0..4).for_each(|_| assert_eq!(status_of(&edge, "GET"), 200));
        (shadow.count() == before).then_some(())
    });
}
