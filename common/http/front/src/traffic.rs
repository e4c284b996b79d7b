//! The traffic of each site: every exchange is counted once, when it ends.

use crate::context::Context;
use crate::exchange::Exchange;

/// Counts the end of an exchange, once. `is_whole` says that its response was handed on to the end.
pub(crate) fn count(exchange: &mut Exchange, is_whole: bool, context: &Context) {
    if core::mem::replace(&mut exchange.counted, true) {
        return;
    }
    let (counters, row) = (&context.counters, context.settings.row(exchange.site));
    counters.count_status(row, exchange.status);
    if exchange.rule != 0 {
        counters.count_denied(row);
    }
    if !is_whole {
        counters.count_aborted(row);
    } else if exchange.status != 101 {
        // An upgraded connection lasts as long as both sides want: that is nobody's speed. The
        // access log takes a later clock than that of the turn.
        counters.count_time(row, context.now_us.max(exchange.begun_us) - exchange.begun_us);
    }
}

/// Counts a local response of this process, to a request or to what has not become one. The latter
/// has no time.
pub(crate) fn count_refused(exchange: &mut Exchange, status: u16, context: &Context) {
    if exchange.counted {
        context.counters.count_status(context.settings.row(exchange.site), status);
    } else {
        exchange.status = status;
        count(exchange, true, context);
    }
}
