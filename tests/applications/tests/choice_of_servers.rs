//! The choice between servers beside those of nginx and HAProxy: the same servers, weights and
//! requests, and the same outcome.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use fosse_applications::{Server, installed};
use fosse_harness::{Client, Dir, Edge, free_port, sockets, wait_for};

/// Applications that respond with their names, each on a unix socket of that name.
fn applications(names: &[&'static str]) -> Dir {
    let dir = Dir::new();
    // nginx has a user of its own.
    fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for &name in names {
        let path = dir.join(name);
        sockets::listen(&path, move |mut stream| {
            let (mut head, mut byte) = (Vec::new(), [0; 1]);
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read(&mut byte) {
                    Ok(1..) => head.extend_from_slice(&byte),
                    _ => return,
                }
            }
            let length = name.len();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{name}");
        });
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    }
    dir
}

/// Returns an edge of one lane before a backend with these lines.
fn edge(lines: &str) -> Edge {
    Edge::with_config(
        &format!(
            "uid_base = {{uid_base}}\nlanes = 1\n[[listen]]\naddress = \"{{address}}\"\n\
             [[site]]\ndefault = true\nwaf = \"off\"\nbackend = \"app\"\n[[backend]]\nname = \"app\"\n{lines}\n"
        ),
        &[],
    )
}

/// Starts nginx with these lines in its upstream; `None` where it is not installed.
fn nginx(dir: &Dir, port: u16, lines: &str) -> Option<Server> {
    nginx_with(dir, port, lines, "")
}

/// Starts nginx with these lines in its upstream, and these in its server.
fn nginx_with(dir: &Dir, port: u16, lines: &str, of_server: &str) -> Option<Server> {
    let program = installed("nginx")?;
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};\n", dir.join(&format!("temp-{name}")).display()))
        .concat();
    let configuration = format!(
        "daemon off;\npid {}/nginx.pid;\nworker_processes 1;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}\
         upstream app {{\n{lines}\n}}\nserver {{ listen 127.0.0.1:{port}; {of_server} location / {{ proxy_pass http://app; }} }} }}\n",
        dir.path().display()
    );
    let path = dir.join("nginx.conf");
    fs::write(&path, configuration).unwrap();
    Some(Server::start(Command::new(program).args(["-e", "stderr", "-c"]).arg(path), dir).on_port(port))
}

/// Returns the names of the applications that serve so many requests, one after the other.
fn order(address: SocketAddr, requests: usize) -> String {
    let served = |_| {
        let mut client = Client::connect(address);
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
        let response = client.response();
        if response.status == 200 { response.text().into() } else { response.status.to_string() }
    };
    (0..requests).map(served).collect()
}

#[test]
fn weights_are_served_in_the_order_of_nginx() {
    let dir = applications(&["a", "b", "c"]);
    let server = |name: &str| format!("unix:{}", dir.join(name).display());
    for (weights, expected) in
        [([5, 1, 1], "aabacaaaabacaa"), ([1, 2, 3], "cbacbccbacbccb"), ([1, 1, 1], "abcabcabcabcab")]
    {
        let named = || ["a", "b", "c"].into_iter().zip(weights);
        let tables = named()
            .map(|(name, weight)| format!("[[backend.server]]\naddress = \"{}\"\nweight = {weight}\n", server(name)));
        let edge = edge(&tables.collect::<String>());
        assert_eq!(order(edge.address(), 14), expected, "{weights:?}");
        let port = free_port();
        let lines = named().map(|(name, weight)| format!("server {} weight={weight};\n", server(name)));
        let Some(_nginx) = nginx(&dir, port, &lines.collect::<String>()) else { continue };
        assert_eq!(order(([127, 0, 0, 1], port).into(), 14), expected, "nginx, {weights:?}");
    }
}

#[test]
fn a_backup_server_serves_as_that_of_nginx_where_the_others_are_gone() {
    let dir = applications(&["a", "spare"]);
    let server = |name: &str| format!("unix:{}", dir.join(name).display());
    let lines = format!(
        "servers = [\"{}\"]\n[[backend.server]]\naddress = \"{}\"\nbackup = true\n",
        server("a"),
        server("spare")
    );
    let edge = edge(&lines);
    let port = free_port();
    let nginx = nginx(&dir, port, &format!("server {};\nserver {} backup;\n", server("a"), server("spare")));
    let both = || [edge.address(), ([127, 0, 0, 1], port).into()].into_iter().take(1 + usize::from(nginx.is_some()));
    both().for_each(|address| assert_eq!(order(address, 3), "aaa", "{address}"));
    fs::remove_file(dir.join("a")).unwrap();
    both().for_each(|address| assert_eq!(order(address, 3), "sparesparespare", "{address}"));
}

