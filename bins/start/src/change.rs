//! A change of configuration: compile it, start a new generation of lanes, give it to a new accept, drain the old one.
//! The first start is a change from nothing. Whatever fails before the new lanes are ready changes nothing.

use std::os::fd::OwnedFd;

use fosse_die::{alert, fatal, info, temporary, warning};
use fosse_eventloop::Interest;
use fosse_eventloop::slab::Key;
use fosse_plan::{Listener, Plan};
use fosse_wire::{launch::Program, start::ToChild};
use rustix::{
    io::Errno,
    pipe::{PipeFlags, pipe_with},
};

use crate::{
    PROGRAM,
    births::Gifts,
    edge::{Current, Edge, token},
    generation,
    lane::Stage,
    limits,
    listeners::{self, Open},
    logs,
    process::End,
};

/// Where a change stands.
#[derive(Debug, Default)]
pub(crate) enum Change {
    /// None is under way.
    #[default]
    Rest,
    /// A one-shot runs and its output is being read: first fosse-config, then fosse-load.
    Compiling {
        /// Its process; `None` once it has ended well.
        process: Option<Key>,
        /// What it writes.
        out: Option<OwnedFd>,
        /// What it has written.
        bytes: Vec<u8>,
        /// The plan, once fosse-config has made it and fosse-load runs.
        plan: Option<Box<Plan>>,
        /// Until when.
        until_ms: u64,
    },
    /// For `--check` alone, in place of all that follows: the rules of what is checked are being compiled.
    Checking,
    /// The lanes of the new generation are being born.
    Lanes {
        /// What was configured before, to go back to.
        before: Box<(Current, Vec<Open>)>,
    },
    /// The old accept is asked to leave, then the new one comes.
    Accept {
        /// Listeners that are not used any more once the new accept is there.
        before: Vec<Open>,
    },
}

impl Change {
    pub(crate) const fn waits_for_lanes(&self) -> bool {
        matches!(self, Self::Lanes { .. })
    }
}

