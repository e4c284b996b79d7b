//! dispatch: bins/dispatch/src/frames.rs, lane.rs and exchange/.

use fosse_wire::{Kind, StreamId, order};

use crate::world::{Broken, Forward, Frame, Peer, Pipe, Rules, Script, Treatment};

/// The permission to write the body to the client (stream.rs, `Lease`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lease {
    No,
    Wanted,
    Held,
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    /// Its name on the ring.
    pub id: StreamId,
    /// RESPONSE_END or RESET is sent.
    pub responded: bool,
    /// The request it is about, which only the referee of the game looks at.
    pub serial: u8,
    forward: Forward,
    body_done: bool,
    out: u8,
    /// Units a filter had granted before the head came, and how many of them the backend has not
    /// taken.
    prepaid: u8,
    window: u8,
    held: u8,
    owed: u8,
    credit: u8,
    head_sent: bool,
    lease: Lease,
    left: u8,
    sent: u8,
}

/// An event that a backend causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// It takes a unit.
    Take,
    /// Its head comes.
    Head(bool),
    /// A unit of its body does.
    Data,
    /// A unit of its body goes straight to the client.
    Leased,
    /// Its end comes.
    End,
    /// It fails.
    Fail,
}

impl Stream {
    /// Units for the backend, and how many of them were granted by a filter.
    #[must_use]
    pub fn buffered(&self) -> (usize, usize) {
        (usize::from(self.out), usize::from(self.prepaid))
    }

    /// Returns the events that can happen.
    pub fn acts(&self, script: &Script) -> impl Iterator<Item = Act> {
        let (takes, speaks) = (script.backend != Peer::NeverReads, script.backend != Peer::Mute);
        let live = !self.responded;
        let whole = self.body_done && self.out == 0;
        let head = live && !self.head_sent && speaks && (whole || script.early);
        let lease = script.lease && self.body_done && script.response > 1 && script.on_response == Treatment::Pass;
        let body = live && self.head_sent && speaks;
        let data = body && self.lease == Lease::No && self.credit > 0 && self.left > 0;
        let leased = body && self.lease == Lease::Held && self.left > 0 && script.client != Peer::NeverReads;
        let end = body && self.left == 0 && self.lease != Lease::Wanted;
        [
            (live && self.out > 0 && takes, Act::Take),
            (head, Act::Head(lease)),
            (data, Act::Data),
            (leased, Act::Leased),
            (end, Act::End),
        ]
        .into_iter()
        .filter_map(|(can, act)| can.then_some(act))
    }

    fn frame(&self, kind: Kind, units: u8) -> Frame {
        Frame::of(self.id, kind, self.serial, units)
    }

    fn ended(&self) -> bool {
        self.forward.0 == order::Forward::Ended
    }
}

/// It happens. A stream is forgotten once both directions have ended.
pub fn act(place: &mut Option<Stream>, act: Act, rules: &Rules, to: &mut Pipe) {
    let Some(stream) = place else { return };
    match act {
        Act::Take => {
            stream.out -= 1;
            stream.prepaid = stream.prepaid.saturating_sub(1);
            grant(stream, rules, to);
        }
        Act::Head(lease) => {
            stream.head_sent = true;
            stream.lease = if lease { Lease::Wanted } else { Lease::No };
            to.outbox.push_back(Frame { lease, ..stream.frame(Kind::Response, 0) });
        }
        Act::Data => {
            stream.credit -= 1;
            stream.left -= 1;
            stream.sent += 1;
            to.outbox.push_back(stream.frame(Kind::ResponseData, 1));
        }
        Act::Leased => stream.left -= 1,
        Act::End => {
            stream.responded = true;
            to.outbox.push_back(stream.frame(Kind::ResponseEnd, stream.sent));
        }
        Act::Fail => {
            stream.responded = true;
            if stream.head_sent {
                to.outbox.push_back(stream.frame(Kind::Reset, 0));
            } else {
                to.outbox.push_back(Frame { own: true, ..stream.frame(Kind::Response, 0) });
                to.outbox.push_back(stream.frame(Kind::ResponseEnd, 0));
            }
        }
    }
    if stream.responded && stream.ended() {
        *place = None;
    }
}

