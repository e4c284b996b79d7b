//! A running edge.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::{Client, Dir, Process, free_port, is_alive, launch, process, programs, wait_for};

/// Lines of the log that are shown where a test fails.
const SHOWN_LINES: usize = 200;

/// Words of the log about what must never happen: sandbox violations, panics, broken conversations,
/// and sources that pay for a crash from outside.
const ALARMS: &[&str] = &[
    "sandbox violation",
    "panic",
    "broke the protocol",
    "SIGSYS",
    "SIGABRT",
    "signal=11",
    "must not send",
    "penalised",
];

/// Returns whether tests run as root: only then does every program have its own UID.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
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
    uid_base: u32,
    dir: Dir,
}

impl Edge {
    /// Runs `fosse up` on a free loopback port in front of `backend` (`unix:PATH` or `IP:PORT`, or
    /// the path of a directory of files), with more `flags`. Returns when it is ready.
    ///
    /// # Panics
    /// Where it does not become ready; the log is shown.
    #[must_use]
    pub fn up(backend: &str, flags: &[&str]) -> Self {
        let (dir, address) = (Dir::new(), free_address());
        let child = launch::up(&dir, address, backend, flags, None);
        Self { child, address, uid_base: uid_base(), dir }
    }

    /// Runs `fosse up` as an ordinary user of that UID: a test that runs as root becomes it before
    /// it executes `fosse`.
    ///
    /// # Panics
    /// As [`Edge::up`].
    #[must_use]
    pub fn up_as(uid: u32, backend: &str, flags: &[&str]) -> Self {
        let (dir, address) = (Dir::new(), free_address());
        std::os::unix::fs::chown(dir.path(), Some(uid), Some(uid)).unwrap();
        let child = launch::up(&dir, address, backend, flags, Some(uid));
        Self { child, address, uid_base: uid_base(), dir }
    }

    /// Runs `fosse up --config` with this configuration, in which `{address}` stands for a free
    /// loopback address, `{dir}` for the edge's directory and `{uid_base}` for a number no other
    /// edge has. A `status_socket` line is put before it. Log files go to the same directory.
    ///
    /// # Panics
    /// As [`Edge::up`].
    #[must_use]
    pub fn with_config(configuration: &str, flags: &[&str]) -> Self {
        let (dir, address, uid_base) = (Dir::new(), free_address(), uid_base());
        write_configuration(dir.path(), address, uid_base, configuration);
        let child = launch::up_with_config(&dir, flags);
        Self { child, address, uid_base, dir }
    }

    /// Does what [`Edge::with_config`] does in a directory that may hold files of the test, with
    /// more variables in the environment.
    ///
    /// # Panics
    /// As [`Edge::up`].
    #[must_use]
    pub fn in_directory(dir: Dir, configuration: &str, variables: &[(&str, &str)]) -> Self {
        let (address, uid_base) = (free_address(), uid_base());
        write_configuration(dir.path(), address, uid_base, configuration);
        let child = launch::up_with_variables(&dir, variables);
        Self { child, address, uid_base, dir }
    }

    /// Does what [`Edge::with_config`] does, as a shell does it for a command in the foreground of
    /// a terminal: the edge leads a process group, see [`Edge::signal_group`].
    ///
    /// # Panics
    /// As [`Edge::up`].
    #[must_use]
    pub fn in_foreground(configuration: &str, flags: &[&str]) -> Self {
        let (dir, address, uid_base) = (Dir::new(), free_address(), uid_base());
        write_configuration(dir.path(), address, uid_base, configuration);
        let child = launch::up_in_foreground(&dir, flags);
        Self { child, address, uid_base, dir }
    }

    /// Runs fosse-start itself as a supervisor does, with a configuration as for
    /// [`Edge::with_config`], in a directory that may hold files of the test.
    ///
    /// # Panics
    /// As [`Edge::up`], and where the test does not run as root.
    #[must_use]
    pub fn supervised(dir: Dir, configuration: &str) -> Self {
        assert!(is_root(), "a supervised edge is tested as root: every process has its own UID");
        let (address, uid_base) = (free_address(), uid_base());
        write_configuration(dir.path(), address, uid_base, configuration);
        let child = launch::supervised(&dir);
        Self { child, address, uid_base, dir }
    }

