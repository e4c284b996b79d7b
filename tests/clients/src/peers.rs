//! nginx and HAProxy in front of an application, in TLS and HTTP/2, as their packages are.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use fosse_applications::{Server, installed, output};
use fosse_harness::{Dir, Edge, free_port};

use rustix::process::{Resource, Rlimit};

use crate::{http2::connection::Target, sockets};

/// The name in the certificate, which every machine resolves to itself.
pub const HOST: &str = "localhost";

/// A server in front of an application that responds to everything.
#[derive(Debug)]
pub struct Peer {
    /// Its name.
    pub name: &'static str,
    /// Its port.
    pub port: u16,
    running: Running,
}

#[derive(Debug)]
enum Running {
    Server(Server, #[expect(dead_code, reason = "it goes when the server has gone")] Dir),
    Edge(Box<Edge>),
}

impl Peer {
    /// Starts nginx in front of the application on a socket; `None` where it is not installed.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn nginx(app: &Path) -> Option<Self> {
        let (program, app) = (installed("nginx")?, app.display());
        Some(Self::start("nginx", |dir, port| {
            let temporary = temporary(dir);
            let text = format!(
                "daemon off; user root; pid {dir}/nginx.pid; worker_processes 1; worker_rlimit_nofile 20000;\n\
                 events {{ worker_connections 18000; }}\n\
                 http {{ access_log off; {temporary} proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
                 upstream app {{ server unix:{app}; keepalive 256; }}\n\
                 server {{ listen 127.0.0.1:{port} ssl http2 backlog=4096; server_name {HOST};\n\
                 ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate cert.pem; ssl_certificate_key key.pem;\n\
                 location / {{ proxy_pass http://app; }} }} }}\n"
            );
            fs::write(format!("{dir}/nginx.conf"), text).unwrap();
            let mut command = Command::new(&program);
            command.args(["-e", "stderr", "-p", dir, "-c", "nginx.conf"]);
            command
        }))
    }

    /// Starts HAProxy in front of the application on a socket; `None` where it is not installed.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn haproxy(app: &Path) -> Option<Self> {
        let (program, app) = (installed("haproxy")?, app.display());
        Some(Self::start("HAProxy", |dir, port| {
            let text = format!(
                "global\n nbthread 1\n no strict-limits\n maxconn 12000\ndefaults\n mode http\n timeout client 60s\n timeout server 60s\n timeout connect 5s\n\
                 frontend f\n bind 127.0.0.1:{port} ssl crt both.pem alpn h2,http/1.1\n default_backend b\n\
                 backend b\n server s unix@{app}\n"
            );
            fs::write(format!("{dir}/haproxy.cfg"), text).unwrap();
            let mut command = Command::new(&program);
            command.args(["-db", "-f", "haproxy.cfg"]);
            command
        }))
    }

    /// Starts fosse in front of the application on a socket.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn fosse(app: &Path) -> Self {
        Self::fosse_with(app, "")
    }

    /// Does the same with another table of its configuration.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn fosse_with(app: &Path, table: &str) -> Self {
        raise_descriptors();
        let dir = Dir::new();
        certificate(dir.path());
        let app = app.display();
        let text = format!(
            "lanes = 1\n{table}\n[[listen]]\naddress = \"{{address}}\"\ntls = true\naddress_connections_max = 20000\n\
             [[certificate]]\nfile = \"{{dir}}/cert.pem\"\nkey = \"{{dir}}/key.pem\"\n\
             [[site]]\nhosts = [\"{HOST}\"]\nbackend = \"app\"\nwaf = \"off\"\n\
             [[backend]]\nname = \"app\"\nservers = [\"unix:{app}\"]\n"
        );
        let edge = Edge::in_directory(dir, &text, &[]);
        Self { name: "fosse", port: edge.address().port(), running: Running::Edge(Box::new(edge)) }
    }

