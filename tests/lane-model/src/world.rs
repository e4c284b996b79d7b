//! The world: stages, sockets, peers, rules; and what must always hold.

use std::{
    collections::VecDeque,
    hash::{Hash, Hasher},
};

use fosse_wire::{Kind, StreamId, order};

use crate::{dispatch, filter, parse};

/// Somebody outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Reads and writes.
    #[default]
    Fine,
    /// Takes nothing.
    NeverReads,
    /// Says nothing more once it has begun.
    Mute,
}

/// The filter's treatment of a request or a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Treatment {
    /// Frames pass.
    #[default]
    Pass,
    /// Buffered to the end, then released.
    Buffer,
    /// Buffered as far as that and released; the rest passes.
    BufferPart(u8),
    /// Denied at its head.
    DenyHead,
    /// Buffered to the end, then denied.
    DenyEnd,
}

/// The events at one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Script {
    /// The client.
    pub client: Peer,
    /// The backend.
    pub backend: Peer,
    /// The filter's treatment of requests.
    pub on_request: Treatment,
    /// The filter's treatment of responses; anything but `Pass` is a site that has them inspected.
    pub on_response: Treatment,
    /// Units of each request's body.
    pub request: u8,
    /// Units of each response's body.
    pub response: u8,
    /// Requests, one after the other.
    pub requests: u8,
    /// The backend may response before it has read the request.
    pub early: bool,
    /// The client may go away at any time, and the backend may fail, so often.
    pub aborts: u8,
    /// Treatment are leased where they can be.
    pub lease: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            client: Peer::Fine,
            backend: Peer::Fine,
            on_request: Treatment::Pass,
            on_response: Treatment::Pass,
            request: 3,
            response: 3,
            requests: 2,
            early: false,
            aborts: 0,
            lease: false,
        }
    }
}

/// The rules, each of which can be broken to see that the walk finds it.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Units of credit each way at a stream's begin.
    pub window: u8,
    /// Frames one socket holds.
    pub socket: usize,
    /// Every stage reads while its output is blocked (common/frame/stage: Input and Output know
    /// nothing of each other).
    pub reads_while_blocked: bool,
    /// A filter that holds grants what it takes (bins/waf-filter/src/request/buffered.rs, `push`).
    pub filter_grants: bool,
    /// dispatch does not grant again what a filter has granted
    /// (bins/dispatch/src/exchange/request_body.rs, `data`: `prepaid`).
    pub held_is_prepaid: bool,
    /// parse ends a request whose response came first with a RESET
    /// (common/http/front/src/endings.rs, `complete`).
    pub cuts_short: bool,
    /// dispatch responds to a RESET with a RESET (bins/dispatch/src/frames.rs, `client_gone`).
    pub echoes: bool,
    /// Each request of a slot has its own id (common/frame/wire/src/stream.rs, `next`).
    pub generations: bool,
    /// dispatch grants once the backend has taken all (bins/dispatch/src/exchange/send.rs,
    /// `grant`).
    pub dispatch_grants: bool,
    /// parse grants once the client has taken all (common/http/front/src/response.rs,
    /// `grant`).
    pub parse_grants: bool,
    /// A filter tells dispatch of a reset of what it holds (bins/waf-filter/src/request/frames.rs,
    /// `on_reset`).
    pub filter_tells_of_reset: bool,
    /// A filter that holds a response grants what it takes
    /// (bins/waf-filter/src/response/buffered.rs, `grant`).
    pub filter_grants_responses: bool,
    /// A filter that releases a response sends no more than parse has room for
    /// (bins/waf-filter/src/response/flow.rs, `pump`).
    pub filter_keeps_to_room: bool,
    /// A filter that took the end of a response that its client will not see ends it
    /// (bins/waf-filter/src/response/pending.rs, `on_client_gone`).
    pub filter_ends_what_it_holds: bool,
    /// dispatch responds to a verdict also where the response it is about has ended
    /// (bins/dispatch/src/frames.rs, `take_first` and `late_verdict`).
    pub late_verdicts_get_a_response: bool,
    /// A slot waits for the response's end, also when its client is gone (bins/parse/src/conn.rs,
    /// `is_over`).
    pub slot_waits_for_ring: bool,
}

impl Rules {
    /// All kept.
    #[must_use]
    pub const fn kept(window: u8, socket: usize) -> Self {
        Self {
            window,
            socket,
            reads_while_blocked: true,
            filter_grants: true,
            held_is_prepaid: true,
            cuts_short: true,
            echoes: true,
            generations: true,
            dispatch_grants: true,
            parse_grants: true,
            filter_tells_of_reset: true,
            filter_grants_responses: true,
            filter_keeps_to_room: true,
            filter_ends_what_it_holds: true,
            late_verdicts_get_a_response: true,
            slot_waits_for_ring: true,
        }
    }
}

