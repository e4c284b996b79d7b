//! The supervisor: the loop over signals, replies of the fork server, messages of children and the
//! clock. It decides on the next step; the modules below take it.

use fosse_die::{EXIT_PERMANENT, EXIT_TEMPORARY, alert, fatal, info, temporary};
use fosse_eventloop::{Events, Interest, slab::Key};
use fosse_sys::signal::{Signal, Signals};
use fosse_wire::{
    launch::Program,
    start::{ReloadProgress, ToStart},
};
use rustix::io::Errno;

use crate::{
    PROGRAM, accept, check, compile,
    kernel_log::KernelLog,
    lanes, limits,
    notify::Notify,
    options::Options,
    process::{End, Exit, Process, pid_of},
    reap, reload,
    reload_report::ReloadReport,
    reload_state::Reload,
    shutdown,
    shutdown::{Ending, Patience},
    state::State,
    store, token, upgrade,
};

/// The owner of an edge.
#[derive(Debug)]
pub(crate) struct Supervisor {
    options: Options,
    signals: Signals,
    notify: Notify,
    kernel_log: KernelLog,
    state: State,
    reload: Reload,
    /// SIGUSR2 came while something else was under way.
    upgrade_wanted: bool,
    ending: Option<Ending>,
}

impl Supervisor {
    pub(crate) fn new(options: Options, signals: Signals, notify: Notify, kernel_log: KernelLog, state: State) -> Self {
        let reload = Reload::default();
        Self { options, signals, notify, kernel_log, state, reload, upgrade_wanted: false, ending: None }
    }

    /// Runs until the end.
    pub(crate) fn run(mut self) -> ! {
        let (event_loop, fork_server) = (&self.state.event_loop, &self.state.launcher.fork_server.channel);
        let watched = event_loop
            .add(&self.signals, token::of(token::SIGNALS), Interest::IN)
            .and_then(|()| event_loop.add(fork_server, token::of(token::FORK_SERVER), Interest::IN));
        if let Err(errno) = watched {
            temporary(PROGRAM, format_args!("unable to watch descriptors: {errno}"));
        }
        self.reap();
        self.begin_reload();
        let mut events = Events::new();
        loop {
            if let Err(errno) = self.poll_once(&mut events) {
                temporary(PROGRAM, format_args!("unable to wait: {errno}"));
            }
        }
    }

    fn poll_once(&mut self, events: &mut Events) -> Result<(), Errno> {
        self.state.event_loop.poll_once(events, None)?;
        for event in &*events {
            match Key::of_token(event.token) {
                (token::SIGNALS, _) => self.on_signals(),
                (token::FORK_SERVER, _) => self.on_fork_server_replies(),
                (token::CONTROL, key) => self.on_child_messages(key),
                (token::OUTPUT, _) => {
                    let read = compile::read_output(&mut self.reload, &self.state.event_loop);
                    self.go_on_reloading(read);
                }
                _ => {}
            }
        }
        if self.state.event_loop.ticked() {
            self.on_tick();
        }
        self.state.children.flush_orders();
        Ok(())
    }

    fn on_tick(&mut self) {
        self.notify.alive();
        self.state.schedule();
        self.state.children.kill_hung();
        if self.ending.as_ref().is_some_and(Ending::waits) {
            self.notify.still_stopping();
        }
        shutdown::kill_overdue(&mut self.state, self.ending.as_mut());
        if compile::kill_overdue(&mut self.reload, &mut self.state.children) {
            self.reload_failed("compiling took too long");
        } else if self.reload.is_idle() && self.reload.wanted {
            self.begin_reload();
        }
        if self.upgrade_wanted {
            self.upgrade();
        }
        self.replace_missing();
        if !self.reload.waits_for_lanes() {
            store::release(&self.state.services, &mut self.state.children, &self.state.generation);
        }
    }

    fn on_signals(&mut self) {
        while let Ok(Some(signal)) = self.signals.next() {
            match signal {
                Signal::SIGCHLD => self.reap(),
                Signal::SIGHUP => {
                    info(PROGRAM, "event=reload-asked");
                    self.begin_reload();
                }
                Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT if self.options.check => {
                    temporary(PROGRAM, "ended before all was checked");
                }
                Signal::SIGTERM | Signal::SIGINT => self.end(Patience::Stop),
                Signal::SIGQUIT => self.end(Patience::Drain),
                Signal::SIGUSR1 => self.state.reopen_logs(self.options.log_directory()),
                Signal::SIGUSR2 => self.upgrade(),
                _ => {}
            }
        }
    }

    fn on_fork_server_replies(&mut self) {
        while let Some(reply) = self.state.launcher.fork_server.next_reply() {
            if let ToStart::Started { token, pid, errno } = reply {
                self.on_reply(token, pid, errno);
            }
        }
    }

    fn on_child_messages(&mut self, key: Key) {
        while let Some(message) = self.state.children.receive(key, &self.state.event_loop) {
            if !self.on_child_message(key, message) {
                return self.state.children.misbehaved(key, "message it must not send");
            }
        }
    }

