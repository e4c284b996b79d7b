//! The children of start: their table, the slots of their user IDs, and the messages from them.

pub(crate) mod delivered;
pub(crate) mod launches;
pub(crate) mod losses;
pub(crate) mod member;
pub(crate) mod process;
pub(crate) mod scheduling;
pub(crate) mod stillness;
pub(crate) mod throttle;
pub(crate) mod uncounted;
pub(crate) mod unread;

use std::{collections::HashMap, os::fd::OwnedFd};

use fosse_die::{alert, info, warning};
use fosse_eventloop::slab::{Key, Slab};
use fosse_eventloop::{EventLoop, Interest};
use fosse_fdpass::Received;
use fosse_wire::{
    launch::Program,
    start::{MESSAGE_BYTES, Stream, ToStart},
};
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};

use self::{
    delivered::Subject,
    launches::Launches,
    losses::Losses,
    process::{Process, is_replaceable},
    scheduling::{Loads, Wanted},
    stillness::Stillness,
    throttle::Throttle,
    uncounted::Uncounted,
    unread::{Source, Unread},
};
use crate::{PROGRAM, children::member::Member, limits, token};

/// Every process that start has started and not reaped.
#[derive(Debug)]
pub(crate) struct Children {
    slab: Slab<Process>,
    /// User IDs, counted from the base, that are taken.
    slots: Vec<bool>,
    pub(crate) launches: Launches,
    throttles: HashMap<Program, Throttle>,
    /// The pipes of those that are gone which no logger was given.
    pub(crate) unread: Unread,
    /// The counter pages of those that are gone which are not summed up.
    pub(crate) uncounted: Uncounted,
    /// Those that were lost and are to be replaced.
    pub(crate) losses: Losses,
    /// The kernel has refused to let start schedule a process.
    unschedulable: bool,
}

