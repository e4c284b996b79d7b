//! Responses that dispatch writes to the client itself, and upgraded connections, which are two of
//! them at once.

use std::time::Duration;

use fosse_counters::dispatch as count;
use fosse_eventloop::Interest;
use fosse_eventloop::slab::Key;
use fosse_wire::WireError;
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown},
};

use super::{
    Outcome, Terms,
    clients::Client,
    failure::Failure,
    read_ahead::{read_ahead, share, spend, watch_backend},
    stream::{Lease, Stream, Wait},
};
use crate::{
    context::Context,
    limits,
    upstream::connection::{At, Connection},
};

/// The end of one move of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moved {
    /// The share of this turn is used up; there may be more.
    Share,
    /// Nothing more to read for now.
    NothingToRead,
    /// No room to write for now.
    NoRoom,
    /// All bytes of the response are written.
    Complete,
    /// The other side of this direction has sent its end, and all before it has been passed on.
    Ended,
    /// The backend ended or failed.
    BackendGone,
    /// The client ended or failed.
    ClientGone,
}

/// Writes once to a client. Returns the number of bytes taken, `None` where it is gone.
fn to_client(client: &Client, bytes: &[u8]) -> Option<usize> {
    match send(&client.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        Ok(sent) => Some(sent),
        Err(Errno::AGAIN | Errno::INTR) => Some(0),
        Err(_) => None,
    }
}

/// Takes the LEASE that parse sends once it has written everything before the body: the client's
/// socket is ours until RESPONSE_END. After a 101 it brings what the client has sent already.
///
/// # Errors
/// [`WireError`] where no lease was asked for, or bytes come for a backend that waits for none.
pub(crate) fn take(stream: &mut Stream, early: &[u8]) -> Result<(), WireError> {
    if stream.lease != Lease::Wanted {
        return Err(WireError::Order(fosse_wire::Kind::Lease));
    }
    stream.lease = Lease::Held;
    if stream.upgrade.is_empty() && !early.is_empty() {
        return Err(WireError::Field("lease"));
    }
    stream.out.extend_from_slice(early);
    Ok(())
}

/// The lease has come, and the client's socket with it.
pub(crate) fn begin(
    stream: &mut Stream,
    key: Key,
    connection: &mut Connection,
    client: &mut Client,
    terms: Terms<'_>,
    context: &mut Context<'_>,
) -> Outcome {
    client.lease(stream.id);
    if !stream.upgrade.is_empty() {
        client.watch(Interest::IN, context.event_loop);
    }
    pump(stream, key, connection, client, terms, context)
}

/// Moves what can be moved in this turn.
pub(crate) fn pump(
    stream: &mut Stream,
    key: Key,
    connection: &mut Connection,
    client: &mut Client,
    terms: Terms<'_>,
    context: &mut Context<'_>,
) -> Outcome {
    let tunnel = connection.is_tunnel();
    let down = down(stream, connection, client, context);
    let up = if tunnel && down != Moved::ClientGone {
        up(stream, connection, client, context)
    } else {
        Moved::NothingToRead
    };
    if down == Moved::NoRoom && !tunnel {
        stream.restart_client_limit(terms.write_seconds, context);
        client.watch(Interest::OUT, context.event_loop);
        return read_ahead(stream, key, connection, context);
    }
    stream.wait = Wait::Bytes;
    stream.restart_silence_limit(context);
    match (down, up) {
        (Moved::Complete, _) => Outcome::Complete { clean: connection.input.is_empty() },
        // One side's end closes its own direction; the connection is over when both have ended, or
        // one is gone.
        (Moved::Ended, Moved::Ended) => Outcome::Complete { clean: false },
        (Moved::ClientGone | Moved::BackendGone, _) | (_, Moved::ClientGone | Moved::BackendGone) if tunnel => {
            Outcome::Complete { clean: false }
        }
        (Moved::ClientGone, _) => Outcome::ClientLost,
        (Moved::BackendGone, _) => Outcome::Failed(Failure::ClosedInBody),
        (down, up) => {
            let flag = |set: bool, interest: Interest| if set { interest } else { Interest::empty() };
            let from_backend = flag(!matches!(down, Moved::NoRoom | Moved::Ended), Interest::IN);
            watch_backend(stream, key, connection, from_backend, context);
            // Bytes that were read ahead are for the next turn where this one's share is used up.
            let to_client = flag(!stream.is_ahead_empty(), Interest::OUT);
            let from_client = flag(tunnel && !matches!(up, Moved::NoRoom | Moved::Ended), Interest::IN);
            client.watch(to_client | from_client, context.event_loop);
            Outcome::Continue
        }
    }
}

/// Writes what is left of a response whose server has been let go.
pub(crate) fn write_rest(
    stream: &mut Stream,
    client: &mut Client,
    write_seconds: Duration,
    context: &mut Context<'_>,
) -> Outcome {
    client.lease(stream.id);
    match write_ahead(stream, client, &mut share(context.shared.lease_bytes_left), context) {
        Moved::Complete => Outcome::Complete { clean: true },
        Moved::ClientGone => Outcome::ClientLost,
        _ => {
            stream.restart_client_limit(write_seconds, context);
            client.watch(Interest::OUT, context.event_loop);
            Outcome::Continue
        }
    }
}

/// Writes what was read ahead, `Complete` where nothing of it is left.
fn write_ahead(stream: &mut Stream, client: &Client, share: &mut usize, context: &mut Context<'_>) -> Moved {
    while !stream.is_ahead_empty() {
        if *share == 0 {
            return Moved::Share;
        }
        let Ok((sent, is_all)) = stream.write_ahead(&client.fd, &mut context.shared.ahead) else {
            return Moved::ClientGone;
        };
        count_sent(stream, sent, share, context);
        if !is_all {
            return Moved::NoRoom;
        }
    }
    Moved::Complete
}

