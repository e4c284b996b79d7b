//! Attacks, each beside a client that behaves: what it waits for, how the attacker's connections
//! end, and the memory of the server say whether the attack is one.

pub mod handshakes;
pub mod honest;
pub mod http2;

use std::{
    collections::BTreeMap,
    fmt, fs,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use honest::Honest;

use crate::http2::connection::Target;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A running attack, as those who do it see it.
#[derive(Debug)]
pub struct Course {
    has_streams: bool,
    end: Instant,
    is_over: AtomicBool,
    sent: AtomicU64,
    ends: Mutex<BTreeMap<String, u64>>,
}

impl Course {
    fn new(time: Duration, has_streams: bool) -> Self {
        let ends = Mutex::default();
        Self { has_streams, end: Instant::now() + time, is_over: AtomicBool::new(false), sent: AtomicU64::new(0), ends }
    }

    /// Returns whether it goes on.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        Instant::now() < self.end && !self.is_over.load(Ordering::Relaxed)
    }

    /// Returns whether the client that behaves speaks HTTP/2, as the attackers do.
    const fn speaks_http2(&self) -> bool {
        self.has_streams
    }

    /// Returns when it ends.
    #[must_use]
    pub const fn end(&self) -> Instant {
        self.end
    }

    /// Counts what was sent: frames, or connections.
    pub fn count(&self, sent: u64) {
        self.sent.fetch_add(sent, Ordering::Relaxed);
    }

    /// Records how a connection ended.
    ///
    /// # Panics
    /// Where another attacker has.
    pub fn ended(&self, how: &str) {
        *self.ends.lock().unwrap().entry(how.to_owned()).or_default() += 1;
    }
}

/// An attack.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a function is no word for a person")]
pub struct Attack {
    /// Its name.
    pub name: &'static str,
    /// It is one of HTTP/2, and else of TLS.
    pub has_streams: bool,
    /// Attackers at a time.
    pub attackers: usize,
    /// Each of them, until the course is over.
    pub run: fn(&Target, &Course),
}

/// An attack in a table: its name, attackers at a time, and each of them.
type Words = (&'static str, usize, fn(&Target, &Course));

/// Returns all attacks.
#[must_use]
pub fn all() -> Vec<Attack> {
    [http2::attacks(), handshakes::attacks()].concat()
}

/// What came of an attack.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub name: &'static str,
    /// Frames or connections that were sent.
    pub sent: u64,
    /// The ends of the attackers' connections, and how many had each.
    pub ends: BTreeMap<String, u64>,
    /// The client that behaves.
    pub honest: Honest,
    /// Memory of the server before and at its most, PSS in KiB.
    pub memory: (u64, u64),
}

impl Attack {
    /// Runs it against a server whose first process is `pid`, beside a client that behaves.
    ///
    /// # Panics
    /// Where a thread does.
    #[must_use]
    pub fn run(&self, target: &Target, pid: Option<u32>, time: Duration) -> Outcome {
        let memory = || pid.map_or(0, pss_kib);
        let (before, course) = (memory(), Course::new(time, self.has_streams));
        let (honest, most) = thread::scope(|scope| {
            let client = scope.spawn(|| honest::run(target, &course));
            for _ in 0..self.attackers {
                scope.spawn(|| {
                    stand_back();
                    (self.run)(target, &course);
                });
            }
            let mut most = before;
            while course.goes_on() {
                most = most.max(memory());
                thread::sleep(LOOK);
            }
            (client.join().unwrap(), most)
        });
        let ends = course.ends.into_inner().unwrap();
        Outcome { name: self.name, sent: course.sent.into_inner(), ends, honest, memory: (before, most) }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends: Vec<String> = self.ends.iter().map(|(how, count)| format!("{how} {count}")).collect();
        let Honest { requests, failed, worst, why } = &self.honest;
        write!(
            to,
            "| {} | {} | {} | {requests} | {failed} | {} |",
            self.name,
            self.sent,
            ends.join(", "),
            worst.as_millis()
        )?;
        write!(to, " {} -> {} |", self.memory.0, self.memory.1)?;
        why.as_ref().map_or(Ok(()), |why| write!(to, " {why}"))
    }
}

/// Lets the server and the client that behaves run first: an attacker has a machine of his own, and
/// what he costs here is no cost of the server.
fn stand_back() {
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19);
}

/// The head of a table of outcomes.
pub const HEAD: &str = "\
| attack | frames or connections | ends of the attackers | requests beside it | failed | worst wait, ms | PSS KiB |
|---|---|---|---|---|---|---|";

/// Returns the memory of a process and of all below it (proc(5), `smaps_rollup`), in KiB.
#[must_use]
pub fn pss_kib(pid: u32) -> u64 {
    let of = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    of(pid) + children.split_whitespace().filter_map(|child| child.parse().ok()).map(pss_kib).sum::<u64>()
}
