//! Answers that dispatch writes to the client itself, and upgraded connections, which are two answers at once.

use fosse_eventloop::slab::Key;
use fosse_eventloop::{Happened, Interest};
use fosse_wire::{StreamId, frame::ResetReason};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown},
};

use crate::{
    limits,
    link::At,
    serve::{Client, Dispatch, token},
    stream::Lease,
};

/// How one move of bytes ended.
enum Moved {
    /// Turn's share used up; there may be more.
    Share,
    /// Nothing more to read for now.
    NothingToRead,
    /// No room to write for now.
    NoRoom,
    /// All bytes of the answer are written.
    Complete,
    /// The other side of this direction has sent its end, and all before it has been passed on.
    Ended,
    /// The backend ended or failed.
    BackendGone,
    /// The client did.
    ClientGone,
}

/// What one answer may move where so much is left for all of this turn.
fn share(left: usize) -> usize {
    left.clamp(limits::LEASE_READ_BYTES_MIN, limits::LEASE_TURN_BYTES_MAX)
}

/// One write to a client: bytes taken, `None` where it is gone.
fn to_client(client: &Client, bytes: &[u8]) -> Option<usize> {
    match send(&client.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        Ok(sent) => Some(sent.min(bytes.len())),
        Err(Errno::AGAIN | Errno::INTR) => Some(0),
        Err(_) => None,
    }
}

impl Dispatch {
    /// Whether dispatch writes this stream's answer.
    pub(crate) fn holds_lease(&mut self, id: StreamId) -> bool {
        self.streams.get(id).is_some_and(|s| s.lease == Lease::Held)
    }

    /// The lease has come: the client's socket must be here already.
    pub(crate) fn lease_begins(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get(id) else { return };
        let (connection, Some(key)) = (stream.connection, stream.link) else { return };
        let upgrade = !stream.upgrade.is_empty();
        let Some(client) = self.clients.get_mut(&connection) else { return self.client_lost(id) };
        client.link = Some(key);
        if upgrade {
            self.watch_client(connection, Interest::IN);
        }
        self.pump(id, key);
    }

    /// The client's socket has room, or (upgraded) bytes.
    pub(crate) fn client_event(&mut self, key: Key, _event: Happened) {
        let Some(link) = self.links.get(key) else { return };
        // A word of this turn about a lease that ended in this turn is not for the next user of the connection.
        if let crate::link::Use::Stream(id) = link.used
            && self.holds_lease(id)
        {
            self.pump(id, key);
        }
    }

    /// Moves what can be moved in this turn.
    pub(crate) fn pump(&mut self, id: StreamId, key: Key) {
        let Some(link) = self.links.get(key) else { return };
        let tunnel = matches!(link.at, At::Tunnel);
        let mut scratch = std::mem::take(&mut self.scratch);
        let down = self.down(id, key, &mut scratch);
        let up = if tunnel && !matches!(down, Moved::ClientGone) {
            self.up(id, key, &mut scratch)
        } else {
            Moved::NothingToRead
        };
        self.scratch = scratch;
        self.reply_moved(id);
        match (down, up) {
            (Moved::Complete, _) => {
                let clean = self.links.get(key).is_some_and(|link| link.input.is_empty());
                self.reply_done(id, key, clean);
            }
            // One side's end closes its own direction; the connection is over when both have ended.
            (Moved::Ended, Moved::Ended) => self.tunnel_ends(id, key),
            (Moved::ClientGone, _) | (_, Moved::ClientGone) if tunnel => self.tunnel_ends(id, key),
            (Moved::BackendGone, _) | (_, Moved::BackendGone) if tunnel => self.tunnel_ends(id, key),
            (Moved::ClientGone, _) => self.client_lost(id),
            (Moved::BackendGone, _) => self.backend_failed(id, 502, "closed within the body"),
            (down, up) => self.watch_both(id, key, &down, &up, tunnel),
        }
    }

    fn watch_both(&mut self, id: StreamId, key: Key, down: &Moved, up: &Moved, tunnel: bool) {
        let Some(stream) = self.streams.get(id) else { return };
        let (connection, unsent) = (stream.connection, !stream.unsent().is_empty());
        let flag = |set: bool, interest: Interest| if set { interest } else { Interest::empty() };
        let from_backend = flag(!matches!(down, Moved::NoRoom | Moved::Ended), Interest::IN);
        // Behind a 101 what the client sent, else the rest of a request that is answered early.
        let to_backend = flag(unsent, Interest::OUT);
        self.watch(key, from_backend | to_backend);
        let to_client = flag(matches!(down, Moved::NoRoom), Interest::OUT);
        let from_client = flag(tunnel && !matches!(up, Moved::NoRoom | Moved::Ended), Interest::IN);
        self.watch_client(connection, to_client | from_client);
    }

