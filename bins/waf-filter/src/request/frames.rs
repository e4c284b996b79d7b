//! The frames of a request: each passes, is buffered, or moves the evaluation on.
//!
//! A handler takes what is buffered out of its exchange, whose path is [`RequestPath::Pass`] then.
//! An error ends the session with parse, and the program.

use fosse_bodies::inflate::Requested;
use fosse_counters::waf_filter as count;
use fosse_settings::{OverLimit, WafMode, WafProfile};
use fosse_wire::{
    Frame, Kind, WireError,
    request::{BodyLength, RequestHead, Version, decode_end},
    verdict::{Cause, Verdict},
};

use super::{
    buffered::{BufferedRequest, Message},
    evaluate::{begin, buffer, deny, discard, proceed_in_turn},
    protocol, release, releasing,
    spooled::{self, go_on_when_whole},
};
use crate::{
    content_encoding,
    context::Context,
    denial::Denial,
    memory::length_of,
    outputs::Outputs,
    slots::{Exchange, Ids, RequestPath},
};

/// Takes the head of a request.
pub(crate) fn on_head(
    frame: &Frame<'_>,
    head: &RequestHead<'_>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    context.policies.check(head)?;
    let profile = context.policies.profile(head.policy);
    if profile.waf == WafMode::Off {
        return buffer_or_pass(frame, head, exchange, context, out);
    }
    context.reporter.count(count::REQUESTS);
    if let Some((status, message)) = protocol::check(profile, head) {
        let denial = Denial::new(status, Cause::Protocol, message);
        if context.reporter.found(profile, head, &denial, None) {
            return deny(exchange, &denial, context, out);
        }
    }
    if announces_too_much(head, profile) {
        return deny_over_size(exchange, context, out);
    }
    evaluate_or_pass(frame, head, exchange, context, out)
}

/// Begins to buffer the body of a request that is not evaluated, where its backend gets every body
/// whole.
fn buffer_or_pass(
    frame: &Frame<'_>,
    head: &RequestHead<'_>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    if !has_body(head) || !context.policies.buffers_for_backend(head.policy) {
        out.to_dispatch.forward(frame);
        return Ok(());
    }
    if announces_too_much(head, context.policies.profile(head.policy)) {
        return deny_over_size(exchange, context, out);
    }
    buffer_unevaluated(frame, head, exchange, out);
    Ok(())
}

/// Begins to buffer the body of a request that no rule evaluates.
fn buffer_unevaluated(frame: &Frame<'_>, head: &RequestHead<'_>, exchange: &mut Exchange, out: &mut Outputs<'_>) {
    exchange.request.path = RequestPath::Buffer(buffer(frame, head, None, Requested::Identity, out));
}

const fn has_body(head: &RequestHead<'_>) -> bool {
    !matches!(head.body, BodyLength::None | BodyLength::Exact(0))
}

/// Returns whether a request is a call of gRPC.
fn is_call(head: &RequestHead<'_>) -> bool {
    head.version == Version::Http2 && head.fields.all(b"content-type").any(fosse_http1::is_grpc)
}

/// Begins the evaluation of a request whose head is in order, where its site has rules.
fn evaluate_or_pass(
    frame: &Frame<'_>,
    head: &RequestHead<'_>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    let profile = context.policies.profile(head.policy);
    // Messages of a call have no end before those of its response, and no rule reads them.
    let has_body = has_body(head) && !(context.policies.streams_calls(head.policy) && is_call(head));
    let Some(rules) = context.policies.rules(head.policy) else {
        // A body is buffered all the same: its site may refuse it for its length.
        if has_body {
            buffer_unevaluated(frame, head, exchange, out);
        } else {
            out.to_dispatch.forward(frame);
        }
        return Ok(());
    };
    let coding = if has_body { content_encoding::requested_by(head.fields) } else { Requested::Identity };
    if coding == Requested::Unsupported {
        let denial = Denial::new(415, Cause::BodyEncoding, "content encoding that cannot be undone");
        if context.reporter.found(profile, head, &denial, None) {
            return deny(exchange, &denial, context, out);
        }
    }
    let evaluation = context.evaluator.open(rules, profile, head, has_body);
    begin(evaluation, frame, head, coding, exchange, context, out)
}

/// Takes a piece of a request's body.
pub(crate) fn on_data(
    frame: &Frame<'_>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    exchange.request.body_bytes += length_of(frame.body.len());
    match std::mem::take(&mut exchange.request.path) {
        RequestPath::Buffer(buffered) => return grow(buffered, frame, exchange, context, out),
        RequestPath::Release(release) => releasing::append(release, frame.body, exchange, context, out),
        RequestPath::Pass if is_over_limit(exchange, context) => return deny_over_size(exchange, context, out),
        RequestPath::Pass => out.to_dispatch.forward(frame),
        RequestPath::Denied => exchange.request.path = RequestPath::Denied,
    }
    Ok(())
}

/// Returns whether more has come of a body that nobody holds than its site takes.
fn is_over_limit(exchange: &Exchange, context: &Context) -> bool {
    let profile = context.policies.profile(exchange.ids.policy);
    let counts = profile.waf != WafMode::Off && profile.body_over_limit == OverLimit::Reject;
    counts && exchange.request.body_bytes > profile.body_bytes_max
}

