//! The state of an edge: every process it has, the configuration and the sockets that they serve,
//! and the launcher of more. The supervisor, a reload and the end decide on it.

use std::os::fd::BorrowedFd;

use fosse_eventloop::{EventLoop, slab::Key};
use fosse_wire::launch::Program;

use crate::{
    children::Children,
    generation::Generation,
    lane::Lanes,
    lanes,
    launcher::{Launcher, SpawnContext},
    listeners::Listeners,
    penalties::Penalties,
    process::Process,
    reload_report::ReloadReport,
    reload_state::Reload,
    scheduling::Wanted,
    services,
    services::Services,
    spawn_options::SpawnOptions,
    store,
    successor_state::Inheritance,
    zygote,
};

/// The state of an edge.
#[derive(Debug)]
pub(crate) struct State {
    pub event_loop: EventLoop,
    pub launcher: Launcher,
    pub children: Children,
    pub services: Services,
    pub lanes: Lanes,
    pub generation: Generation,
    pub listeners: Listeners,
    pub penalties: Penalties,
    pub reload_report: ReloadReport,
}

impl State {
    /// Returns the state of an edge that has no process yet.
    pub(crate) fn new(event_loop: EventLoop, launcher: Launcher, children: Children, listeners: Listeners) -> Self {
        Self {
            event_loop,
            launcher,
            children,
            services: Services::default(),
            lanes: Lanes::default(),
            generation: Generation::none(),
            listeners,
            penalties: Penalties::default(),
            reload_report: ReloadReport::after(0),
        }
    }

    /// Takes over the state of a predecessor.
    pub(crate) fn take_over(&mut self, left: Inheritance) {
        let Inheritance { generation, reloads, next_launch, listeners, fork_server, penalties, lanes, processes } =
            left;
        self.reload_report = ReloadReport::after(reloads);
        (self.generation, self.listeners, self.penalties, self.lanes) = (generation, listeners, penalties, lanes);
        self.launcher.fork_server = fork_server;
        self.children.continue_launches(next_launch);
        for process in processes {
            self.adopt(process);
        }
        self.services.store_outdated = self.services.store.is_some();
    }

    /// Schedules each process by what it does (sched(7)).
    pub(crate) fn schedule(&mut self) {
        let wanted = Wanted { scheduling: self.generation.plan.scheduling, privileged: self.launcher.privileged };
        self.children.schedule(&wanted, self.event_loop.now_ms());
    }

    fn adopt(&mut self, process: Process) {
        let (program, lane) = (process.program, process.lane);
        let (is_leaving, is_zygote) = (process.leaving, process.zygote);
        let key = match self.children.insert(process, &self.event_loop) {
            Ok(key) => key,
            Err(errno) => return self.children.not_started(program, errno, self.event_loop.now_ms()),
        };
        self.services.adopt(key, program, is_leaving);
        if is_zygote && !is_leaving {
            self.generation.zygote.get_or_insert(key);
        }
        if let Some(lane) = lane.and_then(|number| self.lanes.find_mut(number)) {
            lane.processes.push(key);
        }
    }

    /// Starts the logger, if there is none.
    pub(crate) fn start_log(&mut self, directory: Option<BorrowedFd<'_>>) {
        if self.services.log.is_none() {
            let cx = SpawnContext::new(&self.launcher, &self.event_loop, &self.generation);
            services::start_log(&mut self.services, &mut self.children, cx, directory);
        }
    }

    /// Opens the log files again, which may have been renamed.
    pub(crate) fn reopen_logs(&self, directory: Option<BorrowedFd<'_>>) {
        if self.generation.number != 0 {
            self.renew_log_files(directory);
            fosse_die::info(crate::PROGRAM, "event=logs-reopened");
        }
    }

    /// Gives the logger its files, opened again, as the plan in force has them.
    pub(crate) fn renew_log_files(&self, directory: Option<BorrowedFd<'_>>) {
        let cx = SpawnContext::new(&self.launcher, &self.event_loop, &self.generation);
        services::renew_log_files(&self.services, &self.children, cx, directory);
    }

    /// Starts status, if there is none and it has a socket to listen on.
    pub(crate) fn start_status(&mut self) {
        if let (None, Some(listener)) = (self.services.status, &self.listeners.status) {
            let cx = SpawnContext::new(&self.launcher, &self.event_loop, &self.generation);
            services::start_status(&mut self.services, &mut self.children, cx, listener);
            self.report_reload(|_| ());
        }
    }

    /// Notes that a reload begins, or how it ended, and tells status.
    pub(crate) fn report_reload(&mut self, note: impl FnOnce(&mut ReloadReport)) {
        note(&mut self.reload_report);
        if let Some(status) = self.services.status {
            self.reload_report.tell(&self.children, status);
        }
    }

