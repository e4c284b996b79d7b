//! A change of configuration: compile it, start a new generation of lanes, give it to a new accept, drain the old one.
//! The first start is a change from nothing. Whatever fails before the new lanes are ready changes nothing.

use std::{collections::HashMap, os::fd::OwnedFd};

use fosse_die::{alert, info, temporary, warning};
use fosse_plan::{Listener, Place, Plan};
use fosse_slab::Key;
use fosse_turn::Interest;
use fosse_wire::{launch::Program, start::ToChild};
use rustix::{
    io::Errno,
    pipe::{PipeFlags, pipe_with},
};

use crate::{
    PROGRAM,
    births::Gifts,
    edge::{Current, Edge, token},
    lane::Stage,
    limits,
    listeners::{self, Open},
    process::End,
};

/// Where a change stands.
#[derive(Debug, Default)]
pub(crate) enum Change {
    /// None is under way.
    #[default]
    Rest,
    /// fosse-config runs; its plan is being read.
    Compiling {
        /// Its process; `None` once it has ended well.
        config: Option<Key>,
        /// What it writes.
        out: Option<OwnedFd>,
        /// What it has written.
        plan: Vec<u8>,
        /// Until when.
        until_ms: u64,
    },
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
        if let Err(errno) = self.compile() {
            self.change_failed(&format!("unable to run fosse-config: {errno}"));
        }
    }

    fn live_generations(&self) -> usize {
        let mut all: Vec<u32> = self.lanes.iter().map(|l| l.generation).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    }

    fn compile(&mut self) -> Result<(), Errno> {
        let configuration = self.options.open_configuration()?;
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
        let mut fds = vec![(0, configuration), (1, write)];
        for (number, path) in [(9, "/etc/passwd"), (10, "/etc/group")] {
            let bytes = std::fs::read(path).unwrap_or_default();
            fds.push((number, fosse_sys::memfd::sealed(path, &bytes)?));
        }
        let config = self.spawn(Program::Config, Gifts { fds, own_stderr: true, ..Gifts::default() })?;
        rustix::io::ioctl_fionbio(&read, true)?;
        self.turn.add(&read, token::of(token::COMPILED), Interest::IN)?;
        let until_ms = self.turn.now_ms().saturating_add(limits::COMPILE_MS_MAX);
        self.change = Change::Compiling { config: Some(config), out: Some(read), plan: Vec::new(), until_ms };
        Ok(())
    }

    /// fosse-config has written something, or its end.
    pub(crate) fn compiled(&mut self) {
        let Change::Compiling { out, plan, .. } = &mut self.change else { return };
        let Some(fd) = out else { return };
        let mut bytes = vec![0; 64 * 1024];
        loop {
            match rustix::io::read(&*fd, bytes.as_mut_slice()) {
                Ok(0) => {
                    let _ = self.turn.remove(&*fd);
                    *out = None;
                    return self.compiled_whole();
                }
                Ok(count) if plan.len().saturating_add(count) <= limits::PLAN_BYTES_MAX => {
                    plan.extend_from_slice(bytes.get(..count).unwrap_or_default());
                }
                Err(Errno::AGAIN | Errno::INTR) => return,
                Ok(_) => return self.change_failed("plan too long"),
                Err(errno) => return self.change_failed(&format!("unable to read the plan: {errno}")),
            }
        }
    }

    /// fosse-config has ended.
    pub(crate) fn config_ended(&mut self, key: Key, end: End) {
        let Change::Compiling { config, .. } = &mut self.change else { return };
        if *config != Some(key) {
            return;
        }
        *config = None;
        if end == End::Exit(0) {
            self.compiled_whole();
        } else {
            // What is wrong it has said itself, on our own descriptor 2.
            self.change_failed(&format!("fosse-config {end}"));
        }
    }

    fn compiled_whole(&mut self) {
        let Change::Compiling { config: None, out: None, plan, .. } = &self.change else { return };
        let decoded = Plan::decode(plan).map_err(|e| format!("plan: {e}"));
        if let Err(why) = decoded.and_then(|plan| self.begin_generation(plan)) {
            self.change_failed(&why);
        }
    }

    fn begin_generation(&mut self, plan: Plan) -> Result<(), String> {
        let mut blobs = HashMap::new();
        for (program, blob) in &plan.blobs {
            let fd =
                fosse_sys::memfd::sealed(program.name(), blob).map_err(|e| format!("unable to seal a blob: {e}"))?;
            blobs.insert(*program, fd);
        }
        let open =
            |l: &Listener| listeners::open(l, &self.handed, &self.listeners, self.privileged || self.options.public);
        let opened: Vec<Open> = plan.listeners.iter().map(open).collect::<Result<_, _>>()?;
        let first = self.current.generation == 0;
        let uid_base = if first { plan.uid_base } else { self.current.plan.uid_base };
        let generation = self.current.generation.saturating_add(1);
        let next = Current { plan: Plan { uid_base, ..plan }, generation, blobs };
        let before = (std::mem::replace(&mut self.current, next), std::mem::replace(&mut self.listeners, opened));
        self.change = Change::Lanes { before: Box::new(before) };
        self.open_status();
        if self.log.is_none() {
            self.start_log();
        }
        if self.status.is_none() {
            self.start_status();
        }
        self.programs.refresh(&self.options).map_err(|e| format!("unable to open the programs: {e}"))?;
        for core in self.cores() {
            self.start_lane(core).map_err(|e| format!("unable to start a lane: {e}"))?;
        }
        Ok(())
    }

    /// One lane a core, or as many as the plan says, going round the cores.
    pub(crate) fn cores(&self) -> Vec<u32> {
        let cores = std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1));
        let lanes = if self.current.plan.lanes == 0 { cores } else { self.current.plan.lanes };
        (0..lanes.min(fosse_plan::LANES_MAX)).map(|n| n % cores.max(1)).collect()
    }

    /// Without a status socket everything else works.
    fn open_status(&mut self) {
        let path = self.current.plan.status_socket.clone();
        if self.status_listener.is_some() || path.is_empty() {
            return;
        }
        let place = Place::Unix { path, owner: u32::MAX, group: u32::MAX, mode: 0o660 };
        match listeners::open(&Listener { name: Vec::new(), place }, &[], &[], true) {
            Ok(open) => self.status_listener = Some(open),
            Err(why) => warning(PROGRAM, format_args!("event=no-status why=\"{why}\"")),
        }
    }

    /// Another lane of the new generation is ready: with the last of them the change can no longer fail.
    pub(crate) fn lanes_of_change_ready(&mut self) {
        let generation = self.current.generation;
        if self.lanes.iter().any(|l| l.generation == generation && l.stage == Stage::Starting) {
            return;
        }
        let Change::Lanes { before } = std::mem::take(&mut self.change) else { return };
        self.change = Change::Accept { before: before.1 };
        let until = self.turn.now_ms().saturating_add(u64::from(self.current.plan.drain_ms));
        for lane in self.lanes.iter_mut().filter(|l| l.generation != generation && l.stage == Stage::Live) {
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
        if self.change_again {
            self.begin_change();
        }
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
            Change::Compiling { config, until_ms, .. } if until_ms <= now_ms => {
                config.into_iter().for_each(|key| self.kill(key));
                self.change_failed("fosse-config took too long");
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
                let failed = self.current.generation;
                (self.current, self.listeners) = *before;
                let doomed: Vec<Key> =
                    self.lanes.iter().filter(|l| l.generation == failed).flat_map(|l| l.processes.clone()).collect();
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
                for lane in self.lanes.iter_mut().filter(|l| matches!(l.stage, Stage::Live)) {
                    lane.generation = failed;
                }
            }
            _ => {}
        }
        if self.current.generation == 0 {
            if why.starts_with("fosse-config exit=100") {
                std::process::exit(fosse_die::EXIT_PERMANENT);
            }
            temporary(PROGRAM, why);
        }
        alert(PROGRAM, format_args!("event=reload-failed why=\"{why}\" cure=\"the configuration in force stays\""));
        self.notify.status(&format!("reload failed: {why}"));
        self.notify.ready();
    }
}