/// Appends a piece to a buffered body, and goes on where that is as much as is evaluated.
fn grow(
    mut buffered: Box<BufferedRequest>,
    frame: &Frame<'_>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    context.memory.add(length_of(frame.body.len()));
    match buffered.message.growing_in_spool() {
        // Credit is granted for it once it is written.
        Some(in_spool) => spooled::push(in_spool, frame.body, context),
        None => {
            buffered.message.append(frame.body);
            grant_or_stall(&mut buffered.message, exchange.ids, context, out);
        }
    }
    let profile = context.policies.profile(exchange.ids.policy);
    let is_over = exchange.request.body_bytes > profile.body_bytes_max;
    if is_over && profile.body_over_limit == OverLimit::Reject {
        discard(*buffered, context);
        return deny_over_size(exchange, context, out);
    }
    if is_over && !std::mem::replace(&mut buffered.message.is_part, true) {
        let evaluated = usize::try_from(profile.body_bytes_max).unwrap_or(usize::MAX);
        context.reporter.in_part(exchange.ids.request, evaluated);
        if buffered.message.spooled.is_some() {
            return go_on_when_whole(buffered, exchange, context, out);
        }
        return proceed_in_turn(buffered, exchange, context, out);
    }
    exchange.request.path = RequestPath::Buffer(buffered);
    Ok(())
}

/// Grants credit for what has come of a body in memory, or lets it wait for the spool to catch up:
/// memory would be used up by what clients send faster than the disk writes.
fn grant_or_stall(message: &mut Message, ids: Ids, context: &mut Context, out: &mut Outputs<'_>) {
    if message.is_movable(context.memory.long_body_bytes()) && spooled::is_behind(context) {
        context.stalled.push(ids.stream, ids.source, &mut message.is_stalled);
    } else {
        let grant = message.grant_for_memory();
        out.to_dispatch.credit(ids.stream, Kind::RequestCredit, grant);
    }
}

/// The way in which a body made room for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GaveWay {
    /// It goes to the spool.
    Moved,
    /// Its request was denied.
    Denied,
}

/// Moves a body that takes memory that others need into the spool, or denies its request.
pub(crate) fn give_way(
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<GaveWay, WireError> {
    if context.memory.may_move_out() && move_out(exchange, context) {
        return Ok(GaveWay::Moved);
    }
    match std::mem::take(&mut exchange.request.path) {
        RequestPath::Buffer(buffered) => discard(*buffered, context),
        RequestPath::Release(release) => release::discard(&release, context),
        path => {
            exchange.request.path = path;
            return Ok(GaveWay::Denied);
        }
    }
    context.reporter.count(count::OVER_MEMORY);
    deny(exchange, &Denial::out_of_memory("memory for buffered bodies is used up"), context, out)?;
    Ok(GaveWay::Denied)
}

/// Moves a body in memory into the spool; false where it stays.
fn move_out(exchange: &mut Exchange, context: &mut Context) -> bool {
    match &mut exchange.request.path {
        RequestPath::Release(release) => release::move_out(release, exchange.ids.stream, exchange.ids.source, context),
        _ => spooled::begin(exchange, context),
    }
}

/// Takes the end of a request.
pub(crate) fn on_end(
    frame: &Frame<'_>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    decode_end(frame.body)?;
    match std::mem::take(&mut exchange.request.path) {
        RequestPath::Pass => {
            out.to_dispatch.forward(frame);
            Ok(())
        }
        RequestPath::Denied => Ok(()),
        RequestPath::Release(release) => {
            releasing::end(release, frame.body, exchange, context, out);
            Ok(())
        }
        RequestPath::Buffer(mut buffered) => {
            buffered.message.end(frame.body);
            if buffered.message.spooled.is_some() {
                return go_on_when_whole(buffered, exchange, context, out);
            }
            proceed_in_turn(buffered, exchange, context, out)
        }
    }
}

/// Takes the reset of a request whose client is gone. What is buffered of it never reached
/// dispatch.
pub(crate) fn on_reset(
    frame: &Frame<'_>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    frame.reset()?;
    match std::mem::take(&mut exchange.request.path) {
        RequestPath::Pass => out.to_dispatch.forward(frame),
        RequestPath::Denied => {}
        path @ RequestPath::Release(_) => {
            exchange.request.path = path;
            releasing::forget(exchange, context);
            out.to_dispatch.forward(frame);
        }
        RequestPath::Buffer(buffered) => {
            discard(*buffered, context);
            // parse waits for the stream to come round; dispatch must learn of it to send its end.
            let request = exchange.ids.request;
            let verdict = Verdict { status: 499, message: b"client is gone", request, ..Verdict::default() };
            out.to_dispatch.frame(frame.stream, Kind::Verdict, |body| verdict.encode(body))?;
        }
    }
    Ok(())
}

fn announces_too_much(head: &RequestHead<'_>, profile: &WafProfile) -> bool {
    let is_longer = matches!(head.body, BodyLength::Exact(length) if length > profile.body_bytes_max);
    is_longer && profile.body_over_limit == OverLimit::Reject
}

fn deny_over_size(exchange: &mut Exchange, context: &Context, out: &mut Outputs<'_>) -> Result<(), WireError> {
    context.reporter.count(count::OVER_SIZE);
    deny(exchange, &Denial::new(413, Cause::BodySize, "body over the site's limit"), context, out)
}
