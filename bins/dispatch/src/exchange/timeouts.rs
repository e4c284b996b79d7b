//! Streams that have waited too long.

use fosse_counters::dispatch as count;
use fosse_die::warning;
use fosse_settings::Backend;
use fosse_wire::response::Cause;

use super::{
    Outcome, buffering,
    failure::Failure,
    limit::Limit,
    response_head,
    stream::{Lease, Stream, Wait},
};
use crate::{PROGRAM, cache::confirm, context::Context, upstream::connection::Connection};

/// Ends the wait of a stream whose time is over.
pub(crate) fn expired(
    limit: Limit,
    stream: &mut Stream,
    connection: Option<&Connection>,
    backend: &Backend,
    context: &mut Context<'_>,
) -> Outcome {
    match limit {
        // Who waits for access has no exchange.
        Limit::Access => Outcome::Refuse(Cause::Access),
        Limit::Pause => buffering::end(stream),
        Limit::Queue => no_connection(stream, backend, "queue", Cause::QueueTimeout),
        Limit::Reply => no_connection(stream, backend, "connect", Cause::Busy),
        Limit::Continue => {
            response_head::ask_for_body(stream, context);
            Outcome::Continue
        }
        // Whoever fills it for others may take longer than this one has to wait.
        Limit::Cache => {
            if let Some(cached) = &mut stream.cached {
                cached.tag = 0;
                if cached.instead.is_some() {
                    return confirm::instead(stream, context);
                }
            }
            Outcome::Connect
        }
        Limit::FirstByte => Outcome::Failed(Failure::NoResponse),
        Limit::Idle if stream.wait == Wait::FirstByte => Outcome::Failed(Failure::NoResponse),
        Limit::Write => {
            context.counters.add(count::SLOW_CLIENTS, 1);
            Outcome::ClientLost
        }
        Limit::Idle => connection.map_or(Outcome::Respond(504), |connection| silent(stream, connection)),
    }
}

fn no_connection(stream: &Stream, backend: &Backend, why: &str, cause: Cause) -> Outcome {
    let (request, name) = (stream.request, &backend.name);
    warning(PROGRAM, format_args!("event=no-connection request={request:016x} backend={name} why={why}"));
    Outcome::Refuse(cause)
}

/// Finds out what was silent for too long: both sides of an upgraded connection, or the backend in
/// the middle of a response.
fn silent(stream: &Stream, connection: &Connection) -> Outcome {
    if stream.tunnels || stream.lease == Lease::Held && connection.is_tunnel() {
        Outcome::Complete { clean: false }
    } else {
        Outcome::Failed(Failure::Silent)
    }
}
