//! The limits of streams: how they start, and what follows when a stream has waited too long.

use std::time::Duration;

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
use crate::{
    PROGRAM, cache::confirm, context::Context, limits::WRITE_PROGRESS_BYTES_MIN, upstream::connection::Connection,
};

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

impl Stream {
    /// Starts a limit in place of the one that runs.
    #[inline]
    pub(crate) fn start_limit(&mut self, limit: Limit, time: Duration, context: &mut Context<'_>) {
        let at_ms = context.after(time).min(self.deadline_ms.unwrap_or(u64::MAX));
        let slot = u32::try_from(self.id.slot()).unwrap_or(u32::MAX);
        self.timer.start(&mut context.shared.deadlines, slot, limit, at_ms);
    }

    /// Restarts the limit of silence within a response.
    pub(crate) fn restart_silence_limit(&mut self, context: &mut Context<'_>) {
        if self.wait == Wait::Bytes {
            // While parse grants nothing it is the client that is slow, and parse's own limit
            // counts.
            if self.credit == 0 || self.lease == Lease::Wanted {
                self.timer.stop();
            } else {
                self.start_limit(Limit::Idle, self.idle_seconds, context);
            }
        }
    }

    /// Restarts the time of a client that takes nothing now, where it has taken enough since it
    /// began to run.
    pub(crate) fn restart_client_limit(&mut self, write_seconds: Duration, context: &mut Context<'_>) {
        let taken = self.leased_bytes - self.limit_bytes;
        if self.wait != Wait::Client || taken >= WRITE_PROGRESS_BYTES_MIN {
            self.wait = Wait::Client;
            self.limit_bytes = self.leased_bytes;
            self.start_limit(Limit::Write, write_seconds, context);
        }
    }
}
