//! A filter: bins/waf-filter/src/judge.rs, held.rs, back.rs, answer.rs.

use fosse_wire::{Kind, StreamId, order};

use crate::world::{Answers, Broken, Forward, Frame, Judgement, Pipe, Return, Rules, Script};

/// What happens to the frames of a stream (judge.rs, `Course`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Course {
    #[default]
    Pass,
    Hold {
        units: u8,
        granted: u8,
    },
    Denied,
}

/// What happens to the frames that come back (answer.rs, `Back`). `credit` is what dispatch may
/// still send, `end` the units of the whole answer once its end has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Back {
    #[default]
    Pass,
    Awaited,
    Hold {
        units: u8,
        credit: u8,
        end: Option<u8>,
    },
    Flow {
        units: u8,
        credit: u8,
        end: Option<u8>,
    },
    Replaced,
    Gone,
}

/// One slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Slot {
    id: Option<StreamId>,
    order: Forward,
    course: Course,
    back: Back,
    returned: Return,
    /// Units parse has room for.
    room: u8,
}

impl Slot {
    /// Nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !matches!(self.course, Course::Hold { .. }) && self.back == Back::Pass
    }

    /// Units held of that stream, and how many of them parse may send again already.
    #[must_use]
    pub fn holding(&self, id: StreamId) -> (usize, usize) {
        match self.course {
            Course::Hold { units, granted } if self.id == Some(id) => (usize::from(units), usize::from(granted)),
            _ => (0, 0),
        }
    }
}

/// Takes a frame.
#[expect(clippy::too_many_lines, reason = "one arm for each kind of frame")]
pub fn frame(
    slot: &mut Slot,
    frame: &Frame,
    script: &Script,
    rules: &Rules,
    to: &mut Pipe,
    back: &mut Pipe,
) -> Result<(), Broken> {
    let (id, serial) = (frame.id, frame.serial);
    let known = slot.id == Some(id);
    if frame.kind == Kind::ResponseCredit && known && slot.back != Back::Pass {
        slot.room += frame.units;
        pump(slot, frame, rules, to, back);
        return Ok(());
    }
    if matches!(frame.kind, Kind::ResponseCredit | Kind::RequestCredit | Kind::Lease) {
        to.outbox.push_back(*frame);
        return Ok(());
    }
    if frame.kind == Kind::Reset && known {
        client_left(slot, frame, rules, back);
    }
    if frame.kind == Kind::Request && (!known || !rules.generations) {
        if slot.order.0 == order::Forward::Open || slot.back != Back::Pass {
            return Err("filter: a slot is used again before its end came".into());
        }
        *slot = Slot { id: Some(id), order: Forward(order::Forward::Open), room: rules.window, ..Slot::default() };
        return request(slot, frame, script, to);
    }
    if frame.kind == Kind::Reset && (!known || slot.order.0 == order::Forward::Ended) {
        // A reset that crossed the answer's end.
        to.outbox.push_back(*frame);
        return Ok(());
    }
    if !known {
        return Err(format!("filter: {:?} of no stream", frame.kind));
    }
    slot.order.0 = slot.order.0.after(frame.kind).map_err(|e| format!("filter: {e}"))?;
    match (&mut slot.course, frame.kind) {
        (Course::Pass, _) => to.outbox.push_back(*frame),
        (Course::Denied, _) => {}
        (Course::Hold { units, granted }, Kind::RequestData) => {
            *units += frame.units;
            let part = matches!(script.judgement, Judgement::HoldPart(limit) if *units >= limit);
            if part {
                release(slot, frame, script, to);
            } else if rules.filter_grants {
                *granted += frame.units;
                to.outbox.push_back(Frame::of(id, Kind::RequestCredit, serial, frame.units));
            }
        }
        (Course::Hold { .. }, Kind::RequestEnd) if script.judgement == Judgement::DenyEnd => {
            slot.course = Course::Pass;
            to.outbox.push_back(Frame::new(id, Kind::Verdict, serial));
        }
        (Course::Hold { .. }, Kind::RequestEnd) => {
            release(slot, frame, script, to);
            to.outbox.push_back(*frame);
        }
        (Course::Hold { .. }, _) => {
            // What is held was never sent on; dispatch learns of the stream by a verdict and
            // answers it.
            slot.course = Course::Pass;
            if rules.filter_tells_of_reset {
                to.outbox.push_back(Frame::new(id, Kind::Verdict, serial));
            }
        }
    }
    Ok(())
}

