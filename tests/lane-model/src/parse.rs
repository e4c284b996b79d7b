//! parse: common/http/front/src/requests.rs, response.rs, endings.rs; bins/parse/src/conn.rs,
//! client.rs.

use fosse_wire::{Kind, StreamId, order};

use crate::world::{Broken, Frame, Peer, Pipe, Return, Rules, Script};

/// The write lease (exchange.rs, `Lease`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lease {
    /// parse writes.
    #[default]
    No,
    /// Given when all before is written.
    Wanted,
    /// dispatch writes.
    Out,
}

/// One slot: one connection and its exchange.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The id of the last exchange.
    pub id: StreamId,
    /// The stream has begun, and its response has not ended.
    pub open: bool,
    /// The client is gone; the slot waits for the ring.
    pub gone: bool,
    /// Requests still to come.
    pub requests: u8,
    /// Units for the client.
    pub out: u8,
    forward_done: bool,
    discard: bool,
    responded: bool,
    back: Return,
    body: u8,
    body_whole: u8,
    credit: u8,
    response_credit: u8,
    owed: u8,
    got: u8,
    /// The request of the last exchange, which only the referee of the game looks at.
    pub serial: u8,
    lease: Lease,
}

/// An event that a client causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// A head has come.
    Begin,
    /// A unit of its body has, and with the last the end.
    Body,
    /// The client takes a unit.
    Write,
    /// All is written: the lease.
    Lend,
    /// The client goes away, or its time is over.
    Abort,
}

impl Slot {
    /// Before the first request.
    #[must_use]
    pub fn new(id: StreamId, script: &Script, rules: &Rules) -> Self {
        Self {
            id,
            open: false,
            gone: false,
            requests: script.requests,
            out: 0,
            forward_done: true,
            discard: false,
            responded: false,
            back: Return(order::Return::Ended),
            body: 0,
            body_whole: script.request,
            credit: rules.window,
            response_credit: rules.window,
            owed: 0,
            got: 0,
            serial: 0,
            lease: Lease::No,
        }
    }

    /// Returns the events that can happen.
    pub fn acts(&self, script: &Script) -> impl Iterator<Item = Act> {
        let reads = script.client != Peer::NeverReads;
        let speaks = script.client != Peer::Mute;
        let begin = !self.open && self.requests > 0 && self.out == 0;
        let body = self.open && !self.forward_done && self.credit > 0 && self.body > 0 && speaks;
        let lend = self.lease == Lease::Wanted && self.out == 0;
        [(begin, Act::Begin), (body, Act::Body), (self.out > 0 && reads, Act::Write), (lend, Act::Lend)]
            .into_iter()
            .filter_map(|(can, act)| can.then_some(act))
    }

    /// It happens.
    pub fn act(&mut self, act: Act, rules: &Rules, to: &mut Pipe) {
        match act {
            Act::Begin => self.begin(rules, to),
            Act::Body => {
                self.credit -= 1;
                self.body -= 1;
                self.send(Kind::RequestData, 1, to);
                self.end_if_whole(to);
            }
            Act::Write => {
                self.out -= 1;
                if self.out == 0 {
                    self.grant(rules, to);
                }
            }
            Act::Lend => {
                self.lease = Lease::Out;
                self.send(Kind::Lease, 0, to);
            }
            Act::Abort => self.abort(rules, to),
        }
    }

    fn send(&self, kind: Kind, units: u8, to: &mut Pipe) {
        to.outbox.push_back(Frame::of(self.id, kind, self.serial, units));
    }

    /// A slot is used again only when its last stream has ended in both directions; each use has
    /// its own generation.
    fn begin(&mut self, rules: &Rules, to: &mut Pipe) {
        let id = if rules.generations { self.id.next() } else { self.id };
        *self = Self {
            id,
            open: true,
            gone: false,
            requests: self.requests - 1,
            forward_done: false,
            discard: false,
            responded: false,
            back: Return::default(),
            body: self.body_whole,
            credit: rules.window,
            response_credit: rules.window,
            owed: 0,
            got: 0,
            serial: self.serial + 1,
            lease: Lease::No,
            ..self.clone()
        };
        self.send(Kind::Request, 0, to);
        self.end_if_whole(to);
    }

    fn end_if_whole(&mut self, to: &mut Pipe) {
        if self.body == 0 {
            self.send(Kind::RequestEnd, 0, to);
            self.forward_done = true;
        }
    }

    /// Credit for what is written, in steps worth a frame.
    fn grant(&mut self, rules: &Rules, to: &mut Pipe) {
        let streaming = self.open && !self.discard && self.responded && self.lease == Lease::No;
        if rules.parse_grants && streaming && self.owed * 2 >= rules.window {
            self.send(Kind::ResponseCredit, self.owed, to);
            self.response_credit += self.owed;
            self.owed = 0;
        }
    }

    /// A reset is sent after a request's end as well: the response can stop.
    fn abort(&mut self, rules: &Rules, to: &mut Pipe) {
        if self.open && !self.discard {
            self.send(Kind::Reset, 0, to);
            self.forward_done = true;
            self.discard = true;
        }
        self.gone = true;
        self.out = 0;
        if !rules.slot_waits_for_ring {
            self.open = false;
        }
    }

    fn reset_forward(&mut self, to: &mut Pipe) {
        if !self.forward_done {
            self.send(Kind::Reset, 0, to);
            self.forward_done = true;
        }
    }

    /// A frame of a response.
    #[expect(clippy::too_many_lines, reason = "one arm for each kind of frame")]
    pub fn frame(&mut self, frame: &Frame, rules: &Rules, to: &mut Pipe) -> Result<(), Broken> {
        let broken = |why: &str| Err(format!("parse: {:?} {why}", frame.kind));
        if !self.open || frame.id != self.id {
            // Credit and resets may cross the end of their stream.
            let late = matches!(frame.kind, Kind::RequestCredit | Kind::Reset);
            return if late { Ok(()) } else { broken("for a stream that has ended") };
        }
        if frame.serial != self.serial {
            return broken("of one stream came to another");
        }
        self.back.0 = self.back.0.after(frame.kind, false).map_err(|e| format!("parse: {e}"))?;
        if self.discard {
            self.open = self.back.0 != order::Return::Ended;
            return Ok(());
        }
        match frame.kind {
            Kind::Response => {
                self.responded = true;
                self.lease = if frame.lease { Lease::Wanted } else { Lease::No };
                if frame.denied {
                    self.reset_forward(to);
                }
            }
            Kind::ResponseData if self.lease != Lease::No => return broken("under a lease"),
            Kind::ResponseData => {
                let Some(left) = self.response_credit.checked_sub(frame.units) else { return broken("without credit") };
                self.response_credit = left;
                self.owed += frame.units;
                self.out += frame.units;
                self.got += frame.units;
            }
            Kind::ResponseEnd => {
                if self.lease == Lease::Wanted || self.lease == Lease::No && self.got != frame.units {
                    return broken("with a length that is not the response's");
                }
                if rules.cuts_short {
                    self.reset_forward(to);
                }
                self.lease = Lease::No;
                self.open = false;
            }
            Kind::Reset => {
                self.reset_forward(to);
                self.open = false;
                self.gone = true;
                self.out = 0;
            }
            _ => self.credit += frame.units,
        }
        Ok(())
    }
}
