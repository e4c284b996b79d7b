//! The state of an edge: every process it has, the configuration and the sockets that they serve,
//! and the launcher of more. The supervisor, a reload and the end decide on it.

use fosse_eventloop::EventLoop;

use crate::{
    certificates::sets::Certificates,
    children::{Children, process::Process, scheduling::Wanted},
    exits::kernel_log::KernelLog,
    generation::Generation,
    lanes::Lanes,
    launch::launcher::Launcher,
    penalties::Penalties,
    reconcile::seen::Seen,
    reload::report::ReloadReport,
    services::{Services, bound::BoundService},
    shutdown::ending::Shutdown,
    sockets::listeners::Listeners,
    upgrade::successor_state::Inheritance,
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
    pub certificates: Certificates,
    pub listeners: Listeners,
    pub penalties: Penalties,
    pub reload_report: ReloadReport,
    pub kernel_log: KernelLog,
    /// The end that was asked for.
    pub shutdown: Option<Shutdown>,
    /// The cores that lanes of the current generation go to, looked up at every tick.
    pub cores: Vec<u32>,
}

impl State {
    /// Returns the state of an edge that has no process yet.
    pub(crate) fn new(
        event_loop: EventLoop,
        launcher: Launcher,
        children: Children,
        listeners: Listeners,
        kernel_log: KernelLog,
    ) -> Self {
        Self {
            event_loop,
            launcher,
            children,
            services: Services::default(),
            lanes: Lanes::default(),
            generation: Generation::none(),
            certificates: Certificates::default(),
            listeners,
            penalties: Penalties::default(),
            reload_report: ReloadReport::after(0),
            kernel_log,
            shutdown: None,
            cores: Vec::new(),
        }
    }

    /// Takes over the state of a predecessor.
    pub(crate) fn take_over(&mut self, left: Inheritance) {
        let Inheritance { generation, reloads, next_launch, listeners, fork_server, penalties, lanes, .. } = left;
        let (uncounted, processes) = (left.uncounted, left.processes);
        self.children.uncounted = uncounted;
        self.reload_report = ReloadReport::after(reloads);
        (self.generation, self.listeners, self.penalties, self.lanes) = (generation, listeners, penalties, lanes);
        self.certificates.go_on_from(self.generation.set().unwrap_or_default());
        self.launcher.fork_server = fork_server;
        self.children.launches.go_on_from(next_launch);
        for process in processes {
            self.adopt(process);
        }
        for (generation, job, pid) in left.bound {
            let process = pid.and_then(|pid| self.children.by_pid(pid));
            self.services.bound.push(BoundService { number: 0, generation, job, process });
        }
        self.services.outdated = true;
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
        if let Some(process) = self.children.get(key) {
            self.services.adopt(key, process);
        }
        if is_zygote && !is_leaving {
            self.generation.zygote.get_or_insert(key);
        }
        if let Some(lane) = lane.and_then(|number| self.lanes.find_mut(number)) {
            lane.processes.push(key);
        }
    }

    /// Has the logger open its files again, which may have been renamed.
    pub(crate) fn reopen_logs(&mut self) {
        if self.generation.number != 0 {
            self.services.log_edition += 1;
            fosse_die::info(crate::PROGRAM, "event=logs-reopened");
        }
    }

    /// Looks up the cores that were left to this edge: some may be taken away and others given.
    pub(crate) fn look_up_cores(&mut self) {
        self.cores = if self.generation.number == 0 { Vec::new() } else { self.generation.cores() };
    }

    /// Returns what was seen of this edge.
    pub(crate) fn seen(&self) -> Seen<'_> {
        let paused = self.children.paused(self.event_loop.now_ms());
        let unread = self.children.unread.names().collect();
        let uncounted = self.children.uncounted.iter().map(|ended| (ended.number, ended.key)).collect();
        Seen::new(self.children.members(), unread, uncounted, &self.lanes, paused)
    }
}
