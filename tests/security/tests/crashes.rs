//! A program that crashes over the bytes of a client is blamed on this client, wherever it was.

use std::{
    fs,
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::TcpStream,
    os::unix::net::{UnixListener, UnixStream},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use fosse_harness::{Dir, Edge, Process, WAIT_MAX, is_alive, is_root, sockets, wait_for};
use rustix::process::Signal;

/// An application of which the test is every part: it responds when it is told to.
struct Application {
    listener: UnixListener,
    dir: Dir,
}

impl Application {
    fn new() -> Self {
        let dir = Dir::new();
        let listener = UnixListener::bind(dir.join("app.sock")).unwrap();
        fs::set_permissions(dir.join("app.sock"), std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        Self { listener, dir }
    }

    /// Waits for a request.
    fn request(&self) -> UnixStream {
        let (mut stream, _) = self.listener.accept().unwrap();
        let (mut head, mut piece) = (Vec::new(), [0; 4096]);
        while !head.windows(4).any(|four| four == b"\r\n\r\n") {
            let count = stream.read(&mut piece).unwrap();
            assert_ne!(count, 0, "the request ends in its head");
            head.extend_from_slice(&piece[..count]);
        }
        stream
    }

    /// Returns whether another connection has come.
    fn has_another(&self) -> bool {
        self.listener.set_nonblocking(true).unwrap();
        let another = self.listener.accept();
        self.listener.set_nonblocking(false).unwrap();
        another.is_ok()
    }
}

fn respond(stream: &mut UnixStream) {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").unwrap();
}

/// gdb(1) at a process.
struct Debugger {
    gdb: Child,
    commands: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Debugger {
    /// Attaches one; `None` where there is none here.
    fn attach(to: &Process) -> Option<Self> {
        let mut command = Command::new("gdb");
        command.args(["--nx", "--quiet", "-iex", "set auto-solib-add off", "-iex", "set debuginfod enabled off"]);
        command.args(["-ex", "set pagination off", "-ex", "set confirm off", "-p", &to.pid.to_string()]);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut gdb) = spawned else {
            println!("skipped: gdb is not installed");
            return None;
        };
        let (commands, output) = (gdb.stdin.take().unwrap(), BufReader::new(gdb.stdout.take().unwrap()));
        Some(Self { gdb, commands, output })
    }

    fn command(&mut self, words: &str) {
        writeln!(self.commands, "{words}").unwrap();
    }

    /// Reads to the line that has this text, and returns it.
    fn line_with(&mut self, text: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "gdb ends without '{text}': {all}");
            if line.contains(text) {
                return line;
            }
            all.push_str(&line);
        }
    }

    /// Lets the process run until the watched word has changed, and returns its value.
    fn next_value(&mut self) -> u64 {
        self.command("continue");
        let line = self.line_with("New value = ");
        line.trim().rsplit(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{line}"))
    }
}

impl Drop for Debugger {
    fn drop(&mut self) {
        let _ = self.gdb.kill();
        let _ = self.gdb.wait();
    }
}

/// The address of the word of a process's page that says which connection it works on.
fn address_of_word(process: &Process) -> u64 {
    let maps = fs::read_to_string(format!("/proc/{}/maps", process.pid)).unwrap();
    let line = maps.lines().find(|line| line.contains(" rw-s ") && line.contains("memfd:")).expect("a page");
    let begin = u64::from_str_radix(line.split('-').next().unwrap(), 16).unwrap();
    begin + u64::try_from(fosse_counters::STREAM_CONNECTION * 8).unwrap()
}

/// Asks from 127.0.0.`last`: what comes back, nothing where the connection is refused.
fn ask_from(last: u8, edge: &Edge) -> TcpStream {
    sockets::connect_from(last, edge.address(), WAIT_MAX).unwrap()
}

/// Lets parse crash where it begins a request of 127.0.0.9 that came with the one before; `None`
/// without a debugger.
fn crash_at_pipelined_request(application: &Application, edge: &Edge) -> Option<()> {
    let mut client = ask_from(9, edge);
    client.write_all("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n".repeat(2).as_bytes()).unwrap();
    let mut request = application.request();
    let (parse, start) = (edge.process("parse"), edge.start());
    // Whoever is debugged stands still for longer than start lets a program do.
    start.signal(Signal::STOP);
    let Some(mut gdb) = Debugger::attach(&parse) else {
        start.signal(Signal::CONT);
        return None;
    };
    gdb.command(&format!("watch *(unsigned long long *) {:#x}", address_of_word(&parse)));
    gdb.line_with("atchpoint 1: ");
    respond(&mut request);
    // The response is worked on, then nothing, then the request that came with the first one.
    let (response, between, next) = (gdb.next_value(), gdb.next_value(), gdb.next_value());
    assert!(response != 0 && between == 0 && next == response, "{response} {between} {next}");
    assert!(!application.has_another(), "that was after the request had gone on");
    gdb.command("delete");
    gdb.command("signal SIGABRT");
    wait_for("the crash", || (!is_alive(parse.pid)).then_some(()));
    drop(gdb);
    start.signal(Signal::CONT);
    wait_for("a new lane", || (edge.process("parse").pid != parse.pid).then_some(()));
    let ended = client.read_to_end(&mut Vec::new());
    assert!(ended.is_ok() || ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    Some(())
}

#[test]
fn a_crash_over_a_pipelined_request_is_blamed_on_its_sender() {
    if !is_root() {
        return println!("skipped: needs root to debug a process of another user");
    }
    let application = Application::new();
    let edge = Edge::with_config(
        &format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nwaf = \"off\"\nbackend = \"app\"\n\
             [[backend]]\nname = \"app\"\nservers = [\"unix:{}\"]\n",
            application.dir.join("app.sock").display()
        ),
        &[],
    );
    for _ in 0..2 {
        if crash_at_pipelined_request(&application, &edge).is_none() {
            return;
        }
    }
    edge.wait_for_log("event=penalised client=127.0.0.9 ");
    assert!(ask_from(9, &edge).read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    let mut other = ask_from(10, &edge);
    other.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").unwrap();
    respond(&mut application.request());
    let mut response = String::new();
    other.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
}
