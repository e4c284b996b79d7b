//! Deaths: a child's exit is a message. What it says, who pays for it, and what takes its place.

use fosse_die::{alert, info, warning};
use fosse_eventloop::slab::Key;
use fosse_wire::{launch::Program, start::ToChild};
use rustix::process::{WaitOptions, waitpid};

use crate::{
    PROGRAM,
    change::Change,
    edge::Edge,
    lane::Stage,
    limits,
    process::{End, Process},
};

impl Edge {
    /// Takes note of every child that has ended.
    pub(crate) fn reap(&mut self) {
        while let Ok(Some((pid, status))) = waitpid(None, WaitOptions::NOHANG) {
            let end =
                status.exit_status().map_or_else(|| End::Signal(status.terminating_signal().unwrap_or(0)), End::Exit);
            if pid == self.nursery.pid {
                fosse_die::temporary(PROGRAM, format_args!("the nursery died: {end}"));
            }
            self.nursery_answers();
            self.templates_answer();
            match self.by_pid(pid) {
                Some(key) => self.died(key, end),
                None => drop(self.early_deaths.insert(pid.as_raw_nonzero().get().unsigned_abs(), end)),
            }
        }
    }

    /// A process is gone.
    pub(crate) fn died(&mut self, key: Key, end: End) {
        let Some(process) = self.processes.remove(key) else { return };
        let _ = self.turn.remove(&process.control);
        if let Some(used) = self.slots.get_mut(process.slot) {
            *used = false;
        }
        if let (Some(status), Some(pid)) = (self.status, process.pid) {
            self.tell(status, ToChild::PageDrop { pid: pid.as_raw_nonzero().get().unsigned_abs() }, None);
        }
        self.report(&process, end);
        self.penalise(&process, end);
        match process.program {
            Program::Config | Program::Load => self.one_shot_ended(key, process.program.name(), end),
            Program::Log => self.log = None,
            Program::Status => self.status = None,
            Program::Store if self.store == Some(key) => self.store = None,
            Program::Accept if self.accept == Some(key) => self.accept_died(),
            _ => {}
        }
        if process.template {
            self.template_lost(key, end);
        }
        if let Some(number) = process.lane {
            self.lane_lost(number, key, &process, end);
        }
        self.replace_missing();
        self.end_if_all_is_over();
    }

    /// One line for every death that nobody asked for, and a throttle for those that were the process's own fault.
    fn report(&mut self, process: &Process, end: End) {
        let one_shot = matches!(process.program, Program::Config | Program::Load);
        if process.leaving || self.ending.is_some() || one_shot {
            return;
        }
        let pid = process.pid.map_or(0, |p| p.as_raw_nonzero().get());
        let Some(lane) = self.lanes.iter_mut().find(|l| Some(l.number) == process.lane) else {
            return self.blame(process.program, None, pid, end);
        };
        let number = Some(lane.number);
        let first = matches!(lane.stage, Stage::Live | Stage::Starting);
        if first && end.follows_another() {
            lane.suspect = Some((process.program, pid, end));
        } else if first || (lane.suspect.is_some() && !process.killed && !end.follows_another()) {
            lane.suspect = None;
            self.blame(process.program, number, pid, end);
        }
    }

    fn blame(&mut self, program: Program, lane: Option<u32>, pid: i32, end: End) {
        let (name, lane) = (program.name(), lane.map(|n| format!(" lane={n}")).unwrap_or_default());
        if end.sandbox_violation() {
            let call = self.kernel_log.violation(pid).unwrap_or_else(|| "call=unknown".into());
            alert(PROGRAM, format_args!("event=\"sandbox violation\" program={name}{lane} pid={pid} {call}"));
        } else {
            warning(PROGRAM, format_args!("event=death program={name}{lane} pid={pid} {end}"));
        }
        if end.own_fault() {
            let now_ms = self.turn.now_ms();
            self.throttles.entry(program).or_default().died(now_ms);
        }
    }

    /// accept left for a change, or died: in both cases the next one gets all lanes.
    fn accept_died(&mut self) {
        self.accept = None;
        if self.ending.is_some() {
            return self.end_lanes();
        }
        // The next one would have the new configuration, and lanes of the old one: serving comes first, then the change.
        if self.change.waits_for_lanes() {
            self.change_failed("fosse-accept died before the new lanes were ready");
            self.change_again = true;
        }
    }

    /// A lane without one of its stages is over: parse answers what it can, the rest ends, a new lane takes its place.
    fn lane_lost(&mut self, number: u32, key: Key, process: &Process, end: End) {
        let until = self.turn.now_ms().saturating_add(limits::DYING_MS_MAX);
        let Some(lane) = self.lanes.iter_mut().find(|l| l.number == number) else { return };
        lane.processes.retain(|k| *k != key);
        let (stage, left, generation) = (lane.stage, lane.processes.clone(), lane.generation);
        if left.is_empty() {
            let suspect = lane.suspect.take();
            self.lanes.retain(|l| l.number != number);
            if let Some((program, pid, end)) = suspect {
                self.blame(program, Some(number), pid, end);
            }
        }
        if !matches!(stage, Stage::Live | Stage::Starting) {
            return;
        }
        if let Some(lane) = self.lanes.iter_mut().find(|l| l.number == number) {
            lane.stage = Stage::Dying(until);
        }
        if let Some(accept) = self.accept {
            self.tell(accept, ToChild::LaneDrain { lane: number }, None);
        }
        // Where the fault is not known yet, the stages that are left end by themselves and show it.
        for other in left.into_iter().filter(|_| !end.follows_another()) {
            let keep = self.processes.get(other).is_none_or(|p| p.program == Program::Parse);
            if !keep {
                self.kill(other);
            }
        }
        if self.change.waits_for_lanes() && generation == self.current.generation {
            self.change_failed(&format!("fosse-{} of the new generation: {end}", process.program.name()));
        }
    }

