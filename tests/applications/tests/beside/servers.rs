//! Which server a request goes to, beside nginx and HAProxy: by a hash, by checks, by room.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    net::SocketAddr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use fosse_applications::{Server, installed};
use fosse_harness::{Backend, Client, Dir, Edge, free_port, http::Reader, sockets, wait_for};

/// Keys of fosse.toml that are compared here.
pub(crate) const KEYS: &[&str] = &[
    "balance",
    "hash_by",
    "connections_max",
    "queue_seconds",
    "queue_requests_max",
    "health",
    "health.path",
    "health.method",
    "health.status",
    "health.interval_seconds",
    "health.passes_min",
    "health.failures_max",
];

/// Servers on unix sockets that respond with their names, and to a check with this status.
fn servers(dir: &Dir, names: &[&'static str]) -> Arc<AtomicU16> {
    let health = Arc::new(AtomicU16::new(200));
    for &name in names {
        let health = Arc::clone(&health);
        sockets::listen(&dir.join(name), move |stream| {
            let mut reader = Reader::new(stream);
            while let Ok(head) = reader.head() {
                let is_check = head.first.contains(" /up ");
                let status = if is_check && name == "b" { health.load(Ordering::Relaxed) } else { 200 };
                let response = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n\r\n{name}", name.len());
                if reader.source.write_all(response.as_bytes()).is_err() {
                    return;
                }
            }
        });
    }
    health
}

fn edge(lines: &str) -> Edge {
    Edge::with_config(
        &format!(
            "uid_base = {{uid_base}}\nlanes = 1\n[[listen]]\naddress = \"{{address}}\"\n\
             [[site]]\ndefault = true\nwaf = \"off\"\nbackend = \"app\"\n[[backend]]\nname = \"app\"\n{lines}\n"
        ),
        &[],
    )
}

/// Runs HAProxy with these lines of its backend; `None` where it is not installed.
fn haproxy(dir: &Dir, lines: &str) -> Option<(SocketAddr, Server)> {
    let (program, port) = (installed("haproxy")?, free_port());
    let text = format!(
        "defaults\n mode http\n timeout connect 30s\n timeout client 600s\n timeout server 600s\n\
         frontend front\n bind 127.0.0.1:{port}\n default_backend app\nbackend app\n{lines}\n"
    );
    let path = dir.join(&format!("haproxy-{port}.cfg"));
    fs::write(&path, text).unwrap();
    let server = Server::start(Command::new(program).args(["-db", "-f"]).arg(path), dir).on_port(port);
    Some((([127, 0, 0, 1], port).into(), server))
}

/// Runs nginx with these lines in its upstream; `None` where it is not installed.
fn nginx(dir: &Dir, lines: &str) -> Option<(SocketAddr, Server)> {
    let (program, port, place) = (installed("nginx")?, free_port(), dir.path().display());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {place}/temp-{name};\n"))
        .concat();
    let text = format!(
        "daemon off; pid {place}/nginx-{port}.pid; worker_processes 1;\nevents {{}}\nhttp {{ access_log off; {temporary}\
         upstream app {{\n{lines}\n}}\nserver {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://app; }} }} }}\n"
    );
    let path = dir.join(&format!("nginx-{port}.conf"));
    fs::write(&path, text).unwrap();
    let server = Server::start(Command::new(program).args(["-e", "stderr", "-c"]).arg(path), dir).on_port(port);
    Some((([127, 0, 0, 1], port).into(), server))
}

fn get(address: SocketAddr, path: &str, field: &str) -> (u16, String) {
    let mut client = Client::connect(address);
    client.send(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{field}\r\n").as_bytes());
    let response = client.response();
    (response.status, response.text().into_owned())
}

/// Returns the server of each of many clients, and asserts that each finds it again.
fn by_client(address: SocketAddr) -> BTreeMap<usize, String> {
    let served = |client: usize| get(address, "/", &format!("X-Client: client-{client}\r\n"));
    let first: BTreeMap<usize, String> = (0..60).map(|client| (client, served(client).1)).collect();
    for (client, server) in first.iter().rev() {
        assert_eq!(served(*client), (200, server.clone()));
    }
    first
}

#[test]
fn a_hash_finds_a_server_again_and_one_server_less_moves_its_share_alone_as_at_nginx_and_haproxy() {
    let dir = Dir::new();
    drop(servers(&dir, &["a", "b", "c", "d"]));
    let place = dir.path().display();
    let lines = |names: &[&str], line: fn(&str, &str) -> String| -> String {
        names.iter().map(|name| line(name, &format!("{place}/{name}"))).collect()
    };
    let (four, three) = (["a", "b", "c", "d"], ["a", "b", "c"]);
    let ours = |names: &[&str]| {
        let tables = lines(names, |_, path| format!("[[backend.server]]\naddress = \"unix:{path}\"\n"));
        by_client(edge(&format!("balance = \"hash\"\nhash_by = \"header X-Client\"\n{tables}")).address())
    };
    let of_nginx = |names: &[&str]| {
        let all = lines(names, |_, path| format!("server unix:{path};\n"));
        nginx(&dir, &format!("hash $http_x_client consistent;\n{all}")).map(|(address, _server)| by_client(address))
    };
    let of_haproxy = |names: &[&str]| {
        let all = lines(names, |name, path| format!(" server {name} unix@{path}\n"));
        haproxy(&dir, &format!(" balance hdr(X-Client)\n hash-type consistent\n{all}"))
            .map(|(address, _server)| by_client(address))
    };
    let all = [
        ("fosse", Some((ours(&four), ours(&three)))),
        ("nginx", of_nginx(&four).zip(of_nginx(&three))),
        ("HAProxy", of_haproxy(&four).zip(of_haproxy(&three))),
    ];
    for (name, found) in all {
        let Some((four, three)) = found else { continue };
        for server in ["a", "b", "c", "d"] {
            assert!(four.values().any(|one| one == server), "{name}: nobody comes to {server}");
        }
        for (client, server) in &four {
            assert!(server == "d" || three[client] == *server, "{name}: client {client} was moved from {server}");
        }
    }
}

#[test]
fn a_server_whose_checks_fail_gets_nothing_until_they_pass_as_at_haproxy() {
    let dir = Dir::new();
    let health = servers(&dir, &["a", "b"]);
    let place = dir.path().display();
    let edge = edge(&format!(
        "servers = [\"unix:{place}/a\", \"unix:{place}/b\"]\n[backend.health]\npath = \"/up\"\nmethod = \"GET\"\n\
         status = [\"200-399\"]\ninterval_seconds = 1\npasses_min = 2\nfailures_max = 2\nslow_start_seconds = 0\n"
    ));
    let haproxy = haproxy(
        &dir,
        &format!(
            " option httpchk GET /up\n http-check expect rstatus ^[23]\n default-server check inter 1s rise 2 fall 2\n\
             \x20server a unix@{place}/a\n server b unix@{place}/b\n"
        ),
    );
    let both =
        [("fosse", edge.address())].into_iter().chain(haproxy.as_ref().map(|(address, _)| ("HAProxy", *address)));
    let both: Vec<_> = both.collect();
    let serving = |address| -> String { (0..8).map(|_| get(address, "/", "").1).collect() };
    for (name, address) in &both {
        wait_for(&format!("both servers of {name}"), || serving(*address).contains('b').then_some(()));
    }
    health.store(503, Ordering::Relaxed);
    for (name, address) in &both {
        wait_for(&format!("a server of {name} that is out"), || (serving(*address) == "aaaaaaaa").then_some(()));
    }
    health.store(204, Ordering::Relaxed);
    for (name, address) in &both {
        wait_for(&format!("a server of {name} that is back"), || serving(*address).contains('b').then_some(()));
    }
}

#[test]
fn a_request_for_which_a_server_has_no_room_waits_and_gets_503_as_at_haproxy() {
    let (dir, ours, theirs) = (Dir::new(), Backend::start(), Backend::start());
    let edge = edge(&format!("servers = [\"{}\"]\nconnections_max = 1\nqueue_seconds = 1\n", ours.address()));
    let haproxy = haproxy(&dir, &format!(" timeout queue 1s\n server a unix@{} maxconn 1\n", theirs.path().display()));
    let both = [("fosse", edge.address(), &ours)].into_iter();
    for (name, address, app) in both.chain(haproxy.as_ref().map(|(address, _)| ("HAProxy", *address, &theirs))) {
        let mut first = Client::connect(address);
        first.send(
            b"GET /upgrade HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        assert_eq!(first.response().status, 101, "{name}");
        assert_eq!(get(address, "/", "").0, 503, "{name}: while the first one has the only connection");
        drop(first);
        wait_for("the end of the first one", || (app.live() == 0).then_some(()));
        assert_eq!(get(address, "/", "").0, 200, "{name}");
    }
    // Without a place to wait nobody does.
    let app = Backend::start();
    let edge = self::edge(&format!(
        "servers = [\"{}\"]\nconnections_max = 1\nqueue_requests_max = 0\nqueue_seconds = 600\n",
        app.address()
    ));
    let mut first = Client::connect(edge.address());
    first.send(b"GET /sleep/60000/ HTTP/1.1\r\nHost: a.example\r\n\r\n");
    wait_for("the first one", || (app.requests() == 1).then_some(()));
    assert_eq!(get(edge.address(), "/", "").0, 503);
}
