//! The choice between servers beside those of nginx and HAProxy: the same servers, weights and
//! requests, and the same outcome.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::SocketAddr,
    process::Command,
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
    let program = installed("nginx")?;
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};\n", dir.join(&format!("temp-{name}")).display()))
        .concat();
    let configuration = format!(
        "daemon off;\npid {}/nginx.pid;\nworker_processes 1;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}\
         upstream app {{\n{lines}\n}}\nserver {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://app; }} }} }}\n",
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
