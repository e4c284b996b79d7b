//! A running edge.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process};

use crate::{Client, Dir, Process, process, programs, wait_for};

/// Tests run as root: only then does every program have its own UID.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A port nobody listens on now, below the range the kernel takes ports for connections from, and different for every
/// call of every test process (as far as their numbers reach).
///
/// # Panics
/// Where no port is free.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + u16::try_from(std::process::id() % 400).unwrap() * 50;
    wait_for("a free port", || {
        let port = first.checked_add(NEXT.fetch_add(1, Ordering::Relaxed) % 2000)?;
        TcpListener::bind(("127.0.0.1", port)).ok().map(|_| port)
    })
}

/// Runs `fosse` with these words and waits for its end.
///
/// # Panics
/// Where it cannot be run.
#[must_use]
pub fn fosse(words: &[&str]) -> Output {
    Command::new(programs().join("fosse")).args(words).stdin(Stdio::null()).output().unwrap()
}

/// A running edge. Dropped, it is killed with everything below it.
#[derive(Debug)]
pub struct Edge {
    child: Child,
    address: SocketAddr,
    dir: Dir,
}

impl Edge {
    /// `fosse up` on a free loopback port in front of `backend` (`unix:PATH` or `IP:PORT`), with more `flags`. Returns when it is
    /// ready.
    ///
    /// # Panics
    /// Where it does not become ready; the log is shown.
    #[must_use]
    pub fn up(backend: &str, flags: &[&str]) -> Self {
        let (dir, address) = (Dir::new(), SocketAddr::from(([127, 0, 0, 1], free_port())));
        let words = site(&dir, address, backend, flags);
        Self::begin(dir, address, &words, None)
    }

    /// As [`Edge::up`], by an ordinary user of that UID: a test that runs as root becomes it before it executes `fosse`.
    ///
    /// # Panics
    /// As [`Edge::up`].
    #[must_use]
    pub fn up_as(uid: u32, backend: &str, flags: &[&str]) -> Self {
        let (dir, address) = (Dir::new(), SocketAddr::from(([127, 0, 0, 1], free_port())));
        std::os::unix::fs::chown(dir.path(), Some(uid), Some(uid)).unwrap();
        let words = site(&dir, address, backend, flags);
        Self::begin(dir, address, &words, Some(uid))
    }

    /// `fosse up --config` with this configuration, in which `{address}` stands for a free loopback address and `{dir}` for the edge's
    /// directory. A `status_socket` line is put before it. Log files go to the same directory.
    ///
    /// # Panics
    /// As [`Edge::up`].
    #[must_use]
    pub fn with_config(configuration: &str, flags: &[&str]) -> Self {
        let (dir, address) = (Dir::new(), SocketAddr::from(([127, 0, 0, 1], free_port())));
        let path = dir.path().to_string_lossy().into_owned();
        let mut words = vec!["--config".to_owned(), format!("{path}/fosse.toml"), "--log-dir".to_owned(), path];
        words.extend(flags.iter().map(|flag| (*flag).to_owned()));
        write_configuration(&dir, address, configuration);
        Self::begin(dir, address, &words, None)
    }

    fn begin(dir: Dir, address: SocketAddr, words: &[String], uid: Option<u32>) -> Self {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        fcntl_setfd(&write, FdFlags::empty()).unwrap();
        let log = File::create(dir.join("log")).unwrap();
        let mut command = Command::new(programs().join("fosse"));
        if let Some(uid) = uid {
            command.uid(uid).gid(uid);
        }
        let child = command
            .arg("up")
            .args(words)
            .args(["--ready-fd", &write.as_raw_fd().to_string()])
            .env("FOSSE_PROGRAMS", programs())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        fcntl_setfd(&write, FdFlags::CLOEXEC).unwrap();
        drop(write);
        let mut edge = Self { child, address, dir };
        wait_for("the edge", || edge.is_ready(&read).then_some(()));
        edge
    }

    /// Whether the newline has come. The end of the process is the end of the test.
    fn is_ready(&mut self, ready: &std::os::fd::OwnedFd) -> bool {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("the edge ended ({status}): {}", self.log());
        }
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let waits = poll(&mut [PollFd::new(ready, PollFlags::IN)], Some(&now)).unwrap() > 0;
        let mut byte = [0];
        waits && rustix::io::read(ready, &mut byte[..]).unwrap() == 1 && byte == *b"\n"
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its directory: configuration, log, status socket, and whatever a test puts there.
    #[must_use]
    pub const fn dir(&self) -> &Dir {
        &self.dir
    }

