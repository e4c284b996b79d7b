//! Processes of an edge as the kernel shows them, and signals that reach who is meant or nobody.

use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process of an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its program, without `fosse-`.
    pub program: String,
    /// Its lane, where the status page says one.
    pub lane: Option<u32>,
    /// Its id.
    pub pid: u32,
    parent: u32,
}

impl Process {
    /// Sends it a signal; false where it is gone, even if its id has been given to another. That is
    /// no error: tests of crashes race with crashes.
    pub fn signal(&self, signal: Signal) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let Some(fd) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else { return false };
        // The descriptor holds the id: whoever has it now is looked at, and then signalled.
        // fosse-status may name a process that has not executed its program yet.
        let is_it = |program: String| program == self.program || program == "start";
        parent(self.pid) == Some(self.parent)
            && program(self.pid).is_none_or(is_it)
            && pidfd_send_signal(&fd, signal).is_ok()
    }

    /// Returns a field of /proc/PID/status: `field("Uid")`, `field("VmRSS")`; empty where the
    /// process is gone.
    #[must_use]
    pub fn field(&self, name: &str) -> String {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
        found.unwrap_or_default().to_owned()
    }

    /// Returns when it was started, in clock ticks since the boot (proc(5), field 22); 0 where it
    /// is gone. Ids say nothing of that: the kernel begins again at 300 when it has used them all.
    #[must_use]
    pub fn started(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(19)?.parse().ok()).unwrap_or(0)
    }

    /// Returns the number of its open descriptors.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count)
    }

    /// Returns its resident memory in KiB.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        self.field("VmRSS").split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// Returns the cores it may run on, as the kernel lists them: processes of a lane have one, and
    /// the same.
    #[must_use]
    pub fn cores(&self) -> String {
        self.field("Cpus_allowed_list")
    }
}

/// Returns a field of /proc/PID/stat by its number in proc(5), from 3 on: past the name, which may
/// hold blanks and brackets.
///
/// # Panics
/// Where the process is gone, or the field is no number.
#[must_use]
pub fn stat_field(pid: u32, number: usize) -> i64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().split_whitespace().nth(number - 3).unwrap().parse().unwrap()
}

/// Returns whether a process is there and not just waiting to be reaped.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    parent(pid).is_some()
}

/// Returns all living children of a process that run a program of ours.
///
/// # Panics
/// Where /proc is not there.
#[must_use]
pub fn children(of: u32) -> Vec<Process> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let ours = pids.filter(|pid| parent(*pid) == Some(of));
    ours.filter_map(|pid| Some(Process { program: program(pid)?, lane: None, pid, parent: of })).collect()
}

/// Returns the fosse-start of an edge, a child of this test.
pub(crate) fn start(pid: u32) -> Process {
    Process { program: "start".to_owned(), lane: None, pid, parent: std::process::id() }
}

/// Returns the living of `/status.txt`, children of `start`.
pub(crate) fn of_status(text: &str, start: u32) -> Vec<Process> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let (program, lane, pid) = (words.next()?, words.next()?, words.next()?);
        let (lane, pid) = ((lane != "gone").then(|| lane.parse().ok())?, pid.parse().ok()?);
        Some(Process { program: program.to_owned(), lane, pid, parent: start })
    };
    text.lines().filter_map(line).collect()
}

/// Returns the parent of a living process, from its stat line (proc(5)); a zombie has none here.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut rest = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    (rest.next()? != "Z").then_some(())?;
    rest.next()?.parse().ok()
}

/// Returns the program a process runs, by the name of its file, for not every kernel names a
/// process that was executed by descriptor; `None` where it is not ours, or may not be looked at.
fn program(pid: u32) -> Option<String> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let name = path.file_name()?.to_str()?.trim_end_matches(" (deleted)");
    name.strip_prefix("fosse-").map(str::to_owned)
}
