//! How long a process has stood still, and why: one that hangs is killed, one that the kernel gives
//! no core to is not. To kill it would take its requests from it, and give its place to another one
//! that gets no core either.

use core::time::Duration;

use fosse_eventloop::TICK_MS;
use fosse_sys::process::cpu_time;
use rustix::process::Pid;

use crate::limits::STARVED_MS_MAX;

/// The stillness of one process, counted in ticks of start. Not a time: where the whole machine
/// stands still nobody moves, and start does not tick either.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stillness {
    /// Its turn counter when it last moved.
    pub turns: u64,
    ticks: u64,
    /// The CPU time that it had used at the first of these ticks.
    cpu: Duration,
}

impl Stillness {
    /// Returns that of a process whose turn counter was last seen at `turns`.
    pub(crate) fn new(turns: u64) -> Self {
        Self { turns, ..Self::default() }
    }

    /// Notes its turn counter at a tick. Returns whether it has stood still for `most_ms` or longer
    /// by its own doing.
    pub(crate) fn tick(&mut self, turns: u64, pid: Pid, most_ms: u64) -> bool {
        if turns != self.turns {
            *self = Self::new(turns);
            return false;
        }
        self.ticks += 1;
        if self.ticks == 1 {
            self.cpu = cpu_time(pid).unwrap_or_default();
        }
        let still_ms = self.ticks * TICK_MS;
        if still_ms < most_ms || (still_ms < most_ms.max(STARVED_MS_MAX) && self.is_starved(pid)) {
            return false;
        }
        self.ticks = 0;
        true
    }

    /// Returns whether it waits for a core: it is runnable, and has had one for less than half of
    /// the time.
    fn is_starved(&self, pid: Pid) -> bool {
        let used = cpu_time(pid).unwrap_or_default().checked_sub(self.cpu).unwrap_or_default();
        let elapsed = Duration::from_millis((self.ticks - 1) * TICK_MS);
        used * 2 < elapsed && is_runnable(pid)
    }
}

/// Returns whether a process runs or waits for a core (proc_pid_stat(5), field 3). What /proc does
/// not show counts as no.
fn is_runnable(pid: Pid) -> bool {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name before it is the process's own choice, and may have brackets in it.
    let name_end = stat.iter().rposition(|byte| *byte == b')');
    name_end.is_some_and(|end| stat[end..].starts_with(b") R"))
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use rustix::process::{Signal, kill_process};

    use super::*;

    const MOST_MS: u64 = 2 * TICK_MS;

    /// A process that is ended with its test.
    struct Shell(Child);

    impl Shell {
        fn new(script: &str) -> (Self, Pid) {
            let child = Command::new("/bin/sh").args(["-c", script]).spawn().unwrap();
            let pid = Pid::from_child(&child);
            (Self(child), pid)
        }
    }

    impl Drop for Shell {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn who_moves_is_not_still() {
        let (_shell, pid) = Shell::new("sleep 100");
        let mut stillness = Stillness::default();
        assert!((1..100).all(|turns| !stillness.tick(turns, pid, MOST_MS)));
    }

    #[test]
    fn who_sleeps_or_is_stopped_hangs_after_its_time() {
        let (_shell, pid) = Shell::new("kill -STOP $$");
        while std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") T")) {
            std::thread::yield_now();
        }
        let mut stillness = Stillness::default();
        assert!(!stillness.tick(0, pid, MOST_MS) && stillness.tick(0, pid, MOST_MS));
        kill_process(pid, Signal::CONT).unwrap();
    }

    #[test]
    fn who_gets_no_core_has_longer_and_not_for_ever() {
        let (_shell, pid) = Shell::new("while :; do :; done");
        while !is_runnable(pid) {
            std::thread::yield_now();
        }
        // Far more ticks than it has had time: it has used next to nothing of them.
        let mut stillness = Stillness::default();
        let starved = STARVED_MS_MAX / TICK_MS;
        assert!((1..starved).all(|_| !stillness.tick(0, pid, MOST_MS)));
        assert!(stillness.tick(0, pid, MOST_MS));
    }

    #[test]
    fn who_computes_and_never_comes_back_hangs_after_its_time() {
        let (_shell, pid) = Shell::new("while :; do :; done");
        let mut stillness = Stillness::default();
        assert!(!stillness.tick(0, pid, MOST_MS));
        // More than all of the time between the two ticks.
        while cpu_time(pid).unwrap() < stillness.cpu + Duration::from_millis(TICK_MS) {
            std::thread::yield_now();
        }
        assert!(stillness.tick(0, pid, MOST_MS));
    }
}
