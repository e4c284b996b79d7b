//! The choice between servers beside that of nginx: the same servers, weights and requests, and the
//! same order.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::SocketAddr,
    process::Command,
};

use fosse_applications::{Server, installed};
use fosse_harness::{Client, Dir, Edge, free_port, sockets};

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
