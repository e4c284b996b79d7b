//! A running edge of its own: directory, configuration, fosse-start and everything below it.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    client::{self, Outcome},
    load::next_id,
    process::{self, children},
    programs,
};

/// Longest wait for something that has no time of its own.
pub const LONG: Duration = Duration::from_secs(100);

/// What differs between the edges of the scenarios.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Lanes.
    pub lanes: u32,
    /// Lines of fosse.toml above its first table.
    pub top: String,
    /// Lines of `[limits]`.
    pub limits: String,
    /// Lines of the site, routes last.
    pub site: String,
    /// Lines of backend "a".
    pub backend: String,
    /// The answers of plain.test are judged, and so held; else that site has no firewall.
    pub judged: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            lanes: 2,
            top: String::new(),
            limits: String::new(),
            site: String::new(),
            backend: String::new(),
            judged: false,
        }
    }
}

impl Setup {
    /// For thousands of clients at a time.
    #[must_use]
    pub fn wide() -> Self {
        Self {
            backend: "connections_max = 4000\nqueue_requests_max = 4000\nconnect_seconds = 30\n".into(),
            ..Self::default()
        }
    }
}

/// An edge; dropped, it dies with everything below it.
#[derive(Debug)]
pub struct Edge {
    dir: PathBuf,
    port: u16,
    uid_base: u32,
    start: Child,
    /// Of today.
    pub setup: Setup,
}

/// What is open and used, to be the same later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// Programs, sorted: one entry a process.
    pub programs: Vec<String>,
    /// Descriptors of each program's processes, most first, and of start.
    pub descriptors: usize,
    /// Resident bytes of all.
    pub resident: u64,
    /// Resident bytes by program.
    pub by_program: BTreeMap<String, u64>,
    /// Descriptors by program.
    pub open: BTreeMap<String, usize>,
}

/// Edges of one machine must not share UIDs: each process of this test and each edge in it takes others.
fn uid_base() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    1_000_000 + (std::process::id() % 10_000) * 40_000 + NEXT.fetch_add(1, Relaxed) * 5_000
}

impl Edge {
    /// Starts an edge and waits until it is ready. Backends listen on `a.sock` and `b.sock` in [`Edge::directory`].
    ///
    /// # Panics
    /// Where it does not become ready.
    #[must_use]
    pub fn start(setup: Setup) -> Self {
        assert!(rustix::process::geteuid().is_root(), "the edge is tested as root: every process has its own UID");
        let uid_base = uid_base();
        let dir = std::env::temp_dir().join(format!("fosse-soak-{uid_base}"));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let port = TcpListener::bind(client::loopback(0)).unwrap().local_addr().unwrap().port();
        let program = dir.join("soak-start");
        // A name of its own: whoever ends all fosse-start on this machine does not mean this one.
        std::os::unix::fs::symlink(programs::directory().join("fosse-start"), &program).unwrap();
        fs::write(dir.join("fosse.toml"), configuration(&dir, port, uid_base, &setup)).unwrap();
        let start = launch(&dir);
        let mut edge = Self { dir, port, uid_base, start, setup };
        edge.wait_ready();
        edge
    }

    /// What a supervisor does after start has died: the same again, at the same place.
    pub fn revive(&mut self) {
        self.start = launch(&self.dir);
        self.wait_ready();
    }

    fn wait_ready(&mut self) {
        let mut ready = [0];
        let came = self.start.stdout.take().unwrap().read(&mut ready).unwrap_or(0);
        assert!(came == 1, "the edge did not become ready:\n{}", self.log());
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        client::loopback(self.port)
    }

