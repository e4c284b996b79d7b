//! An edge whose processes are made up, and to which everything happens: what is derived from its
//! state leads to the desired one, and no step is taken twice.

mod carry_out;
mod child;
mod events;
mod promises;

use std::{
    collections::{HashMap, HashSet},
    os::fd::OwnedFd,
};

use fosse_eventloop::{EventLoop, slab::Key};
use fosse_plan::Place;
use fosse_sys::page::Page;
use fosse_wire::{launch::Program, start::ToChild};
use rustix::net::SocketType;

use self::child::{Child, Dice, page_of, pipe_of};
use crate::{
    children::{Children, delivered::Subject, process::Process},
    exits::kernel_log::KernelLog,
    launch::{fork_server::ForkServer, launcher::Launcher, programs::Programs, spawn::pair},
    reconcile::{
        delivery,
        desired::Desired,
        lifecycle::{self, Action},
        orders, view,
    },
    reload::{self, state::Reload},
    services::{bound::Job, files::FilesBackend, passwords::Users},
    sockets::{listeners::Listeners, socket::Open},
    state::State,
};

const LANES: u32 = 2;

/// An edge, and the world around it.
struct World {
    state: State,
    reload: Reload,
    children: HashMap<Key, Child>,
    sums: Page,
    dice: Dice,
    /// Milliseconds that have passed beside those of the clock.
    passed_ms: u64,
    paused: Vec<Program>,
    next_pid: u32,
    connections: u64,
    refusals: bool,
    parted: HashSet<Action>,
    has_rules: bool,
    has_checks: bool,
    has_files: bool,
    has_encode: bool,
    is_over: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let null: OwnedFd = std::fs::File::open("/dev/null").unwrap().into();
        let (channel, _) = pair(SocketType::SEQPACKET).unwrap();
        let fork_server = ForkServer { pid: rustix::process::getpid(), channel };
        let mode = fosse_lockdown::Mode::Off;
        let launcher = Launcher { privileged: false, mode, fork_server, programs: Programs::default(), null };
        let listeners = Listeners { status: [Some(listener()), None], ..Listeners::default() };
        let mut children = Children::new(vec![false; 512]);
        let sums = Page::map(children.uncounted.sums().unwrap()).unwrap();
        let state = State::new(EventLoop::new().unwrap(), launcher, children, listeners, KernelLog::open());
        Self {
            state,
            reload: Reload::default(),
            children: HashMap::new(),
            sums,
            dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            passed_ms: 0,
            paused: Vec::new(),
            next_pid: 1000,
            connections: 0,
            refusals: false,
            parted: HashSet::new(),
            has_rules: seed.is_multiple_of(3),
            has_checks: seed.is_multiple_of(4),
            has_files: seed.is_multiple_of(2),
            has_encode: seed.is_multiple_of(5),
            is_over: false,
        }
    }

    fn desired(&self) -> Desired {
        let mut desired = view::desired(&self.state, &self.reload);
        desired.now_ms += self.passed_ms;
        desired
    }

    /// Takes every step that is due, as the supervisor does.
    fn go_on(&mut self) {
        if self.state.shutdown.is_none() {
            match self.reload.failed.take() {
                Some(_) => reload::roll_back(&mut self.reload, &mut self.state),
                None => {
                    reload::takes_over(&mut self.reload, &mut self.state);
                }
            }
        }
        for pass in 0.. {
            assert!(pass < 100, "there is always something to be done");
            let desired = self.desired();
            let mut seen = self.state.seen();
            seen.paused.clone_from(&self.paused);
            let actions = lifecycle::next(&desired, &seen);
            if actions.is_empty() || self.is_over {
                break;
            }
            actions.into_iter().try_for_each(|action| self.carry_out(action)).unwrap_or_default();
        }
        view::forget_bound(&mut self.state, &self.reload);
        if self.dice.roll(4) == 0 {
            self.state.children.uncounted.forget_counted();
        }
        let due = orders::due(&self.desired(), &self.state.seen());
        delivery::deliver(&due, &mut self.state, &self.reload, None);
        let reads_lanes = |process: &Process| {
            let mut subjects = process.delivered.subjects();
            process.program == Program::Accept && subjects.any(|subject| matches!(subject, Subject::Lane(..)))
        };
        assert!(self.keys(reads_lanes).len() <= 1, "two accepts read the channels of lanes");
    }

    fn keys(&self, which: impl Fn(&Process) -> bool) -> Vec<Key> {
        self.state.children.keys(which)
    }

    /// Lets every process do what it is asked to, until nothing is left to be done.
    fn settle(&mut self) {
        (self.refusals, self.paused) = (false, Vec::new());
        for round in 0.. {
            assert!(round < 200, "it never comes to rest: {:?}", self.state.seen());
            self.passed_ms += 1000;
            self.go_on();
            let keys = self.keys(|_| true);
            // What is left of a lane that lost a stage is given a few seconds.
            let mut moved = self.state.lanes.iter().any(|lane| !lane.state.is_wanted());
            for key in keys {
                moved |= self.respond(key);
            }
            let due = orders::due(&self.desired(), &self.state.seen());
            let is_failing = self.reload.failed.is_some() && self.state.shutdown.is_none();
            if !moved && due.is_empty() && !is_failing {
                return;
            }
        }
    }

    /// Checks that an edge at rest is what it should be.
    fn check(&mut self) {
        assert!(self.reload.is_idle());
        self.state.children.uncounted.forget_counted();
        assert_eq!(self.state.children.uncounted.iter().count(), 0);
        let State { children, lanes, services, generation, listeners, .. } = &self.state;
        assert_eq!(lanes.live(generation.number), LANES as usize, "{lanes:?}");
        assert_eq!(lanes.iter().count(), LANES as usize, "{lanes:?}");
        // With an encode there are a tls and a keys too.
        let stages = 4 + 3 * usize::from(self.has_encode);
        assert!(lanes.iter().all(|lane| lane.processes.len() == stages));
        let outside = 3
            + usize::from(generation.rules.is_some())
            + usize::from(services.store.is_some())
            + 2 * usize::from(self.has_checks)
            + 3 * usize::from(self.has_files);
        assert_eq!(children.iter().count(), stages * LANES as usize + outside, "{:?}", self.state.seen());
        assert!(services.bound.iter().all(|one| one.generation == generation.number));
        assert!(services.bound.are_ready(generation.number, children));
        assert_eq!(services.store.is_some(), generation.keeps_records);
        let [accept, log, status] =
            [services.accept, services.log, services.status].map(|key| &self.children[&key.unwrap()]);
        let pids: HashSet<u32> = children.members().iter().map(|member| member.pid).collect();
        assert!(accept.lanes().is_superset(&lanes.iter().map(|lane| lane.number).collect()));
        let listens = accept.received.iter().filter(|order| matches!(order, ToChild::Listen { .. })).count();
        assert_eq!(listens, listeners.open.len());
        let pages: HashSet<u32> = status.received.iter().filter_map(page_of).collect();
        assert_eq!(pages, pids);
        assert!(log.received.iter().filter_map(pipe_of).collect::<HashSet<u32>>().is_superset(&pids));
        for filter in children.keys(|process| process.keeps_records) {
            assert!(self.children[&filter].received.iter().any(|order| matches!(order, ToChild::Records { .. })));
        }
        for dispatch in children.keys(|process| process.program == Program::Dispatch) {
            let sessions = self.children[&dispatch].received.iter();
            let sessions = sessions.filter(|order| matches!(order, ToChild::Passwords { .. })).count();
            assert_eq!(sessions > 0, self.has_files, "a session for each dispatch");
        }
    }
}

fn jobs() -> Vec<Job> {
    let users = Users { settings: pair(SocketType::SEQPACKET).unwrap().0, files: None };
    vec![Job::Files(files_backend()), Job::Passwords(users), Job::Files(files_backend())]
}

fn files_backend() -> FilesBackend {
    let ((root, settings), (to, from)) = (pair(SocketType::SEQPACKET).unwrap(), pair(SocketType::SEQPACKET).unwrap());
    FilesBackend { root, settings, to, from }
}

fn listener() -> Open {
    Open { place: Place::Tcp { addr: [0; 16], port: 1 }, fd: pair(SocketType::STREAM).unwrap().0 }
}