    /// Returns the edge that it is, where it is fosse.
    #[must_use]
    pub fn edge(&self) -> Option<&Edge> {
        match &self.running {
            Running::Server(..) => None,
            Running::Edge(edge) => Some(edge),
        }
    }

    /// Returns what fosse has said that must never be; nothing of others.
    #[must_use]
    pub fn alarms(&self) -> Vec<String> {
        match &self.running {
            Running::Server(..) => Vec::new(),
            Running::Edge(edge) => edge.alarms(),
        }
    }

    fn start(name: &'static str, command: impl Fn(&str, u16) -> Command) -> Self {
        raise_descriptors();
        let (dir, port) = (Dir::new(), free_port());
        certificate(dir.path());
        let mut command = command(&dir.path().display().to_string(), port);
        let server = Server::start(&mut command, &dir).on_port(port);
        Self { name, port, running: Running::Server(server, dir) }
    }

    /// Starts all that are installed.
    #[must_use]
    pub fn all(app: &Path) -> Vec<Self> {
        [Self::nginx(app), Self::haproxy(app)].into_iter().flatten().collect()
    }

    /// Returns where it speaks HTTP/2.
    #[must_use]
    pub fn target(&self) -> Target {
        Target { address: ([127, 0, 0, 1], self.port).into(), host: HOST.into(), has_tls: true, from: sockets::COMMON }
    }

    /// Returns its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        match &self.running {
            Running::Server(server, _) => server.pid(),
            Running::Edge(edge) => edge.pid(),
        }
    }
}

fn temporary(dir: &str) -> String {
    let of = |name| format!("{name}_temp_path {dir}/temp-{name};\n");
    ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(of).concat()
}

/// An application that is never what limits a server: nginx with pages in memory. `/` has some
/// text, `/bytes/1000000` so many bytes.
#[derive(Debug)]
pub struct Pages {
    _server: Server,
    dir: Dir,
}

impl Pages {
    /// Starts it; `None` where nginx is not installed.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let (program, dir) = (installed("nginx")?, Dir::new());
        raise_descriptors();
        let path = dir.path().display().to_string();
        let (temporary, text) = (temporary(&path), "some text ".repeat(100));
        fs::create_dir(dir.join("bytes")).unwrap();
        fs::write(dir.join("bytes/1000000"), vec![b'x'; 1_000_000]).unwrap();
        let conf = format!(
            "daemon off; user root; pid {path}/app.pid; worker_processes 1; worker_rlimit_nofile 20000;\n\
             events {{ worker_connections 18000; }}\n\
             http {{ access_log off; {temporary} keepalive_requests 1000000000; root {path};\n\
             server {{ listen unix:{path}/app.sock backlog=4096; location = / {{ return 200 \"{text}\"; }} }} }}\n"
        );
        fs::write(dir.join("app.conf"), conf).unwrap();
        let mut command = Command::new(program);
        command.args(["-e", "stderr", "-p", &path, "-c", "app.conf"]);
        let server = Server::start(&mut command, &dir).on_socket(&dir.join("app.sock"));
        Some(Self { _server: server, dir })
    }

    /// Returns the path of its socket.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.join("app.sock")
    }
}

/// Raises the limit of descriptors as far as it goes, for us and for all that we start: 10,000
/// connections take that many at each end.
///
/// # Panics
/// Where the kernel does not let us.
pub fn raise_descriptors() {
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// Makes cert.pem, key.pem and both of them in both.pem, for [`HOST`].
///
/// # Panics
/// Where openssl(1) does not.
pub fn certificate(dir: &Path) {
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -keyout key.pem -out cert.pem";
    let mut command = Command::new("openssl");
    command.current_dir(dir).args(words.split_whitespace());
    let _ = output(command.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]));
    let both = ["cert.pem", "key.pem"].map(|name| fs::read_to_string(dir.join(name)).unwrap());
    fs::write(dir.join("both.pem"), both.concat()).unwrap();
}