impl Children {
    /// Makes an empty table, with the slots that are taken already.
    pub(crate) fn new(slots: Vec<bool>) -> Self {
        Self {
            slab: Slab::default(),
            slots,
            launches: Launches::default(),
            throttles: HashMap::new(),
            unread: Unread::default(),
            uncounted: Uncounted::default(),
            losses: Losses::default(),
            unschedulable: false,
        }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Process> {
        self.slab.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Process> {
        self.slab.get_mut(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &Process)> {
        self.slab.iter()
    }

    /// Returns all children as the next step is derived from them.
    pub(crate) fn members(&self) -> Vec<Member<'_>> {
        self.slab.iter().map(|(key, process)| Member::of(key, process)).collect()
    }

    /// Returns the programs that may not be started yet.
    pub(crate) fn paused(&self, now_ms: u64) -> Vec<Program> {
        self.throttles.iter().filter(|(_, throttle)| !throttle.allows(now_ms)).map(|(program, _)| *program).collect()
    }

    /// Returns the keys of all children for which `which` holds.
    pub(crate) fn keys(&self, which: impl Fn(&Process) -> bool) -> Vec<Key> {
        self.slab.iter().filter(|(_, process)| which(process)).map(|(key, _)| key).collect()
    }

    /// Returns the child with that process ID.
    pub(crate) fn by_pid(&self, pid: Pid) -> Option<Key> {
        self.slab.iter().find(|(_, process)| process.pid == Some(pid)).map(|(key, _)| key)
    }

    /// Returns whether a child lives and has said READY.
    pub(crate) fn is_ready(&self, key: Key) -> bool {
        self.get(key).is_some_and(|process| process.ready)
    }

    /// Notes that a child is locked down and serves.
    pub(crate) fn set_ready(&mut self, key: Key) {
        let Some(process) = self.slab.get_mut(key) else { return };
        process.ready = true;
        process.stillness = Stillness::new(process.stillness.turns);
        let is_replaced = process.lane.is_none() || is_replaceable(process.program);
        if is_replaced && self.losses.take_program(process.program) {
            info(PROGRAM, format_args!("event=replaced program={}", process.program.name()));
        }
    }

    /// Returns a slot that no child has.
    ///
    /// # Errors
    /// `AGAIN` where all are taken.
    pub(crate) fn free_slot(&self) -> Result<usize, Errno> {
        self.slots.iter().position(|used| !used).ok_or(Errno::AGAIN)
    }

    /// Takes in a child with its slot and watches for its messages.
    ///
    /// # Errors
    /// `NOMEM` where the table is full, or the error of epoll_ctl(2). Nothing is left then.
    pub(crate) fn insert(&mut self, process: Process, event_loop: &EventLoop) -> Result<Key, Errno> {
        let slot = process.slot;
        let key = self.slab.insert(process).ok_or(Errno::NOMEM)?;
        if let Some(used) = self.slots.get_mut(slot) {
            *used = true;
        }
        if let Some(process) = self.slab.get(key)
            && let Err(errno) = event_loop.add(&process.control, key.token(token::CONTROL), Interest::IN)
        {
            self.remove(key, event_loop);
            return Err(errno);
        }
        Ok(key)
    }

    /// Removes a child that is gone and frees its slot.
    pub(crate) fn remove(&mut self, key: Key, event_loop: &EventLoop) -> Option<Process> {
        let process = self.slab.remove(key)?;
        // It may have been removed before, at the end of its messages.
        let _ = event_loop.remove(&process.control);
        if let Some(used) = self.slots.get_mut(process.slot) {
            *used = false;
        }
        Some(process)
    }

    /// Notes the process ID of a child that exists now.
    pub(crate) fn has_pid(&mut self, key: Key, pid: Pid) {
        let Some(process) = self.get_mut(key) else { return };
        process.pid = Some(pid);
        if process.killed {
            // It was to be killed when there was nothing yet that a signal could reach.
            self.kill(key);
        }
    }

    /// Returns the next message of a child, if one is waiting. A child that sends what no child may
    /// send is killed.
    pub(crate) fn receive(&mut self, key: Key, event_loop: &EventLoop) -> Option<ToStart> {
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        let control = &self.get(key)?.control;
        let why = match fosse_fdpass::receive(control, &mut bytes, &mut fds) {
            Ok(Received::Nothing) => return None,
            Ok(Received::Message(count)) if fds.is_empty() => match ToStart::decode(&bytes[..count]) {
                Ok(message) => return Some(message),
                Err(_) => "message it must not send",
            },
            Ok(Received::Message(_)) => "descriptor it must not send",
            Ok(Received::End) | Err(_) => {
                // Its exit follows with SIGCHLD, and has the reason.
                let _ = event_loop.remove(control);
                return None;
            }
        };
        self.misbehaved(key, why);
        None
    }

    /// Kills a child. Its process ID cannot be another's, as only start reaps it.
    pub(crate) fn kill(&mut self, key: Key) {
        let Some(process) = self.get_mut(key) else { return };
        process.killed = true;
        if let Some(pid) = process.pid {
            // Fails where it has exited and is not yet reaped.
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// Suspends children that are about to be killed: none has the time to report that another of
    /// them is gone, which start has said in its own words.
    pub(crate) fn suspend(&self, keys: impl Iterator<Item = Key>) {
        for pid in keys.filter_map(|key| self.get(key)?.pid) {
            // Fails where it has exited and is not yet reaped.
            let _ = kill_process(pid, Signal::STOP);
        }
    }

    /// Notes that a child is to go: its exit is expected, and the order to finish is due.
    pub(crate) fn leave(&mut self, key: Key) {
        if let Some(process) = self.get_mut(key) {
            process.leaving = true;
        }
    }

    /// Reports and kills a child that sends what it must not send.
    pub(crate) fn misbehaved(&mut self, key: Key, why: &str) {
        let Some(process) = self.get(key) else { return };
        alert(PROGRAM, format_args!("event=misbehaved program={} why=\"{why}\"", process.program.name()));
        self.kill(key);
    }

    /// Kills children whose turn counter does not move though they have a core, and those that were
    /// never ready. Called at every tick.
    pub(crate) fn kill_hung(&mut self) {
        for key in self.keys(|process| process.pid.is_some()) {
            let Some(process) = self.get_mut(key) else { continue };
            let (turns, most_ms) = (process.page.get(fosse_counters::TURNS), still_ms_max(process));
            if !process.pid.is_some_and(|pid| process.stillness.tick(turns, pid, most_ms)) {
                continue;
            }
            let what = if process.ready { "hangs" } else { "never-ready" };
            alert(PROGRAM, format_args!("event={what} program={} action=kill", process.program.name()));
            self.kill(key);
        }
    }

    /// Schedules each process by what it does. The first refusal is the last attempt: no later one
    /// would end otherwise.
    pub(crate) fn schedule(&mut self, wanted: &Wanted, now_ms: u64) {
        if self.unschedulable {
            return;
        }
        let scheduled = self.keys(|process| process.ready && !process.zygote);
        let (mut loads, mut own) = (Loads::default(), Vec::with_capacity(scheduled.len()));
        for key in scheduled {
            let Some(process) = self.get_mut(key) else { continue };
            let Some(pid) = process.pid else { continue };
            let load = process.schedule.look(pid, now_ms);
            loads.add(process.program, process.lane, load);
            own.push((key, pid, load));
        }
        for (key, pid, load) in own {
            let Some(process) = self.get_mut(key) else { continue };
            let load = loads.of(process.program, process.lane, load);
            if let Err(errno) = process.schedule.update(process.program, pid, wanted, load) {
                let cure = "CAP_SYS_NICE, or scheduling = \"inherit\" in fosse.toml";
                warning(PROGRAM, format_args!("event=not-scheduled error=\"{errno}\" cure='{cure}'"));
                self.unschedulable = true;
                return;
            }
        }
    }

    /// Counts a crash of a program: too many delay the next start.
    pub(crate) fn crashed(&mut self, program: Program, now_ms: u64) {
        self.throttles.entry(program).or_default().crashed(now_ms);
    }

    /// Returns the pipe of a process that lives or is gone, and whose it is.
    pub(crate) fn pipe(&self, of: Key, stream: Stream) -> Option<(Source, &OwnedFd)> {
        let Some(process) = self.get(of) else { return self.unread.find(of, stream) };
        let (_, fd) = process.pipes.iter().find(|(kind, _)| *kind == stream)?;
        Some((process.source()?, fd))
    }

    /// Keeps the pipes of a process that is gone which no logger was given.
    pub(crate) fn keep_unread(&mut self, key: Key, process: &mut Process, log: Option<Key>) {
        let Some(source) = process.source() else { return };
        let log = log.and_then(|log| self.slab.get(log));
        let is_given = |stream| log.is_some_and(|log| log.delivered.has(Subject::Pipe(key, stream), 0));
        self.unread.keep(key, source, process.pipes.drain(..).filter(|(stream, _)| !is_given(*stream)));
    }

    /// Keeps what a process has counted that is gone.
    pub(crate) fn keep_uncounted(&mut self, key: Key, process: Process) {
        let max = limits::UNCOUNTED_PAGES_MAX + self.slab.len();
        self.uncounted.keep(key, process, max);
    }

    /// Reports that a program could not even be started.
    pub(crate) fn not_started(&mut self, program: Program, errno: Errno, now_ms: u64) {
        alert(PROGRAM, format_args!("event=not-started program={} error=\"{errno}\"", program.name()));
        self.not_now(program, now_ms);
    }

    /// Notes that a program cannot be started now. That counts as ten crashes, since another try at
    /// once would fail too.
    pub(crate) fn not_now(&mut self, program: Program, now_ms: u64) {
        (0..=limits::CRASHES_FREE).for_each(|_| self.crashed(program, now_ms));
    }
}

/// Returns the time that a process may take to the next sign of life, in milliseconds.
const fn still_ms_max(process: &Process) -> u64 {
    match (process.ready, process.zygote) {
        // They wait for the disk, and they alone do.
        (true, _)
            if matches!(process.program, Program::Spool | Program::Static | Program::Cache | Program::Password) =>
        {
            limits::PATIENT_STILL_MS_MAX
        }
        (true, _) => limits::STILL_MS_MAX,
        (false, true) => limits::ZYGOTE_READY_MS_MAX,
        (false, false) => limits::READY_MS_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_the_disk_may_stand_still_longer_than_others() {
        let patience = |program| {
            let (control, _) = crate::launch::spawn::pair(rustix::net::SocketType::SEQPACKET).unwrap();
            let page = fosse_sys::memfd::page("still", fosse_counters::PAGE_BYTES).unwrap();
            still_ms_max(&Process { ready: true, ..Process::new(program, None, 0, control, page).unwrap() })
        };
        let [dispatch, spool, others @ ..] =
            [Program::Dispatch, Program::Spool, Program::Static, Program::Cache].map(patience);
        assert!(dispatch < spool && others == [spool; 2], "{dispatch} {spool} {others:?}");
    }
}
