//! The whole edge as start sees it, and its loop: signals, the nursery's answers, what children say, and the clock.

use std::{collections::HashMap, os::fd::OwnedFd};

use fosse_die::{alert, info, temporary};
use fosse_eventloop::slab::{Key, Slab};
use fosse_eventloop::{Interest, Turn};
use fosse_fdpass::Received;
use fosse_plan::Plan;
use fosse_sys::signal::{Signal, Signals};
use fosse_wire::{
    launch::Program,
    start::{MESSAGE_BYTES, ToChild, ToStart},
};
use rustix::{io::Errno, process::Pid};

use crate::{
    PROGRAM,
    change::Change,
    kernel_log::KernelLog,
    lane::Lane,
    limits,
    listeners::Open,
    marks::Marks,
    notify::Notify,
    nursery::Nursery,
    options::Options,
    process::{End, Process},
    programs::Programs,
    throttle::Throttle,
};

/// Kinds of event tokens.
pub(crate) mod token {
    pub const SIGNALS: u8 = 1;
    pub const NURSERY: u8 = 2;
    pub const CONTROL: u8 = 3;
    pub const COMPILED: u8 = 4;
    pub const fn of(kind: u8) -> u64 {
        (kind as u64) << fosse_eventloop::slab::KEY_BITS
    }
}

/// What is configured now.
#[derive(Debug)]
pub(crate) struct Current {
    pub plan: Plan,
    pub generation: u32,
    /// The sealed blob of each program.
    pub blobs: HashMap<Program, OwnedFd>,
    /// The bundle of rule files, where there are any.
    pub rules: Option<OwnedFd>,
    /// The process that has compiled them and makes the filters.
    pub template: Option<Key>,
    /// They keep records of persistent collections.
    pub keeps_records: bool,
    /// Compiled address lists by listener.
    pub addresses: Vec<(u16, OwnedFd)>,
}

impl Current {
    /// Before the first plan: fosse-config itself needs a UID.
    pub(crate) fn nothing() -> Self {
        let plan = Plan { uid_base: limits::UID_BASE_FIRST, ..Plan::default() };
        let (blobs, addresses) = (HashMap::new(), Vec::new());
        Self { plan, generation: 0, blobs, rules: None, template: None, keeps_records: false, addresses }
    }
}

/// Everything start knows.
#[derive(Debug)]
pub(crate) struct Edge {
    pub options: Options,
    pub turn: Turn,
    pub signals: Signals,
    pub nursery: Nursery,
    pub programs: Programs,
    pub notify: Notify,
    pub kernel_log: KernelLog,
    /// start runs as root: every process gets its own UID.
    pub privileged: bool,
    pub processes: Slab<Process>,
    /// Launches that are not answered, by token: the process, and the template that was asked (else the nursery).
    pub launches: HashMap<u32, (Key, Option<Key>)>,
    pub next_launch: u32,
    /// Deaths of processes whose launch is not answered yet.
    pub early_deaths: HashMap<u32, End>,
    pub slots: Vec<bool>,
    pub lanes: Vec<Lane>,
    pub next_lane: u32,
    pub current: Current,
    pub listeners: Vec<Open>,
    pub handed: Vec<(Vec<u8>, OwnedFd)>,
    pub accept: Option<Key>,
    /// What accepts have remembered so far.
    pub marks: Marks,
    pub log: Option<Key>,
    pub status: Option<Key>,
    pub store: Option<Key>,
    /// The store is of the programs before an upgrade.
    pub store_outdated: bool,
    pub status_listener: Option<Open>,
    pub throttles: HashMap<Program, Throttle>,
    pub change: Change,
    /// SIGHUP came while a change was under way.
    pub change_again: bool,
    /// SIGUSR2 came while a change was under way.
    pub upgrade_wanted: bool,
    /// The last failure is one that no restart can cure.
    pub permanent: bool,
    /// SIGTERM came: until then everything may finish.
    pub ending: Option<u64>,
    pub null: OwnedFd,
}

impl Edge {
    /// Runs until the end.
    pub fn run(mut self) -> ! {
        let watched = self
            .turn
            .add(&self.signals, token::of(token::SIGNALS), Interest::IN)
            .and_then(|()| self.turn.add(&self.nursery.channel, token::of(token::NURSERY), Interest::IN));
        if let Err(errno) = watched {
            temporary(PROGRAM, format_args!("unable to watch descriptors: {errno}"));
        }
        self.reap();
        self.begin_change();
        loop {
            if let Err(errno) = self.one_turn() {
                temporary(PROGRAM, format_args!("unable to wait: {errno}"));
            }
        }
    }

    fn one_turn(&mut self) -> Result<(), Errno> {
        self.turn.wait()?;
        let mut at = 0;
        while let Some(event) = self.turn.happened(at) {
            at = at.saturating_add(1);
            match Key::of_token(event.token) {
                (token::SIGNALS, _) => self.signalled(),
                (token::NURSERY, _) => self.nursery_answers(),
                (token::CONTROL, key) => self.child_says(key),
                (token::COMPILED, _) => self.compiled(),
                _ => {}
            }
        }
        if self.turn.ticked() {
            self.notify.alive();
            self.look_for_hangs();
            self.lanes_overdue();
            self.change_overdue();
            self.upgrade_if_wanted();
            self.replace_missing();
            self.release_store();
        }
        Ok(())
    }