    /// The process id of its fosse-start.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Waits until its log holds `text`.
    ///
    /// # Panics
    /// Where it never does.
    pub fn wait_for_log(&self, text: &str) {
        wait_for(&format!("'{text}' in the log:\n{}", self.log()), || self.log().contains(text).then_some(()));
    }

    /// Its status socket.
    #[must_use]
    pub fn status_socket(&self) -> PathBuf {
        self.dir.join("status.sock")
    }

    /// Runs a command of `fosse` that takes `--status-socket`, for this edge.
    #[must_use]
    pub fn fosse(&self, words: &[&str]) -> Output {
        let socket = self.status_socket();
        let mut all = words.to_vec();
        let socket = socket.to_string_lossy();
        all.extend(["--status-socket", &socket]);
        fosse(&all)
    }

    /// A page of fosse-status: `/metrics`, `/status.json`, `/status.txt`, `/servers.txt`. One that dies while it answers is
    /// asked again.
    ///
    /// # Panics
    /// Where it is not served for [`crate::WAIT_MAX`].
    #[must_use]
    pub fn status_page(&self, target: &str) -> String {
        wait_for(target, || {
            let mut client = Client::connect_unix(&self.status_socket());
            client.try_send(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
            let response = client.try_response(false)?;
            (response.status == 200 && response.complete).then(|| response.text().into_owned())
        })
    }

    /// The sum of one counter of one program over all its processes, the dead included: `counter("parse", "requests")`.
    #[must_use]
    pub fn counter(&self, program: &str, name: &str) -> u64 {
        let text = self.status_page("/status.txt");
        let lines = text.lines().filter(|line| line.split(' ').next() == Some(program));
        let words = lines.flat_map(|line| line.split(' ').filter_map(|word| word.split_once('=')));
        words.filter(|(key, _)| *key == name).map(|(_, value)| value.parse::<u64>().unwrap()).fold(0, u64::wrapping_add)
    }

    /// Its processes, as start has told fosse-status.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        process::of_status(&self.status_page("/status.txt"))
    }

    /// One process of a program; of the newest lane where there are several.
    ///
    /// # Panics
    /// Where there is none for [`crate::WAIT_MAX`].
    #[must_use]
    pub fn process(&self, program: &str) -> Process {
        wait_for(program, || {
            self.processes().into_iter().filter(|process| process.program == program).max_by_key(|process| process.lane)
        })
    }

    /// Sends a signal to fosse-start.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        let _ = kill_process(pid, signal);
    }

    /// Replaces the configuration (for [`Edge::with_config`]), sends SIGHUP, and waits until the new one serves.
    ///
    /// # Panics
    /// Where it never does.
    pub fn reload(&self, configuration: &str) {
        let before = self.log().matches("event=serving").count();
        write_configuration(&self.dir, self.address, configuration);
        self.signal(Signal::HUP);
        wait_for("the new configuration", || (self.log().matches("event=serving").count() > before).then_some(()));
    }

    /// SIGTERM, then waits for the end: the exit code of fosse-start.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        wait_for("the end of the edge", || self.child.try_wait().unwrap()).code()
    }
}

fn site(dir: &Dir, address: SocketAddr, backend: &str, flags: &[&str]) -> Vec<String> {
    let (address, status) = (address.to_string(), dir.join("status.sock"));
    let words = ["--listen", &address, "--backend", backend, "--status-socket", &status.to_string_lossy()];
    words.iter().chain(flags).map(|word| (*word).to_owned()).collect()
}

fn write_configuration(dir: &Dir, address: SocketAddr, configuration: &str) {
    let path = dir.path().to_string_lossy().into_owned();
    let text = configuration.replace("{address}", &address.to_string()).replace("{dir}", &path);
    fs::write(dir.join("fosse.toml"), format!("status_socket = \"{path}/status.sock\"\n{text}")).unwrap();
}

impl Drop for Edge {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            // Everything below start dies with it (PDEATHSIG).
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of the edge\n{}---", self.log());
        }
    }
}