/// Room for what the backend has taken, once it has taken all.
fn grant(stream: &mut Stream, rules: &Rules, to: &mut Pipe) {
    if rules.dispatch_grants && stream.out == 0 && stream.owed > 0 && stream.lease != Lease::Held {
        to.outbox.push_back(stream.frame(Kind::RequestCredit, stream.owed));
        stream.window += stream.owed;
        stream.owed = 0;
    }
}

/// Takes a frame.
#[expect(clippy::too_many_lines, reason = "one arm for each kind of frame")]
pub fn frame(
    place: &mut Option<Stream>,
    frame: &Frame,
    script: &Script,
    rules: &Rules,
    to: &mut Pipe,
) -> Result<(), Broken> {
    if frame.kind == Kind::RequestCredit {
        // A filter's, also for a stream that has not come here.
        to.outbox.push_back(*frame);
        return Ok(());
    }
    let Some(stream) = place.as_mut().filter(|s| s.id == frame.id) else {
        return first(place, frame, script, rules, to);
    };
    if stream.serial != frame.serial {
        return Err(format!("dispatch: {:?} of one stream came to another", frame.kind));
    }
    stream.forward.0 = stream.forward.0.after(frame.kind).map_err(|e| format!("dispatch: {e}"))?;
    match frame.kind {
        Kind::RequestData => {
            let Some(left) = stream.window.checked_sub(frame.units) else {
                return Err("dispatch: more of a request than was granted".into());
            };
            stream.window = left;
            let prepaid = if rules.held_is_prepaid { frame.units.min(stream.held) } else { 0 };
            stream.held -= prepaid;
            stream.owed += frame.units - prepaid;
            if !stream.responded {
                stream.out += frame.units;
            }
        }
        Kind::RequestEnd => stream.body_done = true,
        Kind::Reset => {
            if !stream.responded && rules.echoes {
                to.outbox.push_back(stream.frame(Kind::Reset, 0));
            }
            *place = None;
            return Ok(());
        }
        Kind::ResponseCredit => stream.credit += frame.units,
        // About the response: that is held, and another comes in its place.
        Kind::Verdict if script.on_response != Treatment::Pass => {
            let responded = stream.responded;
            *place = None;
            if !responded || rules.late_verdicts_get_a_response {
                verdict(frame, to);
            }
            return Ok(());
        }
        Kind::Lease if stream.responded => {}
        Kind::Lease if stream.lease == Lease::Wanted => stream.lease = Lease::Held,
        _ => return Err(format!("dispatch: {:?} out of order", frame.kind)),
    }
    if stream.responded && stream.ended() {
        *place = None;
    }
    Ok(())
}

fn first(
    place: &mut Option<Stream>,
    frame: &Frame,
    script: &Script,
    rules: &Rules,
    to: &mut Pipe,
) -> Result<(), Broken> {
    match frame.kind {
        Kind::Request if place.is_some() => Err("dispatch: a slot is used again before its end came".into()),
        Kind::Request => {
            *place = Some(Stream {
                id: frame.id,
                responded: false,
                serial: frame.serial,
                forward: Forward(order::Forward::Open),
                body_done: false,
                out: 0,
                prepaid: frame.units,
                window: rules.window + frame.units,
                held: frame.units,
                owed: 0,
                credit: rules.window,
                head_sent: false,
                lease: Lease::No,
                left: script.response,
                sent: 0,
            });
            Ok(())
        }
        Kind::Verdict => {
            if !frame.denied || rules.late_verdicts_get_a_response {
                verdict(frame, to);
            }
            Ok(())
        }
        // They crossed the stream's end.
        Kind::Reset | Kind::ResponseCredit | Kind::Lease => Ok(()),
        kind => Err(format!("dispatch: {kind:?} of no stream")),
    }
}

fn verdict(frame: &Frame, to: &mut Pipe) {
    let response = Frame::new(frame.id, Kind::Response, frame.serial);
    to.outbox.push_back(Frame { denied: true, own: true, ..response });
    to.outbox.push_back(Frame::new(frame.id, Kind::ResponseEnd, frame.serial));
}
