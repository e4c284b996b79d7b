//! Nothing of a request gets to its application before the server that is asked has let it pass,
//! whatever becomes of the programs, of that server or of the client meanwhile.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    sync::{Arc, Mutex},
};

use fosse_harness::{Client, Dir, Edge, WAIT_MAX, is_root, sockets, wait_for};
use fosse_security::Puppet;
use rustix::process::Signal;

/// Connections of the hostile address, all of which it asks on.
const HOSTILE_CONNECTIONS: usize = 300;

fn configuration(app: &str, auth: &str) -> String {
    format!(
        "uid_base = {{uid_base}}\nlanes = 1\n[[listen]]\naddress = \"{{address}}\"\n\
         [[site]]\ndefault = true\nbackend = \"app\"\n\
         [site.forward_auth]\nbackend = \"auth\"\npath = \"/auth\"\ncopy_headers = [\"X-User\"]\ndecision_seconds = 60\n\
         [[backend]]\nname = \"app\"\nservers = [{app:?}]\npool_connections_max = 0\n\
         [[backend]]\nname = \"auth\"\nservers = [{auth:?}]\nconnections_max = 8\nqueue_requests_max = 16\n\
         pool_connections_max = 0\n"
    )
}

fn pass(auth: &mut UnixStream) {
    auth.write_all(b"HTTP/1.1 200 OK\r\nX-User: ann\r\nContent-Length: 0\r\n\r\n").unwrap();
}

fn ok(app: &mut UnixStream) {
    app.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
}

fn client(edge: &Edge, request: &str) -> Client {
    let mut client = Client::connect(edge.address());
    client.send(request.as_bytes());
    client
}

const GET: &str = "GET /a?b HTTP/1.1\r\nHost: a.example\r\nX-User: root\r\n\r\n";

#[test]
fn a_killed_dispatch_lets_no_waiting_request_pass() {
    if !is_root() {
        return println!("skipped: needs root");
    }
    let (app, auth) = (Puppet::new(), Puppet::new());
    let edge = Edge::with_config(&configuration(&app.address(), &auth.address()), &[]);
    let mut waiting = client(&edge, GET);
    let (mut question, _) = auth.request();
    assert!(edge.process("dispatch").signal(Signal::KILL));
    assert_eq!(waiting.response().status, 503);
    // Its word comes too late, and to nobody.
    let _ = question.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    // Before that it would have had the next one as well.
    edge.wait_for_log("fosse-accept: info: lane=0 gone");
    let mut again = client(&edge, GET);
    let (mut question, _) = auth.request();
    assert!(!app.has_another(), "the application has heard of it");
    pass(&mut question);
    let (mut served, head) = app.request();
    assert!(head.contains("\r\nX-User: ann\r\n") && !head.contains("root"), "{head}");
    ok(&mut served);
    assert_eq!(again.response().status, 200);
}

#[test]
fn a_request_that_waits_is_served_by_its_lane_after_a_reload() {
    let (app, auth) = (Puppet::new(), Puppet::new());
    let configuration = configuration(&app.address(), &auth.address());
    let edge = Edge::with_config(&configuration, &[]);
    let mut waiting = client(&edge, GET);
    let (mut question, _) = auth.request();
    edge.reload(&configuration);
    assert!(!app.has_another());
    pass(&mut question);
    let (mut served, _) = app.request();
    ok(&mut served);
    assert_eq!(waiting.response().status, 200);
}

#[test]
fn each_request_of_a_connection_is_asked_about() {
    let (app, auth) = (Puppet::new(), Puppet::new());
    let edge = Edge::with_config(&configuration(&app.address(), &auth.address()), &[]);
    let second = "HEAD /second HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let mut client = client(&edge, &format!("{GET}{second}"));
    let (mut question, head) = auth.request();
    assert!(head.starts_with("GET /auth ") && head.contains("\r\nX-Forwarded-Uri: /a?b\r\n"), "{head}");
    pass(&mut question);
    let (mut served, _) = app.request();
    ok(&mut served);
    assert_eq!(client.response().status, 200);
    let (mut question, head) = auth.request();
    let said = "\r\nX-Forwarded-Method: HEAD\r\nX-Forwarded-Uri: /second\r\n";
    assert!(head.starts_with("GET /auth ") && head.contains(said), "{head}");
    let page = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno";
    question.write_all(page.as_bytes()).unwrap();
    let denied = client.try_response(true).unwrap();
    assert_eq!((denied.status, denied.header("Content-Length")), (403, Some("2")));
    assert!(!app.has_another());
}

