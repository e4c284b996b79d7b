//! The scheduling of the programs on a request's path, by the CPU time that each of them uses.
//!
//! Two things are wanted, and no one setting gives both:
//!
//! - A quiet program should run as soon as it wakes up. A request passes through four of them, and
//!   where another process keeps the core busy, each waits for the end of that process's slice. So
//!   a quiet program has a nice value below 0. It takes no time from others that they would miss.
//! - A busy one should not. accept and parse wake up at a client's first byte. Under SCHED_OTHER
//!   they then take the core from the client or the server that was about to produce more work, and
//!   each turn carries one event. Under SCHED_BATCH they wait until it sleeps, and a turn carries
//!   many. And a busy program has no claim to more of a core than the application: nice 0.
//!
//! Whoever of a lane is busiest decides for all that its bytes pass through. A lane that speaks TLS
//! with its clients spends most of its time on that: parse alone would look quiet beside it, and
//! take the core from tls at each client's bytes, a quarter of a turn's work more for each request.
//!
//! What computes for a request, as rules and encoders do, is busy whenever it runs: for up to a
//! look of start's it would keep a core from the application by a nice value below 0.
//!
//! What a program has used is asked of the kernel, not of the program.

use core::time::Duration;
use std::collections::HashMap;

use fosse_plan::Scheduling;
use fosse_sys::process::{Policy, cpu_time, set_nice, set_policy};
use fosse_wire::launch::Program;
use rustix::{io::Errno, process::Pid};

use crate::limits::{BACKGROUND_NICE, BUSY_CPU_PERCENT_MIN, QUIET_CPU_PERCENT_MAX, QUIET_NICE};

/// The scheduling of one process, and the figures it is decided by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Schedule {
    /// The setting in force; `None` until start has made one, after a start or an upgrade.
    setting: Option<Setting>,
    cpu: Duration,
    at_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Setting {
    policy: Policy,
    nice: i32,
}

/// The setting of what computes for long: whatever the configuration says, it is to stall nobody.
const BACKGROUND: Setting = Setting { policy: Policy::Batch, nice: BACKGROUND_NICE };

/// The scheduling that the configuration wants, as far as start may set it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub scheduling: Scheduling,
    /// start may lower a nice value. An ordinary user may not.
    pub privileged: bool,
}

impl Wanted {
    const fn quiet(&self) -> Setting {
        Setting { policy: Policy::Other, nice: if self.privileged { QUIET_NICE } else { 0 } }
    }
}

const fn is_on_path(program: Program) -> bool {
    let in_lane = matches!(
        program,
        Program::Parse
            | Program::ParseH2
            | Program::WafFilter
            | Program::Dispatch
            | Program::Connect
            | Program::ConnectTls
            | Program::DispatchH2
    );
    let of_tls = matches!(program, Program::Tls | Program::Keys);
    in_lane || of_tls || matches!(program, Program::Encode | Program::Accept | Program::Static)
}

/// Returns whether a program is woken by clients, who then have more to send.
const fn is_front(program: Program) -> bool {
    matches!(program, Program::Accept | Program::Parse | Program::ParseH2 | Program::Tls)
}

/// Returns whether the bytes of all requests of a lane pass through a program.
const fn carries(program: Program) -> bool {
    matches!(program, Program::Parse | Program::ParseH2 | Program::Tls | Program::Dispatch)
}

/// Returns whether a program works on the content of what passes.
const fn computes(program: Program) -> bool {
    matches!(program, Program::WafFilter | Program::Encode)
}

/// The CPU time that a process uses, beside the two marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Load {
    /// Below both.
    Quiet,
    /// Between them.
    Some,
    /// Above both.
    Busy,
}

/// The load of each lane: that of the busiest of those that its bytes pass through.
#[derive(Debug, Default)]
pub(crate) struct Loads(HashMap<u32, Load>);

impl Loads {
    /// Adds the load of a process.
    pub(crate) fn add(&mut self, program: Program, lane: Option<u32>, load: Load) {
        if let Some(lane) = lane.filter(|_| carries(program)) {
            let busiest = self.0.entry(lane).or_insert(load);
            *busiest = load.max(*busiest);
        }
    }

    /// Returns the load by which a process is scheduled: its lane's, or its own.
    pub(crate) fn of(&self, program: Program, lane: Option<u32>, own: Load) -> Load {
        lane.filter(|_| carries(program)).and_then(|lane| self.0.get(&lane).copied()).unwrap_or(own)
    }
}

impl Schedule {
    /// Asks the kernel what a process has used since the last look.
    pub(crate) fn look(&mut self, pid: Pid, now_ms: u64) -> Load {
        // One that is gone uses nothing.
        cpu_time(pid).map_or(Load::Quiet, |cpu| self.note(cpu, now_ms))
    }