    /// Acts on a message of a child. Returns false where the child must not send it now.
    fn on_child_message(&mut self, key: Key, message: ToStart) -> bool {
        let Some(process) = self.state.children.get_mut(key) else { return true };
        match message {
            ToStart::Ready if !process.ready => {
                self.state.children.set_ready(key);
                self.on_ready(key);
            }
            ToStart::Drained => {}
            ToStart::Strike(strike) if process.program == Program::Accept => self.state.penalties.keep(strike),
            ToStart::KeepsRecords if process.zygote && !process.ready => {
                self.state.on_keeps_records(key, self.options.check);
            }
            ToStart::Started { token, pid, errno } if process.zygote => self.on_reply(token, pid, errno),
            _ => return false,
        }
        true
    }

    /// Notes the reply to a launch: the child exists, or never will.
    fn on_reply(&mut self, token: u32, pid: u32, errno: u16) {
        let Some(key) = self.state.children.launch_done(token) else { return };
        let Some(pid) = pid_of(pid) else {
            return self.not_made(key, Errno::from_raw_os_error(i32::from(errno)));
        };
        self.state.children.has_pid(key, pid);
        self.state.services.introduce(&self.state.children, key);
        if let Some(end) = self.state.children.early_exit(pid) {
            self.exited(key, end);
        }
    }

    /// Goes on where the kernel has refused to make a child: nothing else of the edge depends on
    /// it, and there is another try after a pause.
    fn not_made(&mut self, key: Key, errno: Errno) {
        let Some(process) = self.state.children.get_mut(key) else { return };
        let program = process.program;
        process.leaving = true;
        self.state.children.not_started(program, errno, self.state.event_loop.now_ms());
        self.exited(key, End::Exit(EXIT_TEMPORARY));
    }

    /// Goes on after a child has said that it is locked down and serves.
    fn on_ready(&mut self, key: Key) {
        if self.state.services.accept == Some(key) {
            return self.accept_ready(key);
        }
        if self.state.generation.zygote == Some(key) {
            return self.zygote_ready();
        }
        self.stage_ready(key);
    }

    fn accept_ready(&mut self, accept: Key) {
        if !reload::accept_ready(&mut self.reload, &mut self.state, accept) {
            return;
        }
        self.state.report_reload(|report| report.end(ReloadProgress::Serves, ""));
        self.notify.ready();
        fosse_sys::text::release_pages();
        if self.reload.wanted {
            self.begin_reload();
        }
        if self.upgrade_wanted {
            self.upgrade();
        }
    }

    /// Makes the lanes of a new generation, or those that are missing, as the rules are compiled.
    fn zygote_ready(&mut self) {
        if self.reload.is_check() {
            check::passed();
        }
        let number = self.state.generation.number;
        let is_first = self.reload.waits_for_lanes() && self.state.lanes.iter().all(|lane| lane.generation != number);
        if !is_first {
            return self.replace_missing();
        }
        if let Err(why) = self.state.start_lanes() {
            self.reload_failed(&why);
        }
    }

    /// Makes a lane live with the last of its stages.
    fn stage_ready(&mut self, key: Key) {
        let State { children, lanes, generation, services, .. } = &mut self.state;
        let Some(lane) = lanes::stage_ready(lanes, children, key) else { return };
        // One that was begun before the reload serves like the others until the reload takes its
        // place.
        if !self.reload.waits_for_lanes() || lane.generation != generation.number {
            if let Some(accept) = services.ready_accept(children) {
                accept::give_lane(children, accept, lane, generation, false);
            }
        } else if self.ending.is_none() {
            reload::lane_ready(&mut self.reload, &mut self.state, &self.options);
        }
    }

    /// Takes note of every child that has exited.
    fn reap(&mut self) {
        while let Some((pid, end)) = reap::next_exit() {
            if pid == self.state.launcher.fork_server.pid {
                temporary(PROGRAM, format_args!("the fork server is gone: {end}"));
            }
            // Replies come before the exits they may be about.
            self.on_fork_server_replies();
            let zygotes = self.state.children.keys(|process| process.zygote);
            zygotes.into_iter().for_each(|zygote| self.on_child_messages(zygote));
            match self.state.children.by_pid(pid) {
                Some(key) => self.exited(key, end),
                None => self.state.children.exited_early(pid, end),
            }
        }
    }