/// A frame. `serial` tells which request it is really about, which no stage looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Its stream.
    pub id: StreamId,
    /// Its kind.
    pub kind: Kind,
    /// The request it is about, for the referee of this game only.
    pub serial: u8,
    /// Units of body or credit; of END the units of the whole body; of REQUEST those held.
    pub units: u8,
    /// RESPONSE: a lease is wanted.
    pub lease: bool,
    /// RESPONSE: a filter denied the request or its response. VERDICT: it is about the response.
    pub denied: bool,
    /// RESPONSE: dispatch wrote it.
    pub own: bool,
}

impl Frame {
    /// A frame without units.
    #[must_use]
    pub const fn new(id: StreamId, kind: Kind, serial: u8) -> Self {
        Self { id, kind, serial, units: 0, lease: false, denied: false, own: false }
    }

    /// A frame of that many units.
    #[must_use]
    pub const fn of(id: StreamId, kind: Kind, serial: u8, units: u8) -> Self {
        Self { id, kind, serial, units, lease: false, denied: false, own: false }
    }
}

/// fosse_wire's forward table, hashable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forward(pub order::Forward);
/// fosse_wire's return table, hashable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Return(pub order::Return);

impl Hash for Forward {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0 as u8).hash(state);
    }
}

impl Hash for Return {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0 as u8).hash(state);
    }
}

/// A pipe between two stages: what waits to be written, and what the kernel holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pipe {
    /// The writer's outbox.
    pub outbox: VecDeque<Frame>,
    /// The socket.
    pub socket: VecDeque<Frame>,
}

impl Pipe {
    /// All frames in it.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.outbox.iter().chain(&self.socket)
    }

    fn flush(&mut self, room: usize) {
        while self.socket.len() < room
            && let Some(frame) = self.outbox.pop_front()
        {
            self.socket.push_back(frame);
        }
    }
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// The events at each slot.
    pub scripts: Vec<Script>,
    /// parse, by slot.
    pub parse: Vec<parse::Slot>,
    /// The filter, by slot.
    pub filter: Vec<filter::Slot>,
    /// dispatch, by slot.
    pub dispatch: Vec<Option<dispatch::Stream>>,
    /// The filter is a stage of the response path too.
    pub inspects: bool,
    /// parse to filter, filter to dispatch, dispatch to parse or to the filter, filter to parse.
    pub pipes: [Pipe; 4],
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The stage that reads from this pipe reads a frame.
    Read(usize),
    /// parse, by its client at a slot.
    Parse(usize, parse::Act),
    /// dispatch, by its backend at a slot.
    Dispatch(usize, dispatch::Act),
}

/// A broken promise.
pub type Broken = String;

impl World {
    /// Nothing has happened.
    #[must_use]
    pub fn new(scripts: &[Script], rules: &Rules) -> Self {
        let parse = |(slot, script): (usize, &Script)| {
            parse::Slot::new(StreamId::first(u32::try_from(slot).unwrap()).unwrap(), script, rules)
        };
        Self {
            scripts: scripts.to_vec(),
            parse: scripts.iter().enumerate().map(parse).collect(),
            filter: vec![filter::Slot::default(); scripts.len()],
            dispatch: vec![None; scripts.len()],
            inspects: scripts.iter().any(|script| script.on_response != Treatment::Pass),
            pipes: Default::default(),
        }
    }

    /// Steps that can be made: those somebody makes sooner or later, and those that may never come.
    #[must_use]
    pub fn steps(&self, rules: &Rules) -> (Vec<Step>, Vec<Step>) {
        let (mut sure, mut maybe) = (Vec::new(), Vec::new());
        // A stage that stops while its output is blocked is one that stops for any of its outputs.
        let direct: &[(usize, &[usize])] = &[(0, &[1]), (1, &[2]), (2, &[0])];
        let inspected: &[(usize, &[usize])] = &[(0, &[1, 3]), (1, &[2]), (2, &[1, 3]), (3, &[0])];
        for (pipe, own) in if self.inspects { inspected } else { direct } {
            let (pipe, blocked) = (*pipe, own.iter().any(|own| !self.pipes[*own].outbox.is_empty()));
            if !self.pipes[pipe].socket.is_empty() && (rules.reads_while_blocked || !blocked) {
                sure.push(Step::Read(pipe));
            }
        }
        for (slot, script) in self.scripts.iter().enumerate() {
            sure.extend(self.parse[slot].acts(script).map(|act| Step::Parse(slot, act)));
            if let Some(stream) = &self.dispatch[slot] {
                sure.extend(stream.acts(script).map(|act| Step::Dispatch(slot, act)));
                if script.aborts > 0 && !stream.responded {
                    maybe.push(Step::Dispatch(slot, dispatch::Act::Fail));
                }
            }
            if script.aborts > 0 && self.parse[slot].open && !self.parse[slot].gone {
                maybe.push(Step::Parse(slot, parse::Act::Abort));
            }
        }
        (sure, maybe)
    }

