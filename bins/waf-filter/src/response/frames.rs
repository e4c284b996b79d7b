//! The frames of a response, and the credit for it: each passes, is buffered, is dropped, or moves
//! the evaluation on.
//!
//! A handler takes what is buffered out of its exchange, whose path is [`ResponsePath::Pass`] then.
//! An error ends the session with the peer, and the program.

use fosse_counters::waf_filter as count;
use fosse_wire::{
    Frame, Kind, WireError,
    encode::EncodeHead,
    response::{ResponseEnd, ResponseHead},
};

use super::{
    buffered::BufferedResponse,
    evaluate::{proceed_unless_late, pump},
    pending,
};
use crate::{
    context::Context,
    memory::length_of,
    outputs::Outputs,
    slots::{Exchange, Response, ResponsePath},
};

/// Takes a frame from dispatch.
pub(crate) fn on_frame(
    frame: &Frame<'_>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    let response = &mut exchange.response;
    match (&response.path, frame.kind) {
        (ResponsePath::Pass, _) => pass(frame, response, context.can_encode, out)?,
        (ResponsePath::Replaced, Kind::Response) => {
            check_replacement(frame)?;
            response.path = ResponsePath::Pass;
            out.to_parse.forward(frame);
        }
        (ResponsePath::Abandoned(reason), Kind::ResponseEnd | Kind::Reset) => {
            let reason = *reason;
            response.reset(frame.stream, reason, out);
            response.path = ResponsePath::Pass;
        }
        (ResponsePath::Replaced, Kind::ResponseData | Kind::ResponseEnd | Kind::Reset)
        | (ResponsePath::Abandoned(_), Kind::ResponseData) => {}
        (ResponsePath::Replaced | ResponsePath::Abandoned(_), kind) => return Err(WireError::Order(kind)),
        (_, Kind::Response | Kind::Encode) => return on_head(frame, exchange, context, out),
        (_, Kind::Reset) => return on_reset(frame, exchange, context, out),
        (_, _) => return on_body(frame, exchange, context, out),
    }
    Ok(())
}

/// Tells whether frames of this kind go on to parse whatever becomes of the response.
pub(crate) const fn goes_round(kind: Kind) -> bool {
    matches!(kind, Kind::RequestCredit | Kind::ReleaseCredit)
}

/// Passes a frame of a response on by its way.
///
/// # Errors
/// [`WireError`] where the head of a response that is to be encoded is none.
pub(crate) fn pass(
    frame: &Frame<'_>,
    response: &mut Response,
    can_encode: bool,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    if frame.kind == Kind::Encode {
        response.is_encoded = can_encode;
        return out.head((frame.stream, frame.kind), frame.body, can_encode);
    }
    response.is_all_encoded = response.is_encoded && matches!(frame.kind, Kind::ResponseEnd | Kind::Reset);
    out.way(response.is_encoded).forward(frame);
    Ok(())
}

/// Checks that what comes in the place of a denied response is dispatch's own.
fn check_replacement(frame: &Frame<'_>) -> Result<(), WireError> {
    let head = ResponseHead::decode(frame.body)?;
    if head.own && head.denied { Ok(()) } else { Err(WireError::Order(frame.kind)) }
}

fn on_head(
    frame: &Frame<'_>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    // One that is to be encoded is evaluated before.
    let head = match frame.kind {
        Kind::Encode => EncodeHead::decode(frame.body)?.response,
        _ => ResponseHead::decode(frame.body)?,
    };
    exchange.response.order = exchange.response.order.after(frame.kind, head.interim)?;
    if head.interim {
        out.to_parse.forward(frame);
        return Ok(());
    }
    // Bytes that never come by here cannot be evaluated; after an upgrade they need not be.
    if head.lease && !head.upgrade {
        return Err(WireError::Field("lease"));
    }
    let ResponsePath::Pending(pending) = std::mem::take(&mut exchange.response.path) else {
        return Err(WireError::Order(frame.kind));
    };
    if head.own {
        pending::conclude(*pending, frame.stream, context)?;
        out.to_parse.forward(frame);
        return Ok(());
    }
    context.reporter.count(count::RESPONSES);
    let buffered = BufferedResponse::new(*pending, frame, &head)?;
    proceed_unless_late(Box::new(buffered), exchange, context, out)
}

fn on_reset(
    frame: &Frame<'_>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    exchange.response.order = exchange.response.order.after(frame.kind, false)?;
    // A client that has seen nothing of it gets another response from parse, one that has seen a
    // part a reset.
    pending::forget(std::mem::take(&mut exchange.response.path), frame.stream, context)?;
    exchange.response.is_all_encoded = exchange.response.is_encoded;
    out.way(exchange.response.is_encoded).forward(frame);
    Ok(())
}

fn on_body(
    frame: &Frame<'_>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    exchange.response.order = exchange.response.order.after(frame.kind, false)?;
    if frame.kind == Kind::ResponseEnd && ResponseEnd::decode(frame.body)?.leased_bytes != 0 {
        return Err(WireError::Field("leased bytes"));
    }
    match (std::mem::take(&mut exchange.response.path), frame.kind) {
        (ResponsePath::Buffer(mut buffered), Kind::ResponseData) => {
            buffered.push(frame.body)?;
            context.memory.add(length_of(frame.body.len()));
            proceed_unless_late(buffered, exchange, context, out)
        }
        (ResponsePath::Buffer(mut buffered), Kind::ResponseEnd) => {
            buffered.end = Some(frame.body.to_vec());
            proceed_unless_late(buffered, exchange, context, out)
        }
        (ResponsePath::Flow(mut flow), Kind::ResponseData) => {
            flow.push(frame.body)?;
            context.memory.add(length_of(frame.body.len()));
            pump(flow, exchange, context, out);
            Ok(())
        }
        (ResponsePath::Flow(mut flow), Kind::ResponseEnd) => {
            flow.end = Some(frame.body.to_vec());
            pump(flow, exchange, context, out);
            Ok(())
        }
        (_, kind) => Err(WireError::Order(kind)),
    }
}

/// Takes credit from parse: for what flows from here, while something does.
pub(crate) fn on_credit(
    frame: &Frame<'_>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    if matches!(exchange.response.path, ResponsePath::Pass) {
        out.to_dispatch.forward(frame);
        return Ok(());
    }
    let room_bytes = exchange.response.room_bytes.checked_add(u64::from(frame.credit()?));
    exchange.response.room_bytes = room_bytes.ok_or(WireError::Credit)?;
    match std::mem::take(&mut exchange.response.path) {
        ResponsePath::Flow(flow) => pump(flow, exchange, context, out),
        other => exchange.response.path = other,
    }
    Ok(())
}