fn request(slot: &mut Slot, frame: &Frame, script: &Script, to: &mut Pipe) -> Result<(), Broken> {
    match script.judgement {
        Judgement::DenyHead => {
            slot.course = Course::Denied;
            to.outbox.push_back(Frame::new(frame.id, Kind::Verdict, frame.serial));
        }
        Judgement::Hold | Judgement::HoldPart(_) | Judgement::DenyEnd if script.request > 0 => {
            slot.course = Course::Hold { units: 0, granted: 0 };
        }
        _ => {
            await_answer(slot, script);
            to.outbox.push_back(*frame);
        }
    }
    Ok(())
}

/// The head says how much of what follows is granted already.
fn release(slot: &mut Slot, frame: &Frame, script: &Script, to: &mut Pipe) {
    await_answer(slot, script);
    if let Course::Hold { units, granted } = std::mem::take(&mut slot.course) {
        to.outbox.push_back(Frame::of(frame.id, Kind::Request, frame.serial, granted));
        for _ in 0..units {
            to.outbox.push_back(Frame::of(frame.id, Kind::RequestData, frame.serial, 1));
        }
    }
}

fn await_answer(slot: &mut Slot, script: &Script) {
    if script.answers != Answers::Pass {
        slot.back = Back::Awaited;
    }
}

/// Takes a frame of an answer.
pub fn answer(
    slot: &mut Slot,
    frame: &Frame,
    script: &Script,
    rules: &Rules,
    to: &mut Pipe,
    back: &mut Pipe,
) -> Result<(), Broken> {
    if frame.kind == Kind::RequestCredit || slot.id != Some(frame.id) || slot.back == Back::Pass {
        back.outbox.push_back(*frame);
        return Ok(());
    }
    match (&slot.back, frame.kind) {
        (Back::Replaced, Kind::Response) if frame.own => {
            slot.back = Back::Pass;
            back.outbox.push_back(*frame);
        }
        (Back::Gone, Kind::ResponseEnd | Kind::Reset) => {
            slot.back = Back::Pass;
            back.outbox.push_back(Frame::new(frame.id, Kind::Reset, frame.serial));
        }
        (Back::Replaced, Kind::ResponseData | Kind::ResponseEnd | Kind::Reset) | (Back::Gone, Kind::ResponseData) => {}
        (Back::Replaced | Back::Gone, kind) => return Err(format!("filter: {kind:?} of an answer that is over")),
        _ => {
            slot.returned.0 = slot.returned.0.after(frame.kind, false).map_err(|e| format!("filter: {e}"))?;
            return judged(slot, frame, script, rules, to, back);
        }
    }
    Ok(())
}

