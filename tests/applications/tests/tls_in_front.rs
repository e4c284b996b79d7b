//! TLS in front: the configurations of INSTALL, each run by the program it is for. The application
//! sees the client's own address, and https.

use std::process::Command;

use fosse_applications::{Server, curl, installed, output};
use fosse_harness::{Dir, Edge, free_port};

/// Responds with the headers it got.
const ECHO: &str = "
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Echo(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        body = str(self.headers).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Echo).serve_forever()
";

/// Returns the fenced block of INSTALL of that language that has this text.
fn block(language: &str, with: &str) -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../INSTALL.md")).unwrap();
    let begin = format!("```{language}\n");
    let blocks = page.split(&begin).skip(1).filter_map(|rest| rest.split_once("```"));
    blocks.map(|(text, _)| text.to_owned()).find(|text| text.contains(with)).expect(with)
}

/// A machine: an application, an edge as INSTALL has it behind TLS, and a certificate.
struct Stage {
    dir: Dir,
    edge: Edge,
    port: u16,
    _application: Server,
}

impl Stage {
    fn new() -> Self {
        let (dir, port) = (Dir::new(), free_port());
        let server = Server::start(Command::new("python3").args(["-c", ECHO, &port.to_string()]), &dir).on_port(port);
        let listen = block("toml", "trusted").replace("127.0.0.1:8080", "{address}");
        let rest = format!(
            "\n[[site]]\nhosts = [\"example.org\"]\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"127.0.0.1:{port}\"]\n"
        );
        let edge = Edge::with_config(&(listen + &rest), &[]);
        let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=example.org \
            -addext subjectAltName=DNS:example.org -keyout key.pem -out cert.pem";
        let _ = output(Command::new("openssl").current_dir(dir.path()).args(words.split_whitespace()));
        let both = ["cert.pem", "key.pem"].map(|name| std::fs::read_to_string(dir.join(name)).unwrap());
        std::fs::write(dir.join("both.pem"), both.concat()).unwrap();
        Self { dir, edge, port: free_port(), _application: server }
    }

    /// The block of a program, with the places of this machine.
    fn placed(&self, language: &str, places: &[(&str, String)]) -> String {
        let text = block(language, "127.0.0.1:8080").replace("127.0.0.1:8080", &self.edge.address().to_string());
        places.iter().fold(text, |text, (of_page, here)| {
            assert!(text.contains(of_page), "{language} has no {of_page}");
            text.replace(of_page, here)
        })
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_string_lossy().into_owned()
    }

    /// Asks over TLS from an address that no proxy has.
    fn asks(&self, command: &mut Command) {
        let _proxy = Server::start(command, &self.dir).on_port(self.port);
        let place = format!("example.org:{}", self.port);
        let (ca, resolve) = (self.path("cert.pem"), format!("{place}:127.0.0.1"));
        let seen = curl(&[
            "--cacert",
            &ca,
            "--resolve",
            &resolve,
            "--interface",
            "127.0.0.5",
            "-H",
            "X-Forwarded-For: 192.0.2.1",
            &format!("https://{place}/"),
        ]);
        let has = |field: &str| seen.lines().any(|line| line.trim_end().eq_ignore_ascii_case(field));
        assert!(has("X-Forwarded-Proto: https"), "{seen}");
        let address = seen.lines().find(|line| line.to_ascii_lowercase().starts_with("x-forwarded-for:")).unwrap();
        assert!(address.contains("127.0.0.5") && !address.contains("127.0.0.1"), "{seen}");
    }
}

#[test]
fn nginx_in_front() {
    let Some(nginx) = installed("nginx") else { return };
    let stage = Stage::new();
    let server = stage.placed(
        "nginx",
        &[
            ("443 ssl", format!("127.0.0.1:{} ssl", stage.port)),
            ("/etc/letsencrypt/live/example.org/fullchain.pem", stage.path("cert.pem")),
            ("/etc/letsencrypt/live/example.org/privkey.pem", stage.path("key.pem")),
        ],
    );
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};\n", stage.path(name)))
        .concat();
    let conf = format!(
        "daemon off;\npid {};\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{server}}}\n",
        stage.path("nginx.pid")
    );
    std::fs::write(stage.dir.join("nginx.conf"), conf).unwrap();
    stage.asks(Command::new(nginx).args(["-c", &stage.path("nginx.conf"), "-e", "stderr"]));
}

#[test]
fn caddy_in_front() {
    let Some(caddy) = installed("caddy") else { return };
    let stage = Stage::new();
    let tls =
        format!("https://example.org:{} {{\n    tls {} {}", stage.port, stage.path("cert.pem"), stage.path("key.pem"));
    let site = stage.placed("caddy", &[("example.org {", tls)]);
    std::fs::write(stage.dir.join("Caddyfile"), format!("{{\n    admin off\n    auto_https off\n}}\n{site}")).unwrap();
    let mut command = Command::new(caddy);
    command.args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"]).env("HOME", stage.dir.path());
    stage.asks(&mut command);
}

#[test]
fn haproxy_in_front() {
    let Some(haproxy) = installed("haproxy") else { return };
    let stage = Stage::new();
    let sections = stage.placed(
        "haproxy",
        &[
            ("bind :443", format!("bind 127.0.0.1:{}", stage.port)),
            ("/etc/haproxy/example.org.pem", stage.path("both.pem")),
        ],
    );
    std::fs::write(stage.dir.join("haproxy.cfg"), sections).unwrap();
    stage.asks(Command::new(haproxy).args(["-db", "-f", "haproxy.cfg"]));
}