/// Counts bytes that the client has taken.
fn count_sent(stream: &mut Stream, sent: usize, share: &mut usize, context: &mut Context<'_>) {
    let moved = u64::try_from(sent).unwrap_or(u64::MAX);
    stream.leased_bytes += moved;
    if sent > 0 {
        stream.taken_ms = context.now_ms();
    }
    context.counters.add(count::BYTES_LEASED, moved);
    spend(sent, share, context);
}

/// Moves bytes from the backend to the client: what was read before, then what comes.
fn down(stream: &mut Stream, connection: &mut Connection, client: &Client, context: &mut Context<'_>) -> Moved {
    let mut share = share(context.shared.lease_bytes_left);
    let end = write_ahead(stream, client, &mut share, context);
    if end != Moved::Complete {
        return end;
    }
    if !connection.input.is_empty() {
        let bytes = std::mem::take(&mut connection.input);
        let end = pass(&bytes, stream, connection, client, &mut share, context);
        if end != Moved::Complete {
            return end;
        }
    }
    loop {
        let left = left(connection);
        if left == 0 {
            return Moved::Complete;
        }
        if connection.ended && connection.is_tunnel() {
            return Moved::Ended;
        }
        if share == 0 {
            return Moved::Share;
        }
        // One byte more than the response has shows a backend that does not keep to its word, which
        // may be any number.
        let room = (left.min(connection.lease_read - 1) + 1).min(share).min(context.shared.scratch.len());
        let count = match receive(connection, client, room, context) {
            Ok(count) => count,
            Err(end) => return end,
        };
        // The context is needed beside the buffer, which is lent out of it.
        let scratch = std::mem::take(&mut context.shared.scratch);
        let end = pass(&scratch[..count], stream, connection, client, &mut share, context);
        context.shared.scratch = scratch;
        if end != Moved::Complete {
            connection.lease_read = limits::LEASE_READ_BYTES_MIN;
            return end;
        }
        connection.lease_read = (connection.lease_read * 2).min(limits::LEASE_READ_BYTES_MAX);
    }
}

/// Reads once from the backend, into the buffer of the lane, no more than `room` bytes.
fn receive(
    connection: &mut Connection,
    client: &Client,
    room: usize,
    context: &mut Context<'_>,
) -> Result<usize, Moved> {
    match recv(&connection.fd, &mut context.shared.scratch[..room], RecvFlags::DONTWAIT) {
        Ok((0, _)) if connection.is_tunnel() => {
            connection.ended = true;
            // A client that is gone is found by the next read or write.
            let _ = shutdown(&client.fd, Shutdown::Write);
            Err(Moved::Ended)
        }
        Ok((0, _)) => Err(Moved::BackendGone),
        Ok((count, _)) => Ok(count),
        Err(Errno::AGAIN | Errno::INTR) => Err(Moved::NothingToRead),
        Err(_) => Err(Moved::BackendGone),
    }
}

/// Returns the bytes of the body that are still to be read.
fn left(connection: &Connection) -> usize {
    match connection.at {
        At::Exact(left) => usize::try_from(left).unwrap_or(usize::MAX),
        _ => usize::MAX,
    }
}

/// Writes bytes that were just read to the client, and puts those that it does not take ahead.
/// `Complete` where it took all of them.
fn pass(
    bytes: &[u8],
    stream: &mut Stream,
    connection: &mut Connection,
    client: &Client,
    share: &mut usize,
    context: &mut Context<'_>,
) -> Moved {
    let (body, more) = bytes.split_at(left(connection).min(bytes.len()));
    let Some(sent) = to_client(client, body) else { return Moved::ClientGone };
    stream.push_ahead(&body[sent..], &mut context.shared.ahead);
    connection.input.extend_from_slice(more);
    if let At::Exact(left) = &mut connection.at {
        *left -= u64::try_from(body.len()).unwrap_or(u64::MAX);
    }
    count_sent(stream, sent, share, context);
    if sent < body.len() { Moved::NoRoom } else { Moved::Complete }
}

/// Moves bytes from the client to the backend, after a 101.
fn up(stream: &mut Stream, connection: &Connection, client: &Client, context: &mut Context<'_>) -> Moved {
    let mut share = share(context.shared.lease_bytes_left);
    loop {
        if stream.unsent().is_empty() {
            stream.out.clear();
            stream.out_sent = 0;
            if stream.client_ended {
                return Moved::Ended;
            }
            if share == 0 {
                return Moved::Share;
            }
            let room = limits::TUNNEL_BYTES_MAX.min(share).min(context.shared.scratch.len());
            match recv(&client.fd, &mut context.shared.scratch[..room], RecvFlags::DONTWAIT) {
                Ok((0, _)) => {
                    stream.client_ended = true;
                    // A backend that is gone is found by the next read or write.
                    let _ = shutdown(&connection.fd, Shutdown::Write);
                    return Moved::Ended;
                }
                Ok((count, _)) => stream.out.extend_from_slice(&context.shared.scratch[..count]),
                Err(Errno::AGAIN | Errno::INTR) => return Moved::NothingToRead,
                Err(_) => return Moved::ClientGone,
            }
        }
        match send(&connection.fd, stream.unsent(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(sent) => stream.out_sent += sent,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => return Moved::BackendGone,
        }
        if !stream.unsent().is_empty() {
            return Moved::NoRoom;
        }
        let sent = stream.out.len();
        share = share.saturating_sub(sent);
        context.shared.lease_bytes_left = context.shared.lease_bytes_left.saturating_sub(sent);
    }
}
