//! A body that memory has no room for: it grows in the spool, and comes back once for the rules.
//! Never more than one body of a lane is back in memory.

use fosse_counters::waf_filter as count;
use fosse_wire::{Kind, StreamId, WireError};

use super::{
    buffered::BufferedRequest,
    evaluate::{deny, discard, proceed, proceed_in_turn},
    in_spool::{Spooled, SpooledState},
    release, releasing,
};
use crate::{
    context::Context,
    denial::Denial,
    memory::length_of,
    outputs::Outputs,
    slots::{Exchange, RequestPath},
    spool::news::{Loss, News, What},
};

/// Moves a body that grows into the spool, where it is long enough to be worth it; false where it
/// stays in memory.
pub(crate) fn begin(exchange: &mut Exchange, context: &mut Context) -> bool {
    let RequestPath::Buffer(buffered) = &mut exchange.request.path else { return false };
    let message = &mut buffered.message;
    if !message.is_movable(context.memory.long_body_bytes()) {
        return false;
    }
    let Some(body) = context.spool.open(exchange.ids.stream, exchange.ids.source) else { return false };
    context.reporter.count(count::SPOOLED);
    context.spool.write(body, &message.body, context.now_ms);
    let length = length_of(message.body.len());
    context.memory.move_out(length);
    message.body = Vec::new();
    message.spooled = Some(Spooled::new(body, length));
    true
}

/// Tells whether a long body that grows has to wait, since the spool is behind, or since others
/// have waited for it for longer.
pub(super) fn is_behind(context: &Context) -> bool {
    let Context { memory, stalled, .. } = context;
    memory.is_congested() || memory.is_scarce() && stalled.len() > 0
}

/// Takes the next body that has waited for the spool, where the spool has caught up; `None` where
/// there is none.
pub(crate) fn next_stalled(context: &mut Context) -> Option<StreamId> {
    if context.memory.is_congested() { None } else { context.stalled.pop() }
}

/// Lets a body that has waited grow on: in the spool, which grants for it what it has written, or
/// in memory, where that has room again or there is no spool any more.
pub(crate) fn go_on(exchange: &mut Exchange, context: &mut Context, out: &mut Outputs<'_>) {
    let RequestPath::Buffer(buffered) = &mut exchange.request.path else { return };
    buffered.message.is_stalled = false;
    // Memory that was exceeded meanwhile may have moved it, and its end may have come.
    if !buffered.message.is_movable(0) || context.memory.is_scarce() && begin(exchange, context) {
        return;
    }
    if let RequestPath::Buffer(buffered) = &mut exchange.request.path {
        let grant = buffered.message.grant_for_memory();
        out.to_dispatch.credit(exchange.ids.stream, Kind::RequestCredit, grant);
    }
}

/// Appends bytes of a body that is in the spool.
pub(super) fn push(spooled: &mut Spooled, bytes: &[u8], context: &mut Context) {
    let length = length_of(bytes.len());
    context.spool.write(spooled.body, bytes, context.now_ms);
    context.memory.move_out(length);
    spooled.length += length;
    spooled.unwritten += length;
}

/// Takes news of a body. What was freed meanwhile is not heard of any more, but its stream may have
/// another body by now.
pub(crate) fn on_news(
    news: News,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    match std::mem::take(&mut exchange.request.path) {
        RequestPath::Buffer(buffered) if buffered.message.spooled_as(news.body) => {
            on_news_of_buffered(news.what, buffered, exchange, context, out)
        }
        RequestPath::Release(mut release) if release.is_spooled_as(news.body) => match news.what {
            What::Data(bytes) => {
                releasing::on_data(release, &bytes, exchange, context, out);
                Ok(())
            }
            What::Written(length) => {
                release::on_written(&mut release, length, context);
                exchange.request.path = RequestPath::Release(release);
                Ok(())
            }
            What::Lost(why) => {
                release::discard(&release, context);
                deny_lost(why, exchange, context, out)
            }
        },
        path => {
            exchange.request.path = path;
            Ok(())
        }
    }
}

fn on_news_of_buffered(
    what: What,
    mut buffered: Box<BufferedRequest>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    match what {
        What::Written(length) => {
            context.memory.written(length);
            let grant = buffered.message.written(length);
            out.to_dispatch.credit(exchange.ids.stream, Kind::RequestCredit, grant);
            go_on_when_whole(buffered, exchange, context, out)
        }
        What::Data(bytes) => {
            buffered.message.body.extend_from_slice(&bytes);
            ask(&mut buffered, context);
            if buffered.message.is_complete() {
                return proceed_in_turn(buffered, exchange, context, out);
            }
            exchange.request.path = RequestPath::Buffer(buffered);
            Ok(())
        }
        What::Lost(why) => {
            discard(*buffered, context);
            deny_lost(why, exchange, context, out)
        }
    }
}

/// Goes on with a request whose body is in the spool, once all of it is written: it waits for its
/// turn to be evaluated, or passes where there are no rules.
pub(super) fn go_on_when_whole(
    mut buffered: Box<BufferedRequest>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    let has_rules = buffered.evaluation.is_some();
    if let Some(spooled) = buffered.message.whole_in_spool()
        && spooled.state == SpooledState::Writing
    {
        if !has_rules {
            return proceed(buffered, exchange, context, out);
        }
        spooled.state = SpooledState::Waiting;
        context.read_backs.push(exchange.ids.stream, exchange.ids.source, &mut false);
    }
    exchange.request.path = RequestPath::Buffer(buffered);
    Ok(())
}

/// Begins to read a body back whose turn it is; false where it does not wait any more.
pub(crate) fn read_back(exchange: &mut Exchange, context: &mut Context) -> bool {
    let RequestPath::Buffer(buffered) = &mut exchange.request.path else { return false };
    let Some(spooled) = buffered.message.whole_in_spool().filter(|spooled| spooled.state == SpooledState::Waiting)
    else {
        return false;
    };
    spooled.state = SpooledState::Reading;
    // No more than its length: a buffer that grows by itself would take up to twice that.
    let length = usize::try_from(spooled.length).unwrap_or(0);
    buffered.message.body.reserve_exact(length);
    ask(buffered, context);
    true
}

/// Asks for the next pieces of a body that comes back.
fn ask(buffered: &mut BufferedRequest, context: &mut Context) {
    let here = length_of(buffered.message.body.len());
    if let Some(spooled) = &mut buffered.message.spooled {
        spooled.ask(here, &mut context.spool, context.now_ms);
    }
}

fn deny_lost(loss: Loss, exchange: &mut Exchange, context: &Context, out: &mut Outputs<'_>) -> Result<(), WireError> {
    if loss == Loss::Altered {
        context.reporter.altered(exchange.ids.request);
    }
    context.reporter.count(count::SPOOL_LOST);
    deny(exchange, &Denial::not_spooled(loss), context, out)
}

/// Begins the next body's way back, where none is back in memory.
pub(crate) fn next_to_read(context: &mut Context) -> Option<StreamId> {
    if context.is_reading_back { None } else { context.read_backs.pop() }
}