/// Runs HAProxy with these lines of its backend; `None` where it is not installed.
fn haproxy(dir: &Dir, port: u16, lines: &str) -> Option<Server> {
    let program = installed("haproxy")?;
    let configuration = format!(
        "global\n stats socket {}/admin.sock level admin\n\
         defaults\n mode http\n timeout connect 30s\n timeout client 700s\n timeout server 700s\n\
         frontend front\n bind 127.0.0.1:{port}\n default_backend app\nbackend app\n{lines}\n",
        dir.path().display()
    );
    let path = dir.join("haproxy.cfg");
    fs::write(&path, configuration).unwrap();
    Some(Server::start(Command::new(program).args(["-db", "-f"]).arg(path), dir).on_port(port))
}

/// Sends a request with that Cookie field, if any. Returns the server's name and the cookie that is
/// set.
fn ask(address: SocketAddr, cookie: Option<&str>) -> (String, Option<String>) {
    let mut client = Client::connect(address);
    let field = cookie.map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
    client.send(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{field}Connection: close\r\n\r\n").as_bytes());
    let response = client.response();
    assert_eq!(response.status, 200, "{}", response.head);
    let set = response.header("set-cookie").map(|set| set.split(';').next().unwrap_or_default().to_owned());
    (response.text().into(), set)
}

#[test]
fn a_drained_server_keeps_its_clients_as_that_of_haproxy() {
    let dir = applications(&["a", "b"]);
    let socket = |name: &str| dir.join(name).display().to_string();
    let edge =
        edge(&format!("sticky_cookie = \"srv\"\nservers = [\"unix:{}\", \"unix:{}\"]\n", socket("a"), socket("b")));
    let port = free_port();
    let lines = format!(
        " cookie srv insert indirect\n server a unix@{} cookie one\n server b unix@{} cookie two\n",
        socket("a"),
        socket("b")
    );
    let haproxy = haproxy(&dir, port, &lines);
    let drain_edge = || {
        let output = edge.fosse(&["drain", &format!("app/unix:{}", socket("a"))]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        wait_for("the drained server", || edge.status_page("/servers.txt").contains(" drained ").then_some(()));
    };
    let drain_haproxy = || {
        let mut admin = std::os::unix::net::UnixStream::connect(dir.join("admin.sock")).unwrap();
        admin.write_all(b"set server app/a state drain\n").unwrap();
        let mut said = String::new();
        admin.read_to_string(&mut said).unwrap();
        assert_eq!(said.trim(), "");
    };
    let both: [(SocketAddr, &dyn Fn()); 2] =
        [(edge.address(), &drain_edge), (([127, 0, 0, 1], port).into(), &drain_haproxy)];
    for (address, drain) in both.into_iter().take(1 + usize::from(haproxy.is_some())) {
        let found = std::iter::repeat_with(|| ask(address, None)).find(|(name, _)| name == "a");
        let cookie = found.unwrap().1.expect("a cookie");
        drain();
        for _ in 0..4 {
            assert_eq!(ask(address, None).0, "b", "{address}: a new client");
            assert_eq!(ask(address, Some(&cookie)), ("a".into(), None), "{address}: one that belongs to it");
        }
    }
}

/// The way in which the first of all requests is failed; the others are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fails {
    With(u16),
    Closes,
    Hangs,
}

/// Two servers, the first request to which fails, whichever gets it.
struct Pair {
    dir: Dir,
    reached: Arc<Mutex<Vec<&'static str>>>,
    over: Arc<AtomicBool>,
}

impl Pair {
    fn start(fails: Fails) -> Self {
        let (dir, reached, over) = (Dir::new(), Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        for name in ["a", "b"] {
            let (reached, over) = (Arc::clone(&reached), Arc::clone(&over));
            sockets::listen(&dir.join(name), move |mut stream| {
                let Some(()) = read_request(&mut stream) else { return };
                let first = {
                    let mut reached = reached.lock().unwrap();
                    reached.push(name);
                    reached.len() == 1
                };
                let status = match fails {
                    Fails::With(status) if first => status,
                    Fails::Closes if first => return,
                    Fails::Hangs if first => {
                        return wait_for("the end of the test", || over.load(Ordering::Relaxed).then_some(()));
                    }
                    _ => 200,
                };
                let _ = write!(stream, "HTTP/1.1 {status} x\r\nContent-Length: 1\r\nConnection: close\r\n\r\n{name}");
            });
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
            fs::set_permissions(dir.join(name), mode).unwrap();
        }
        Self { dir, reached, over }
    }

    fn socket(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// Sends the request that fails first. Returns the status that its client gets, and how many
    /// servers it has reached, none of them twice.
    fn ask(&self, address: SocketAddr, method: &str) -> (u16, usize) {
        let mut client = Client::connect(address);
        let body = if method == "POST" { "Content-Length: 2\r\n\r\nhi" } else { "\r\n" };
        client.send(format!("{method} / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{body}").as_bytes());
        let status = client.response().status;
        let reached = self.reached.lock().unwrap();
        assert!(reached.len() < 2 || reached[0] != reached[1], "{reached:?}");
        (status, reached.len())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn read_request(stream: &mut impl std::io::Read) -> Option<()> {
    let (mut head, mut byte) = (Vec::new(), [0; 1]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    if head.starts_with(b"POST") {
        stream.read_exact(&mut [0; 2]).ok()?;
    }
    Some(())
}

/// What fails, of which method, whether a second server may get that, and what comes of it: status,
/// servers reached.
const RETRIED: &[(Fails, &str, bool, (u16, usize))] = &[
    (Fails::With(503), "GET", false, (200, 2)),
    (Fails::With(503), "PUT", false, (200, 2)),
    (Fails::With(500), "GET", false, (500, 1)),
    (Fails::With(503), "POST", false, (503, 1)),
    (Fails::With(503), "POST", true, (200, 2)),
    (Fails::Closes, "GET", false, (200, 2)),
    (Fails::Closes, "POST", false, (502, 1)),
    (Fails::Closes, "POST", true, (200, 2)),
    (Fails::Hangs, "GET", false, (200, 2)),
    (Fails::Hangs, "POST", false, (504, 1)),
];

/// The seconds for the first byte: few where they are to be over.
const fn seconds(fails: Fails) -> u32 {
    if matches!(fails, Fails::Hangs) { 1 } else { 600 }
}

#[test]
fn what_reaches_a_second_server_is_what_does_with_nginx_and_haproxy() {
    for (fails, method, any, expected) in RETRIED {
        let time = seconds(*fails);
        let pair = Pair::start(*fails);
        let methods = if *any { "any" } else { "idempotent" };
        let edge = edge(&format!(
            "servers = [\"unix:{}\", \"unix:{}\"]\nfirst_byte_seconds = {time}\n[backend.retry]\n\
             on = [\"connect\", \"reset\", \"timeout\"]\nstatus = [503]\nmethods = \"{methods}\"\n",
            pair.socket("a"),
            pair.socket("b")
        ));
        assert_eq!(pair.ask(edge.address(), method), *expected, "fosse: {fails:?} {method} {methods}");

        let (pair, port) = (Pair::start(*fails), free_port());
        let servers = format!("server unix:{};\nserver unix:{};\n", pair.socket("a"), pair.socket("b"));
        let non_idempotent = if *any { "non_idempotent" } else { "" };
        let terms = format!(
            "proxy_next_upstream error timeout http_503 {non_idempotent}; proxy_next_upstream_tries 2; \
             proxy_read_timeout {time}s;"
        );
        if let Some(_nginx) = nginx_with(&pair.dir, port, &servers, &terms) {
            let came = pair.ask(([127, 0, 0, 1], port).into(), method);
            assert_eq!(came, *expected, "nginx: {fails:?} {method} {methods}");
        }

        let (pair, port) = (Pair::start(*fails), free_port());
        let never = if *any { "" } else { " http-request disable-l7-retry if METH_POST\n" };
        let lines = format!(
            " retry-on conn-failure empty-response response-timeout 503\n retries 1\n option redispatch 1\n\
             {never} timeout server {time}s\n server a unix@{}\n server b unix@{}\n",
            pair.socket("a"),
            pair.socket("b")
        );
        if let Some(_haproxy) = haproxy(&pair.dir, port, &lines) {
            let came = pair.ask(([127, 0, 0, 1], port).into(), method);
            assert_eq!(came, *expected, "HAProxy: {fails:?} {method} {methods}");
        }
    }
}

#[test]
fn connections_come_from_the_address_from_which_those_of_nginx_come() {
    let dir = Dir::new();
    fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let server = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let from = stream.peer_addr().unwrap().ip().to_string();
            let _ = stream.read(&mut [0; 4096]);
            let length = from.len();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{from}");
        }
    });
    let edge_from = |source: &str| edge(&format!("servers = [\"{server}\"]\nsource_address = [\"{source}\"]\n"));
    let nginx_from = |source: &str| {
        let port = free_port();
        let lines = format!("proxy_bind {source};");
        Some((nginx_with(&dir, port, &format!("server {server};"), &lines)?, SocketAddr::from(([127, 0, 0, 1], port))))
    };
    // The second one is no machine's (RFC 5737).
    for (source, expected) in [("127.0.0.2", "127.0.0.2"), ("203.0.113.77", "502")] {
        assert_eq!(order(edge_from(source).address(), 1), expected);
        let Some((_nginx, address)) = nginx_from(source) else { continue };
        let of_nginx = order(address, 1);
        // nginx does not try another address: the server is out, with 500 for a bind(2) that fails.
        assert_eq!(of_nginx, if expected == "502" { "500" } else { expected }, "nginx");
    }
}