    fn signalled(&mut self) {
        while let Ok(Some(signal)) = self.signals.next() {
            match signal {
                Signal::SIGCHLD => self.reap(),
                Signal::SIGHUP => {
                    info(PROGRAM, "event=reload-asked");
                    self.begin_change();
                }
                Signal::SIGTERM | Signal::SIGINT if self.options.check => {
                    temporary(PROGRAM, "ended before all was checked");
                }
                Signal::SIGTERM | Signal::SIGINT => self.begin_end(),
                Signal::SIGUSR2 => self.upgrade(),
                _ => {}
            }
        }
    }

    /// What the nursery says comes before the deaths it may be about.
    pub(crate) fn nursery_answers(&mut self) {
        loop {
            match fosse_spawn::answer(&self.nursery.channel) {
                Ok(None) => return,
                Ok(Some(ToStart::Started { token, pid, errno })) => self.launched(token, pid, errno),
                Ok(Some(_)) => {}
                Err(errno) => temporary(PROGRAM, format_args!("nursery is gone: {errno}")),
            }
        }
    }

    pub(crate) fn child_says(&mut self, key: Key) {
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        loop {
            let Some(process) = self.processes.get_mut(key) else { return };
            match fosse_fdpass::receive(&process.control, &mut bytes, &mut fds) {
                Ok(Received::Nothing) => return,
                Ok(Received::Message(count)) if fds.is_empty() => {
                    match ToStart::decode(bytes.get(..count).unwrap_or_default()) {
                        Ok(ToStart::Ready) if !process.ready => {
                            process.ready = true;
                            process.moved_ms = self.turn.now_ms();
                            self.became_ready(key);
                        }
                        Ok(ToStart::Drained) => {}
                        Ok(ToStart::Marked(mark)) if process.program == Program::Accept => self.marks.keep(mark),
                        Ok(ToStart::KeepsRecords) if process.template && !process.ready => self.keeps_records(key),
                        Ok(ToStart::Started { token, pid, errno }) if process.template => {
                            self.launched(token, pid, errno);
                        }
                        _ => return self.misbehaved(key, "message it must not send"),
                    }
                }
                Ok(Received::Message(_)) => return self.misbehaved(key, "descriptor it must not send"),
                // Its end says more: wait for that.
                Ok(Received::End) | Err(_) => {
                    let _ = self.turn.remove(&process.control);
                    return;
                }
            }
        }
    }

    fn misbehaved(&mut self, key: Key, why: &str) {
        let Some(process) = self.processes.get(key) else { return };
        alert(PROGRAM, format_args!("event=misbehaved program={} why=\"{why}\"", process.program.name()));
        self.kill(key);
    }

    /// Kills a process of ours; its number cannot be anybody else's, as only start reaps it.
    pub(crate) fn kill(&mut self, key: Key) {
        let Some(process) = self.processes.get_mut(key) else { return };
        process.killed = true;
        if let Some(pid) = process.pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }

    /// Tells a child something.
    pub(crate) fn tell(&self, key: Key, message: ToChild, fd: Option<&OwnedFd>) {
        use std::os::fd::AsFd;
        let Some(process) = self.processes.get(key) else { return };
        let fds: Vec<_> = fd.iter().map(|fd| fd.as_fd()).collect();
        if let Err(errno) = fosse_fdpass::send(&process.control, &message.encode(), &fds)
            && errno == Errno::AGAIN
        {
            alert(PROGRAM, format_args!("event=deaf program={} message=\"{message:?}\"", process.program.name()));
        }
    }

    /// Children that do not move any more, and those that were never ready.
    fn look_for_hangs(&mut self) {
        let now_ms = self.turn.now_ms();
        let mut still = Vec::new();
        for key in self.processes.iter().map(|(key, _)| key).collect::<Vec<_>>() {
            let Some(process) = self.processes.get_mut(key) else { continue };
            let turns = process.page.get(fosse_counters::TURNS);
            if turns != process.turns {
                process.turns = turns;
                process.moved_ms = now_ms;
            }
            let limit = if process.ready { limits::STILL_MS_MAX } else { limits::READY_MS_MAX };
            if process.pid.is_some() && now_ms.saturating_sub(process.moved_ms) >= limit {
                still.push((key, process.program, process.ready));
                process.moved_ms = now_ms;
            }
        }
        for (key, program, ready) in still {
            let what = if ready { "hangs" } else { "never-ready" };
            alert(PROGRAM, format_args!("event={what} program={} action=kill", program.name()));
            self.kill(key);
        }
    }

    /// The process with that id.
    pub(crate) fn by_pid(&self, pid: Pid) -> Option<Key> {
        self.processes.iter().find(|(_, p)| p.pid == Some(pid)).map(|(key, _)| key)
    }
}
