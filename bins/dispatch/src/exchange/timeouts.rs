//! Streams that have waited too long.

use fosse_counters::dispatch as count;
use fosse_die::warning;
use fosse_settings::Backend;

use super::{
    Outcome, buffering,
    failure::Failure,
    response_head,
    stream::{Lease, Stream, Wait, Waiting},
};
use crate::{PROGRAM, context::Context, upstream::connection::Connection};

/// Ends the wait of a stream whose time is over.
pub(crate) fn expired(
    stream: &mut Stream,
    connection: Option<&Connection>,
    backend: &Backend,
    context: &mut Context<'_>,
) -> Outcome {
    match (stream.wait, connection) {
        (Wait::Continue, Some(_)) => {
            response_head::ask_for_body(stream, backend, context);
            Outcome::Continue
        }
        (Wait::RequestBody, _) => buffering::end(stream),
        (Wait::Connection | Wait::Continue, _) => {
            let (request, name) = (stream.request, &backend.name);
            let why = if stream.supply == Waiting::Queued { "queue" } else { "connect" };
            warning(PROGRAM, format_args!("event=no-connection request={request:016x} backend={name} why={why}"));
            Outcome::Respond(503)
        }
        (Wait::FirstByte, _) => Outcome::Failed(Failure::NoResponse),
        (Wait::Client, _) => {
            context.counters.add(count::SLOW_CLIENTS, 1);
            Outcome::ClientLost
        }
        (Wait::Bytes, None) => Outcome::Respond(504),
        (Wait::Bytes, Some(connection)) => silent(stream, connection),
    }
}

/// Finds out what was silent for too long: both sides of an upgraded connection, or the backend in
/// the middle of a response.
fn silent(stream: &Stream, connection: &Connection) -> Outcome {
    if stream.lease == Lease::Held && connection.is_tunnel() {
        Outcome::Complete { clean: false }
    } else {
        Outcome::Failed(Failure::Silent)
    }
}
