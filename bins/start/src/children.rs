//! The children of start: their table, the slots of their user IDs, the launches that have no reply
//! yet, and the messages to and from them.

use std::{collections::HashMap, os::fd::OwnedFd};

use fosse_die::{alert, info, warning};
use fosse_eventloop::slab::{Key, Slab};
use fosse_eventloop::{EventLoop, Interest, TICK_MS};
use fosse_fdpass::Received;
use fosse_wire::{
    launch::Program,
    start::{MESSAGE_BYTES, ToChild, ToStart},
};
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};

use crate::{
    PROGRAM, limits,
    losses::Losses,
    process::{End, Process, number_of},
    scheduling::Wanted,
    throttle::Throttle,
    token,
};

/// Every process that start has started and not reaped.
#[derive(Debug)]
pub(crate) struct Children {
    slab: Slab<Process>,
    /// User IDs, counted from the base, that are taken.
    slots: Vec<bool>,
    /// Launches without a reply, by token: the child, and the zygote that was asked (else the fork
    /// server).
    launches: HashMap<u32, (Key, Option<Key>)>,
    next_launch: u32,
    /// Exits of children whose launch has no reply yet, by process ID.
    early_exits: HashMap<u32, End>,
    throttles: HashMap<Program, Throttle>,
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
            launches: HashMap::new(),
            next_launch: 0,
            early_exits: HashMap::new(),
            throttles: HashMap::new(),
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
        process.still_ticks = 0;
        if process.lane.is_none() && self.losses.take_program(process.program) {
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

    /// Goes on with the tokens of a predecessor.
    pub(crate) const fn continue_launches(&mut self, next_launch: u32) {
        self.next_launch = next_launch;
    }

    /// Returns the token of the next launch.
    pub(crate) const fn next_launch(&self) -> u32 {
        self.next_launch
    }

    /// Returns whether a launch has no reply yet.
    pub(crate) fn awaits_reply(&self) -> bool {
        !self.launches.is_empty()
    }

    /// Notes that the launch with the next token was sent, for `child`, to `zygote` or to the fork
    /// server.
    pub(crate) fn launch_sent(&mut self, child: Key, zygote: Option<Key>) {
        self.launches.insert(self.next_launch, (child, zygote));
        // A token tells apart the few launches under way; it may come again after four thousand
        // million others.
        self.next_launch = self.next_launch.wrapping_add(1);
    }

    /// Returns the child that the launch with this token was for.
    pub(crate) fn launch_done(&mut self, token: u32) -> Option<Key> {
        self.launches.remove(&token).map(|(child, _)| child)
    }

    /// Forgets the launches that a zygote has not replied to, and returns the children they were
    /// for.
    pub(crate) fn launches_lost(&mut self, zygote: Key) -> Vec<Key> {
        let lost: Vec<u32> =
            self.launches.iter().filter(|(_, (_, via))| *via == Some(zygote)).map(|(token, _)| *token).collect();
        lost.into_iter().filter_map(|token| self.launch_done(token)).collect()
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

    /// Keeps the exit of a child whose launch has no reply yet. Without such a launch it is nobody
    /// start knows (a child of the shell that start was executed by, an orphan where start is the
    /// first process of a container), and its number will be another's.
    pub(crate) fn exited_early(&mut self, pid: Pid, end: End) {
        if self.awaits_reply() {
            self.early_exits.insert(number_of(pid), end);
        }
    }

    /// Returns the exit that came before the reply with this process ID.
    pub(crate) fn early_exit(&mut self, pid: Pid) -> Option<End> {
        let exit = self.early_exits.remove(&number_of(pid));
        if !self.awaits_reply() {
            self.early_exits.clear();
        }
        exit
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

    /// Sends a child a message, which waits where the child is behind with reading. One that is
    /// gone will be reaped.
    pub(crate) fn tell(&self, key: Key, message: ToChild, fd: Option<&OwnedFd>) {
        let Some(process) = self.get(key) else { return };
        if let Err(errno) = process.orders.send(&process.control, message, fd) {
            let name = process.program.name();
            alert(PROGRAM, format_args!("event=order-lost program={name} message=\"{message:?}\" error=\"{errno}\""));
        }
    }

    /// Sends the orders that wait, as far as there is room for them. Called every turn.
    pub(crate) fn flush_orders(&self) {
        self.slab.iter().for_each(|(_, process)| process.orders.flush(&process.control));
    }

    /// Returns whether any order waits.
    pub(crate) fn has_orders(&self) -> bool {
        self.slab.iter().any(|(_, process)| process.orders.waiting() > 0)
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

    /// Asks a child, once, to finish and go.
    pub(crate) fn leave(&mut self, key: Key) {
        if let Some(process) = self.get_mut(key)
            && !process.leaving
        {
            process.leaving = true;
            self.tell(key, ToChild::Drain, None);
        }
    }

    /// Reports and kills a child that sends what it must not send.
    pub(crate) fn misbehaved(&mut self, key: Key, why: &str) {
        let Some(process) = self.get(key) else { return };
        alert(PROGRAM, format_args!("event=misbehaved program={} why=\"{why}\"", process.program.name()));
        self.kill(key);
    }

    /// Kills children whose turn counter does not move, and those that were never ready. Called at
    /// every tick.
    pub(crate) fn kill_hung(&mut self) {
        for key in self.keys(|process| process.pid.is_some()) {
            let Some(process) = self.get_mut(key) else { continue };
            let turns = process.page.get(fosse_counters::TURNS);
            if turns != process.turns {
                (process.turns, process.still_ticks) = (turns, 0);
                continue;
            }
            process.still_ticks += 1;
            if process.still_ticks < still_ms_max(process) / TICK_MS {
                continue;
            }
            process.still_ticks = 0;
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
        for key in self.keys(|process| process.ready && !process.zygote) {
            let Some(process) = self.get_mut(key) else { continue };
            let Some(pid) = process.pid else { continue };
            if let Err(errno) = process.schedule.update(process.program, pid, wanted, now_ms) {
                let cure = "CAP_SYS_NICE, or scheduling = \"inherit\" in fosse.toml";
                warning(PROGRAM, format_args!("event=not-scheduled error=\"{errno}\" cure='{cure}'"));
                self.unschedulable = true;
                return;
            }
        }
    }

    /// Returns whether a program may be started now.
    pub(crate) fn may_start(&self, program: Program, now_ms: u64) -> bool {
        self.throttles.get(&program).is_none_or(|throttle| throttle.allows(now_ms))
    }

    /// Counts a crash of a program: too many delay the next start.
    pub(crate) fn crashed(&mut self, program: Program, now_ms: u64) {
        self.throttles.entry(program).or_default().crashed(now_ms);
    }

    /// Has a child that nobody needs go at once, which is no crash; one without a process ID as
    /// soon as it has one.
    pub(crate) fn give_up(&mut self, key: Key) {
        if let Some(process) = self.get_mut(key) {
            process.leaving = true;
        }
        self.kill(key);
    }

    /// Reports that a program could not even be started. That counts as ten crashes, since another
    /// try at once would fail too.
    pub(crate) fn not_started(&mut self, program: Program, errno: Errno, now_ms: u64) {
        alert(PROGRAM, format_args!("event=not-started program={} error=\"{errno}\"", program.name()));
        (0..=limits::CRASHES_FREE).for_each(|_| self.crashed(program, now_ms));
    }
}

/// Returns the time that a process may take to the next sign of life, in milliseconds.
const fn still_ms_max(process: &Process) -> u64 {
    match (process.ready, process.zygote) {
        (true, _) => limits::STILL_MS_MAX,
        (false, true) => limits::ZYGOTE_READY_MS_MAX,
        (false, false) => limits::READY_MS_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::Orders;
    use fosse_sys::page::PageReader;

    fn child() -> Process {
        let (control, _) = crate::spawn::pair(rustix::net::SocketType::SEQPACKET).unwrap();
        let page_fd = fosse_sys::memfd::page("test", fosse_counters::PAGE_BYTES).unwrap();
        Process {
            program: Program::Parse,
            lane: None,
            pid: None,
            slot: 0,
            control,
            orders: Orders::default(),
            page: PageReader::map(&page_fd).unwrap(),
            page_fd,
            pipes: Vec::new(),
            ready: false,
            turns: 0,
            schedule: crate::scheduling::Schedule::default(),
            still_ticks: 0,
            leaving: false,
            killed: false,
            zygote: false,
            keeps_records: false,
        }
    }

    #[test]
    fn the_exit_of_a_stranger_is_no_exit_of_who_gets_its_number_later() {
        let (event_loop, pid, end) = (EventLoop::new().unwrap(), Pid::from_raw(7).unwrap(), End::Exit(0));
        let mut children = Children::new(vec![false]);
        children.exited_early(pid, end);
        let key = children.insert(child(), &event_loop).unwrap();
        children.launch_sent(key, None);
        children.exited_early(Pid::from_raw(8).unwrap(), end);
        assert_eq!(children.launch_done(0), Some(key));
        assert_eq!(children.early_exit(pid), None);
        // Nor is one that came while a launch had no reply, once none has.
        children.launch_sent(key, None);
        assert_eq!(children.launch_done(1), Some(key));
        assert_eq!(children.early_exit(Pid::from_raw(8).unwrap()), None);
    }
}