fn judged(
    slot: &mut Slot,
    frame: &Frame,
    script: &Script,
    rules: &Rules,
    to: &mut Pipe,
    back: &mut Pipe,
) -> Result<(), Broken> {
    match (&mut slot.back, frame.kind) {
        (_, Kind::Reset) => {
            slot.back = Back::Pass;
            back.outbox.push_back(*frame);
        }
        (Back::Awaited, Kind::Response) if frame.own => {
            slot.back = Back::Pass;
            back.outbox.push_back(*frame);
        }
        (Back::Awaited, Kind::Response) if script.answers == Answers::DenyHead => deny(slot, frame, to),
        (Back::Awaited, Kind::Response) => slot.back = Back::Hold { units: 0, credit: rules.window, end: None },
        (Back::Hold { units, credit, .. } | Back::Flow { units, credit, .. }, Kind::ResponseData) => {
            let Some(left) = credit.checked_sub(frame.units) else {
                return Err("filter: more of an answer than was granted".into());
            };
            *credit = left;
            *units += frame.units;
            let part = matches!(script.answers, Answers::HoldPart(limit) if *units >= limit);
            match slot.back {
                Back::Hold { .. } if part => let_go(slot, frame, rules, to, back),
                Back::Hold { ref mut credit, .. } if rules.filter_grants_answers => {
                    let grant = rules.window - *credit;
                    *credit = rules.window;
                    to.outbox.push_back(Frame::of(frame.id, Kind::ResponseCredit, frame.serial, grant));
                }
                _ => pump(slot, frame, rules, to, back),
            }
        }
        (Back::Hold { .. }, Kind::ResponseEnd) if script.answers == Answers::DenyEnd => deny(slot, frame, to),
        (Back::Hold { end, .. }, Kind::ResponseEnd) => {
            *end = Some(frame.units);
            let_go(slot, frame, rules, to, back);
        }
        (Back::Flow { end, .. }, Kind::ResponseEnd) => {
            *end = Some(frame.units);
            pump(slot, frame, rules, to, back);
        }
        (_, kind) => return Err(format!("filter: {kind:?} of an answer out of order")),
    }
    Ok(())
}

/// A verdict in the place of the answer (back.rs, `deny_answer`).
fn deny(slot: &mut Slot, frame: &Frame, to: &mut Pipe) {
    slot.back = Back::Replaced;
    if slot.order.0 != order::Forward::Ended {
        slot.course = Course::Denied;
    }
    to.outbox.push_back(Frame { denied: true, ..Frame::new(frame.id, Kind::Verdict, frame.serial) });
}

fn let_go(slot: &mut Slot, frame: &Frame, rules: &Rules, to: &mut Pipe, back: &mut Pipe) {
    if let Back::Hold { units, credit, end } = slot.back {
        back.outbox.push_back(Frame::new(frame.id, Kind::Response, frame.serial));
        slot.back = Back::Flow { units, credit, end };
        pump(slot, frame, rules, to, back);
    }
}

/// What there is room for (answer.rs, `pump`).
fn pump(slot: &mut Slot, frame: &Frame, rules: &Rules, to: &mut Pipe, back: &mut Pipe) {
    let Back::Flow { units, credit, end } = &mut slot.back else { return };
    let now = if rules.filter_keeps_to_room { (*units).min(slot.room) } else { *units };
    for _ in 0..now {
        back.outbox.push_back(Frame::of(frame.id, Kind::ResponseData, frame.serial, 1));
    }
    *units -= now;
    slot.room = slot.room.saturating_sub(now);
    if let (0, Some(end)) = (*units, *end) {
        back.outbox.push_back(Frame::of(frame.id, Kind::ResponseEnd, frame.serial, end));
        slot.back = Back::Pass;
        return;
    }
    if end.is_none() {
        let grant = slot.room.saturating_sub(*units).saturating_sub(*credit);
        *credit += grant;
        if grant > 0 {
            to.outbox.push_back(Frame::of(frame.id, Kind::ResponseCredit, frame.serial, grant));
        }
        if *units == 0 && *credit == slot.room {
            slot.back = Back::Pass;
        }
    }
}

/// parse waits for an end, and nobody else will send one (back.rs, `client_left`).
fn client_left(slot: &mut Slot, frame: &Frame, rules: &Rules, back: &mut Pipe) {
    let (next, ended) = match slot.back {
        Back::Hold { end: None, .. } | Back::Flow { end: None, .. } => (Back::Gone, false),
        Back::Hold { .. } | Back::Flow { .. } => (Back::Pass, true),
        Back::Awaited | Back::Pass => (Back::Pass, false),
        Back::Replaced => (Back::Replaced, false),
        Back::Gone => (Back::Gone, false),
    };
    slot.back = next;
    if ended && rules.filter_ends_what_it_holds {
        back.outbox.push_back(Frame::new(frame.id, Kind::Reset, frame.serial));
    }
}