    fn note(&mut self, cpu: Duration, now_ms: u64) -> Load {
        let used = cpu.checked_sub(self.cpu).unwrap_or_default();
        let elapsed_ms = (now_ms - self.at_ms).max(1);
        let percent = used.as_millis() * 100 / u128::from(elapsed_ms);
        (self.cpu, self.at_ms) = (cpu, now_ms);
        match self.setting {
            // The first look has nothing to compare with.
            None => Load::Quiet,
            Some(_) if percent >= BUSY_CPU_PERCENT_MIN => Load::Busy,
            Some(_) if percent < QUIET_CPU_PERCENT_MAX => Load::Quiet,
            Some(_) => Load::Some,
        }
    }

    /// Sets a process's policy and nice value where it should have others than it has.
    ///
    /// # Errors
    /// `EPERM` without `CAP_SYS_NICE`. A process that is gone is no error.
    pub(crate) fn update(&mut self, program: Program, pid: Pid, wanted: &Wanted, load: Load) -> Result<(), Errno> {
        if program == Program::Password {
            return self.set(pid, BACKGROUND);
        }
        if !is_on_path(program) {
            return Ok(());
        }
        let setting = match wanted.scheduling {
            Scheduling::Inherit => return Ok(()),
            Scheduling::Batch => Setting::busy(program),
            Scheduling::Auto if computes(program) => Setting::busy(program),
            Scheduling::Auto => self.by_load(program, load, wanted.quiet()),
        };
        self.set(pid, setting)
    }

    fn set(&mut self, pid: Pid, setting: Setting) -> Result<(), Errno> {
        if self.setting == Some(setting) {
            return Ok(());
        }
        self.setting = Some(setting);
        match set_policy(pid, setting.policy).and_then(|()| set_nice(pid, setting.nice)) {
            Err(Errno::SRCH) => Ok(()),
            result => result,
        }
    }

    /// Returns the setting for a load. Between the two marks a process keeps what it has, or it
    /// would change to and fro.
    fn by_load(&self, program: Program, load: Load, quiet: Setting) -> Setting {
        match load {
            Load::Busy => Setting::busy(program),
            Load::Quiet => quiet,
            Load::Some => self.setting.unwrap_or(quiet),
        }
    }
}

impl Setting {
    const fn busy(program: Program) -> Self {
        Self { policy: if is_front(program) { Policy::Batch } else { Policy::Other }, nice: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_changes_at_the_marks_and_keeps_its_setting_between_them() {
        let quiet = Wanted { scheduling: Scheduling::Auto, privileged: true }.quiet();
        let mut schedule = Schedule::default();
        let mut cpu = Duration::ZERO;
        let mut now_ms = 1_000_000;
        let mut after_half_a_second = |percent: u64| {
            cpu += Duration::from_millis(5 * percent);
            now_ms += 500;
            let load = schedule.note(cpu, now_ms);
            let setting = schedule.by_load(Program::Parse, load, quiet);
            schedule.setting = Some(setting);
            setting
        };
        let busy = Setting { policy: Policy::Batch, nice: 0 };
        let expected =
            [(100, quiet), (19, quiet), (20, busy), (100, busy), (10, busy), (9, quiet), (15, quiet), (0, quiet)];
        for (percent, setting) in expected {
            assert_eq!(after_half_a_second(percent), setting, "{percent} %");
        }
    }

    #[test]
    fn the_busiest_of_a_lane_decides_for_all_that_its_bytes_pass_through() {
        let mut loads = Loads::default();
        loads.add(Program::Parse, Some(1), Load::Some);
        loads.add(Program::Tls, Some(1), Load::Busy);
        loads.add(Program::Dispatch, Some(1), Load::Quiet);
        loads.add(Program::Parse, Some(2), Load::Quiet);
        // What computes says nothing of how many requests there are.
        loads.add(Program::WafFilter, Some(2), Load::Busy);
        loads.add(Program::Accept, None, Load::Busy);
        let of = |program, lane| loads.of(program, lane, Load::Some);
        assert_eq!([Program::Parse, Program::Tls, Program::Dispatch].map(|one| of(one, Some(1))), [Load::Busy; 3]);
        assert_eq!([of(Program::Parse, Some(2)), of(Program::Dispatch, Some(2))], [Load::Quiet; 2]);
        assert_eq!([of(Program::Keys, Some(1)), of(Program::Accept, None), of(Program::Parse, None)], [Load::Some; 3]);
    }

    #[test]
    fn only_what_clients_wake_waits_for_others() {
        let policy = |program| Setting::busy(program).policy;
        assert_eq!([Program::Accept, Program::Parse].map(policy), [Policy::Batch; 2]);
        assert_eq!([Program::WafFilter, Program::Dispatch, Program::Connect].map(policy), [Policy::Other; 3]);
    }
}
