//! Responses of backends on their way to parse: read, checked, and passed on within the credit
//! parse has granted.

use fosse_eventloop::Interest;
use fosse_eventloop::slab::Key;
use fosse_wire::Kind;
use rustix::{
    io::Errno,
    net::{RecvFlags, recv},
};

use super::{
    Outcome, Terms,
    failure::Failure,
    framing::{Next, body_bytes},
    response_head,
    stream::{Lease, Stream},
};
use crate::{
    cache::lead,
    context::Context,
    limits,
    upstream::{
        connection::{At, Connection},
        pins::Pins,
    },
};

/// Returns whether something came over a connection out of the pool before a byte of the request
/// went out: its end, or bytes that belong to no response. The request is not to blame, and
/// whatever its method another connection may have it.
pub(crate) const fn went_bad_in_pool(stream: &Stream, connection: &Connection) -> bool {
    // Once bytes that were sent have been dropped, a count of 0 does not say that nothing was sent.
    connection.used_before && !connection.heard && stream.out_whole && stream.out_sent == 0
}

/// Reads once and uses what came.
pub(crate) fn read(
    stream: &mut Stream,
    key: Key,
    connection: &mut Connection,
    pins: &mut Pins,
    terms: Terms<'_>,
    context: &mut Context<'_>,
) -> Outcome {
    if !connection.input.is_empty() && !connection.at.is_head() {
        // What is here already waits for credit; reading on would only pile up more. The request
        // may still go on.
        connection.watch(key, connection.interest - Interest::IN, context.event_loop);
        return Outcome::Continue;
    }
    // What cannot go on at once waits in our memory: no more is read than that.
    let room = match connection.at.is_head() {
        true => limits::READ_HEAD_BYTES,
        false => {
            let ahead = if stream.reads_ahead { context.shared.ahead.room(stream.source()) } else { 0 };
            usize::try_from(stream.credit).unwrap_or(usize::MAX).max(ahead).max(limits::READ_BODY_BYTES_MIN)
        }
    };
    // The handlers below take the context, so the buffer is lent out of it.
    let mut scratch = std::mem::take(&mut context.shared.scratch);
    let room = room.min(scratch.len());
    let outcome = match recv(&connection.fd, &mut scratch[..room], RecvFlags::DONTWAIT) {
        Ok((0, _)) => {
            connection.ended = true;
            backend_ended(stream, key, connection, context)
        }
        Ok((length, _)) => {
            connection.heard = true;
            take(stream, key, connection, pins, terms, &scratch[..length], context)
        }
        Err(Errno::AGAIN | Errno::INTR) => Outcome::Continue,
        // What its server does to another protocol is no failure of a response.
        Err(_) if stream.tunnels => Outcome::ClientLost,
        Err(_) => Outcome::Failed(Failure::Reset),
    };
    context.shared.scratch = scratch;
    outcome
}

/// Takes bytes that were just read.
fn take(
    stream: &mut Stream,
    key: Key,
    connection: &mut Connection,
    pins: &mut Pins,
    terms: Terms<'_>,
    bytes: &[u8],
    context: &mut Context<'_>,
) -> Outcome {
    if !connection.input.is_empty() {
        connection.input.extend_from_slice(bytes);
        return resume(stream, key, connection, pins, terms, context);
    }
    let (used, outcome) = use_bytes(stream, key, connection, pins, terms, bytes, context);
    if outcome == Outcome::Continue {
        connection.input.extend_from_slice(&bytes[used..]);
    }
    outcome
}

/// Uses bytes that were read before, now that something has changed (credit, lease, more of a
/// head).
pub(crate) fn resume(
    stream: &mut Stream,
    key: Key,
    connection: &mut Connection,
    pins: &mut Pins,
    terms: Terms<'_>,
    context: &mut Context<'_>,
) -> Outcome {
    if stream.lease == Lease::Held {
        return Outcome::Continue;
    }
    let mut input = std::mem::take(&mut connection.input);
    if !input.is_empty() {
        let (used, outcome) = use_bytes(stream, key, connection, pins, terms, &input, context);
        if outcome != Outcome::Continue {
            return outcome;
        }
        input.drain(..used);
    }
    // What is used up gives its memory back: a slow reader's stream lives long.
    if !input.is_empty() {
        connection.input = input;
    } else if connection.ended {
        return backend_ended(stream, key, connection, context);
    } else if !connection.interest.contains(Interest::IN) {
        connection.watch(key, connection.interest | Interest::IN, context.event_loop);
    }
    Outcome::Continue
}

