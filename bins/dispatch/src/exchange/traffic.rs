//! The traffic of each backend: what its servers responded with, and how fast; and what clients got
//! in place of that.

use super::stream::Stream;
use crate::context::Context;

/// Counts the final head of a server's response, or its 101. The time is that since the request had
/// gone out whole, so that no slow client makes a server look slow.
pub(crate) fn count_head(stream: &Stream, status: u16, context: &Context<'_>) {
    context.counters.count_status(stream.backend, status);
    context.counters.count_time(stream.backend, context.event_loop.now_us() - stream.sent_us);
}

/// Counts the failure of a backend: a status that its client gets in place of a response, or the
/// break of one whose head has gone on.
pub(crate) fn count_failure(stream: &Stream, status: u16, context: &Context<'_>) {
    if stream.head_sent {
        context.counters.count_aborted(stream.backend);
    } else if stream.routed && status >= 500 {
        context.counters.count_status(stream.backend, status);
        // A server that never responds has taken all the time there was.
        if status == 504 {
            context.counters.count_time(stream.backend, context.event_loop.now_us() - stream.sent_us);
        }
    }
}
