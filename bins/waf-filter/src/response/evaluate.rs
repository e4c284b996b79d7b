//! The evaluation of a response: the rules see it, and then it is sent on, or a verdict makes
//! dispatch send another.
//!
//! A buffered response is taken out of its exchange, whose path is [`ResponsePath::Pass`] then, and
//! its new path is put back.

use fosse_bodies::inflate::Requested;
use fosse_counters::waf_filter as count;
use fosse_eventloop::clock_us;
use fosse_settings::WafMode;
use fosse_wire::{Kind, WireError, frame::ResetReason, order::Forward, verdict::Cause};

use super::{
    buffered::{BufferedResponse, PendingResponse},
    flow::Flow,
    pending::discard,
};
use crate::{
    content_encoding::{self, DecodeLimits},
    context::Context,
    denial::Denial,
    evaluation::Next,
    outputs::Outputs,
    request::releasing,
    slots::{Exchange, Ids, RequestPath, Response, ResponsePath},
};

/// The result of the rules in a slice of time.
enum Progress {
    /// They wait for the body, a record, or time.
    Waiting,
    /// The body cannot be evaluated.
    Denied(Denial),
    /// They are through.
    Ended,
}

/// Gives a response from the queue its slice of time.
pub(crate) fn resume(
    mut buffered: Box<BufferedResponse>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    buffered.is_queued = false;
    proceed(buffered, exchange, context, out)
}

/// Goes on at once, or from the queue where this turn has taken long enough.
pub(super) fn proceed_unless_late(
    mut buffered: Box<BufferedResponse>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    let Ids { stream, source, .. } = exchange.ids;
    if context.queue.has_to_wait(source, clock_us()) {
        context.queue.push(stream, source, &mut buffered.is_queued);
    }
    proceed(buffered, exchange, context, out)
}

/// Goes on with a buffered response as far as it can be.
fn proceed(
    mut buffered: Box<BufferedResponse>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    let progress =
        if buffered.is_queued { Progress::Waiting } else { advance(&mut buffered, exchange.ids, context, out)? };
    match progress {
        Progress::Waiting => {
            exchange.response.path = ResponsePath::Buffer(buffered);
            Ok(())
        }
        Progress::Denied(denial) => deny(*buffered, &denial, exchange, context, out),
        Progress::Ended => conclude(*buffered, exchange, context, out),
    }
}

