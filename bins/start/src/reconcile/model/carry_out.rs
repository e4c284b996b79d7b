//! The steps of a made up edge: its processes are entries without a process.

use fosse_eventloop::slab::Key;
use fosse_wire::{
    launch::Program,
    start::{Door, Stream},
};
use rustix::net::SocketType;

use super::{LANES, World, child::Child};
use crate::{
    children::process::Process,
    lanes::{Lane, LaneState, doors::DoorEnds},
    launch::spawn::pair,
    reconcile::lifecycle::Action,
    reload,
};

impl World {
    pub(super) fn carry_out(&mut self, action: Action) -> Result<(), ()> {
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
            Action::StartBound(number) => return self.start_bound(number),
            Action::StartEncode(lane) => return self.start_again(lane, Program::Encode),
            Action::StartKeys(lane) => return self.start_again(lane, Program::Keys),
            Action::StartBeside(lane, program) => return self.start_again(lane, program),
        }
        Ok(())
    }

    fn refuses(&mut self, program: Program) -> Result<(), ()> {
        if !self.refusals || self.dice.roll(4) != 0 {
            return Ok(());
        }
        self.paused.push(program);
        if self.reload.waits_for_lanes()
            && matches!(
                program,
                Program::WafFilter | Program::Accept | Program::Parse | Program::Static | Program::Password
            )
        {
            reload::roll_back(&mut self.reload, &mut self.state);
        }
        Err(())
    }

    fn start(&mut self, program: Program) -> Result<(), ()> {
        self.refuses(program)?;
        let is_alone = |process: &Process| process.program == program && process.lane.is_none();
        let there = self.state.children.keys(is_alone);
        let is_alone = !matches!(program, Program::WafFilter | Program::Store | Program::Accept);
        assert!(there.is_empty() || !is_alone, "two of {program:?}");
        let key = self.make(program, None);
        let services = &mut self.state.services;
        match program {
            Program::Log => services.log = Some(key),
            Program::Status => services.status = Some(key),
            Program::Store => services.store = Some(key),
            Program::Accept => services.add_accept(key),
            Program::Prober => {
                services.prober = Some(key);
                self.state.services.prober_connect = Some(self.make(Program::Connect, None));
            }
            _ => self.state.generation.zygote = Some(key),
        }
        Ok(())
    }

    fn start_bound(&mut self, number: u32) -> Result<(), ()> {
        let program = self.state.services.bound.find_mut(number).unwrap().job.program();
        self.refuses(program)?;
        let key = self.make(program, None);
        let one = self.state.services.bound.find_mut(number).unwrap();
        assert!(one.process.replace(key).is_none(), "two processes do one job");
        Ok(())
    }

    fn start_again(&mut self, number: u32, program: Program) -> Result<(), ()> {
        self.refuses(program)?;
        let there = self.keys(|process| process.program == program && process.lane == Some(number));
        assert!(there.is_empty(), "two of {program:?} in one lane");
        let key = self.make(program, Some(number));
        self.state.lanes.find_mut(number).unwrap().processes.push(key);
        Ok(())
    }

    fn start_lane(&mut self, core: u32) -> Result<(), ()> {
        let number = self.state.lanes.take_number().unwrap();
        let mut stages = vec![Program::Parse, Program::WafFilter, Program::Dispatch, Program::Connect];
        stages.extend(self.state.generation.has_encode().then_some(Program::Encode));
        let with_tls = self.state.generation.has_tls();
        stages.extend([Program::Tls, Program::Keys].into_iter().filter(|_| with_tls));
        let has_http2 = self.state.generation.has_http2();
        stages.extend(has_http2.then_some(Program::ParseH2));
        let begun = stages[..1 + self.dice.roll(3)].to_vec();
        if self.refuses(Program::Parse).is_err() {
            for program in begun {
                self.make(program, Some(number));
            }
            return Err(());
        }
        let processes = stages.into_iter().map(|program| self.make(program, Some(number))).collect();
        let doors = Door::ALL.into_iter().filter(|door| match door {
            Door::Parse => true,
            Door::Tls => with_tls,
            Door::Http2 => has_http2,
        });
        let doors = doors.map(|door| DoorEnds::of(door, pair(SocketType::SEQPACKET).unwrap()).unwrap().0).collect();
        let generation = self.state.generation.number;
        let (set, state) = (self.state.generation.set().unwrap_or_default(), LaneState::Starting);
        let (adopted, suspect, is_torn) = (set, None, false);
        let lane = Lane { number, generation, core, processes, doors, state, set, adopted, suspect, is_torn };
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
            pipes,
            zygote,
            keeps_records: program == Program::WafFilter && lane.is_some() && self.state.generation.keeps_records,
            ..Process::new(program, lane, slot, control, page_fd).unwrap()
        };
        let children = &mut self.state.children;
        let key = children.insert(process, &self.state.event_loop).unwrap();
        let token = children.launches.next();
        children.launches.sent(key, self.state.generation.zygote.filter(|_| program == Program::WafFilter && !zygote));
        self.children.insert(key, Child { control: child, token, received: Vec::new(), drains: false });
        key
    }
}