    /// Backend to client.
    #[expect(
        clippy::too_many_lines,
        reason = "one loop in which a read, a write and the count of both cannot be told apart without passing six values on"
    )]
    fn down(&mut self, id: StreamId, key: Key, scratch: &mut [u8]) -> Moved {
        let mut share = share(self.lease_left);
        loop {
            let Some(stream) = self.streams.get(id) else { return Moved::ClientGone };
            let (Some(link), Some(client)) = (self.links.get_mut(key), self.clients.get(&stream.connection)) else {
                return Moved::ClientGone;
            };
            let left = match link.at {
                At::Exact(left) => usize::try_from(left).unwrap_or(usize::MAX),
                _ => usize::MAX,
            };
            if left == 0 {
                return Moved::Complete;
            }
            let (had, sent) = if link.input.is_empty() {
                if link.ended && matches!(link.at, At::Tunnel) {
                    return Moved::Ended;
                }
                if share == 0 {
                    return Moved::Share;
                }
                // One byte more than the answer has shows a backend that does not keep to its word.
                let room = left.saturating_add(1).min(link.lease_read).min(share).min(scratch.len());
                let count = match recv(&link.fd, scratch.get_mut(..room).unwrap_or_default(), RecvFlags::DONTWAIT) {
                    Ok((0, _)) if matches!(link.at, At::Tunnel) => {
                        link.ended = true;
                        let _ = shutdown(&client.fd, Shutdown::Write);
                        return Moved::Ended;
                    }
                    Ok((0, _)) => return Moved::BackendGone,
                    Ok((count, _)) => count,
                    Err(Errno::AGAIN | Errno::INTR) => return Moved::NothingToRead,
                    Err(_) => return Moved::BackendGone,
                };
                let bytes = scratch.get(..count).unwrap_or_default();
                let due = bytes.get(..left.min(count)).unwrap_or_default();
                let Some(sent) = to_client(client, due) else { return Moved::ClientGone };
                link.input = bytes.get(sent..).unwrap_or_default().to_vec();
                link.lease_read = if sent < due.len() {
                    limits::LEASE_READ_BYTES_MIN
                } else {
                    link.lease_read.saturating_mul(2).min(limits::LEASE_READ_BYTES_MAX)
                };
                (due.len(), sent)
            } else {
                let count = left.min(link.input.len());
                let Some(sent) = to_client(client, link.input.get(..count).unwrap_or_default()) else {
                    return Moved::ClientGone;
                };
                link.input.drain(..sent);
                (count, sent)
            };
            if let At::Exact(left) = &mut link.at {
                *left = left.saturating_sub(u64::try_from(sent).unwrap_or(u64::MAX));
            }
            stream.leased_bytes = stream.leased_bytes.saturating_add(u64::try_from(sent).unwrap_or(0));
            share = share.saturating_sub(sent);
            self.lease_left = self.lease_left.saturating_sub(sent);
            self.count_leased(sent);
            if sent < had {
                return Moved::NoRoom;
            }
        }
    }

    /// Client to backend, behind a 101.
    fn up(&mut self, id: StreamId, key: Key, scratch: &mut [u8]) -> Moved {
        let mut share = share(self.lease_left);
        loop {
            let Some(stream) = self.streams.get(id) else { return Moved::ClientGone };
            let (Some(link), Some(client)) = (self.links.get_mut(key), self.clients.get(&stream.connection)) else {
                return Moved::ClientGone;
            };
            if stream.unsent().is_empty() {
                stream.out.clear();
                stream.out_sent = 0;
                if stream.client_ended {
                    return Moved::Ended;
                }
                if share == 0 {
                    return Moved::Share;
                }
                let room = limits::TUNNEL_BYTES_MAX.min(share).min(scratch.len());
                match recv(&client.fd, scratch.get_mut(..room).unwrap_or_default(), RecvFlags::DONTWAIT) {
                    Ok((0, _)) => {
                        stream.client_ended = true;
                        let _ = shutdown(&link.fd, Shutdown::Write);
                        return Moved::Ended;
                    }
                    Ok((count, _)) => stream.out.extend_from_slice(scratch.get(..count).unwrap_or_default()),
                    Err(Errno::AGAIN | Errno::INTR) => return Moved::NothingToRead,
                    Err(_) => return Moved::ClientGone,
                }
            }
            match send(&link.fd, stream.unsent(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) => stream.out_sent = stream.out_sent.saturating_add(sent),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => return Moved::BackendGone,
            }
            if !stream.unsent().is_empty() {
                return Moved::NoRoom;
            }
            let sent = stream.out.len();
            share = share.saturating_sub(sent);
            self.lease_left = self.lease_left.saturating_sub(sent);
        }
    }

    /// An upgraded connection is over: both sides have ended, or one is gone.
    fn tunnel_ends(&mut self, id: StreamId, key: Key) {
        self.reply_done(id, key, false);
    }

    /// The client's socket is gone or broken: the answer is cut short.
    pub(crate) fn client_lost(&mut self, id: StreamId) {
        self.abandon_link(id);
        let Some(stream) = self.streams.get(id) else { return };
        stream.answered = true;
        let finished = stream.forward == fosse_wire::order::Forward::Ended;
        self.output.outbox.reset(id, ResetReason::Client);
        if finished {
            self.forget(id);
        }
    }

    fn watch_client(&mut self, connection: u64, wanted: Interest) {
        let Some(client) = self.clients.get_mut(&connection) else { return };
        let Client { fd, link: Some(key), interest } = client else { return };
        let token = key.token(token::CLIENT);
        let changed = match (interest.is_empty(), wanted.is_empty()) {
            _ if *interest == wanted => return,
            (true, false) => self.turn.add(&*fd, token, wanted),
            (false, true) => self.turn.remove(&*fd),
            _ => self.turn.modify(&*fd, token, wanted),
        };
        if changed.is_ok() {
            *interest = wanted;
        }
    }

    /// The lease ends: the client's socket is no longer watched here.
    pub(crate) fn release_client(&mut self, id: StreamId) {
        let Some(connection) = self.streams.get(id).filter(|s| s.lease == Lease::Held).map(|s| s.connection) else {
            return;
        };
        self.watch_client(connection, Interest::empty());
        if let Some(client) = self.clients.get_mut(&connection) {
            client.link = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_leased_answers_have_a_turn_to_share_and_each_gets_something() {
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
