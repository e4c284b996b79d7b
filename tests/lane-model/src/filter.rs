//! A filter: bins/waf-filter/src/request/ and response/.

use fosse_wire::{Kind, StreamId, order};

use crate::world::{Broken, Forward, Frame, Pipe, Return, Rules, Script, Treatment};

/// The treatment of a request's frames (slots.rs, `RequestPath`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum RequestPath {
    #[default]
    Pass,
    Buffer {
        units: u8,
        granted: u8,
    },
    Denied,
}

/// The treatment of a response's frames (slots.rs, `ResponsePath`). `credit` is what dispatch may
/// still send, `end` the units of the whole response once its end has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum ResponsePath {
    #[default]
    Pass,
    Pending,
    Buffer {
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
    Abandoned,
}

/// One slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Slot {
    id: Option<StreamId>,
    order: Forward,
    request_path: RequestPath,
    response_path: ResponsePath,
    returned: Return,
    /// Units parse has room for.
    room: u8,
}

impl Slot {
    /// Nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !matches!(self.request_path, RequestPath::Buffer { .. }) && self.response_path == ResponsePath::Pass
    }

    /// Units held of that stream, and how many of them parse may send again already.
    #[must_use]
    pub fn holding(&self, id: StreamId) -> (usize, usize) {
        match self.request_path {
            RequestPath::Buffer { units, granted } if self.id == Some(id) => (usize::from(units), usize::from(granted)),
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
    if frame.kind == Kind::ResponseCredit && known && slot.response_path != ResponsePath::Pass {
        slot.room += frame.units;
        pump(slot, frame, rules, to, back);
        return Ok(());
    }
    if matches!(frame.kind, Kind::ResponseCredit | Kind::RequestCredit | Kind::Lease) {
        to.outbox.push_back(*frame);
        return Ok(());
    }
    if frame.kind == Kind::Reset && known {
        client_gone(slot, frame, rules, back);
    }
    if frame.kind == Kind::Request && (!known || !rules.generations) {
        if slot.order.0 == order::Forward::Open || slot.response_path != ResponsePath::Pass {
            return Err("filter: a slot is used again before its end came".into());
        }
        *slot = Slot { id: Some(id), order: Forward(order::Forward::Open), room: rules.window, ..Slot::default() };
        return request(slot, frame, script, to);
    }
    if frame.kind == Kind::Reset && (!known || slot.order.0 == order::Forward::Ended) {
        // A reset that crossed the response's end.
        to.outbox.push_back(*frame);
        return Ok(());
    }
    if !known {
        return Err(format!("filter: {:?} of no stream", frame.kind));
    }
    slot.order.0 = slot.order.0.after(frame.kind).map_err(|e| format!("filter: {e}"))?;
    match (&mut slot.request_path, frame.kind) {
        (RequestPath::Pass, _) => to.outbox.push_back(*frame),
        (RequestPath::Denied, _) => {}
        (RequestPath::Buffer { units, granted }, Kind::RequestData) => {
            *units += frame.units;
            let part = matches!(script.on_request, Treatment::BufferPart(limit) if *units >= limit);
            if part {
                release(slot, frame, script, to);
            } else if rules.filter_grants {
                *granted += frame.units;
                to.outbox.push_back(Frame::of(id, Kind::RequestCredit, serial, frame.units));
            }
        }
        (RequestPath::Buffer { .. }, Kind::RequestEnd) if script.on_request == Treatment::DenyEnd => {
            slot.request_path = RequestPath::Pass;
            to.outbox.push_back(Frame::new(id, Kind::Verdict, serial));
        }
        (RequestPath::Buffer { .. }, Kind::RequestEnd) => {
            release(slot, frame, script, to);
            to.outbox.push_back(*frame);
        }
        (RequestPath::Buffer { .. }, _) => {
            // What is held was never sent on; dispatch learns of the stream by a verdict and
            // responses it.
            slot.request_path = RequestPath::Pass;
            if rules.filter_tells_of_reset {
                to.outbox.push_back(Frame::new(id, Kind::Verdict, serial));
            }
        }
    }
    Ok(())
}

fn request(slot: &mut Slot, frame: &Frame, script: &Script, to: &mut Pipe) -> Result<(), Broken> {
    match script.on_request {
        Treatment::DenyHead => {
            slot.request_path = RequestPath::Denied;
            to.outbox.push_back(Frame::new(frame.id, Kind::Verdict, frame.serial));
        }
        Treatment::Buffer | Treatment::BufferPart(_) | Treatment::DenyEnd if script.request > 0 => {
            slot.request_path = RequestPath::Buffer { units: 0, granted: 0 };
        }
        _ => {
            await_response(slot, script);
            to.outbox.push_back(*frame);
        }
    }
    Ok(())
}

/// The head says how much of what follows is granted already.
fn release(slot: &mut Slot, frame: &Frame, script: &Script, to: &mut Pipe) {
    await_response(slot, script);
    if let RequestPath::Buffer { units, granted } = std::mem::take(&mut slot.request_path) {
        to.outbox.push_back(Frame::of(frame.id, Kind::Request, frame.serial, granted));
        for _ in 0..units {
            to.outbox.push_back(Frame::of(frame.id, Kind::RequestData, frame.serial, 1));
        }
    }
}

fn await_response(slot: &mut Slot, script: &Script) {
    if script.on_response != Treatment::Pass {
        slot.response_path = ResponsePath::Pending;
    }
}

/// Takes a frame of a response.
pub fn response(
    slot: &mut Slot,
    frame: &Frame,
    script: &Script,
    rules: &Rules,
    to: &mut Pipe,
    back: &mut Pipe,
) -> Result<(), Broken> {
    if frame.kind == Kind::RequestCredit || slot.id != Some(frame.id) || slot.response_path == ResponsePath::Pass {
        back.outbox.push_back(*frame);
        return Ok(());
    }
    match (&slot.response_path, frame.kind) {
        (ResponsePath::Replaced, Kind::Response) if frame.own => {
            slot.response_path = ResponsePath::Pass;
            back.outbox.push_back(*frame);
        }
        (ResponsePath::Abandoned, Kind::ResponseEnd | Kind::Reset) => {
            slot.response_path = ResponsePath::Pass;
            back.outbox.push_back(Frame::new(frame.id, Kind::Reset, frame.serial));
        }
        (ResponsePath::Replaced, Kind::ResponseData | Kind::ResponseEnd | Kind::Reset)
        | (ResponsePath::Abandoned, Kind::ResponseData) => {}
        (ResponsePath::Replaced | ResponsePath::Abandoned, kind) => {
            return Err(format!("filter: {kind:?} of a response that is over"));
        }
        _ => {
            slot.returned.0 = slot.returned.0.after(frame.kind, false).map_err(|e| format!("filter: {e}"))?;
            return inspected(slot, frame, script, rules, to, back);
        }
    }
    Ok(())
}

#[expect(clippy::too_many_lines, reason = "one arm for each kind of frame")]
fn inspected(
    slot: &mut Slot,
    frame: &Frame,
    script: &Script,
    rules: &Rules,
    to: &mut Pipe,
    back: &mut Pipe,
) -> Result<(), Broken> {
    match (&mut slot.response_path, frame.kind) {
        (_, Kind::Reset) => {
            slot.response_path = ResponsePath::Pass;
            back.outbox.push_back(*frame);
        }
        (ResponsePath::Pending, Kind::Response) if frame.own => {
            slot.response_path = ResponsePath::Pass;
            back.outbox.push_back(*frame);
        }
        (ResponsePath::Pending, Kind::Response) if script.on_response == Treatment::DenyHead => deny(slot, frame, to),
        (ResponsePath::Pending, Kind::Response) => {
            slot.response_path = ResponsePath::Buffer { units: 0, credit: rules.window, end: None }
        }
        (ResponsePath::Buffer { units, credit, .. } | ResponsePath::Flow { units, credit, .. }, Kind::ResponseData) => {
            let Some(left) = credit.checked_sub(frame.units) else {
                return Err("filter: more of a response than was granted".into());
            };
            *credit = left;
            *units += frame.units;
            let part = matches!(script.on_response, Treatment::BufferPart(limit) if *units >= limit);
            match slot.response_path {
                ResponsePath::Buffer { .. } if part => release_response(slot, frame, rules, to, back),
                ResponsePath::Buffer { ref mut credit, .. } if rules.filter_grants_responses => {
                    let grant = rules.window - *credit;
                    *credit = rules.window;
                    to.outbox.push_back(Frame::of(frame.id, Kind::ResponseCredit, frame.serial, grant));
                }
                _ => pump(slot, frame, rules, to, back),
            }
        }
        (ResponsePath::Buffer { .. }, Kind::ResponseEnd) if script.on_response == Treatment::DenyEnd => {
            deny(slot, frame, to)
        }
        (ResponsePath::Buffer { end, .. }, Kind::ResponseEnd) => {
            *end = Some(frame.units);
            release_response(slot, frame, rules, to, back);
        }
        (ResponsePath::Flow { end, .. }, Kind::ResponseEnd) => {
            *end = Some(frame.units);
            pump(slot, frame, rules, to, back);
        }
        (_, kind) => return Err(format!("filter: {kind:?} of a response out of order")),
    }
    Ok(())
}

/// A verdict in the place of the response (response/evaluate.rs, `deny`).
fn deny(slot: &mut Slot, frame: &Frame, to: &mut Pipe) {
    slot.response_path = ResponsePath::Replaced;
    if slot.order.0 != order::Forward::Ended {
        slot.request_path = RequestPath::Denied;
    }
    to.outbox.push_back(Frame { denied: true, ..Frame::new(frame.id, Kind::Verdict, frame.serial) });
}

fn release_response(slot: &mut Slot, frame: &Frame, rules: &Rules, to: &mut Pipe, back: &mut Pipe) {
    if let ResponsePath::Buffer { units, credit, end } = slot.response_path {
        back.outbox.push_back(Frame::new(frame.id, Kind::Response, frame.serial));
        slot.response_path = ResponsePath::Flow { units, credit, end };
        pump(slot, frame, rules, to, back);
    }
}

/// Sends what there is room for (response/flow.rs, `pump`).
fn pump(slot: &mut Slot, frame: &Frame, rules: &Rules, to: &mut Pipe, back: &mut Pipe) {
    let ResponsePath::Flow { units, credit, end } = &mut slot.response_path else { return };
    let now = if rules.filter_keeps_to_room { (*units).min(slot.room) } else { *units };
    for _ in 0..now {
        back.outbox.push_back(Frame::of(frame.id, Kind::ResponseData, frame.serial, 1));
    }
    *units -= now;
    slot.room = slot.room.saturating_sub(now);
    if let (0, Some(end)) = (*units, *end) {
        back.outbox.push_back(Frame::of(frame.id, Kind::ResponseEnd, frame.serial, end));
        slot.response_path = ResponsePath::Pass;
        return;
    }
    if end.is_none() {
        let grant = slot.room.saturating_sub(*units).saturating_sub(*credit);
        *credit += grant;
        if grant > 0 {
            to.outbox.push_back(Frame::of(frame.id, Kind::ResponseCredit, frame.serial, grant));
        }
        if *units == 0 && *credit == slot.room {
            slot.response_path = ResponsePath::Pass;
        }
    }
}

/// Ends a response that nobody else will end, as parse waits for it (response/pending.rs,
/// `on_client_gone`).
fn client_gone(slot: &mut Slot, frame: &Frame, rules: &Rules, back: &mut Pipe) {
    let (next, ended) = match slot.response_path {
        ResponsePath::Buffer { end: None, .. } | ResponsePath::Flow { end: None, .. } => {
            (ResponsePath::Abandoned, false)
        }
        ResponsePath::Buffer { .. } | ResponsePath::Flow { .. } => (ResponsePath::Pass, true),
        ResponsePath::Pending | ResponsePath::Pass => (ResponsePath::Pass, false),
        ResponsePath::Replaced => (ResponsePath::Replaced, false),
        ResponsePath::Abandoned => (ResponsePath::Abandoned, false),
    };
    slot.response_path = next;
    if ended && rules.filter_ends_what_it_holds {
        back.outbox.push_back(Frame::new(frame.id, Kind::Reset, frame.serial));
    }
}
