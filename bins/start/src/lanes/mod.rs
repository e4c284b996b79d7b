//! The lanes: each with its processes, its channel and its state.

pub(crate) mod beside;
pub(crate) mod connections;
pub(crate) mod doors;
pub(crate) mod encode;
mod fronts;
pub(crate) mod keys;
pub(crate) mod stages;

use std::os::fd::OwnedFd;

use fosse_eventloop::slab::Key;
use fosse_wire::start::Door;
use rustix::io::Errno;

use self::doors::DoorEnds;
use crate::children::process::Exit;

/// The state of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaneState {
    /// Its processes are being started.
    Starting,
    /// It serves.
    Live,
    /// It finishes what is under way, at most until this time in milliseconds of the monotonic
    /// clock.
    Draining(u64),
    /// It lost a process; what is left of it may respond until this time.
    Dying(u64),
}

impl LaneState {
    /// Returns whether it serves or is going to.
    pub(crate) const fn is_wanted(self) -> bool {
        matches!(self, Self::Starting | Self::Live)
    }
}

/// A lane.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Unique over the edge's life.
    pub number: u32,
    /// The generation it belongs to.
    pub generation: u32,
    /// The core its stages are pinned to.
    pub core: u32,
    pub processes: Vec<Key>,
    /// The channels that connections come over.
    pub doors: Vec<DoorEnds>,
    pub state: LaneState,
    /// The set of certificates that its keys was last given.
    pub set: u32,
    /// The one that its tls makes handshakes with.
    pub adopted: u32,
    /// The exit of its first process to go, if that was with 111, as stages exit when a peer is
    /// gone. The next exits show which of them crashed: a peer's descriptors close before start
    /// hears of its exit.
    pub suspect: Option<Exit>,
    /// One of its processes took nothing any more: its exit is to come and ends the lane. Until
    /// then no process is replaced in it.
    pub is_torn: bool,
}

impl Lane {
    /// Returns whether connections may still come.
    pub(crate) fn is_open(&self) -> bool {
        self.doors.iter().any(|ends| ends.accept.is_some()) || self.state.is_wanted()
    }

    /// Returns one of its doors.
    pub(crate) fn door(&self, door: Door) -> Option<&DoorEnds> {
        self.doors.iter().find(|ends| ends.door == door)
    }

    /// Notes that an accept was given one of its doors.
    pub(crate) fn note_given(&mut self, door: Door) {
        self.doors.iter_mut().filter(|ends| ends.door == door).for_each(|ends| ends.given = true);
    }
}

/// The state of a lane that has lost a process.
#[derive(Debug)]
pub(crate) struct Loss {
    /// The state before.
    pub state: LaneState,
    pub generation: u32,
    /// Its suspect, where no process is left that could show it innocent.
    pub suspect: Option<Exit>,
}

/// All lanes of all generations that live.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    all: Vec<Lane>,
    next_number: u32,
    /// The ends that lanes read whose parse is gone, until accept has them.
    rests: Vec<(u32, Door, OwnedFd)>,
    /// The page of the dispatch that was ready last, which says which servers are out: the next one
    /// begins with that.
    pub health: Option<OwnedFd>,
    /// The page of the results of health checks, once there are any.
    pub checks: Option<OwnedFd>,
    /// The page of the states that people give to servers.
    pub states: Option<OwnedFd>,
    /// The page of questions about connections.
    pub questions: Option<OwnedFd>,
    /// The page of renewals of certificates.
    pub renewals: Option<OwnedFd>,
    /// The page of what sources were sent of late.
    pub rates: Option<OwnedFd>,
    /// The page of what lanes have of limits that they share.
    pub shares: Option<OwnedFd>,
    /// The page of the addresses of names, once there are any.
    pub addresses: Option<OwnedFd>,
    /// The memory for responses that are kept, and its bytes.
    pub kept: Option<(OwnedFd, u64)>,
    /// The seed of session tickets, once some lane has TLS.
    pub ticket_seed: Option<OwnedFd>,
}

impl Lanes {
    /// Takes over the lanes of a predecessor.
    pub(crate) fn of(all: Vec<Lane>, next_number: u32, [checks, states, addresses]: [Option<OwnedFd>; 3]) -> Self {
        Self {
            all,
            next_number,
            rests: Vec::new(),
            health: None,
            checks,
            states,
            questions: None,
            renewals: None,
            rates: None,
            shares: None,
            addresses,
            kept: None,
            ticket_seed: None,
        }
    }

    pub(crate) fn find_mut(&mut self, number: u32) -> Option<&mut Lane> {
        self.all.iter_mut().find(|lane| lane.number == number)
    }