    /// Makes a step.
    ///
    /// # Errors
    /// The promise that it breaks.
    pub fn step(&mut self, step: Step, rules: &Rules) -> Result<(), Broken> {
        match step {
            Step::Read(pipe) => {
                let Some(frame) = self.pipes[pipe].socket.pop_front() else { return Ok(()) };
                let slot = frame.id.slot();
                let [_, on, _, back] = &mut self.pipes;
                match pipe {
                    0 => filter::frame(&mut self.filter[slot], &frame, &self.scripts[slot], rules, on, back)?,
                    2 if self.inspects => {
                        filter::response(&mut self.filter[slot], &frame, &self.scripts[slot], rules, on, back)?;
                    }
                    1 => dispatch::frame(
                        &mut self.dispatch[slot],
                        &frame,
                        &self.scripts[slot],
                        rules,
                        &mut self.pipes[2],
                    )?,
                    _ => self.parse[slot].frame(&frame, rules, &mut self.pipes[0])?,
                }
            }
            Step::Parse(slot, act) => {
                if act == parse::Act::Abort {
                    self.scripts[slot].aborts = self.scripts[slot].aborts.saturating_sub(1);
                }
                self.parse[slot].act(act, rules, &mut self.pipes[0]);
            }
            Step::Dispatch(slot, act) => {
                if act == dispatch::Act::Fail {
                    self.scripts[slot].aborts = self.scripts[slot].aborts.saturating_sub(1);
                }
                dispatch::act(&mut self.dispatch[slot], act, rules, &mut self.pipes[2]);
            }
        }
        for pipe in &mut self.pipes {
            pipe.flush(rules.socket);
        }
        self.check(rules)
    }

    /// Bytes in memory stay within outstanding credit.
    fn check(&self, rules: &Rules) -> Result<(), Broken> {
        let window = usize::from(rules.window);
        for slot in 0..self.scripts.len() {
            let (id, serial) = (self.parse[slot].id, self.parse[slot].serial);
            let units = |pipe: usize, kind: Kind| -> usize {
                let of = |f: &&Frame| f.id == id && f.serial == serial && f.kind == kind;
                self.pipes[pipe].frames().filter(of).map(|f| usize::from(f.units)).sum()
            };
            let (held, granted) = self.filter[slot].holding(id);
            let (out, prepaid) = self.dispatch[slot]
                .as_ref()
                .filter(|s| s.id == id && s.serial == serial)
                .map_or((0, 0), |s| s.buffered());
            let released = units(1, Kind::Request);
            let request = units(0, Kind::RequestData) + held + units(1, Kind::RequestData) + out;
            if request > window + granted + released + prepaid {
                return Err(format!("slot {slot}: {request} units of a request in memory"));
            }
            let back = if self.inspects { 3 } else { 2 };
            let response = units(back, Kind::ResponseData) + usize::from(self.parse[slot].out);
            // What the filter holds is bounded by the lane's budget; what is on its way there by
            // the window.
            if response > window || units(2, Kind::ResponseData) > window {
                return Err(format!("slot {slot}: {response} units of a response in memory"));
            }
        }
        Ok(())
    }

    /// Nobody can make a step. Whoever has peers that work must be done; the others are ended by
    /// their time limits (timeouts.rs in bins/parse/src and bins/dispatch/src/exchange). True
    /// where all is over.
    ///
    /// # Errors
    /// A deadlock.
    pub fn at_rest(&mut self, rules: &Rules) -> Result<bool, Broken> {
        let stuck = |s: &Script| s.client != Peer::Fine || s.backend != Peer::Fine;
        for (slot, parse) in self.parse.iter().enumerate() {
            if !stuck(&self.scripts[slot]) && (parse.open || parse.requests > 0 || self.dispatch[slot].is_some()) {
                return Err(format!("slot {slot} waits for ever"));
            }
        }
        let overdue = (0..self.scripts.len()).find(|slot| self.parse[*slot].open && !self.parse[*slot].gone);
        if let Some(slot) = overdue {
            self.parse[slot].requests = 0;
            self.parse[slot].act(parse::Act::Abort, rules, &mut self.pipes[0]);
            self.pipes[0].flush(rules.socket);
            return Ok(false);
        }
        let over = self.parse.iter().all(|p| !p.open)
            && self.dispatch.iter().all(Option::is_none)
            && self.filter.iter().all(filter::Slot::is_empty)
            && self.pipes.iter().all(|p| p.frames().next().is_none());
        if over { Ok(true) } else { Err("something is left that nobody will end".into()) }
    }
}
