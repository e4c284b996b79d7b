//! Processes of an edge.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// A process of an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its program, without `fosse-`.
    pub program: String,
    /// Its lane, if it has one.
    pub lane: Option<u32>,
    /// Its id.
    pub pid: u32,
}

impl Process {
    /// Sends it a signal. That it is gone already is no error: tests of deaths race with deaths.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// A field of /proc/PID/status: `field("Uid")`, `field("VmRSS")`; empty where the process is gone.
    #[must_use]
    pub fn field(&self, name: &str) -> String {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
        found.unwrap_or_default().to_owned()
    }

    /// How many descriptors it has open.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count)
    }

    /// Resident memory in KiB.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        self.field("VmRSS").split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

/// Whether a process is there and not just waiting to be reaped.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

/// The living of `/status.txt`.
pub(crate) fn of_status(text: &str) -> Vec<Process> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let (program, lane, pid) = (words.next()?, words.next()?, words.next()?);
        let process = Process { program: program.to_owned(), lane: lane.parse().ok(), pid: pid.parse().ok()? };
        (lane != "gone").then_some(process)
    };
    text.lines().filter_map(line).collect()
}