    /// Whoever sent the bytes that a stage died of pays for it. Stages that follow it may be found dead before it is, but they
    /// end between two turns, in which nobody's bytes are worked on.
    fn penalise(&self, process: &Process, end: End) {
        let connection = process.page.get(fosse_counters::STREAM_CONNECTION);
        let blamed = process.lane.is_some() && !process.killed && end.own_fault() && connection != 0;
        if let Some(accept) = self.accept.filter(|_| blamed) {
            self.tell(accept, ToChild::Penalise { connection }, None);
        }
    }

    /// Starts whatever is missing, as far as the throttles allow.
    pub(crate) fn replace_missing(&mut self) {
        let now_ms = self.turn.now_ms();
        if self.ending.is_some() || self.current.generation == 0 {
            return;
        }
        let allowed = |edge: &Self, program| edge.throttles.get(&program).is_none_or(|t| t.allows(now_ms));
        if self.log.is_none() && allowed(self, Program::Log) {
            self.start_log();
        }
        if self.status.is_none() && self.status_listener.is_some() && allowed(self, Program::Status) {
            self.start_status();
        }
        if self.store.is_none() && self.current.keeps_records && allowed(self, Program::Store) {
            self.start_store();
        }
        if matches!(self.change, Change::Lanes { .. }) {
            return;
        }
        // A change waits for it: one that cannot be started, or dies, is tried again here as at any other time.
        if self.accept.is_none() && allowed(self, Program::Accept) {
            self.start_accept();
        }
        if matches!(self.change, Change::Accept { .. }) {
            return;
        }
        if !self.template_serves() {
            if self.current.template.is_none() && allowed(self, Program::WafFilter) {
                self.replace_template();
            }
            return;
        }
        let lane_programs = [Program::Parse, Program::WafFilter, Program::Dispatch, Program::Connect];
        if lane_programs.iter().all(|p| allowed(self, *p)) {
            self.replace_lanes();
        }
    }

    /// As many lanes as there should be, on the cores that lack one.
    fn replace_lanes(&mut self) {
        let generation = self.current.generation;
        let mut wanted = self.cores();
        let mut missing = wanted.len();
        for lane in
            self.lanes.iter().filter(|l| l.generation == generation && matches!(l.stage, Stage::Live | Stage::Starting))
        {
            missing = missing.saturating_sub(1);
            if let Some(at) = wanted.iter().position(|core| *core == lane.core) {
                wanted.swap_remove(at);
            }
        }
        // Cores may have been taken away and others given meanwhile: there are no more lanes for that.
        for core in wanted.into_iter().take(missing) {
            if let Err(errno) = self.start_lane(core) {
                alert(PROGRAM, format_args!("unable to start a lane: {errno}"));
            }
        }
    }

    /// Lanes whose time to finish is over.
    pub(crate) fn lanes_overdue(&mut self) {
        let now_ms = self.turn.now_ms();
        let over = |stage: Stage| matches!(stage, Stage::Draining(until) | Stage::Dying(until) if until <= now_ms);
        let doomed: Vec<Key> = self.lanes.iter().filter(|l| over(l.stage)).flat_map(|l| l.processes.clone()).collect();
        for key in doomed {
            self.kill(key);
        }
        if self.ending.is_some_and(|until| until <= now_ms) {
            warning(PROGRAM, "event=end-overdue action=kill");
            let all: Vec<Key> = self.processes.iter().map(|(key, _)| key).collect();
            all.into_iter().for_each(|key| self.kill(key));
        }
    }

    /// SIGTERM: nothing new, what is under way finishes, then the end.
    pub(crate) fn begin_end(&mut self) {
        if self.ending.is_some() {
            return;
        }
        info(PROGRAM, "event=ending");
        self.notify.stopping();
        self.ending = Some(self.turn.now_ms().saturating_add(u64::from(self.current.plan.drain_ms)));
        match self.accept {
            Some(accept) => self.leave(accept),
            None => self.end_lanes(),
        }
        self.end_if_all_is_over();
    }

    /// accept is gone: what its channels hold is final, and idle connections have nowhere to go.
    fn end_lanes(&mut self) {
        for lane in &mut self.lanes {
            lane.accept_end = None;
        }
        let all: Vec<Key> = self.lanes.iter().flat_map(|l| l.processes.clone()).chain(self.current.template).collect();
        all.into_iter().for_each(|key| self.leave(key));
    }

    fn end_if_all_is_over(&mut self) {
        if self.ending.is_none() || self.accept.is_some() || !self.lanes.is_empty() {
            return;
        }
        if let Some(log) = self.log {
            // It reads every pipe to its end first.
            return self.leave(log);
        }
        crate::listeners::remove_files(&self.listeners, &[]);
        if let Some(status) = self.status_listener.take() {
            crate::listeners::remove_files(&[status], &[]);
        }
        info(PROGRAM, "event=ended");
        std::process::exit(0)
    }
}
