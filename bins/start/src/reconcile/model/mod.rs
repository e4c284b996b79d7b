//! An edge whose processes are made up, and to which everything happens: what is derived from its
//! state leads to the desired one, and no step is taken twice.

mod child;
mod promises;

use std::{
    collections::{HashMap, HashSet},
    os::fd::OwnedFd,
};

use fosse_eventloop::{EventLoop, slab::Key};
use fosse_plan::{Place, Plan};
use fosse_sys::page::PageReader;
use fosse_wire::{
    launch::Program,
    start::{Stream, ToChild, ToStart},
};
use rustix::{io::Errno, net::SocketType};

use child::{Child, Dice, page_of, pipe_of};

use crate::{
    children::{
        Children,
        delivered::Delivered,
        messages,
        process::{End, Process},
        scheduling::Schedule,
    },
    exits::{self, kernel_log::KernelLog, penalties::Crash},
    lanes::{Lane, LaneState},
    launch::{fork_server::ForkServer, launcher::Launcher, programs::Programs, spawn::pair},
    reconcile::{
        delivery,
        desired::Desired,
        lifecycle::{self, Action},
        orders, view,
    },
    reload::{self, generation::Generation, state::Reload},
    sockets::listeners::{Listeners, Open},
    state::State,
};

const LANES: u32 = 2;

/// An edge, and the world around it.
struct World {
    state: State,
    reload: Reload,
    children: HashMap<Key, Child>,
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
        let children = Children::new(vec![false; 512]);
        let state = State::new(EventLoop::new().unwrap(), launcher, children, listeners, KernelLog::open());
        Self {
            state,
            reload: Reload::default(),
            children: HashMap::new(),
            dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            passed_ms: 0,
            paused: Vec::new(),
            next_pid: 1000,
            connections: 0,
            refusals: false,
            parted: HashSet::new(),
            has_rules: seed.is_multiple_of(3),
            has_checks: seed.is_multiple_of(4),
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
        let due = orders::due(&self.desired(), &self.state.seen());
        delivery::deliver(&due, &mut self.state, &self.reload, None);
    }

    fn carry_out(&mut self, action: Action) -> Result<(), ()> {
        let is_parting = matches!(action, Action::Leave(_) | Action::Kill(_) | Action::CloseLanes | Action::Exit);
        assert!(!is_parting || self.parted.insert(action), "twice: {action:?}");
        match action {
            Action::Leave(key) => self.state.children.leave(key),
            Action::Kill(key) => {
                self.state.children.leave(key);
                self.state.children.kill(key);
            }
            Action::CloseLanes => self.state.lanes.close(u64::MAX),
            Action::Exit => self.is_over = true,
            Action::Start(program) => return self.start(program),
            Action::StartLane(core) => return self.start_lane(core),
        }
        Ok(())
    }

    fn refuses(&mut self, program: Program) -> Result<(), ()> {
        if !self.refusals || self.dice.roll(4) != 0 {
            return Ok(());
        }
        self.paused.push(program);
        if self.reload.waits_for_lanes() && matches!(program, Program::WafFilter | Program::Parse) {
            reload::roll_back(&mut self.reload, &mut self.state);
        }
        Err(())
    }

    fn start(&mut self, program: Program) -> Result<(), ()> {
        self.refuses(program)?;
        let is_alone = |process: &Process| process.program == program && process.lane.is_none();
        let there = self.state.children.keys(is_alone);
        assert!(there.is_empty() || matches!(program, Program::WafFilter | Program::Store), "two of {program:?}");
        let key = self.make(program, None);
        let services = &mut self.state.services;
        match program {
            Program::Log => services.log = Some(key),
            Program::Status => services.status = Some(key),
            Program::Store => services.store = Some(key),
            Program::Accept => services.accept = Some(key),
            Program::Prober => {
                services.prober = Some(key);
                self.state.services.prober_connect = Some(self.make(Program::Connect, None));
            }
            _ => self.state.generation.zygote = Some(key),
        }
        Ok(())
    }

