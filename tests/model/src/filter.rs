//! A filter: bins/waf-filter/src/judge.rs, held.rs.

use fosse_wire::{Kind, StreamId, order};

use crate::world::{Broken, Forward, Frame, Judgement, Pipe, Rules, Script};

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

/// One slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Slot {
    id: Option<StreamId>,
    order: Forward,
    course: Course,
}

impl Slot {
    /// Nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !matches!(self.course, Course::Hold { .. })
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
pub fn frame(slot: &mut Slot, frame: &Frame, script: &Script, rules: &Rules, to: &mut Pipe) -> Result<(), Broken> {
    let (id, serial) = (frame.id, frame.serial);
    if matches!(frame.kind, Kind::ResponseCredit | Kind::RequestCredit | Kind::Lease) {
        to.outbox.push_back(*frame);
        return Ok(());
    }
    let known = slot.id == Some(id);
    if frame.kind == Kind::Request && (!known || !rules.generations) {
        if slot.order.0 == order::Forward::Open {
            return Err("filter: a slot is used again before its end came".into());
        }
        *slot = Slot { id: Some(id), order: Forward(order::Forward::Open), course: Course::Pass };
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
                release(slot, frame, to);
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
            release(slot, frame, to);
            to.outbox.push_back(*frame);
        }
        (Course::Hold { .. }, _) => {
            // What is held was never sent on; dispatch learns of the stream by a verdict and answers it.
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
        _ => to.outbox.push_back(*frame),
    }
    Ok(())
}

/// The head says how much of what follows is granted already.
fn release(slot: &mut Slot, frame: &Frame, to: &mut Pipe) {
    if let Course::Hold { units, granted } = std::mem::take(&mut slot.course) {
        to.outbox.push_back(Frame::of(frame.id, Kind::Request, frame.serial, granted));
        for _ in 0..units {
            to.outbox.push_back(Frame::of(frame.id, Kind::RequestData, frame.serial, 1));
        }
    }
}