    pub(crate) fn find(&self, number: u32) -> Option<&Lane> {
        self.all.iter().find(|lane| lane.number == number)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Lane> {
        self.all.iter()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn push(&mut self, lane: Lane) {
        self.all.push(lane);
    }

    pub(crate) const fn next_number(&self) -> u32 {
        self.next_number
    }

    /// Takes a number that no lane has had.
    ///
    /// # Errors
    /// `OVERFLOW` where all have been used; the last is the number that messages give what is in no
    /// lane.
    pub(crate) fn take_number(&mut self) -> Result<u32, Errno> {
        let number = self.next_number;
        self.next_number = number.checked_add(1).ok_or(Errno::OVERFLOW)?;
        Ok(number)
    }

    /// Returns the processes of all lanes for which `which` holds.
    pub(crate) fn processes(&self, which: impl Fn(&Lane) -> bool) -> Vec<Key> {
        self.all.iter().filter(|lane| which(lane)).flat_map(|lane| lane.processes.iter().copied()).collect()
    }

    /// Returns the number of lanes of a generation that serve.
    pub(crate) fn live(&self, generation: u32) -> usize {
        self.all.iter().filter(|lane| lane.generation == generation && lane.state == LaneState::Live).count()
    }

    /// Returns the generations that have lanes, the oldest first.
    pub(crate) fn generations(&self) -> Vec<u32> {
        let mut all: Vec<u32> = self.all.iter().map(|lane| lane.generation).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Takes a process out of its lane: one that served is dying from then on, one without
    /// processes is gone.
    pub(crate) fn lose(&mut self, number: u32, process: Key, dying_until_ms: u64) -> Option<Loss> {
        let at = self.all.iter().position(|lane| lane.number == number)?;
        let lane = self.all.get_mut(at)?;
        lane.processes.retain(|key| *key != process);
        let (state, generation, is_gone) = (lane.state, lane.generation, lane.processes.is_empty());
        if state.is_wanted() {
            lane.state = LaneState::Dying(dying_until_ms);
        }
        let suspect = if is_gone { self.all.remove(at).suspect } else { None };
        Some(Loss { state, generation, suspect })
    }

    /// Keeps what the stage behind a lane's door, which is gone, has not read, where an accept may
    /// have sent it something.
    pub(crate) fn keep_rest(&mut self, number: u32, door: Door) {
        let Some(lane) = self.find_mut(number) else { return };
        let ends = lane.doors.iter_mut().find(|ends| ends.door == door);
        let rest = ends.and_then(|ends| ends.stage.take().filter(|_| ends.given));
        self.rests.extend(rest.map(|rest| (number, door, rest)));
    }

    /// Returns what is kept so, by the number of its lane and the door.
    pub(crate) fn rests(&self) -> impl Iterator<Item = &(u32, Door, OwnedFd)> {
        self.rests.iter()
    }

    /// Takes over what a predecessor has kept.
    pub(crate) fn restore_rests(&mut self, rests: Vec<(u32, Door, OwnedFd)>) {
        self.rests = rests;
    }

    /// Forgets what was kept of a lane: accept has it.
    pub(crate) fn forget_rest(&mut self, number: u32, door: Door) {
        self.rests.retain(|(of, behind, _)| (*of, *behind) != (number, door));
    }

    /// Takes a process out of a lane that goes on without it. Returns false where it
    /// does not: a lane that is being started is started whole.
    pub(crate) fn lose_replaceable(&mut self, number: u32, process: Key) -> bool {
        let goes_on = |lane: &&mut Lane| matches!(lane.state, LaneState::Live | LaneState::Draining(_));
        let Some(lane) = self.find_mut(number).filter(goes_on).filter(|lane| lane.processes.len() > 1) else {
            return false;
        };
        lane.processes.retain(|key| *key != process);
        true
    }

    /// Closes the channels that connections come over, and drains every lane: what the channels
    /// hold is final, and idle connections have nowhere to go.
    pub(crate) fn close(&mut self, until_ms: u64) {
        self.rests.clear();
        for lane in &mut self.all {
            lane.doors.iter_mut().for_each(|ends| (ends.accept, ends.stage) = (None, None));
            if lane.state.is_wanted() {
                lane.state = LaneState::Draining(until_ms);
            }
        }
    }

    /// Has the processes of a generation killed.
    pub(crate) fn cut(&mut self, generation: u32) {
        let cut = self.all.iter_mut().filter(|lane| lane.generation == generation);
        cut.for_each(|lane| lane.state = LaneState::Dying(0));
    }

    /// Drains the lanes of all other generations, those that are still being started too: they have
    /// the configuration of before.
    pub(crate) fn drain_others(&mut self, generation: u32, until_ms: u64) {
        for lane in self.all.iter_mut().filter(|lane| lane.generation != generation && lane.state.is_wanted()) {
            lane.state = LaneState::Draining(until_ms);
        }
    }

    /// Gives up the lanes of a generation that failed. Those that serve take its number, as numbers
    /// are not used twice.
    pub(crate) fn give_up(&mut self, generation: u32) {
        for lane in &mut self.all {
            if lane.generation == generation {
                lane.state = LaneState::Dying(0);
            } else if lane.state.is_wanted() {
                lane.generation = generation;
            }
        }
    }

    /// Returns the cores of `wanted` that lack a lane of this generation. Cores may have been taken
    /// away and others given meanwhile: there are no more lanes for that.
    pub(crate) fn missing_cores(&self, mut wanted: Vec<u32>, generation: u32) -> Vec<u32> {
        let there = self.all.iter().filter(|lane| lane.generation == generation && lane.state.is_wanted());
        // None where more lanes than wanted live: a reload asked for fewer and failed.
        let missing = wanted.get(there.clone().count()..).map_or(0, <[u32]>::len);
        for lane in there {
            if let Some(at) = wanted.iter().position(|core| *core == lane.core) {
                wanted.swap_remove(at);
            }
        }
        wanted.truncate(missing);
        wanted
    }
}
