//! A copy on its connection: sent as it is, and its response thrown away as it comes.

use fosse_counters::dispatch as count;
use fosse_eventloop::{Interest, slab::Key};
use fosse_http1::{HeadLimits, ResponseHead, find_response_end, strict_response};
use fosse_settings::Backend;
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send as send_bytes},
};

use super::Copied;
use crate::{
    context::Context,
    exchange::{
        failure::Failure,
        framing::{Next, body_bytes, framing},
    },
    limits,
    upstream::connection::{At, Connection},
};

/// The progress of the response to a copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More has to come.
    More,
    /// All of it has come. `clean`: no byte follows it.
    Whole { clean: bool },
    /// The server broke off, or HTTP.
    Failed(Failure),
}

/// Writes once to the server.
pub(super) fn send(copied: &mut Copied, key: Key, connection: &mut Connection, context: &Context<'_>) {
    if copied.is_sent() {
        return;
    }
    match send_bytes(&connection.fd, &copied.out[copied.out_sent..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        Ok(sent) => copied.out_sent += sent,
        Err(Errno::AGAIN | Errno::INTR) => {}
        // What the server says, or its end, comes as a read.
        Err(_) => copied.out_sent = copied.out.len(),
    }
    if copied.is_sent() {
        copied.sent_us = context.event_loop.now_us();
        context.counters.add(count::MIRRORED, 1);
    }
    let blocked = !copied.is_sent();
    let wanted = if blocked { connection.interest | Interest::OUT } else { connection.interest - Interest::OUT };
    connection.watch(key, wanted, context.event_loop);
}

/// Reads once from the server.
pub(super) fn read(
    copied: &Copied,
    connection: &mut Connection,
    terms: (&HeadLimits, &Backend),
    context: &mut Context<'_>,
) -> Progress {
    // The handlers below take the context, so the buffer is lent out of it.
    let mut scratch = std::mem::take(&mut context.shared.scratch);
    let room = limits::READ_HEAD_BYTES.min(scratch.len());
    let progress = match recv(&connection.fd, &mut scratch[..room], RecvFlags::DONTWAIT) {
        Ok((0, _)) => {
            connection.ended = true;
            ended(connection)
        }
        Ok((length, _)) => {
            connection.heard = true;
            take(copied, connection, terms, &scratch[..length], context)
        }
        Err(Errno::AGAIN | Errno::INTR) => Progress::More,
        Err(_) => Progress::Failed(Failure::Reset),
    };
    context.shared.scratch = scratch;
    progress
}

/// Takes bytes that were just read.
fn take(
    copied: &Copied,
    connection: &mut Connection,
    terms: (&HeadLimits, &Backend),
    bytes: &[u8],
    context: &Context<'_>,
) -> Progress {
    if !connection.at.is_head() {
        return drop_body(connection, bytes);
    }
    let mut input = std::mem::take(&mut connection.input);
    input.extend_from_slice(bytes);
    let mut used = 0;
    while connection.at.is_head() {
        match head(copied, connection, terms, &input[used..], context) {
            Ok(0) => {
                input.drain(..used);
                connection.input = input;
                return Progress::More;
            }
            Ok(length) => used += length,
            Err(why) => return Progress::Failed(why),
        }
    }
    drop_body(connection, &input[used..])
}

/// Takes a head, interim or final. Returns its length in bytes; 0 where it is not whole.
fn head(
    copied: &Copied,
    connection: &mut Connection,
    (limits, backend): (&HeadLimits, &Backend),
    bytes: &[u8],
    context: &Context<'_>,
) -> Result<usize, Failure> {
    let lenient = backend.lenient_responses;
    let Some(end) = find_response_end(bytes, 0, lenient)? else {
        return if bytes.len() > limits.head_bytes { Err(Failure::HeadTooLong) } else { Ok(0) };
    };
    let head = strict_response(&bytes[..end], lenient)?;
    let head = ResponseHead::parse(&head, copied.to_head, limits)?;
    match head.status {
        101 => return Err(Failure::UnaskedUpgrade),
        100..=199 => return Ok(end),
        _ => {}
    }
    connection.keep &= head.keep_alive;
    connection.at = framing(&head, lenient).0;
    context.counters.count_status(copied.backend, head.status);
    context.counters.count_time(copied.backend, context.event_loop.now_us() - copied.sent_us);
    Ok(end)
}

/// Throws the next bytes of a body away.
fn drop_body(connection: &mut Connection, bytes: &[u8]) -> Progress {
    let mut used = 0;
    loop {
        let (taken, _, next) = body_bytes(&mut connection.at, u64::MAX, &bytes[used..]);
        used += taken;
        match next {
            None => {}
            Some(Next::Done) => return Progress::Whole { clean: used == bytes.len() },
            Some(Next::Read | Next::Hold) => return Progress::More,
            Some(Next::Broken(why)) => return Progress::Failed(why),
        }
    }
}

/// Handles a server that closed: right for a body that ends so, wrong in any other place.
fn ended(connection: &Connection) -> Progress {
    match connection.at {
        At::UntilClose if connection.is_cut() => Progress::Failed(Failure::ClosedInBody),
        At::UntilClose => Progress::Whole { clean: true },
        At::Head if connection.input.is_empty() => Progress::Failed(Failure::ClosedBeforeResponse),
        At::Head => Progress::Failed(Failure::ClosedInHead),
        _ => Progress::Failed(Failure::ClosedInBody),
    }
}
