//! Requests on their way to a backend: the first bytes, the rest, and the credit that their going
//! makes free.

use std::time::Duration;

use fosse_eventloop::Interest;
use fosse_eventloop::slab::Key;
use fosse_settings::Backend;
use fosse_wire::Kind;
use rustix::{
    io::Errno,
    net::{SendFlags, send},
};

use super::limit::Limit;
use super::proxy_header::put_proxy_header;
use super::stream::{Body, Buffering, Lease, Stream, Wait};
use super::tunnel;
use crate::{
    context::Context,
    limits,
    upstream::{connection::Connection, pins::Pins, supply::Waiting},
};

/// Joins a stream and a connection.
pub(crate) fn begin(
    stream: &mut Stream,
    key: Key,
    connection: &mut Connection,
    pins: &mut Pins,
    backend: &Backend,
    context: &mut Context<'_>,
) {
    stream.supply = Waiting::No;
    stream.connection = Some(key);
    if stream.wait == Wait::Continue {
        stream.start_limit(Limit::Continue, Duration::from_millis(limits::CONTINUE_MS), context);
    } else {
        stream.wait = Wait::FirstByte;
        stream.start_limit(Limit::FirstByte, stream.first_byte_seconds, context);
    }
    if backend.proxy_protocol > 0 && !connection.used_before {
        // A request that is sent again still has the header of the first time.
        if !std::mem::replace(&mut stream.announced, true) {
            put_proxy_header(&mut stream.out, backend.proxy_protocol, stream.client);
        }
        connection.keep = false;
    }
    if stream.odd_body {
        // A server that ignores such a body reads it as the next request. No other client may get
        // the response to that.
        connection.keep = false;
    }
    if stream.logs_in {
        pins.bind(key, connection, stream.pin(), context.counters);
    }
    queue(stream, context);
}

/// Puts a stream into this turn's list of those with bytes for their backend.
pub(crate) fn queue(stream: &mut Stream, context: &mut Context<'_>) {
    if !stream.queued {
        stream.queued = true;
        context.shared.sends.push(stream.id);
    }
}

/// Writes once to the backend, and grants the credit that its success makes free.
pub(crate) fn send_request(stream: &mut Stream, key: Key, connection: &mut Connection, context: &mut Context<'_>) {
    let mut moved = false;
    if !stream.unsent().is_empty() {
        match send(&connection.fd, stream.unsent(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(sent) => {
                stream.out_sent += sent;
                moved = true;
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            // The backend may have responded before it closed: what it says, or its end, comes as a
            // read.
            Err(_) => stream.out_sent = stream.out.len(),
        }
    }
    let blocked = !stream.unsent().is_empty();
    if moved && stream.sent() {
        stream.sent_us = context.event_loop.now_us();
    }
    if !blocked {
        if stream.held == 0 {
            context.shared.held_bytes -= u64::from(std::mem::take(&mut stream.held_counted));
        }
        context.shared.buffered_bytes -= std::mem::take(&mut stream.buffered);
    }
    if stream.out_whole && stream.out.len() > limits::RETRY_BYTES_MAX {
        stream.out_whole = false;
    }
    if !stream.out_whole && !blocked {
        stream.out.clear();
        stream.out_sent = 0;
    }
    let wanted = if blocked { connection.interest | Interest::OUT } else { connection.interest - Interest::OUT };
    connection.watch(key, wanted, context.event_loop);
    restart_timeout(stream, moved, blocked, context);
    if !blocked {
        tunnel::pass_end(stream, connection);
        grant(stream, context);
    }
}

/// Restarts the limit of the side whose turn it is after a write: none for the client, whose
/// silence parse limits, else the backend's, to take more or to respond. A slow client must never
/// look like a slow backend.
fn restart_timeout(stream: &mut Stream, moved: bool, blocked: bool, context: &mut Context<'_>) {
    match stream.wait {
        Wait::Bytes if moved => stream.restart_silence_limit(context),
        Wait::FirstByte if !blocked && stream.body != Body::Done => stream.timer.stop(),
        Wait::FirstByte if moved || stream.timer.kind().is_none() => {
            let (limit, time) = match blocked {
                true => (Limit::Idle, stream.idle_seconds),
                false => (Limit::FirstByte, stream.first_byte_seconds),
            };
            stream.start_limit(limit, time, context);
        }
        _ => {}
    }
}

/// Gives parse back the room its bytes took, and more of it to bodies that are emptied as fast as
/// they come.
pub(crate) fn grant(stream: &mut Stream, context: &mut Context<'_>) {
    let waits_for_100 = stream.wait == Wait::Continue;
    if stream.owed == 0 || stream.lease == Lease::Held || waits_for_100 || stream.awaits_access() {
        return;
    }
    // A body that is buffered has used its window up without going anywhere.
    let emptied = stream.window == 0 && stream.buffering == Buffering::No;
    let grown = if emptied { (stream.window_size * 2).min(limits::WINDOW_BYTES_MAX) } else { stream.window_size };
    // What a filter has of a body is granted to the filter, and the rest to the client.
    let of_filter = u32::try_from(stream.released).unwrap_or(u32::MAX).min(stream.owed);
    let (of_client, growth) = (stream.owed - of_filter, grown - stream.window_size);
    stream.released -= u64::from(of_filter);
    stream.window_size = grown;
    // Bytes are owed once all held ones have come, so both together are a window at most.
    stream.window += stream.owed + growth;
    stream.owed = 0;
    let out = &mut context.shared.output.outbox;
    if of_filter > 0 {
        out.credit(stream.id, Kind::ReleaseCredit, of_filter + growth);
        out.credit(stream.id, Kind::RequestCredit, of_client);
    } else {
        out.credit(stream.id, Kind::RequestCredit, of_client + growth);
    }
}
