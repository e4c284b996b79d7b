//! Real proxies in front: lists, limits and counts are about the clients behind them.

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::Command,
};

use fosse_applications::{Server, installed};
use fosse_harness::{Backend, Dir, Edge, WAIT_MAX, free_port, sockets, wait_for};

/// An edge that denies 127.0.0.66 and lets others have two requests at a time, and a place for a
/// proxy in front of it.
struct Stage {
    dir: Dir,
    edge: Edge,
    backend: Backend,
    port: u16,
}

impl Stage {
    fn new(listen: &str) -> Self {
        let (dir, backend) = (Dir::new(), Backend::start());
        fs::write(dir.join("deny.txt"), "127.0.0.66\n").unwrap();
        let configuration = format!(
            "lanes = 2\n[[listen]]\naddress = \"{{address}}\"\ntrusted = [\"127.0.0.1/32\"]\naddress_connections_max = 2\n\
             deny = [\"{}\"]\n{listen}\n[[site]]\ndefault = true\nwaf = \"off\"\nbackend = \"app\"\n\
             [[backend]]\nname = \"app\"\nabort_on_close = true\nservers = [\"{}\"]\n",
            dir.join("deny.txt").display(),
            backend.address()
        );
        let edge = Edge::with_config(&configuration, &["--dir", &dir.path().to_string_lossy()]);
        Self { dir, edge, backend, port: free_port() }
    }

    fn runs(&self, program: &str, file: &str, configuration: &str, flags: &[&str]) -> Option<Server> {
        let program = installed(program)?;
        fs::write(self.dir.join(file), configuration).unwrap();
        let path = self.dir.join(file).to_string_lossy().into_owned();
        Some(Server::start(Command::new(program).args(flags).arg(path), &self.dir).on_port(self.port))
    }

    /// Asks the proxy from 127.0.0.`last`.
    fn ask(&self, last: u8, target: &str) -> TcpStream {
        self.ask_with(last, target, "Accept: */*")
    }

    /// Asks with one more field.
    fn ask_with(&self, last: u8, target: &str, field: &str) -> TcpStream {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let mut stream = sockets::connect_from(last, address, WAIT_MAX).unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n{field}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn status(&self, last: u8) -> u16 {
        status(self.ask(last, "/"))
    }

    /// Each client is judged for itself; `denied` and `limited` are what those see who are refused.
    fn judges_clients(&self, denied: u16, limited: u16) {
        assert_eq!((self.status(66), self.status(5)), (denied, 200));
        let before = self.backend.requests();
        let held: Vec<TcpStream> = (0..2).map(|_| self.ask(5, "/sleep/600000/")).collect();
        wait_for("both requests", || (self.backend.requests() >= before + 2).then_some(()));
        let mut refusals = 0;
        wait_for("refusals by both lanes", || {
            refusals = if self.status(5) == limited { refusals + 1 } else { 0 };
            (refusals >= 4).then_some(())
        });
        assert_eq!((self.status(6), self.status(66)), (200, denied), "{}", self.edge.log());
        drop(held);
        wait_for("room", || (self.status(5) == 200).then_some(()));
    }
}

/// Reads to the end: the status, 0 where the connection is closed without one.
fn status(mut stream: TcpStream) -> u16 {
    let mut response = Vec::new();
    if let Err(error) = stream.read_to_end(&mut response) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "neither served nor refused");
    }
    String::from_utf8_lossy(&response).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

#[test]
fn haproxy_says_whose_connection_it_is() {
    for word in ["send-proxy", "send-proxy-v2"] {
        let stage = Stage::new("proxy_protocol = true");
        let configuration = format!(
            "defaults\n timeout connect 30s\n timeout client 700s\n timeout server 700s\n\
             listen front\n mode tcp\n bind 127.0.0.1:{}\n server edge {} {word}\n",
            stage.port,
            stage.edge.address()
        );
        let Some(_proxy) = stage.runs("haproxy", "haproxy.cfg", &configuration, &["-db", "-f"]) else { return };
        stage.judges_clients(0, 0);
    }
}

#[test]
fn nginx_says_whose_request_it_is_over_connections_that_it_keeps() {
    let stage = Stage::new("");
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};\n", stage.dir.join(name).display()))
        .concat();
    let configuration = format!(
        "daemon off;\npid {}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}\
         upstream edge {{ server {}; keepalive 8; }}\n\
         server {{ listen 127.0.0.1:{};\nlocation / {{ proxy_pass http://edge; proxy_http_version 1.1;\n\
         proxy_read_timeout 700s;\n\
         proxy_set_header Connection \"\"; proxy_set_header Host $host;\n\
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }} }}\n",
        stage.dir.path().display(),
        stage.edge.address(),
        stage.port
    );
    let Some(_proxy) = stage.runs("nginx", "nginx.conf", &configuration, &["-e", "stderr", "-c"]) else { return };
    stage.judges_clients(403, 429);
}

#[test]
fn haproxy_says_in_forwarded_whose_request_it_is() {
    let stage = Stage::new("trusted_fields = \"forwarded\"");
    let version = Command::new("haproxy").arg("-v").output().map_or(Vec::new(), |output| output.stdout);
    let version = String::from_utf8_lossy(&version).into_owned();
    // The option is there since 2.8; the rule writes the same line.
    let old = ["2.2", "2.4", "2.6"].iter().any(|old| version.contains(&format!("version {old}.")));
    let line = if old { "http-request add-header Forwarded proto=http;for=%[src]" } else { "option forwarded" };
    let configuration = format!(
        "defaults\n timeout connect 30s\n timeout client 700s\n timeout server 700s\n\
         listen front\n mode http\n bind 127.0.0.1:{}\n {line}\n server edge {}\n",
        stage.port,
        stage.edge.address()
    );
    let Some(_proxy) = stage.runs("haproxy", "haproxy.cfg", &configuration, &["-db", "-f"]) else { return };
    stage.judges_clients(403, 429);
    // What a client writes itself comes before what HAProxy adds, or passes HAProxy.
    for lie in ["Forwarded: for=127.0.0.9", "Forwarded: for=\"", "X-Forwarded-For: 127.0.0.9"] {
        assert_eq!(status(stage.ask_with(66, "/", lie)), 403, "{lie}");
    }
}