/// Runs the rules of a buffered response until they wait or end.
fn advance(
    buffered: &mut BufferedResponse,
    ids: Ids,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<Progress, WireError> {
    loop {
        match context.evaluator.run(&mut buffered.pending.evaluation, ids.stream, &mut context.store) {
            Next::Body => {
                if let Some(denial) = after_head(buffered, ids, context, out)? {
                    return Ok(Progress::Denied(denial));
                }
                if buffered.pending.evaluation.awaits_response_body() {
                    return Ok(Progress::Waiting);
                }
            }
            Next::Slice => {
                context.queue.push(ids.stream, ids.source, &mut buffered.is_queued);
                return Ok(Progress::Waiting);
            }
            Next::Record => return Ok(Progress::Waiting),
            Next::Response | Next::End => return Ok(Progress::Ended),
        }
    }
}

/// Goes on after the head: hands the rules the body, if they want it and it is there, or asks for
/// it. Returns a denial where it cannot be evaluated.
fn after_head(
    buffered: &mut BufferedResponse,
    ids: Ids,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<Option<Denial>, WireError> {
    let transaction = &buffered.pending.evaluation.transaction;
    if !buffered.has_body || !transaction.wants_response_body() {
        buffered.pending.evaluation.response_body(b"", false);
        return Ok(None);
    }
    let limit = transaction.response_body_limit();
    let is_over = buffered.body.len() > limit;
    if (is_over || buffered.announces_more_than(limit)) && transaction.refuses_long_response() {
        context.reporter.count(count::OVER_SIZE);
        let denial = Denial::new(500, Cause::RulesLimit, "response over the limit of the rules");
        return if_denied(denial, &buffered.pending, context);
    }
    if buffered.coding == Requested::Unsupported {
        buffered.pending.evaluation.response_body(b"", true);
        let denial = Denial::new(502, Cause::BodyEncoding, "response whose encoding cannot be undone");
        return if_denied(denial, &buffered.pending, context);
    }
    buffered.is_part |= is_over;
    if buffered.end.is_some() || buffered.is_part {
        return hand_in_body(buffered, limit, ids, context);
    }
    buffered.grant(ids.stream, out);
    Ok(None)
}

/// Hands the rules the body, decoded; returns a denial where that cannot be.
fn hand_in_body(
    buffered: &mut BufferedResponse,
    limit: usize,
    ids: Ids,
    context: &mut Context,
) -> Result<Option<Denial>, WireError> {
    let allows_part = !buffered.pending.evaluation.transaction.refuses_long_response();
    let limits = DecodeLimits { bytes_max: limit, is_cut: buffered.is_part, allows_part };
    let decoded = context.decoder.decode(buffered.coding, &buffered.body, limits);
    buffered.pending.evaluation.response_body(decoded.body, decoded.is_part);
    if decoded.is_part {
        context.reporter.in_part(ids.request, decoded.body.len());
    }
    let denial = decoded.denial.map(content_encoding::about_response);
    context.decoder.shrink();
    denial.map_or(Ok(None), |denial| if_denied(denial, &buffered.pending, context))
}

/// Reports what was found in a response without rules; returns it, if the site denies.
fn if_denied(denial: Denial, pending: &PendingResponse, context: &Context) -> Result<Option<Denial>, WireError> {
    let is_denied = is_denied(&denial, pending, context)?;
    Ok(Some(denial).filter(|_| is_denied))
}

/// Reports what was found in a response without rules; tells whether the site denies.
fn is_denied(denial: &Denial, pending: &PendingResponse, context: &Context) -> Result<bool, WireError> {
    let head = pending.request_head()?;
    let profile = context.policies.profile(head.policy);
    Ok(context.reporter.found(profile, &head, denial, Some(&pending.evaluation)))
}

/// Ends an evaluation whose rules are through: the response passes or is denied.
fn conclude(
    buffered: BufferedResponse,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    let head = buffered.pending.request_head()?;
    let profile = context.policies.profile(head.policy);
    if let Some(denial) = context.reporter.evaluated(profile, &head, &buffered.pending.evaluation) {
        return deny(buffered, &denial, exchange, context, out);
    }
    let gives_way = profile.waf == WafMode::Block;
    context.memory.release_pending(buffered.pending.bytes());
    exchange.response.is_encoded = buffered.is_encoded() && context.can_encode;
    let (evaluation, flow) = buffered.release(exchange.ids.stream, (gives_way, context.can_encode), out)?;
    context.evaluator.close(evaluation);
    pump(Box::new(flow), exchange, context, out);
    Ok(())
}

/// Sends on what there is room for.
pub(super) fn pump(mut flow: Box<Flow>, exchange: &mut Exchange, context: &mut Context, out: &mut Outputs<'_>) {
    let before = flow.buffered_bytes();
    let Response { room_bytes, is_encoded, is_all_encoded, .. } = &mut exchange.response;
    let has_end = flow.end.is_some();
    let is_over = flow.pump(exchange.ids.stream, room_bytes, *is_encoded, out);
    *is_all_encoded = *is_encoded && has_end && is_over;
    let after = if is_over { 0 } else { flow.buffered_bytes() };
    context.memory.release(before - after);
    exchange.response.path = if is_over { ResponsePath::Pass } else { ResponsePath::Flow(flow) };
}

/// Drops what still comes of the request: dispatch has ended the exchange, and would not take it.
fn end_request(exchange: &mut Exchange, context: &mut Context) {
    releasing::forget(exchange, context);
    if exchange.request.order != Forward::Ended {
        exchange.request.path = RequestPath::Denied;
    }
}

/// Frees the memory of a response that others need. One that is not evaluated yet is denied, or
/// evaluated as far as it has come where its site watches; one that its client does not take is
/// cut.
pub(crate) fn give_way(exchange: &mut Exchange, context: &mut Context, out: &mut Outputs<'_>) -> Result<(), WireError> {
    context.reporter.count(count::OVER_MEMORY);
    match std::mem::take(&mut exchange.response.path) {
        ResponsePath::Buffer(mut buffered) => {
            let denial = Denial::out_of_memory("memory for buffered responses is used up");
            if is_denied(&denial, &buffered.pending, context)? {
                return deny(*buffered, &denial, exchange, context, out);
            }
            buffered.is_part = true;
            return proceed_unless_late(buffered, exchange, context, out);
        }
        ResponsePath::Flow(flow) => cut(&flow, ResetReason::Limit, exchange, context, out),
        path => exchange.response.path = path,
    }
    Ok(())
}

/// Ends a response in the middle. parse hears of it once dispatch has ended the exchange, since it
/// uses the stream's slot again then.
fn cut(flow: &Flow, reason: ResetReason, exchange: &mut Exchange, context: &mut Context, out: &mut Outputs<'_>) {
    context.memory.release(flow.buffered_bytes());
    if flow.end.is_some() {
        // dispatch has sent its end, and will send no other.
        return exchange.response.reset(exchange.ids.stream, reason, out);
    }
    abandon(reason, exchange, context, out);
}

fn abandon(reason: ResetReason, exchange: &mut Exchange, context: &mut Context, out: &mut Outputs<'_>) {
    exchange.response.path = ResponsePath::Abandoned(reason);
    end_request(exchange, context);
    out.to_dispatch.reset(exchange.ids.stream, reason);
}

/// Ends a response that encode has, and which is gone. Returns whether it had not ended here.
pub(crate) fn lose(exchange: &mut Exchange, context: &mut Context, out: &mut Outputs<'_>) -> bool {
    let Response { is_encoded, is_all_encoded, .. } = exchange.response;
    if !is_encoded {
        return false;
    }
    // What parse hears of it goes there from now on.
    exchange.response.is_encoded = false;
    match std::mem::take(&mut exchange.response.path) {
        ResponsePath::Flow(flow) => cut(&flow, ResetReason::Backend, exchange, context, out),
        // encode may have passed all of it on, and parse takes no note of it then.
        ResponsePath::Pass if is_all_encoded => out.to_parse.reset(exchange.ids.stream, ResetReason::Backend),
        ResponsePath::Pass => abandon(ResetReason::Backend, exchange, context, out),
        path => exchange.response.path = path,
    }
    !is_all_encoded
}

/// Puts a verdict in the place of a response: dispatch sends another, which passes.
fn deny(
    buffered: BufferedResponse,
    denial: &Denial,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    context.reporter.count(count::RESPONSES_DENIED);
    discard(buffered, context);
    exchange.response.path = ResponsePath::Replaced;
    end_request(exchange, context);
    let verdict = denial.verdict(exchange.ids.site, exchange.ids.request);
    out.to_dispatch.frame(exchange.ids.stream, Kind::Verdict, |body| verdict.encode(body))
}