    fn start_lane(&mut self, core: u32) -> Result<(), ()> {
        let number = self.state.lanes.take_number().unwrap();
        let stages = [Program::Parse, Program::WafFilter, Program::Dispatch, Program::Connect];
        let begun = stages[..1 + self.dice.roll(3)].to_vec();
        if self.refuses(Program::Parse).is_err() {
            for program in begun {
                self.make(program, Some(number));
            }
            return Err(());
        }
        let processes = stages.into_iter().map(|program| self.make(program, Some(number))).collect();
        let (accept_end, _) = pair(SocketType::SEQPACKET).unwrap();
        let generation = self.state.generation.number;
        let lane = Lane {
            number,
            generation,
            core,
            processes,
            accept_end: Some(accept_end),
            state: LaneState::Starting,
            given: false,
            suspect: None,
        };
        self.state.lanes.push(lane);
        let wanted = self.state.lanes.iter().filter(|lane| lane.generation == generation && lane.state.is_wanted());
        assert!(wanted.count() <= LANES as usize, "more lanes than cores");
        Ok(())
    }

    fn make(&mut self, program: Program, lane: Option<u32>) -> Key {
        let (control, child) = pair(SocketType::SEQPACKET).unwrap();
        // Room for a few orders, so that many have to wait.
        rustix::net::sockopt::set_socket_send_buffer_size(&control, 1).unwrap();
        let page_fd = fosse_sys::memfd::page("model", fosse_counters::PAGE_BYTES).unwrap();
        let zygote = program == Program::WafFilter && lane.is_none();
        let slot = self.state.children.free_slot().unwrap();
        let pipes = vec![(Stream::Log, rustix::pipe::pipe().unwrap().0)];
        let process = Process {
            program,
            lane,
            pid: None,
            slot,
            control,
            delivered: Delivered::default(),
            page: PageReader::map(&page_fd).unwrap(),
            page_fd,
            pipes,
            ready: false,
            turns: 0,
            schedule: Schedule::default(),
            still_ticks: 0,
            leaving: false,
            killed: false,
            zygote,
            keeps_records: program == Program::WafFilter && lane.is_some() && self.state.generation.keeps_records,
        };
        let children = &mut self.state.children;
        let key = children.insert(process, &self.state.event_loop).unwrap();
        let token = children.launches.next();
        children.launches.sent(key, self.state.generation.zygote.filter(|_| program == Program::WafFilter && !zygote));
        self.children.insert(key, Child { control: child, token, received: Vec::new(), drains: false });
        key
    }

    fn keys(&self, which: impl Fn(&Process) -> bool) -> Vec<Key> {
        self.state.children.keys(which)
    }

    fn launched(&mut self, key: Key, is_made: bool) {
        self.next_pid += 1;
        let (token, pid) = (self.children[&key].token, if is_made { self.next_pid } else { 0 });
        // Numbers of processes that nobody has: a signal that start sends reaches none.
        let pid = if is_made { pid | 1 << 30 } else { pid };
        let reply = ToStart::Started { token, pid, errno: u16::try_from(Errno::AGAIN.raw_os_error()).unwrap() };
        self.say_as_zygote(reply);
    }

    fn say_as_zygote(&mut self, reply: ToStart) {
        let ToStart::Started { token, pid, errno } = reply else { return };
        messages::launched(&mut self.state, &mut self.reload, token, pid, errno);
    }

    fn say(&mut self, key: Key, message: ToStart) {
        assert!(messages::act_on(&mut self.state, &mut self.reload, key, message), "{message:?}");
    }

    fn exits(&mut self, key: Key, end: End) {
        exits::exited(&mut self.state, &mut self.reload, key, end);
        let children = &self.state.children;
        self.children.retain(|key, _| children.get(*key).is_some());
    }

    fn read_orders(&mut self, key: Key) {
        let (Some(process), Some(child)) = (self.state.children.get(key), self.children.get_mut(&key)) else { return };
        child.read(process.program);
    }