    /// Starts the store.
    pub(crate) fn start_store(&mut self) {
        let cx = SpawnContext::new(&self.launcher, &self.event_loop, &self.generation);
        store::start(&mut self.services, &mut self.children, cx);
    }

    /// Notes that the rules of a zygote keep records, which it says before it is ready.
    pub(crate) fn on_keeps_records(&mut self, zygote: Key, is_check: bool) {
        if self.generation.zygote == Some(zygote) {
            self.generation.keeps_records = true;
            if self.services.store.is_none() && !is_check {
                self.start_store();
            }
        }
    }

    /// Has a store of the programs in force take the place of one of those before an upgrade.
    pub(crate) fn renew_store(&mut self) {
        let cx = SpawnContext::new(&self.launcher, &self.event_loop, &self.generation);
        store::renew(&mut self.services, &mut self.children, cx);
    }

    /// Starts accept; when it is ready it is given lanes and listeners.
    pub(crate) fn start_accept(&mut self) {
        let cx = SpawnContext::new(&self.launcher, &self.event_loop, &self.generation);
        self.services.accept = services::start(&mut self.children, cx, Program::Accept, SpawnOptions::default());
    }

    /// Starts the zygote, where the rules need one.
    ///
    /// # Errors
    /// The reason, as it is reported.
    pub(crate) fn start_zygote(&mut self) -> Result<(), String> {
        let cx = SpawnContext::new(&self.launcher, &self.event_loop, &self.generation);
        let started = zygote::start(&mut self.children, cx);
        self.generation.zygote = started.map_err(|errno| {
            self.children.not_started(Program::WafFilter, errno, self.event_loop.now_ms());
            format!("unable to start a zygote: {errno}")
        })?;
        Ok(())
    }

    /// Starts all lanes of the current generation.
    ///
    /// # Errors
    /// The reason that one could not be started, as it is reported.
    pub(crate) fn start_lanes(&mut self) -> Result<(), String> {
        self.generation.cores().into_iter().try_for_each(|core| self.start_lane(core))
    }

    fn start_lane(&mut self, core: u32) -> Result<(), String> {
        let cx = SpawnContext::new(&self.launcher, &self.event_loop, &self.generation);
        let started = lanes::start(&mut self.lanes, &mut self.children, &self.services, cx, core);
        started.map_err(|(program, errno)| {
            self.children.not_started(program, errno, self.event_loop.now_ms());
            format!("unable to start fosse-{}: {errno}", program.name())
        })
    }

    /// Starts whatever is missing at this step of a reload, as far as the throttles allow.
    pub(crate) fn replace_missing(&mut self, reload: &Reload, log_directory: Option<BorrowedFd<'_>>) {
        self.replace_services(log_directory);
        if reload.waits_for_lanes() {
            return;
        }
        // A reload waits for it: one that cannot be started, or crashes, is tried again here as at
        // any other time.
        self.replace_accept();
        if !reload.waits_for_accept() {
            self.replace_lanes();
        }
    }

    /// Starts services that are missing, as far as the throttles allow.
    fn replace_services(&mut self, log_directory: Option<BorrowedFd<'_>>) {
        if self.may_start(Program::Log) {
            self.start_log(log_directory);
        }
        if self.may_start(Program::Status) {
            self.start_status();
        }
        if self.services.store.is_none() && self.generation.keeps_records && self.may_start(Program::Store) {
            self.start_store();
        }
    }

    /// Starts accept if it is missing, as far as its throttle allows.
    fn replace_accept(&mut self) {
        if self.services.accept.is_none() && self.may_start(Program::Accept) {
            self.start_accept();
        }
    }

    /// Starts lanes that are missing, as far as the throttles allow; first the zygote they need.
    fn replace_lanes(&mut self) {
        if !zygote::serves(&self.children, &self.generation) {
            if self.generation.zygote.is_none() && self.may_start(Program::WafFilter) {
                // What hindered it has been reported, and the throttle brings the next try.
                let _ = self.start_zygote();
            }
            return;
        }
        let stages = [Program::Parse, Program::WafFilter, Program::Dispatch, Program::Connect];
        if !stages.into_iter().all(|program| self.may_start(program)) {
            return;
        }
        for core in self.lanes.missing_cores(self.generation.cores(), self.generation.number) {
            if self.start_lane(core).is_err() {
                // The same would hinder the next one. The throttle brings another try.
                return;
            }
        }
    }

    fn may_start(&self, program: Program) -> bool {
        self.children.may_start(program, self.event_loop.now_ms())
    }
}