impl Edge {
    /// Begins a change, or remembers that one is wanted.
    pub(crate) fn begin_change(&mut self) {
        let generations = self.live_generations();
        if self.ending.is_some() {
            return;
        }
        if !matches!(self.change, Change::Rest) || generations >= limits::GENERATIONS_MAX {
            self.change_again = true;
            return;
        }
        self.change_again = false;
        self.notify.reloading();
        match self.options.open_configuration() {
            Ok(configuration) => {
                if let Err(errno) = self.compile(configuration) {
                    self.change_failed(&format!("unable to run fosse-config: {errno}"));
                }
            }
            Err(errno) => {
                // Where the system was short of something, another try may find it.
                self.permanent = matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP);
                self.change_failed(&not_opened(&self.options.configuration_name(), errno));
            }
        }
    }

    fn live_generations(&self) -> usize {
        let mut all: Vec<u32> = self.lanes.iter().map(|l| l.generation).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    }

    /// Runs fosse-config over the configuration.
    fn compile(&mut self, configuration: OwnedFd) -> Result<(), Errno> {
        self.programs.refresh(&self.options)?;
        self.renew_store();
        let mut fds = vec![(0, configuration)];
        for (number, path) in [(9, "/etc/passwd"), (10, "/etc/group")] {
            let bytes = std::fs::read(path).unwrap_or_default();
            fds.push((number, fosse_sys::memfd::sealed(path, &bytes)?));
        }
        let words = vec!["--name".into(), self.options.configuration_name(), "--accounts".into()];
        self.one_shot(Program::Config, Gifts { fds, words, own_stderr: true, ..Gifts::default() }, None)
    }

    /// Runs fosse-load over the files the plan names.
    fn load(&mut self, plan: Plan) -> Result<(), Errno> {
        let task = fosse_sys::memfd::sealed("load", plan.blob(Program::Load))?;
        let (mut fds, mut words) = (vec![(5, task)], Vec::new());
        for (number, (path, fd)) in (9u8..).zip(&self.options.directories) {
            fds.push((number, rustix::io::fcntl_dupfd_cloexec(fd, 3)?));
            words.extend(["--dir-fd".to_owned(), format!("{number}={path}")]);
        }
        self.one_shot(Program::Load, Gifts { fds, words, own_stderr: true, ..Gifts::default() }, Some(Box::new(plan)))
    }

    fn one_shot(&mut self, program: Program, mut gifts: Gifts, plan: Option<Box<Plan>>) -> Result<(), Errno> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
        gifts.fds.push((1, write));
        let process = Some(self.spawn(program, gifts)?);
        rustix::io::ioctl_fionbio(&read, true)?;
        self.turn.add(&read, token::of(token::COMPILED), Interest::IN)?;
        let until_ms = self.turn.now_ms().saturating_add(limits::COMPILE_MS_MAX);
        self.change = Change::Compiling { process, out: Some(read), bytes: Vec::new(), plan, until_ms };
        Ok(())
    }

    /// A one-shot has written something, or its end.
    pub(crate) fn compiled(&mut self) {
        let Change::Compiling { out, bytes, .. } = &mut self.change else { return };
        let Some(fd) = out else { return };
        let mut piece = vec![0; 64 * 1024];
        loop {
            match rustix::io::read(&*fd, piece.as_mut_slice()) {
                Ok(0) => {
                    let _ = self.turn.remove(&*fd);
                    *out = None;
                    return self.compiled_whole();
                }
                Ok(count) if bytes.len().saturating_add(count) <= limits::OUTPUT_BYTES_MAX => {
                    bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
                }
                Err(Errno::AGAIN | Errno::INTR) => return,
                Ok(_) => return self.change_failed("plan or bundle too long"),
                Err(errno) => return self.change_failed(&format!("unable to read the plan: {errno}")),
            }
        }
    }

    /// A one-shot has ended.
    pub(crate) fn one_shot_ended(&mut self, key: Key, name: &str, end: End) {
        let Change::Compiling { process, .. } = &mut self.change else { return };
        if *process != Some(key) {
            return;
        }
        *process = None;
        if end == End::Exit(0) {
            self.compiled_whole();
        } else {
            // What is wrong it has said itself, on our own descriptor 2.
            self.permanent = end == End::Exit(fosse_die::EXIT_PERMANENT);
            self.change_failed(&format!("fosse-{name} {end}"));
        }
    }

    /// The one-shot has ended well and all it wrote is here.
    fn compiled_whole(&mut self) {
        let Change::Compiling { process: None, out: None, bytes, plan, .. } = &mut self.change else { return };
        let (bytes, plan) = (std::mem::take(bytes), plan.take());
        let next = match plan {
            None => Plan::decode(&bytes)
                .map_err(|e| format!("plan: {e}"))
                .and_then(|plan| self.load(plan).map_err(|e| format!("unable to run fosse-load: {e}"))),
            Some(plan) => self.begin_generation(*plan, &bytes),
        };
        if let Err(why) = next {
            self.change_failed(&why);
        }
    }

    fn begin_generation(&mut self, plan: Plan, loaded: &[u8]) -> Result<(), String> {
        let next = generation::sealed(plan, loaded)?;
        // Whether an ordinary user who checks may write logs says nothing of who is going to start.
        let looks_at_logs = self.log.is_none() && (self.privileged || !self.options.check);
        if let Some(why) = logs::hindrance(self.options.log_directory(), &next.plan).filter(|_| looks_at_logs) {
            self.permanent = true;
            return Err(why);
        }
        if self.options.check {
            return self.check_generation(next);
        }
        let open = |l: &Listener| listeners::open(l, &self.handed, &self.listeners, self.privileged);
        let opened: Vec<Open> = next.plan.listeners.iter().map(open).collect::<Result<_, _>>()?;
        let first = self.current.generation == 0;
        // Slots of processes that live are counted from the base they were born with.
        let uid_base = if first { next.plan.uid_base } else { self.current.plan.uid_base };
        let generation = self.current.generation.saturating_add(1);
        let next = Current { plan: Plan { uid_base, ..next.plan }, generation, ..next };
        let before = (std::mem::replace(&mut self.current, next), std::mem::replace(&mut self.listeners, opened));
        self.change = Change::Lanes { before: Box::new(before) };
        self.open_status();
        if self.log.is_none() {
            self.start_log();
        }
        if self.status.is_none() {
            self.start_status();
        }
        if self.current.rules.is_some() {
            // The lanes come when the rules are compiled; where they do not compile, nothing changes.
            return self.start_template().map_err(|e| format!("unable to start a template: {e}"));
        }
        self.start_lanes()
    }

    /// All lanes of a new generation.
    pub(crate) fn start_lanes(&mut self) -> Result<(), String> {
        for core in self.cores() {
            self.start_lane(core).map_err(|e| format!("unable to start a lane: {e}"))?;
        }
        Ok(())
    }

    /// One lane a core, or as many as the plan says, going round the cores that were left to us: a supervisor or a container
    /// may have kept some for others, or allow less time than the cores have.
    pub(crate) fn cores(&self) -> Vec<u32> {
        let ours = fosse_sys::process::cores();
        let lanes = match self.current.plan.lanes {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            lanes => usize::try_from(lanes).unwrap_or(1),
        };
        let max = usize::try_from(fosse_plan::LANES_MAX).unwrap_or(1);
        let cores = if ours.is_empty() { vec![fosse_spawn::CORE_ANY] } else { ours };
        cores.into_iter().cycle().take(lanes.min(max)).collect()
    }

    /// Without a status socket everything else works.
    fn open_status(&mut self) {
        if self.status_listener.is_some() || self.current.plan.status_socket.is_empty() {
            return;
        }
        let place = crate::upgrade::status_place(&self.current.plan);
        match listeners::open(&Listener { name: Vec::new(), place }, &[], &[], true) {
            Ok(open) => self.status_listener = Some(open),
            Err(why) => warning(PROGRAM, format_args!("event=no-status why=\"{why}\"")),
        }
    }

    /// Another lane of the new generation is ready: with the last of them the change can no longer fail.
    pub(crate) fn lanes_of_change_ready(&mut self) {
        let generation = self.current.generation;
        let starting = self.lanes.iter().any(|l| l.generation == generation && l.stage == Stage::Starting);
        if starting || self.ending.is_some() {
            return;
        }
        let Change::Lanes { before } = std::mem::take(&mut self.change) else { return };
        before.0.template.into_iter().for_each(|key| self.leave(key));
        self.change = Change::Accept { before: before.1 };
        let until = self.turn.now_ms().saturating_add(u64::from(self.current.plan.drain_ms));
        // Those still being born too: they have the configuration of before.
        let serves = |stage: Stage| matches!(stage, Stage::Live | Stage::Starting);
        for lane in self.lanes.iter_mut().filter(|l| l.generation != generation && serves(l.stage)) {
            lane.stage = Stage::Draining(until);
        }
        match self.accept {
            // The old one leaves first: two must not read one lane's channel. New connections wait in the listen queue.
            Some(accept) => self.leave(accept),
            None => self.start_accept(),
        }
    }

    /// The new accept has all lanes and listeners: the old lanes may finish.
    pub(crate) fn accept_of_change_ready(&mut self) {
        let Change::Accept { before } = &self.change else { return };
        listeners::remove_files(before, &self.listeners);
        self.change = Change::Rest;
        self.drain_lanes();
        let (generation, lanes) =
            (self.current.generation, self.lanes.iter().filter(|l| l.stage == Stage::Live).count());
        info(PROGRAM, format_args!("event=serving generation={generation} lanes={lanes}"));
        self.notify.ready();
        fosse_sys::text::let_go();
        if self.change_again {
            self.begin_change();
        }
        self.upgrade_if_wanted();
    }

    /// Tells the first stage of each draining lane; the others follow it.
    fn drain_lanes(&mut self) {
        let draining: Vec<Key> = self
            .lanes
            .iter()
            .filter(|l| matches!(l.stage, Stage::Draining(_)))
            .flat_map(|l| l.processes.clone())
            .collect();
        for key in draining {
            self.leave(key);
        }
    }

    /// Asks a process to finish and go.
    pub(crate) fn leave(&mut self, key: Key) {
        if let Some(process) = self.processes.get_mut(key)
            && !process.leaving
        {
            process.leaving = true;
            self.tell(key, ToChild::Drain, None);
        }
    }

    /// A change that takes too long has failed.
    pub(crate) fn change_overdue(&mut self) {
        let now_ms = self.turn.now_ms();
        match self.change {
            Change::Compiling { process, until_ms, .. } if until_ms <= now_ms => {
                process.into_iter().for_each(|key| self.kill(key));
                self.change_failed("compiling took too long");
            }
            Change::Rest if self.change_again => self.begin_change(),
            _ => {}
        }
    }

    /// Nothing is changed: what served goes on serving. Without anything that served, start has nothing to do.
    pub(crate) fn change_failed(&mut self, why: &str) {
        match std::mem::take(&mut self.change) {
            Change::Compiling { out: Some(fd), .. } => drop(self.turn.remove(&fd)),
            Change::Lanes { before } => {
                let (failed, template) = (self.current.generation, self.current.template);
                (self.current, self.listeners) = *before;
                let lanes = self.lanes.iter().filter(|l| l.generation == failed);
                let doomed: Vec<Key> = lanes.flat_map(|l| l.processes.clone()).chain(template).collect();
                for key in doomed {
                    if let Some(process) = self.processes.get_mut(key) {
                        process.leaving = true;
                    }
                    self.kill(key);
                }
                for lane in self.lanes.iter_mut().filter(|l| l.generation == failed) {
                    lane.stage = Stage::Dying(0);
                }
                // The numbers of generations are not used twice.
                self.current.generation = if self.current.generation == 0 { 0 } else { failed };
                for lane in self.lanes.iter_mut().filter(|l| matches!(l.stage, Stage::Live | Stage::Starting)) {
                    lane.generation = failed;
                }
            }
            _ => {}
        }
        if self.current.generation == 0 {
            if self.permanent {
                fatal(PROGRAM, why);
            }
            temporary(PROGRAM, why);
        }
        alert(PROGRAM, format_args!("event=reload-failed why=\"{why}\" cure=\"the configuration in force stays\""));
        self.notify.status(&format!("reload failed: {why}"));
        self.notify.ready();
    }
}

/// Why there is no configuration.
fn not_opened(name: &str, errno: Errno) -> String {
    match errno {
        Errno::NOENT => format!("there is no {name}; fosse.toml(5) has one to begin with"),
        errno => format!("unable to open {name}: {errno}"),
    }
}