    /// Its files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.dir
    }

    /// Everything its programs said.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.join("log")).unwrap_or_default()).into_owned()
    }

    /// start's process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.start.id() as i32
    }

    /// Its processes, start and the fork server aside.
    #[must_use]
    pub fn children(&self) -> Vec<process::Child> {
        children(self.pid()).into_iter().filter(|c| c.program != "start").collect()
    }

    /// Its processes of one program.
    #[must_use]
    pub fn of(&self, program: &str) -> Vec<process::Child> {
        self.children().into_iter().filter(|c| c.program == program).collect()
    }

    /// Tells start.
    pub fn tell(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Writes a new configuration and waits until start has taken or refused it; its last word about it.
    ///
    /// # Panics
    /// Where start says nothing for long.
    pub fn reload(&mut self, setup: Setup, text: Option<&str>) -> bool {
        let before = self.log().len();
        self.setup = setup;
        let whole = configuration(&self.dir, self.port, self.uid_base, &self.setup);
        fs::write(self.dir.join("fosse.toml"), text.map_or(whole, str::to_string)).unwrap();
        self.tell(Signal::HUP);
        let (mut taken, mut refused) = (false, false);
        self.wait("an answer to a reload", |edge| {
            let log = edge.log();
            let new = log.get(before..).unwrap_or_default();
            (taken, refused) = (new.contains("event=serving"), new.contains("event=reload-failed"));
            taken || refused
        });
        taken
    }

    /// Waits for something.
    ///
    /// # Panics
    /// Where it does not come for long; with the log.
    pub fn wait(&self, what: &str, mut done: impl FnMut(&Self) -> bool) -> Duration {
        let begun = Instant::now();
        while !done(self) {
            assert!(begun.elapsed() < LONG, "no sign of {what}:\n{}", self.tail());
            thread::sleep(Duration::from_millis(5));
        }
        begun.elapsed()
    }

    /// Waits until a new client is served.
    pub fn wait_served(&self) -> Duration {
        self.wait("a right answer", |e| client::once(e.address(), next_id(), Duration::from_secs(10)) == Outcome::Right)
    }

    /// The end of the log.
    #[must_use]
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// The longest turn of each program so far in microseconds, as the status page has it.
    #[must_use]
    pub fn longest_turns(&self) -> BTreeMap<String, u64> {
        let mut page = String::new();
        let socket = UnixStream::connect(self.dir.join("status.sock"));
        let asked = socket.and_then(|mut socket| {
            socket.write_all(b"GET /status.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
            socket.read_to_string(&mut page)
        });
        let mut longest = BTreeMap::new();
        for line in page.lines().filter(|_| asked.is_ok()) {
            let us = line.split(' ').find_map(|word| word.strip_prefix("turn_us_longest=")?.parse::<u64>().ok());
            if let (Some(program), Some(us)) = (line.split(' ').next(), us) {
                let entry: &mut u64 = longest.entry(program.to_owned()).or_default();
                *entry = us.max(*entry);
            }
        }
        longest
    }

    /// Lines of the log about things that must never happen: sandbox violations, panics, broken conversations, and sources that
    /// pay for a death from outside.
    #[must_use]
    pub fn shames(&self) -> Vec<String> {
        let bad = "sandbox violation,panic,broke the protocol,SIGSYS,SIGABRT,signal=11,must not send,penalised";
        self.log().lines().filter(|l| bad.split(',').any(|b| l.contains(b))).map(str::to_string).collect()
    }

    /// What is open and used now.
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        let all = self.children();
        let mut programs: Vec<String> = all.iter().map(|c| c.program.clone()).collect();
        programs.sort();
        let pids = || all.iter().map(|c| c.pid).chain([self.pid()]);
        let (mut by_program, mut open) = (BTreeMap::new(), BTreeMap::new());
        for child in &all {
            *by_program.entry(child.program.clone()).or_default() += process::resident(child.pid);
            *open.entry(child.program.clone()).or_default() += process::descriptors(child.pid);
        }
        Inventory {
            programs,
            descriptors: pids().map(process::descriptors).sum(),
            resident: pids().map(process::resident).sum(),
            by_program,
            open,
        }
    }

    /// What is open and used once nothing changes any more: log and status get their descriptors some time after READY.
    ///
    /// # Panics
    /// Where it never comes to rest.
    #[must_use]
    pub fn steady(&self) -> Inventory {
        let (begun, mut last) = (Instant::now(), self.inventory());
        loop {
            thread::sleep(Duration::from_millis(300));
            let now = self.inventory();
            if now.open == last.open {
                return now;
            }
            assert!(begun.elapsed() < LONG, "descriptors come and go: {last:?} {now:?}");
            last = now;
        }
    }

    /// Waits until processes are as in `before` and descriptors not more than then (and `spare`).
    ///
    /// # Panics
    /// Where that does not happen.
    pub fn settle(&self, before: &Inventory, spare: usize) -> Inventory {
        let begun = Instant::now();
        loop {
            let now = self.inventory();
            if now.programs == before.programs && now.descriptors <= before.descriptors + spare {
                return now;
            }
            assert!(begun.elapsed() < LONG, "before {before:?}\nnow {now:?}\n{}", self.tail());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it in the normal way.
    ///
    /// # Panics
    /// Where it does not end, or not well, or leaves a process behind.
    pub fn stop(mut self) {
        let all = self.children();
        self.tell(Signal::TERM);
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.start.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < LONG, "the edge does not end:\n{}", self.tail());
            thread::sleep(Duration::from_millis(5));
        };
        assert!(status.success(), "the edge ended with {status}:\n{}", self.tail());
        while all.iter().any(|c| process::lives(c.pid)) {
            assert!(begun.elapsed() < LONG, "processes were left behind:\n{}", self.tail());
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Kills start and waits until nothing of the edge lives; how long that took.
    pub fn kill(&mut self) -> Duration {
        let all = children(self.pid());
        self.start.kill().unwrap();
        let begun = Instant::now();
        self.start.wait().unwrap();
        while all.iter().any(|c| process::lives(c.pid)) {
            assert!(begun.elapsed() < LONG, "processes outlive start: {all:?}");
            thread::sleep(Duration::from_millis(1));
        }
        begun.elapsed()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let _ = self.start.kill();
        let _ = self.start.wait();
        if thread::panicking() {
            eprintln!("the log of the edge is kept in {}", self.dir.display());
        } else {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// The rules of a site whose answers are judged: bodies of backends that name no type are held, and nothing is found in them.
const ANSWERS: &str = "answers.conf";
const ANSWERS_TEXT: &str = "SecResponseBodyMimeType null\nSecResponseBodyLimit 60000\nSecResponseBodyLimitAction ProcessPartial\n\
    SecRule RESPONSE_BODY \"@contains what no answer holds\" \"id:1,phase:4,deny\"\n";

fn launch(dir: &Path) -> Child {
    fs::write(dir.join(ANSWERS), ANSWERS_TEXT).unwrap();
    let log = fs::File::options().create(true).append(true).open(dir.join("log")).unwrap();
    // The soft limit supervisors give: what needs more descriptors has to see to it itself.
    Command::new("/bin/bash")
        .args(["-c", "ulimit -Sn 1024; exec \"$0\" \"$@\""])
        .arg(dir.join("soak-start"))
        .arg("--config")
        .arg(dir.join("fosse.toml"))
        .arg("--programs")
        .arg(programs::directory())
        .arg("--dir")
        .arg(dir)
        .args(["--ready-fd", "1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn configuration(dir: &Path, port: u16, uid_base: u32, setup: &Setup) -> String {
    let Setup { lanes, top, limits, site, backend, judged } = setup;
    let dir = dir.display();
    let plain = if *judged {
        format!("inspect_responses = true\nrules_milliseconds_max = 10000\nrules = [\"{dir}/{ANSWERS}\"]")
    } else {
        "waf = \"off\"".to_owned()
    };
    format!(
        "lanes = {lanes}\nuid_base = {uid_base}\nstatus_socket = \"{dir}/status.sock\"\n{top}\n\
         [limits]\n{limits}\n\
         [[listen]]\naddress = \"127.0.0.1:{port}\"\naddress_connections_max = 50000\n\
         [[site]]\ndefault = true\nbackend = \"a\"\nbody_bytes_max = \"16 MiB\"\n{site}\n\
         [[site]]\nhosts = [\"plain.test\"]\nbackend = \"a\"\n{plain}\nbody_bytes_max = \"16 MiB\"\n{site}\n\
         [[backend]]\nname = \"a\"\nservers = [\"unix:{dir}/a.sock\"]\n{backend}\n\
         [[backend]]\nname = \"b\"\nservers = [\"unix:{dir}/b.sock\"]\n"
    )
}
