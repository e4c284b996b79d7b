//! `fosse audit`: every process of a running edge as the kernel shows it, against what it may be.

mod compare;
mod expected;
mod group;
mod kernel;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use fosse_args::Args;
use fosse_die::{EXIT_TEMPORARY, Severity, say};

use crate::output::print;
use crate::{PROGRAM, edge::Edge};
use compare::{Role, by_kind, differences, policy, role, shared_uids};
use kernel::{Kind, Seen};

/// Looks at a process before a difference counts: one that was just spawned is not locked down yet,
/// and a socket that was just passed is in two processes.
const LOOKS: u32 = 5;
/// Time between two looks.
const LOOK_EACH: Duration = Duration::from_millis(200);

/// A finding is exit status 1.
const EXIT_DIFFERS: i32 = 1;
/// Nothing differs, as far as this user may look.
const EXIT_UNKNOWN: i32 = 2;

/// Runs the audit.
pub(crate) fn run(words: &Args) -> i32 {
    match audited(words) {
        Ok(status) => status,
        Err(why) => {
            say(PROGRAM, Severity::Fatal, why);
            EXIT_TEMPORARY
        }
    }
}

fn audited(words: &Args) -> Result<i32, String> {
    let start = match words.value("--pid") {
        Some(text) => text.parse().map_err(|_| format!("--pid: '{text}' is not a process id"))?,
        None => Edge::of(words)?.start_pid()?,
    };
    let found = looked_at(start)?;
    // Lanes as fosse-status names them, for the reader alone: nothing is compared with them.
    let rows = Edge::of(words).and_then(|edge| edge.rows()).unwrap_or_default();
    let lanes = rows.iter().filter_map(|row| Some((row.pid?, row.lane?))).collect();
    print(&found.table(&lanes));
    Ok(match (found.is_clean(), found.unknown().is_empty()) {
        (true, true) => 0,
        (true, false) => EXIT_UNKNOWN,
        (false, _) => EXIT_DIFFERS,
    })
}

/// Looks at the processes of a fosse-start: how many there are, and in how many places they are not
/// what they may be.
///
/// # Errors
/// One line.
pub(crate) fn counts(start: u32) -> Result<(usize, usize), String> {
    looked_at(start).map(|found| (found.processes.len(), found.differences()))
}

/// Looks until nothing differs, or what does has stayed.
fn looked_at(start: u32) -> Result<Findings, String> {
    for _ in 1..LOOKS {
        let found = look_at(start)?;
        if found.is_clean() {
            return Ok(found);
        }
        std::thread::sleep(LOOK_EACH);
    }
    look_at(start)
}

fn look_at(start: u32) -> Result<Findings, String> {
    let sockets = kernel::sockets(start);
    let seen = kernel::look(start, &sockets).ok_or_else(|| format!("there is no process {start}"))?;
    if seen.name != "fosse-start" {
        return Err(format!("process {start} is no fosse-start but {}", seen.name));
    }
    let all: Vec<Seen> = kernel::family(start).into_iter().filter_map(|pid| kernel::look(pid, &sockets)).collect();
    let family: Vec<u32> = all.iter().map(|one| one.pid).collect();
    let shared = shared_uids(&all, &kernel::others(&family), &seen);
    let configured = group::configured(start);
    let compared = all.into_iter().map(|one| {
        let mut differs = differences(&one, &seen);
        differs.extend(group::difference(&one, &seen, configured.as_ref()));
        (one, differs)
    });
    let processes = compared.collect();
    Ok(Findings { start: Some(seen), processes, shared })
}

/// The findings.
#[derive(Debug, Default)]
struct Findings {
    start: Option<Seen>,
    processes: Vec<(Seen, Vec<String>)>,
    shared: Vec<String>,
}

impl Findings {
    fn is_clean(&self) -> bool {
        self.differences() == 0
    }

    fn differences(&self) -> usize {
        let of_processes: usize = self.processes.iter().map(|(_, differs)| differs.len()).sum();
        of_processes + self.shared.len() + usize::from(self.lacks_programs())
    }

