//! Responses that are pending: from the request that passes to the end of its response, whatever
//! brings that about.

use fosse_counters::waf_filter as count;
use fosse_wire::{StreamId, WireError, frame::ResetReason};

use super::buffered::{BufferedResponse, PendingResponse};
use crate::{
    context::Context,
    denial::Denial,
    evaluation::Evaluation,
    outputs::Outputs,
    slots::{Exchange, ResponsePath},
};

/// Keeps the evaluation of a request that passes until its response comes. Returns a denial where
/// there is no room for it, and the site denies; a site that watches gets its response unseen.
///
/// # Errors
/// [`WireError`] where the request's head does not read as it did before.
pub(crate) fn keep(
    evaluation: Box<Evaluation>,
    request_head: &[u8],
    exchange: &mut Exchange,
    context: &mut Context,
) -> Result<Option<Denial>, WireError> {
    let pending = PendingResponse::new(evaluation, request_head);
    if context.memory.add_pending(pending.bytes()) {
        exchange.response.path = ResponsePath::Pending(Box::new(pending));
        return Ok(None);
    }
    context.reporter.count(count::OVER_MEMORY);
    let denial = Denial::out_of_memory("memory for requests whose responses are pending is used up");
    let head = pending.request_head()?;
    let is_denied = context.reporter.found(context.policies.profile(head.policy), &head, &denial, None);
    context.evaluator.close(*pending.evaluation);
    Ok(Some(denial).filter(|_| is_denied))
}

/// Gives up a response whose client is gone: it will not see what it has not seen yet. parse waits
/// for an end all the same.
///
/// # Errors
/// As [`conclude`].
pub(crate) fn on_client_gone(
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    let stream = exchange.ids.stream;
    let given_up = std::mem::take(&mut exchange.response.path);
    let is_ended = match &given_up {
        ResponsePath::Buffer(buffered) => buffered.end.is_some(),
        ResponsePath::Flow(flow) => flow.end.is_some(),
        // The end of a response that has not begun is dispatch's to send.
        ResponsePath::Pass | ResponsePath::Pending(_) => false,
        ResponsePath::Replaced | ResponsePath::Abandoned(_) => {
            exchange.response.path = given_up;
            return Ok(());
        }
    };
    if is_ended {
        // dispatch has sent its end, and will send no other.
        exchange.response.reset(stream, ResetReason::Echo, out);
    } else if matches!(given_up, ResponsePath::Buffer(_) | ResponsePath::Flow(_)) {
        exchange.response.path = ResponsePath::Abandoned(ResetReason::Echo);
    }
    forget(given_up, stream, context)
}

/// Gives back what is kept and buffered of a response of which nothing more will be sent.
///
/// # Errors
/// As [`conclude`].
pub(crate) fn forget(path: ResponsePath, stream: StreamId, context: &mut Context) -> Result<(), WireError> {
    match path {
        ResponsePath::Pending(pending) => conclude(*pending, stream, context)?,
        ResponsePath::Buffer(buffered) => discard(*buffered, context),
        ResponsePath::Flow(flow) => context.memory.release(flow.buffered_bytes()),
        ResponsePath::Pass | ResponsePath::Replaced | ResponsePath::Abandoned(_) => {}
    }
    Ok(())
}

/// Concludes a request that gets no response of an application: the rules log and count, and their
/// findings are reported.
///
/// # Errors
/// [`WireError`] where the request's head does not read as it did before.
pub(crate) fn conclude(mut pending: PendingResponse, stream: StreamId, context: &mut Context) -> Result<(), WireError> {
    context.memory.release_pending(pending.bytes());
    context.evaluator.conclude(&mut pending.evaluation, stream, &mut context.store);
    let head = pending.request_head()?;
    // Nothing is left that a denial could replace.
    let _ = context.reporter.evaluated(context.policies.profile(head.policy), &head, &pending.evaluation);
    context.evaluator.close(*pending.evaluation);
    Ok(())
}

/// Gives back what a buffered response took, and its request.
pub(crate) fn discard(buffered: BufferedResponse, context: &mut Context) {
    context.memory.release_pending(buffered.buffered_bytes());
    context.evaluator.close(*buffered.pending.evaluation);
}
