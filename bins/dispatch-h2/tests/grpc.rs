//! gRPC through a whole edge over TLS: the client and the server of grpcio.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use fosse_harness::{Dir, Edge, free_port, is_root, wait_for};
use rustix::process::Signal;

/// Debian's Python, for which grpcio is installed (python3-grpcio).
const PYTHON: &str = "/usr/bin/python3";
const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/grpc");

/// A server of grpcio.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start() -> Self {
        Self::at(free_port())
    }

    fn at(port: u16) -> Self {
        let mut command = Command::new(PYTHON);
        command.arg(format!("{TESTS}/server.py")).arg(port.to_string());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "listening\n");
        Self { child, port }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An edge with TLS before a server, with more keys of its site.
struct Site {
    edge: Edge,
    dir: Dir,
}

impl Site {
    fn new(port: u16, backend: &str, site: &str) -> Self {
        let dir = Dir::new();
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"])
            .args(["-subj", "/CN=a", "-addext", "subjectAltName=DNS:a.example", "-keyout", "key", "-out", "pem"])
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert!(made.status.success());
        let place = dir.path().display();
        let configuration = format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\ntls = true\n\
             [[certificate]]\nfile = \"{place}/pem\"\nkey = \"{place}/key\"\n\
             [[backend]]\nname = \"app\"\nservers = [\"127.0.0.1:{port}\"]\nprotocol = \"grpc\"\n{backend}\n\
             [[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\n{site}\n"
        );
        Self { edge: Edge::with_config(&configuration, &[]), dir }
    }

    /// Runs a case of the client. Panics where that says that something is not as it should be.
    fn client(&self, case: &str) {
        let mut command = Command::new(PYTHON);
        command.arg(format!("{TESTS}/client.py")).arg(self.edge.address().port().to_string());
        let output = command.arg(self.dir.join("pem")).arg(case).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{case}: {said}\n{}", self.edge.log());
    }
}

/// Returns whether there is a reason to skip a test, which is said.
fn skipped() -> bool {
    let has_grpc = Path::new("/usr/lib/python3/dist-packages/grpc").exists();
    let skipped = !is_root() || !has_grpc || fs::metadata(PYTHON).is_err();
    if skipped {
        println!("skipped: needs root and python3-grpcio");
    }
    skipped
}

#[test]
fn calls_of_all_four_kinds_their_metadata_and_their_errors_pass() {
    if skipped() {
        return;
    }
    let server = Server::start();
    let site = Site::new(server.port, "", "waf = \"off\"\nbody_bytes_max = 20000000");
    for case in ["unary", "many", "large", "streams", "both", "fail"] {
        site.client(case);
    }
    assert_eq!(site.edge.alarms(), [""; 0]);
}

#[test]
fn a_call_that_its_client_gives_up_ends_at_the_server() {
    if skipped() {
        return;
    }
    let server = Server::start();
    let server_port = server.port;
    let site = Site::new(server_port, "health = { failures_max = 100 }", "waf = \"off\"");
    site.client("deadline");
    drop(server);
    let server = Server::at(server_port);
    site.client("cancel");
    drop(server);
    assert_eq!(site.edge.alarms(), [""; 0]);
}

#[test]
fn a_site_with_the_usual_rules_lets_calls_pass() {
    if skipped() {
        return;
    }
    let server = Server::start();
    let site = Site::new(server.port, "", "");
    for case in ["unary", "streams", "both", "fail"] {
        site.client(case);
    }
}

#[test]
fn a_server_that_was_killed_is_unavailable_and_serves_when_it_is_back() {
    if skipped() {
        return;
    }
    let mut server = Server::start();
    let site = Site::new(server.port, "health = { failures_max = 100 }", "waf = \"off\"");
    site.client("unary");
    server.kill();
    site.client("code:UNAVAILABLE");
    let server = Server::at(server.port);
    site.client("unary");
    drop(server);
}

#[test]
fn a_program_that_is_killed_is_replaced_and_the_lane_goes_on() {
    if skipped() {
        return;
    }
    let server = Server::start();
    let site = Site::new(server.port, "", "waf = \"off\"");
    site.client("unary");
    let dispatch = site.edge.process("dispatch").pid;
    let mut killed = 0;
    for _ in 0..3 {
        // Another one each time.
        let program = wait_for("another", || Some(site.edge.process("dispatch-h2")).filter(|one| one.pid != killed));
        killed = program.pid;
        assert!(program.signal(Signal::KILL));
        site.client("unary");
    }
    assert_eq!(site.edge.process("dispatch").pid, dispatch, "the lane has died with it");
}

#[test]
fn our_own_failures_have_statuses_of_grpc() {
    if skipped() {
        return;
    }
    let server = Server::start();
    let site = Site::new(server.port, "first_byte_seconds = 1", "waf = \"off\"\nbody_bytes_max = 50");
    site.client("code:RESOURCE_EXHAUSTED");
    let site = Site::new(server.port, "first_byte_seconds = 1", "waf = \"off\"");
    site.client("code:DEADLINE_EXCEEDED:Slow");
    site.client("code:UNIMPLEMENTED:Nothing");
}