    /// Returns the processes of which something cannot be read.
    fn unknown(&self) -> Vec<&Seen> {
        self.processes.iter().map(|(one, _)| one).filter(|one| !compare::unknown(one).is_empty()).collect()
    }

    /// An edge without any stage is no edge: nothing was audited.
    fn lacks_programs(&self) -> bool {
        let Some(start) = &self.start else { return true };
        !self.processes.iter().any(|(one, _)| matches!(role(one, start), Role::Program(_)))
    }

    fn table(&self, lanes: &BTreeMap<u32, u32>) -> String {
        let mut out = format!(
            "{:20} {:>8} {:>8} {:8} {:>3} {:7} {:10} {:4} {:8} DESCRIPTORS\n",
            "PROCESS", "PID", "UID", "CAPS", "NNP", "SECCOMP", "NAMESPACES", "DUMP", "SCHED"
        );
        let Some(start) = &self.start else { return out };
        for (one, differs) in &self.processes {
            let note = if differs.is_empty() { "" } else { "  <-- differs" };
            let _ = writeln!(out, "{}{note}", line(one, start, lanes));
        }
        for (one, differs) in &self.processes {
            for difference in differs {
                let _ = writeln!(out, "difference: {} {}: {difference}", label(one, start, lanes), one.pid);
            }
        }
        for shared in &self.shared {
            let _ = writeln!(out, "difference: {shared}");
        }
        if self.lacks_programs() {
            out.push_str("difference: no program of an edge runs\n");
        }
        let unknown = self.unknown();
        if let Some(first) = unknown.first() {
            let what = compare::unknown(first).join(" and ");
            let _ =
                writeln!(out, "unknown: {what} of {} processes, which this user may not read; root may", unknown.len());
        }
        if start.uids.first() != Some(&0) {
            out.push_str("note: an ordinary user's edge: all programs share this UID and the host's namespaces\n");
        }
        let _ = writeln!(out, "{} processes, {} differences", self.processes.len(), self.differences());
        out
    }
}

fn label(one: &Seen, start: &Seen, lanes: &BTreeMap<u32, u32>) -> String {
    match (role(one, start), lanes.get(&one.pid)) {
        (Role::ForkServer, _) => "fosse-start/fork-server".to_owned(),
        (_, Some(lane)) => format!("{}.{lane}", one.name),
        _ => one.name.clone(),
    }
}

fn line(one: &Seen, start: &Seen, lanes: &BTreeMap<u32, u32>) -> String {
    // An ordinary user's bounding set is full and means nothing without the others.
    let [inheritable, permitted, effective, bounding, ambient] = one.capabilities;
    let bounding = if start.uids.first() == Some(&0) { bounding } else { 0 };
    let caps = inheritable | permitted | effective | bounding | ambient;
    let caps = if caps == 0 { "none".to_owned() } else { format!("{caps:x}") };
    let seccomp = match one.seccomp {
        2 => format!("filter{}", one.filters),
        1 => "strict".to_owned(),
        _ => "off".to_owned(),
    };
    let namespaces = match (&one.namespaces, &start.namespaces) {
        (Some(own), Some(host)) if own == host => "host",
        (Some(own), Some(host)) if own.iter().zip(host).all(|(own, host)| own != host) => "own",
        (Some(_), Some(_)) => "some own",
        _ => "unknown",
    };
    let dump = if one.dumpable { "yes" } else { "no" };
    let fds = one.fds.as_ref().map_or_else(|| "unknown".to_owned(), |fds| described(fds));
    let uid = one.uids.first().copied().unwrap_or(0);
    let sched = policy(one);
    format!(
        "{:20} {:>8} {uid:>8} {caps:8} {:>3} {seccomp:7} {namespaces:10} {dump:4} {sched:8} {fds}",
        label(one, start, lanes),
        one.pid,
        one.no_new_privs
    )
}

fn described(fds: &[(u32, Kind)]) -> String {
    let all = by_kind(fds).into_iter().map(|(kind, numbers)| format!("{} {}", numbers.len(), kind.word()));
    all.collect::<Vec<_>>().join(", ")
}
