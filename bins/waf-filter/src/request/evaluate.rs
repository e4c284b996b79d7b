//! The evaluation of a request: slices of time, the body handed to the rules, and then the request
//! or its verdict.
//!
//! A buffered request is taken out of its exchange, whose path is [`RequestPath::Pass`] then, and
//! put back if it stays buffered.

use fosse_bodies::inflate::Requested;
use fosse_counters::waf_filter as count;
use fosse_eventloop::clock_us;
use fosse_seclang::Taken;
use fosse_settings::{OverLimit, WafMode};
use fosse_source::Source;
use fosse_wire::{Frame, Kind, WireError, order::Forward, request::RequestHead, verdict::Cause};

use super::{
    buffered::{BufferedRequest, Message},
    releasing,
};
use crate::{
    context::Context,
    denial::Denial,
    evaluation::{Evaluation, Next},
    limits::{LONG_BODY_BYTES, OVERRUNS_PENALISED},
    outputs::Outputs,
    response::pending,
    slots::{Exchange, Ids, RequestPath},
};

/// The result of the rules in a slice of time.
enum Progress {
    /// They wait for a body, a record, or time.
    Waiting,
    /// The body cannot be evaluated.
    Denied(Denial),
    /// The request passes, and its response is to be evaluated.
    AwaitsResponse,
    /// They are through.
    Ended,
}

/// Runs an evaluation for its first slice, unless this turn has taken long enough. A request that
/// needs no more is never copied.
pub(super) fn begin(
    mut evaluation: Evaluation,
    frame: &Frame<'_>,
    head: &RequestHead<'_>,
    coding: Requested,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    let is_late = context.queue.has_to_wait(exchange.ids.source, clock_us());
    let next =
        if is_late { Next::Slice } else { context.evaluator.run(&mut evaluation, frame.stream, &mut context.store) };
    let denial = match next {
        Next::End => conclude(evaluation, head, context),
        Next::Response => pending::keep(Box::new(evaluation), frame.body, exchange, context)?,
        Next::Body | Next::Record | Next::Slice => {
            let mut buffered = buffer(frame, head, Some(Box::new(evaluation)), coding, out);
            if next == Next::Slice {
                context.queue.push(frame.stream, exchange.ids.source, &mut buffered.is_queued);
            }
            exchange.request.path = RequestPath::Buffer(buffered);
            return Ok(());
        }
    };
    match denial {
        Some(denial) => deny(exchange, &denial, context, out),
        None => {
            out.to_dispatch.forward(frame);
            Ok(())
        }
    }
}

/// Gives a request from the queue its slice of time.
pub(crate) fn resume(
    mut buffered: Box<BufferedRequest>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    buffered.is_queued = false;
    proceed(buffered, exchange, context, out)
}

/// Goes on with a request whose body is all there: at once where that takes little time, else when
/// its turn comes. What others send meanwhile is read first.
pub(super) fn proceed_in_turn(
    mut buffered: Box<BufferedRequest>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    let Ids { stream, source, .. } = exchange.ids;
    let takes_time = buffered.evaluation.is_some() && buffered.message.body().len() >= LONG_BODY_BYTES;
    if takes_time || context.queue.has_to_wait(source, clock_us()) {
        context.queue.push(stream, source, &mut buffered.is_queued);
    }
    proceed(buffered, exchange, context, out)
}

/// Goes on with a buffered request as far as it can be.
pub(super) fn proceed(
    mut buffered: Box<BufferedRequest>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    if buffered.is_queued {
        exchange.request.path = RequestPath::Buffer(buffered);
        return Ok(());
    }
    let Some(mut evaluation) = buffered.evaluation.take() else {
        // Without rules there is nothing to wait for but the whole body.
        if buffered.message.is_whole() {
            return release(*buffered, exchange, context, out);
        }
        exchange.request.path = RequestPath::Buffer(buffered);
        return Ok(());
    };
    let denial = match advance(&mut buffered, &mut evaluation, exchange.ids, context)? {
        Progress::Waiting => {
            buffered.evaluation = Some(evaluation);
            exchange.request.path = RequestPath::Buffer(buffered);
            return Ok(());
        }
        Progress::Denied(denial) => {
            context.evaluator.close(*evaluation);
            Some(denial)
        }
        Progress::AwaitsResponse => pending::keep(evaluation, buffered.message.head_bytes(), exchange, context)?,
        Progress::Ended => conclude(*evaluation, &buffered.message.head()?, context),
    };
    match denial {
        Some(denial) => {
            discard(*buffered, context);
            deny(exchange, &denial, context, out)
        }
        None if buffered.message.spooled.is_some() && !buffered.message.is_whole() => {
            // It passes whatever its body is. What is in the spool goes on once it is whole.
            exchange.request.path = RequestPath::Buffer(buffered);
            Ok(())
        }
        None => release(*buffered, exchange, context, out),
    }
}

