//! `fosse status --watch` on a terminal: keys, and modes that are given back at every end.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use fosse_harness::{Backend, Edge, programs, request, wait_for};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// `fosse status --watch` on a terminal of its own.
struct Watch {
    child: Child,
    terminal: File,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Watch {
    fn start(edge: &Edge) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        tcsetwinsize(&terminal, Winsize { ws_row: 60, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let end = || rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let stdio = |fd: OwnedFd| Stdio::from(fd);
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(programs().join("fosse")).args(["status", "--watch", "--status-socket"]);
        command.arg(edge.status_socket()).stdin(stdio(end())).stdout(stdio(end())).stderr(stdio(end()));
        let (child, screen) = (command.spawn().unwrap(), Arc::default());
        let terminal = File::from(terminal);
        let (mut output, written) = (terminal.try_clone().unwrap(), Arc::<Mutex<Vec<u8>>>::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                written.lock().unwrap().extend_from_slice(&bytes[..length]);
            }
        });
        Self { child, terminal, screen }
    }

    /// Returns what stands on the screen.
    fn screen(&self) -> String {
        let bytes = self.screen.lock().unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.rsplit("\x1b[H\x1b[2J").next().unwrap_or_default().replace('\r', "")
    }

    /// Waits until the last whole screen has this site first.
    fn wait_for_first(&self, site: &str) {
        wait_for(&format!("{site} first"), || {
            let screen = self.screen();
            let first = screen.lines().skip_while(|line| !line.starts_with("SITE")).nth(1)?;
            (first.starts_with(site) && screen.ends_with("q quits")).then_some(())
        });
    }

    fn press(&mut self, keys: &[u8]) {
        self.terminal.write_all(keys).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Returns whether the terminal reads lines and shows what is typed, as a shell expects it.
    fn is_restored(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    fn end(&mut self) -> ExitStatus {
        wait_for("its end", || self.child.try_wait().unwrap())
    }
}

/// An edge of two sites: one with a request, one that had two which it knew nothing of.
fn edge(backend: &Backend) -> Edge {
    let site = |name| format!("[[site]]\nhosts = [\"{name}\"]\nbackend = \"app\"\n");
    let text = format!(
        "lanes = 1\nuid_base = {{uid_base}}\n[[listen]]\naddress = \"{{address}}\"\n{}[[backend]]\nname = \"app\"\n\
         servers = [\"{}\"]\n",
        ["a.example", "b.example"].map(site).concat(),
        backend.address()
    );
    let edge = Edge::with_config(&text, &[]);
    for (host, path) in [("a.example", "/status/404"), ("b.example", "/"), ("b.example", "/")] {
        let _ = request(edge.address(), format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    }
    edge
}

#[test]
fn keys_change_the_order_and_q_quits() {
    let backend = Backend::start();
    let edge = edge(&backend);
    let mut watch = Watch::start(&edge);
    watch.wait_for_first("b.example");
    assert!(!watch.is_restored());
    for (key, first) in [(b"4", "a.example"), (b"r", "b.example"), (b"n", "a.example")] {
        watch.press(key);
        watch.wait_for_first(first);
    }
    // What means nothing changes nothing: arrows, letters of another meaning elsewhere.
    watch.press(b"\x1b[A");
    watch.press(b"xQ");
    assert!(watch.screen().lines().all(|line| line.len() <= 80), "{}", watch.screen());
    watch.press(b"a");
    wait_for("every lane", || watch.screen().contains("\n  LANE STATE ").then_some(()));
    watch.press(b"q");
    assert_eq!(watch.end().code(), Some(0));
    assert!(watch.is_restored());
}

#[test]
fn a_terminal_is_given_back_while_it_is_stopped_and_whatever_ends_it() {
    let backend = Backend::start();
    let edge = edge(&backend);
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut watch = Watch::start(&edge);
        watch.wait_for_first("b.example");
        watch.signal(Signal::TSTP);
        let stat = format!("/proc/{}/stat", watch.child.id());
        wait_for("a stop", || std::fs::read_to_string(&stat).unwrap().contains(") T ").then_some(()));
        assert!(watch.is_restored());
        watch.signal(Signal::CONT);
        wait_for("keys again", || (!watch.is_restored()).then_some(()));
        watch.press(b"n");
        watch.wait_for_first("a.example");
        watch.signal(signal);
        assert_eq!(watch.end().code(), Some(status));
        assert!(watch.is_restored());
    }
}

#[test]
fn an_edge_that_ends_is_an_error_on_a_terminal_that_is_given_back() {
    let backend = Backend::start();
    let edge = edge(&backend);
    let mut watch = Watch::start(&edge);
    watch.wait_for_first("b.example");
    drop(edge);
    assert_eq!(watch.end().code(), Some(111));
    assert!(watch.is_restored());
    wait_for("the error", || watch.screen().contains("fosse: fatal: ").then_some(()));
}

#[test]
fn without_a_terminal_pages_are_plain_and_end_with_their_reader() {
    let backend = Backend::start();
    let edge = edge(&backend);
    for more in [&[][..], &["--json"]] {
        let mut command = Command::new(programs().join("fosse"));
        command.args(["status", "--watch", "--status-socket"]).arg(edge.status_socket()).args(more);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let mut bytes = vec![0; 1500];
        output.read_exact(&mut bytes).unwrap();
        assert!(!bytes.contains(&0x1b), "{}", String::from_utf8_lossy(&bytes));
        drop(output);
        let status = wait_for("its end", || child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0));
    }
}
