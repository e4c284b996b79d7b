//! The supervisor: the loop over signals, replies of the fork server, messages of children and the
//! clock. Each turn notes what was seen, and ends with the steps from there to what is desired.

use fosse_die::{alert, fatal, info, temporary};
use fosse_eventloop::{Events, Interest, slab::Key};
use fosse_sys::signal::{Signal, Signals};
use fosse_wire::start::ReloadProgress;
use rustix::io::Errno;

use crate::{
    PROGRAM, certificates,
    exits::reap,
    messages,
    notify::Notify,
    options::Options,
    reconcile::{
        carry_out, delivery,
        desired::Desired,
        lifecycle::{self, Action},
        orders, view,
    },
    reload::{self, compile, state::Reload},
    shutdown::{self, ending::Patience},
    state::State,
    token, upgrade,
};

/// An upgrade that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrade {
    None,
    Asked,
    /// Something else was under way.
    Waits,
}

/// The owner of an edge.
#[derive(Debug)]
pub(crate) struct Supervisor {
    options: Options,
    signals: Signals,
    notify: Notify,
    state: State,
    reload: Reload,
    upgrade: Upgrade,
}

impl Supervisor {
    pub(crate) fn new(options: Options, signals: Signals, notify: Notify, state: State) -> Self {
        let reload = Reload::default();
        Self { options, signals, notify, state, reload, upgrade: Upgrade::None }
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
        reap::reap(&mut self.state, &mut self.reload);
        self.begin_reload();
        self.go_on();
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
                (token::FORK_SERVER, _) => messages::read_replies(&mut self.state, &mut self.reload),
                (token::CONTROL, key) => messages::read(&mut self.state, &mut self.reload, key),
                (token::OUTPUT, _) => compile::read_output(&mut self.reload, &self.state.event_loop),
                _ => {}
            }
        }
        if self.state.event_loop.ticked() {
            self.on_tick();
        }
        self.go_on();
        Ok(())
    }

    fn on_tick(&mut self) {
        self.notify.alive();
        self.state.schedule();
        self.state.children.kill_hung();
        self.state.children.uncounted.forget_counted();
        self.state.look_up_cores();
        if shutdown::waits(&mut self.state) {
            self.notify.still_stopping();
        }
        if self.state.shutdown.is_none() {
            reload::cut_overdue(&mut self.state);
        }
        if compile::is_overdue(&mut self.reload) {
            self.reload.fail("compiling took too long");
        } else if self.reload.is_idle() && self.reload.wanted {
            self.begin_reload();
        }
    }

    /// Takes every step that what was seen in this turn allows.
    fn go_on(&mut self) {
        if self.state.shutdown.is_none() {
            self.advance_reload();
        }
        certificates::advance(&mut self.state, &self.reload, &self.options);
        while self.carry_out_next() {}
        view::forget_bound(&mut self.state, &self.reload);
        let due = orders::due(&self.desired(), &self.state.seen());
        delivery::deliver(&due, &mut self.state, &self.reload, self.options.log_directory());
        if self.upgrade != Upgrade::None {
            self.upgrade();
        }
    }

    fn advance_reload(&mut self) {
        let step = match self.reload.failed.take() {
            Some(why) => Err(why),
            None => reload::advance(&mut self.reload, &mut self.state, &self.options),
        };
        match step {
            Ok(true) => self.serves(),
            Ok(false) => {}
            Err(why) => self.reload_failed(&why),
        }
    }

    fn desired(&self) -> Desired {
        view::desired(&self.state, &self.reload)
    }

    /// Carries out what is to be done next, up to the first failure. Returns whether there was
    /// anything.
    fn carry_out_next(&mut self) -> bool {
        let actions = lifecycle::next(&self.desired(), &self.state.seen());
        self.state.children.suspend(actions.iter().filter_map(Action::kills));
        for action in &actions {
            if let Err(why) = carry_out::carry_out(&mut self.state, *action, &self.reload, &self.options) {
                if self.reload.waits_for_lanes() || self.reload.is_check() {
                    self.reload_failed(&why);
                }
                break;
            }
        }
        !actions.is_empty()
    }

    fn on_signals(&mut self) {
        while let Ok(Some(signal)) = self.signals.next() {
            match signal {
                Signal::SIGCHLD => reap::reap(&mut self.state, &mut self.reload),
                Signal::SIGHUP => {
                    info(PROGRAM, "event=reload-asked");
                    self.begin_reload();
                }
                Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT if self.options.check => {
                    temporary(PROGRAM, "ended before all was checked");
                }
                Signal::SIGTERM | Signal::SIGINT => self.end(Patience::Stop),
                Signal::SIGQUIT => self.end(Patience::Drain),
                Signal::SIGUSR1 => self.state.reopen_logs(),
                Signal::SIGUSR2 => self.upgrade = Upgrade::Asked,
                _ => {}
            }
        }
    }

    /// Reports that a reload is in force.
    fn serves(&mut self) {
        let not_in_force = self.reload.not_in_force.join("; ");
        self.state.reload_report.end(ReloadProgress::Serves, &not_in_force);
        // Whoever looks for a port from now on is a person, and may look.
        self.state.listeners.port_finder = None;
        self.notify.ready();
        fosse_sys::text::release_pages();
        if self.reload.wanted {
            self.begin_reload();
        }
    }

    /// Begins a reload, or remembers that one is wanted.
    fn begin_reload(&mut self) {
        if self.state.shutdown.is_some() {
            return;
        }
        self.reload.wanted = !self.reload.is_idle();
        if self.reload.wanted {
            return info(PROGRAM, "event=reload-waits for=\"the reload that is under way\"");
        }
        self.notify.reloading();
        self.state.reload_report.begin();
        if let Err(why) = reload::begin(&mut self.reload, &mut self.state, &self.options) {
            self.reload.fail(why);
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
        self.state.reload_report.end(progress, why);
        alert(PROGRAM, format_args!("event=reload-failed why=\"{why}\" cure=\"the configuration in force stays\""));
        self.notify.status(&format!("reload failed: {why}"));
        self.notify.ready();
    }

    /// Begins the end: nothing new, requests under way finish. Asked for once more, it is hastened.
    fn end(&mut self, patience: Patience) {
        self.notify.stopping();
        shutdown::ask(&mut self.state, patience);
    }

    /// Executes the new start (SIGUSR2). Where that fails, everything goes on as it was.
    fn upgrade(&mut self) {
        if self.state.shutdown.is_some() {
            self.upgrade = Upgrade::None;
            return;
        }
        let settled = orders::due(&self.desired(), &self.state.seen()).is_empty();
        let waited = self.upgrade == Upgrade::Waits;
        let waits = upgrade::now(&self.options, &self.reload, &self.state, settled, waited);
        self.upgrade = if waits { Upgrade::Waits } else { Upgrade::None };
    }
}