/// Runs the rules of a buffered request until they wait or end.
fn advance(
    buffered: &mut BufferedRequest,
    evaluation: &mut Evaluation,
    ids: Ids,
    context: &mut Context,
) -> Result<Progress, WireError> {
    loop {
        match context.evaluator.run(evaluation, ids.stream, &mut context.store) {
            Next::Body if buffered.message.is_complete() => {
                let denial = hand_in_body(&buffered.message, buffered.coding, evaluation, ids, context)?;
                buffered.message.drop_copy();
                if let Some(denial) = denial {
                    return Ok(Progress::Denied(denial));
                }
            }
            Next::Body | Next::Record => return Ok(Progress::Waiting),
            Next::Slice => {
                context.queue.push(ids.stream, ids.source, &mut buffered.is_queued);
                return Ok(Progress::Waiting);
            }
            Next::Response => return Ok(Progress::AwaitsResponse),
            Next::End => return Ok(Progress::Ended),
        }
    }
}

/// Hands the rules the body, decoded; returns a denial where that cannot be.
fn hand_in_body(
    message: &Message,
    coding: Requested,
    evaluation: &mut Evaluation,
    ids: Ids,
    context: &mut Context,
) -> Result<Option<Denial>, WireError> {
    let profile = context.policies.profile(ids.policy);
    let limits = message.decode_limits(profile.body_bytes_max, profile.body_over_limit == OverLimit::PassInPart);
    let decoded = context.decoder.decode(coding, message.body(), limits);
    if message.is_part || decoded.is_part {
        evaluation.transaction.request_is_longer();
    }
    let taken = evaluation.request_body(decoded.body);
    let evaluated = decoded.body.len();
    // A body over the site's limit was reported when it came to that.
    let is_news = !message.is_part && (decoded.is_part || taken == Taken::Part);
    let over_rules = || Denial::new(413, Cause::RulesLimit, "body over the limit of the rules");
    let denial = decoded.denial.or_else(|| (taken == Taken::Refused).then(over_rules));
    let is_denied = match &denial {
        Some(denial) => context.reporter.found(profile, &message.head()?, denial, None),
        None => false,
    };
    context.decoder.shrink();
    if is_news {
        context.reporter.in_part(ids.request, evaluated);
    }
    Ok(denial.filter(|_| is_denied))
}

/// Closes an evaluation that is over; returns its denial, if the site denies.
fn conclude(evaluation: Evaluation, head: &RequestHead<'_>, context: &mut Context) -> Option<Denial> {
    let profile = context.policies.profile(head.policy);
    if evaluation.ran_out() {
        let count = context.queue.note_overrun(Source::of(&head.client.addr));
        if profile.waf == WafMode::Detect && count == OVERRUNS_PENALISED {
            context.reporter.would_penalise(head, count);
        }
    }
    let denial = context.reporter.evaluated(profile, head, &evaluation);
    context.evaluator.close(evaluation);
    denial
}

/// Buffers a request whose body or evaluation takes longer.
pub(super) fn buffer(
    frame: &Frame<'_>,
    head: &RequestHead<'_>,
    evaluation: Option<Box<Evaluation>>,
    coding: Requested,
    out: &mut Outputs<'_>,
) -> Box<BufferedRequest> {
    // One byte ahead tells the client to go on, where it waits for that (RFC 9110, section 10.1.1).
    let ahead = u32::from(head.expect_continue);
    out.to_dispatch.credit(frame.stream, Kind::RequestCredit, ahead);
    BufferedRequest::new(frame.body, ahead, evaluation, coding)
}

/// Sends on what was buffered, a long body as dispatch has room for it.
fn release(
    buffered: BufferedRequest,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    release_memory(&buffered.message, context);
    if let Some(release) = buffered.message.release(exchange.ids.stream, context.has_release_credit, out.to_dispatch)? {
        context.memory.add(release.buffered_bytes());
        releasing::go_on(release, exchange, context, out);
    }
    Ok(())
}

/// Gives back the memory that a message took, and the place of the body that is back from the
/// spool, where it is that one.
fn release_memory(message: &Message, context: &mut Context) {
    match &message.spooled {
        Some(spooled) => {
            context.memory.written(spooled.unwritten);
            context.memory.release(message.tail_bytes());
            context.is_reading_back &= !spooled.is_back();
        }
        None => context.memory.release(message.buffered_bytes()),
    }
}

/// Gives back what a buffered request took.
pub(super) fn discard(buffered: BufferedRequest, context: &mut Context) {
    release_memory(&buffered.message, context);
    if let Some(spooled) = &buffered.message.spooled {
        context.spool.free(spooled.body);
    }
    if let Some(evaluation) = buffered.evaluation {
        context.evaluator.close(*evaluation);
    }
}

/// Puts a verdict in the place of a request, of which nothing is buffered any more.
pub(super) fn deny(
    exchange: &mut Exchange,
    denial: &Denial,
    context: &Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    context.reporter.count(count::DENIED);
    // After the end nothing is left to drop.
    let is_ended = exchange.request.order == Forward::Ended;
    exchange.request.path = if is_ended { RequestPath::Pass } else { RequestPath::Denied };
    let verdict = denial.verdict(exchange.ids.site, exchange.ids.request);
    out.to_dispatch.frame(exchange.ids.stream, Kind::Verdict, |body| verdict.encode(body))
}
