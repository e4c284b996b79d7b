//! Processes as the kernel shows them: children, descriptors, memory; and signals that reach who is meant or nobody.

use std::{fs, path::PathBuf};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process of the edge under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its process id.
    pub pid: i32,
    /// Its program, without `fosse-`.
    pub program: String,
}

/// Parent of a process, from its stat line (proc(5)).
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut rest = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    (rest.next()? != "Z").then_some(())?;
    rest.next()?.parse().ok()
}

/// What it executes; the name its file has, for not every kernel names a process that was executed by descriptor.
fn program(pid: i32) -> Option<String> {
    let path: PathBuf = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let name = path.file_name()?.to_str()?.trim_end_matches(" (deleted)");
    name.strip_prefix("fosse-").map(str::to_string)
}

/// All living children of a process that run a program of ours.
#[must_use]
pub fn children(of: i32) -> Vec<Child> {
    let entries = fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| parent(*pid) == Some(of)).filter_map(|pid| Some(Child { pid, program: program(pid)? })).collect()
}

/// Sends a signal to a child, held by descriptor while it is made sure that it is still the one that is meant.
#[must_use]
pub fn signal(child: &Child, of: i32, signal: Signal) -> bool {
    let Some(fd) = Pid::from_raw(child.pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
        return false;
    };
    parent(child.pid) == Some(of)
        && program(child.pid).as_ref() == Some(&child.program)
        && pidfd_send_signal(&fd, signal).is_ok()
}

/// Whether a process lives (a zombie does not).
#[must_use]
pub fn lives(pid: i32) -> bool {
    parent(pid).is_some()
}

/// The cores a process may run on, as the kernel lists them: a lane's processes have one, and the same.
#[must_use]
pub fn cores(pid: i32) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    text.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:")).unwrap_or_default().trim().to_string()
}

/// Open descriptors.
#[must_use]
pub fn descriptors(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Milliseconds a process has run, and those it has waited for a core (proc(5), schedstat).
#[must_use]
pub fn ran_and_waited(pid: i32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let mut ms = text.split_ascii_whitespace().map(|ns| ns.parse::<u64>().unwrap_or(0) / 1_000_000);
    (ms.next().unwrap_or(0), ms.next().unwrap_or(0))
}

/// Resident memory in bytes.
#[must_use]
pub fn resident(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib =
        text.lines().find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