#[test]
fn a_page_that_denies_is_shown_whole_however_long_and_costs_nobody_else_anything() {
    let (app, auth) = (Puppet::new(), Puppet::new());
    // A firewall would wait for the body before anybody is asked.
    let configuration = configuration(&app.address(), &auth.address());
    let edge = Edge::with_config(&configuration.replace("[site.forward", "waf = \"off\"\n[site.forward"), &[]);
    let parse = edge.process("parse").pid;
    let get = "GET /page HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let post = "POST /page HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\n";
    for (request, bytes, shown) in
        [(get, 16_384, true), (get, 16_385, true), (get, 65_536, true), (get, 65_537, false), (post, 65_536, false)]
    {
        let mut client = client(&edge, request);
        let (mut question, _) = auth.request();
        let head = format!("HTTP/1.1 403 X\r\nContent-Type: text/plain\r\nContent-Length: {bytes}\r\n\r\n");
        let _ = question.write_all(&[head.as_bytes(), &vec![b'p'; bytes]].concat());
        let denied = client.response();
        assert_eq!((denied.status, denied.complete), (403, true), "{bytes}");
        assert_eq!(denied.body == vec![b'p'; bytes], shown, "{bytes}");
    }
    assert_eq!(edge.process("parse").pid, parse);
    assert!(!app.has_another());
}

#[test]
fn a_websocket_is_opened_for_those_who_pass() {
    let (app, auth) = (Puppet::new(), Puppet::new());
    let edge = Edge::with_config(&configuration(&app.address(), &auth.address()), &[]);
    let mut client = client(
        &edge,
        "GET /chat HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nfirst",
    );
    let (mut question, head) = auth.request();
    assert!(!head.to_lowercase().contains("\r\nupgrade:") && !head.contains("first"), "{head}");
    pass(&mut question);
    let (mut served, head) = app.request();
    assert!(head.contains("\r\nUpgrade: websocket\r\n") && head.contains("\r\nX-User: ann\r\n"), "{head}");
    served
        .write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello",
        )
        .unwrap();
    let mut seen = String::new();
    while !seen.ends_with("\r\n\r\nhello") {
        seen.push_str(&String::from_utf8_lossy(&client.bytes(1)));
    }
    assert!(seen.starts_with("HTTP/1.1 101 "), "{seen}");
    let mut first = [0; 5];
    served.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"first");
}

/// A server that lets everybody pass but those who bring a cookie: these wait until it is told.
struct Slow {
    dir: Dir,
    waiting: Arc<Mutex<Vec<UnixStream>>>,
}

impl Slow {
    fn start() -> Self {
        let (dir, waiting) = (Dir::new(), Arc::new(Mutex::new(Vec::new())));
        let kept = Arc::clone(&waiting);
        sockets::listen(&dir.join("auth.sock"), move |mut stream| {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read(&mut byte) {
                    Ok(1) => head.push(byte[0]),
                    _ => return,
                }
            }
            if head.windows(6).any(|six| six == b"Cookie") {
                kept.lock().unwrap().push(stream);
            } else {
                pass(&mut stream);
            }
        });
        Self { dir, waiting }
    }
}

#[test]
fn the_waiting_requests_of_one_address_keep_nobody_else_waiting_for_long() {
    let (app, auth) = (Puppet::new(), Slow::start());
    let address = format!("unix:{}", auth.dir.join("auth.sock").display());
    let edge = Edge::with_config(&configuration(&app.address(), &address), &[]);
    let hostile: Vec<TcpStream> = (0..HOSTILE_CONNECTIONS)
        .map(|_| {
            let mut stream = sockets::connect_from(2, edge.address(), WAIT_MAX).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\nCookie: a=b\r\n\r\n").unwrap();
            stream
        })
        .collect();
    let waiting = || auth.waiting.lock().unwrap().len();
    wait_for("all connections to be taken", || (waiting() == 8).then_some(()));
    // Those for which there is no place do not wait.
    let refused = || hostile.iter().filter(|stream| sockets::readable(stream, std::time::Duration::ZERO)).count();
    wait_for("the others to be refused", || (refused() >= HOSTILE_CONNECTIONS - 8 - 16).then_some(()));
    let mut stream = sockets::connect_from(3, edge.address(), WAIT_MAX).unwrap();
    stream.write_all(GET.as_bytes()).unwrap();
    // It has the place of one of theirs.
    wait_for("room in the queue", || (refused() > HOSTILE_CONNECTIONS - 8 - 16).then_some(()));
    // Of two connections that become free one is its own: sources have them by turns.
    drop(auth.waiting.lock().unwrap().drain(..2).collect::<Vec<_>>());
    let (mut served, head) = app.request();
    assert!(head.contains("\r\nX-User: ann\r\n"), "{head}");
    ok(&mut served);
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
}