/// Uses as much of `bytes` as can be used now. Returns the number of bytes used.
fn use_bytes(
    stream: &mut Stream,
    key: Key,
    connection: &mut Connection,
    pins: &mut Pins,
    terms: Terms<'_>,
    bytes: &[u8],
    context: &mut Context<'_>,
) -> (usize, Outcome) {
    let mut used = 0;
    let next = loop {
        let rest = &bytes[used..];
        let (taken, next) = if connection.at.is_head() {
            match response_head::head(stream, key, connection, pins, terms, rest, context) {
                Ok((taken, true)) => (taken, None),
                Ok((taken, false)) => (taken, Some(Next::Read)),
                Err(why) => (0, Some(Next::Broken(why))),
            }
        } else if stream.lease != Lease::No {
            break Next::Hold;
        } else {
            pass_on(stream, &mut connection.at, rest, context)
        };
        used += taken;
        if let Some(next) = next {
            break next;
        }
    };
    if let At::Records(records) = &mut connection.at {
        records.log_errors(stream.request, terms.backend);
    }
    stream.restart_silence_limit(context);
    let outcome = match next {
        Next::Read | Next::Hold => Outcome::Continue,
        Next::Broken(why) => Outcome::Failed(why),
        Next::Done => ended(stream, used == bytes.len(), context),
    };
    (used, outcome)
}

/// Passes the next bytes of a body on to parse, or, where they are read ahead of a client that
/// takes nothing, keeps them. Returns the number of `bytes` used, and the next step, if that is
/// known.
fn pass_on(stream: &mut Stream, at: &mut At, bytes: &[u8], context: &mut Context<'_>) -> (usize, Option<Next>) {
    let ahead = stream.reads_ahead && (stream.credit == 0 || !stream.is_ahead_empty());
    if ahead {
        let room = u64::try_from(context.shared.ahead.room(stream.source())).unwrap_or(u64::MAX);
        let (taken, data, next) = body_bytes(at, room, bytes);
        lead::pass_on(stream, data, context.shared);
        stream.push_ahead(data, &mut context.shared.ahead);
        return (taken, next);
    }
    let (taken, data, next) = body_bytes(at, stream.credit, bytes);
    if !data.is_empty() {
        lead::pass_on(stream, data, context.shared);
        stream.credit -= u64::try_from(data.len()).unwrap_or(u64::MAX);
        context.shared.way(stream.is_encoded).data(stream.id, Kind::ResponseData, data);
    }
    // What the credit leaves over may be read ahead.
    let over = next == Some(Next::Hold) && stream.reads_ahead;
    (taken, next.filter(|_| !over))
}

/// Passes on what was read ahead, as far as parse has granted credit.
pub(crate) fn pass_ahead(stream: &mut Stream, context: &mut Context<'_>) {
    while stream.credit > 0 && !stream.is_ahead_empty() {
        let part = stream.ahead();
        let part = &part[..usize::try_from(stream.credit).unwrap_or(usize::MAX).min(part.len())];
        context.shared.way(stream.is_encoded).data(stream.id, Kind::ResponseData, part);
        let count = part.len();
        stream.credit -= u64::try_from(count).unwrap_or(u64::MAX);
        stream.advance_ahead(count, &mut context.shared.ahead);
    }
}

/// Ends the reading of a response: it is complete, or its client has to take the rest of it.
fn ended(stream: &mut Stream, clean: bool, context: &mut Context<'_>) -> Outcome {
    if stream.has_named_file() {
        return Outcome::SendFile { clean };
    }
    if stream.cached.as_ref().is_some_and(|cached| cached.instead.is_some()) {
        return Outcome::SendKept { clean };
    }
    lead::end(stream, context.shared);
    if stream.is_ahead_empty() { Outcome::Complete { clean } } else { Outcome::ReadWhole { clean } }
}

/// Handles a backend that closed: right for a body that ends so, wrong in any other place.
fn backend_ended(stream: &mut Stream, key: Key, connection: &mut Connection, context: &mut Context<'_>) -> Outcome {
    let unused = !connection.input.is_empty();
    match connection.at {
        At::UntilClose if unused => Outcome::Continue,
        At::UntilClose if connection.is_cut() => Outcome::Failed(Failure::ClosedInBody),
        At::UntilClose => ended(stream, true, context),
        At::Head if unused => Outcome::Failed(Failure::ClosedInHead),
        At::Head => Outcome::Failed(Failure::ClosedBeforeResponse),
        At::Records(ref records) => match records.closed() {
            Some(why) => Outcome::Failed(why),
            None => ended(stream, false, context),
        },
        _ if stream.lease == Lease::Wanted => {
            // Bytes of a body that the client will be written, and the end will be seen again.
            connection.watch(key, Interest::empty(), context.event_loop);
            Outcome::Continue
        }
        _ => Outcome::Failed(Failure::ClosedInBody),
    }
}