    fn exited(&mut self, key: Key, end: End) {
        let Some(process) = self.state.children.remove(key, &self.state.event_loop) else { return };
        let is_accept = self.state.services.accept == Some(key);
        self.state.services.page_dropped(&self.state.children, process.pid);
        if self.ending.is_none() {
            let unexpected = reap::unexpected(&process, end, &mut self.state.lanes);
            self.report_crash(unexpected);
        }
        reap::penalise(&process, end, &self.state.services, &self.state.children);
        self.state.services.forget(key);
        if is_accept {
            self.accept_exited();
        }
        let step = compile::one_shot_exited(&mut self.reload, key, process.program.name(), end);
        self.go_on_reloading(step);
        if process.zygote {
            self.zygote_exited(key, end);
        }
        if let Some(number) = process.lane {
            self.lane_lost(number, key, &process, end);
        }
        self.replace_missing();
        if self.ending.is_some() {
            shutdown::exit_if_done(&mut self.state);
        }
    }

    fn report_crash(&mut self, exit: Option<Exit>) {
        if let Some(exit) = exit {
            reap::report_crash(exit, &mut self.state.children, &mut self.kernel_log, self.state.event_loop.now_ms());
        }
    }

    /// Goes on after accept left for a reload, or crashed: in both cases the next one gets all
    /// lanes.
    fn accept_exited(&mut self) {
        if self.ending.is_some() {
            return shutdown::accept_exited(&mut self.state);
        }
        // The next one would have the new configuration, and lanes of the old one: serving comes
        // first, then the reload.
        if self.reload.waits_for_lanes() {
            self.reload_failed("fosse-accept exited before the new lanes were ready");
            self.reload.wanted = true;
        }
    }

    /// Gives up the filters that a zygote was asked for and has not made. Those it has made live
    /// on.
    fn zygote_exited(&mut self, key: Key, end: End) {
        for child in self.state.children.launches_lost(key) {
            self.exited(child, End::Exit(EXIT_TEMPORARY));
        }
        if self.state.generation.zygote != Some(key) {
            return;
        }
        self.state.generation.zygote = None;
        if self.reload.waits_for_lanes() || self.reload.is_check() {
            self.reload.permanent = end == End::Exit(EXIT_PERMANENT);
            self.reload_failed(&format!("zygote of the new generation: {end}"));
        }
    }

    /// Ends a lane that lost a stage: parse responds as it can, the rest exits, a new lane takes
    /// its place.
    fn lane_lost(&mut self, number: u32, key: Key, process: &Process, end: End) {
        let until_ms = self.state.event_loop.now_ms().saturating_add(limits::DYING_MS_MAX);
        let Some(loss) = self.state.lanes.lose(number, key, until_ms) else { return };
        self.report_crash(loss.suspect);
        if !loss.state.is_wanted() {
            return;
        }
        reap::close_lane(&mut self.state.children, &self.state.services, number, &loss.left, end);
        if self.reload.waits_for_lanes() && loss.generation == self.state.generation.number {
            self.reload_failed(&format!("fosse-{} of the new generation: {end}", process.program.name()));
        }
    }

    /// Begins a reload, or remembers that one is wanted.
    fn begin_reload(&mut self) {
        if self.ending.is_some() {
            return;
        }
        self.reload.wanted = !self.reload.is_idle();
        if self.reload.wanted {
            return info(PROGRAM, "event=reload-waits for=\"the reload that is under way\"");
        }
        self.notify.reloading();
        self.state.report_reload(ReloadReport::begin);
        let begun = reload::begin(&mut self.reload, &mut self.state, &self.options);
        self.go_on_reloading(begun);
    }

    fn go_on_reloading(&mut self, step: Result<(), String>) {
        let next = step.and_then(|()| reload::go_on(&mut self.reload, &mut self.state, &self.options));
        if let Err(why) = next {
            self.reload_failed(&why);
        }
    }

    /// Reports that a reload failed, which changes nothing. start ends where nothing has served
    /// yet.
    fn reload_failed(&mut self, why: &str) {
        reload::roll_back(&mut self.reload, &mut self.state);
        if self.state.generation.number == 0 {
            if self.reload.permanent {
                fatal(PROGRAM, why);
            }
            temporary(PROGRAM, why);
        }
        let progress = if self.reload.permanent { ReloadProgress::FailedForGood } else { ReloadProgress::Failed };
        self.state.report_reload(|report| report.end(progress, why));
        alert(PROGRAM, format_args!("event=reload-failed why=\"{why}\" cure=\"the configuration in force stays\""));
        self.notify.status(&format!("reload failed: {why}"));
        self.notify.ready();
    }

    fn replace_missing(&mut self) {
        if self.ending.is_none() && self.state.generation.number != 0 {
            self.state.replace_missing(&self.reload, self.options.log_directory());
        }
    }

    /// Begins the end: nothing new, requests under way finish. Asked for once more, it is hastened.
    fn end(&mut self, patience: Patience) {
        self.notify.stopping();
        shutdown::ask(&mut self.ending, &mut self.state, patience);
    }

    /// Executes the new start (SIGUSR2). Where that fails, everything goes on as it was.
    fn upgrade(&mut self) {
        if self.ending.is_some() {
            self.upgrade_wanted = false;
            return;
        }
        self.upgrade_wanted = upgrade::now(&self.options, &self.reload, &self.state, self.upgrade_wanted);
    }
}