    fn begin_reload(&mut self) {
        if !self.reload.is_idle() || self.state.shutdown.is_some() {
            return;
        }
        let drain_seconds_max = std::time::Duration::from_secs(300);
        let plan = Plan { lanes: LANES, drain_seconds_max, status_socket: Some(listener().place), ..Plan::default() };
        let mut next = Generation::sealed(plan, &fosse_bundle::Parts::default().encode().unwrap()).unwrap();
        if self.has_checks {
            next.blobs.insert(Program::Prober, fosse_sys::memfd::sealed("checks", b"checks").unwrap());
        }
        if self.has_rules {
            next.rules = Some(fosse_sys::memfd::sealed("rules", b"rules").unwrap());
        }
        let next = next.numbered_after(&self.state.generation).unwrap();
        reload::enter(&mut self.reload, &mut self.state, next, vec![listener(), listener()]);
    }

    /// Lets something happen.
    fn happen(&mut self) {
        let ends = [End::Exit(0), End::Exit(111), End::Exit(1), End::Signal(9), End::Signal(11)];
        match self.dice.roll(16) {
            0..=3 => {
                let waiting = self.keys(|process| process.pid.is_none());
                let is_made = !self.refusals || self.dice.roll(8) != 0;
                self.dice.pick(waiting).into_iter().for_each(|key| self.launched(key, is_made));
            }
            4..=7 => self.readies(),
            8 => {
                let living = self.keys(|process| process.pid.is_some());
                let end = ends[self.dice.roll(ends.len())];
                self.dice.pick(living).into_iter().for_each(|key| self.exits(key, end));
            }
            9..=11 => {
                let all = self.keys(|_| true);
                self.dice.pick(all).into_iter().for_each(|key| self.read_orders(key));
            }
            12 => self.begin_reload(),
            13 => self.refusals = !self.refusals,
            14 => self.paused.clear(),
            _ if self.dice.roll(8) == 0 => self.passed_ms += 400_000,
            _ => {
                self.connections += 1;
                self.state.penalties.crashes.push(Crash { connection: self.connections, source: 0 });
            }
        }
    }

    fn readies(&mut self) {
        let waiting = self.keys(|process| process.pid.is_some() && !process.ready && !process.killed);
        let Some(key) = self.dice.pick(waiting) else { return };
        let keeps_records = self.state.generation.zygote == Some(key) && self.dice.roll(2) == 0;
        if keeps_records {
            self.say(key, ToStart::KeepsRecords);
        }
        self.say(key, ToStart::Ready);
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

    /// Lets a process do what it has to. Returns whether it had.
    fn respond(&mut self, key: Key) -> bool {
        self.read_orders(key);
        let Some(process) = self.state.children.get(key) else { return true };
        let drains = self.children[&key].drains;
        if process.program == Program::Prober && process.ready && self.state.services.prober_connect.is_none() {
            // It sees that its connect is gone.
            self.exits(key, End::Exit(111));
            return true;
        }
        match (process.pid.is_some(), process.killed, process.ready) {
            (false, ..) => self.launched(key, true),
            (true, true, _) => self.exits(key, End::Signal(9)),
            (true, false, false) => self.say(key, ToStart::Ready),
            (true, false, true) if drains => self.exits(key, End::Exit(0)),
            (true, false, true) => return false,
        }
        true
    }

    /// Checks that an edge at rest is what it should be.
    fn check(&self) {
        assert!(self.reload.is_idle());
        let State { children, lanes, services, generation, listeners, .. } = &self.state;
        assert_eq!(lanes.live(generation.number), LANES as usize, "{lanes:?}");
        assert_eq!(lanes.iter().count(), LANES as usize, "{lanes:?}");
        assert!(lanes.iter().all(|lane| lane.processes.len() == 4));
        let outside = 3
            + usize::from(generation.rules.is_some())
            + usize::from(services.store.is_some())
            + 2 * usize::from(self.has_checks);
        assert_eq!(children.iter().count(), 4 * LANES as usize + outside, "{:?}", self.state.seen());
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
    }
}

fn listener() -> Open {
    Open { place: Place::Tcp { addr: [0; 16], port: 1 }, fd: pair(SocketType::STREAM).unwrap().0 }
}
