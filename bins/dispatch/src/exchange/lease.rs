//! Responses that dispatch writes to the client itself, and upgraded connections, which are two of
//! them at once.

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
    stream::{Lease, Stream},
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

/// Returns the bytes that one response may move in a turn in which `left` are left for all.
fn share(left: usize) -> usize {
    left.clamp(limits::LEASE_READ_BYTES_MIN, limits::LEASE_TURN_BYTES_MAX)
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
    client.lease(key);
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
    stream.restart_silence_limit(terms.backend.idle_seconds, context.now_ms());
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
            // After a 101 what the client sent, else the rest of a request that has its response
            // early.
            let to_backend = flag(!stream.unsent().is_empty(), Interest::OUT);
            connection.watch(key, from_backend | to_backend, context.event_loop);
            let to_client = flag(down == Moved::NoRoom, Interest::OUT);
            let from_client = flag(tunnel && !matches!(up, Moved::NoRoom | Moved::Ended), Interest::IN);
            client.watch(to_client | from_client, context.event_loop);
            Outcome::Continue
        }
    }
}

/// Moves bytes from the backend to the client.
#[expect(clippy::too_many_lines, reason = "a read, a write and the count of both, which share six values")]
fn down(stream: &mut Stream, connection: &mut Connection, client: &Client, context: &mut Context<'_>) -> Moved {
    let mut share = share(context.shared.lease_bytes_left);
    loop {
        let left = match connection.at {
            At::Exact(left) => usize::try_from(left).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        if left == 0 {
            return Moved::Complete;
        }
        let (had, sent) = if connection.input.is_empty() {
            if connection.ended && connection.is_tunnel() {
                return Moved::Ended;
            }
            if share == 0 {
                return Moved::Share;
            }
            // One byte more than the response has shows a backend that does not keep to its word,
            // which may be any number.
            let room = left.saturating_add(1).min(connection.lease_read).min(share).min(context.shared.scratch.len());
            let count = match recv(&connection.fd, &mut context.shared.scratch[..room], RecvFlags::DONTWAIT) {
                Ok((0, _)) if connection.is_tunnel() => {
                    connection.ended = true;
                    // A client that is gone is found by the next read or write.
                    let _ = shutdown(&client.fd, Shutdown::Write);
                    return Moved::Ended;
                }
                Ok((0, _)) => return Moved::BackendGone,
                Ok((count, _)) => count,
                Err(Errno::AGAIN | Errno::INTR) => return Moved::NothingToRead,
                Err(_) => return Moved::BackendGone,
            };
            let bytes = &context.shared.scratch[..count];
            let due = &bytes[..left.min(count)];
            let Some(sent) = to_client(client, due) else { return Moved::ClientGone };
            connection.input = bytes[sent..].to_vec();
            connection.lease_read = if sent < due.len() {
                limits::LEASE_READ_BYTES_MIN
            } else {
                (connection.lease_read * 2).min(limits::LEASE_READ_BYTES_MAX)
            };
            (due.len(), sent)
        } else {
            let count = left.min(connection.input.len());
            let Some(sent) = to_client(client, &connection.input[..count]) else { return Moved::ClientGone };
            connection.input.drain(..sent);
            (count, sent)
        };
        let moved = u64::try_from(sent).unwrap_or(u64::MAX);
        if let At::Exact(left) = &mut connection.at {
            *left -= moved;
        }
        stream.leased_bytes += moved;
        context.counters.add(count::BYTES_LEASED, moved);
        // What was read in an earlier turn may be more than this turn's share.
        share = share.saturating_sub(sent);
        context.shared.lease_bytes_left = context.shared.lease_bytes_left.saturating_sub(sent);
        if sent < had {
            return Moved::NoRoom;
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_leased_responses_have_a_turn_to_share_and_each_gets_something() {
        let mut left = limits::LEASE_TURN_ALL_BYTES_MAX;
        let mut moved = 0;
        for _ in 0..256 {
            let one = share(left);
            assert!((limits::LEASE_READ_BYTES_MIN..=limits::LEASE_TURN_BYTES_MAX).contains(&one));
            left = left.saturating_sub(one);
            moved += one;
        }
        assert!(moved <= limits::LEASE_TURN_ALL_BYTES_MAX + 256 * limits::LEASE_READ_BYTES_MIN, "{moved}");
    }
}
