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
//! What computes for a request, as rules and encoders do, is busy whenever it runs: for up to a
//! look of start's it would keep a core from the application by a nice value below 0.
//!
//! What a program has used is asked of the kernel, not of the program.

use core::time::Duration;

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
        Program::Parse | Program::ParseH2 | Program::WafFilter | Program::Dispatch | Program::Connect
    );
    let of_tls = matches!(program, Program::Tls | Program::Keys);
    in_lane || of_tls || matches!(program, Program::Encode | Program::Accept | Program::Static)
}

/// Returns whether a program is woken by clients, who then have more to send.
const fn is_front(program: Program) -> bool {
    matches!(program, Program::Accept | Program::Parse | Program::ParseH2 | Program::Tls)
}

/// Returns whether a program works on the content of what passes.
const fn computes(program: Program) -> bool {
    matches!(program, Program::WafFilter | Program::Encode)
}

impl Schedule {
    /// Sets a process's policy and nice value where it should have others than it has.
    ///
    /// # Errors
    /// `EPERM` without `CAP_SYS_NICE`. A process that is gone is no error.
    pub(crate) fn update(&mut self, program: Program, pid: Pid, wanted: &Wanted, now_ms: u64) -> Result<(), Errno> {
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
            Scheduling::Auto => match cpu_time(pid) {
                Ok(cpu) => self.by_cpu_time(program, cpu, wanted.quiet(), now_ms),
                Err(_) => return Ok(()),
            },
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

    /// Returns the setting for a process that has used `cpu` in all, and remembers it for the next
    /// time. Between the two marks it keeps what it has, or it would change to and fro.
    fn by_cpu_time(&mut self, program: Program, cpu: Duration, quiet: Setting, now_ms: u64) -> Setting {
        let used = cpu.checked_sub(self.cpu).unwrap_or_default();
        let elapsed_ms = (now_ms - self.at_ms).max(1);
        let percent = used.as_millis() * 100 / u128::from(elapsed_ms);
        (self.cpu, self.at_ms) = (cpu, now_ms);
        match self.setting {
            // The first look has nothing to compare with.
            None => quiet,
            Some(_) if percent >= BUSY_CPU_PERCENT_MIN => Setting::busy(program),
            Some(_) if percent < QUIET_CPU_PERCENT_MAX => quiet,
            Some(setting) => setting,
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
            let setting = schedule.by_cpu_time(Program::Parse, cpu, quiet, now_ms);
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
    fn only_what_clients_wake_waits_for_others() {
        let policy = |program| Setting::busy(program).policy;
        assert_eq!([Program::Accept, Program::Parse].map(policy), [Policy::Batch; 2]);
        assert_eq!([Program::WafFilter, Program::Dispatch, Program::Connect].map(policy), [Policy::Other; 3]);
    }
}