    /// Does what a supervisor does after start was killed: the same again, at the same place.
    pub fn revive(&mut self) {
        self.child = launch::supervised(&self.dir);
    }

    /// Returns where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its directory: configuration, log, status socket, and whatever a test puts there.
    #[must_use]
    pub const fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Returns the process id of its fosse-start.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns its fosse-start.
    #[must_use]
    pub fn start(&self) -> Process {
        process::start(self.pid())
    }

    /// Returns everything it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        launch::log(&self.dir)
    }

    /// Waits until its log holds `text`.
    ///
    /// # Panics
    /// Where it never does.
    pub fn wait_for_log(&self, text: &str) {
        wait_for(&format!("'{text}' in the log"), || self.log().contains(text).then_some(()));
    }

    /// Returns the lines of its log about things that must never happen.
    #[must_use]
    pub fn alarms(&self) -> Vec<String> {
        let is_alarm = |line: &&str| ALARMS.iter().any(|words| line.contains(words));
        self.log().lines().filter(is_alarm).map(str::to_owned).collect()
    }

    /// Returns the path of its status socket.
    #[must_use]
    pub fn status_socket(&self) -> PathBuf {
        self.dir.join("status.sock")
    }

    /// Runs a command of `fosse` that takes `--status-socket`, for this edge.
    #[must_use]
    pub fn fosse(&self, words: &[&str]) -> Output {
        let socket = self.status_socket();
        fosse(&[words, &["--status-socket", &socket.to_string_lossy()]].concat())
    }

    /// Returns a page of fosse-status: `/metrics`, `/status.json`, `/status.txt`, `/servers.txt`.
    /// One that ends while it responds is asked again.
    ///
    /// # Panics
    /// Where it is not served for [`crate::WAIT_MAX`].
    #[must_use]
    pub fn status_page(&self, target: &str) -> String {
        wait_for(target, || {
            let mut client = Client::connect_unix(&self.status_socket());
            client.try_send(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes()).ok()?;
            let response = client.try_response(false)?;
            (response.status == 200 && response.complete).then(|| response.text().into_owned())
        })
    }

    /// Returns the sum of one counter of one program over all its processes, the ended ones
    /// included: `counter("parse", "requests")`.
    #[must_use]
    pub fn counter(&self, program: &str, name: &str) -> u64 {
        let text = self.status_page("/status.txt");
        let lines = text.lines().filter(|line| line.split(' ').next() == Some(program));
        let words = lines.flat_map(|line| line.split(' ').filter_map(|word| word.split_once('=')));
        words.filter(|(key, _)| *key == name).map(|(_, value)| value.parse::<u64>().unwrap()).fold(0, u64::wrapping_add)
    }

    /// Returns its processes, as start has told fosse-status.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        process::of_status(&self.status_page("/status.txt"), self.pid())
    }

    /// Returns one process of a program; of the newest lane where there are several. A program of
    /// lanes is waited for in one: fosse-status may know of the zygote, or of the prober's connect,
    /// before it knows of the first filter or connect that serves.
    ///
    /// # Panics
    /// Where there is none for [`crate::WAIT_MAX`].
    #[must_use]
    pub fn process(&self, program: &str) -> Process {
        let has_lane = [
            "parse",
            "parse-h2",
            "waf-filter",
            "dispatch",
            "dispatch-h2",
            "encode",
            "connect",
            "connect-tls",
            "tls",
            "keys",
        ]
        .contains(&program);
        let is_wanted = |process: &Process| process.program == program && process.lane.is_some() == has_lane;
        wait_for(program, || self.processes().into_iter().filter(is_wanted).max_by_key(|process| process.lane))
    }

    /// Returns its processes as the kernel has them now, whether or not fosse-status lives: start
    /// and its fork server aside.
    #[must_use]
    pub fn children(&self) -> Vec<Process> {
        process::children(self.pid()).into_iter().filter(|process| process.program != "start").collect()
    }

    /// Returns its processes of one program as the kernel has them now.
    #[must_use]
    pub fn children_of(&self, program: &str) -> Vec<Process> {
        self.children().into_iter().filter(|process| process.program == program).collect()
    }

    /// Sends a signal to fosse-start.
    pub fn signal(&self, signal: Signal) {
        self.start().signal(signal);
    }

    /// Sends a signal to every process of the group that [`Edge::in_foreground`] made, as a
    /// terminal does for Control-C.
    ///
    /// # Panics
    /// Where there is no such group.
    pub fn signal_group(&self, signal: Signal) {
        let group = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process_group(group, signal).unwrap();
    }

    /// Replaces the configuration (for [`Edge::with_config`] and [`Edge::supervised`]), sends
    /// SIGHUP, and waits until the new one serves.
    ///
    /// # Panics
    /// Where it is refused, or nothing is said of it.
    pub fn reload(&self, configuration: &str) {
        assert!(self.try_reload(configuration), "the new configuration is refused");
    }

    /// Does the same, and returns whether the new configuration serves or was refused.
    ///
    /// # Panics
    /// Where nothing is said of it.
    pub fn try_reload(&self, configuration: &str) -> bool {
        let before = self.log().len();
        self.begin_reload(configuration);
        wait_for("the end of a reload", || {
            let log = self.log();
            let new = log.get(before..).unwrap_or_default();
            let serves = new.contains("event=serving");
            (serves || new.contains("event=reload-failed")).then_some(serves)
        })
    }

    /// Replaces the configuration and sends SIGHUP.
    pub fn begin_reload(&self, configuration: &str) {
        write_configuration(self.dir.path(), self.address, self.uid_base, configuration);
        self.signal(Signal::HUP);
    }

    /// Sends SIGTERM, and waits for the end: the exit code of fosse-start.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for the end of an edge that has been told to: the exit code of fosse-start.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn wait(&mut self) -> Option<i32> {
        wait_for("the end of the edge", || self.child.try_wait().unwrap()).code()
    }

    /// Ends it as a supervisor does.
    ///
    /// # Panics
    /// Where it does not end, or not well, or leaves a process behind.
    pub fn stop(mut self) {
        let all = self.children();
        assert_eq!(self.terminate(), Some(0), "the exit code of the edge");
        wait_for_end(&all);
    }

    /// Kills start and waits until nothing of the edge lives; returns how long that took.
    ///
    /// # Panics
    /// Where a process outlives it.
    pub fn kill(&mut self) -> Duration {
        let all = process::children(self.pid());
        self.child.kill().unwrap();
        let begun = Instant::now();
        self.child.wait().unwrap();
        wait_for_end(&all);
        begun.elapsed()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            // Everything below start dies with it (PDEATHSIG).
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            self.dir.keep();
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("--- log of the edge, all of it in {}\n{}\n---", self.dir.path().display(), shown.join("\n"));
        }
    }
}

fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// Returns the first of the user IDs of an edge, which no other edge of the machine may have: each
/// test process and each edge in it takes others.
#[must_use]
pub fn uid_base() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    1_000_000 + (std::process::id() % 10_000) * 400_000 + NEXT.fetch_add(1, Ordering::Relaxed) * 5_000
}

fn write_configuration(dir: &Path, address: SocketAddr, uid_base: u32, configuration: &str) {
    let path = dir.to_string_lossy();
    let text = configuration.replace("{address}", &address.to_string()).replace("{dir}", &path);
    let text = text.replace("{uid_base}", &uid_base.to_string());
    // An edge whose user IDs are another's is refused.
    let uids = if text.contains("uid_base") { String::new() } else { format!("uid_base = {uid_base}\n") };
    fs::write(dir.join("fosse.toml"), format!("status_socket = \"{path}/status.sock\"\n{uids}{text}")).unwrap();
}

fn wait_for_end(all: &[Process]) {
    wait_for("the end of every process of the edge", || all.iter().all(|p| !is_alive(p.pid)).then_some(()));
}
