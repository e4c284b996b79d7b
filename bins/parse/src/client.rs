//! Clients' sockets: reading, writing, watching, and the ways they are closed.

use std::os::fd::{AsFd, OwnedFd};

use fosse_counters as count;
use fosse_eventloop::{Happened, Interest, Turn};
use fosse_wire::frame::ResetReason;
use fosse_wire::{Kind, Outbox, direct};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

use crate::conn::{Conn, Ending, Phase};
use crate::exchange::Lease;
use crate::lane::Lane;
use crate::limits::{READ_BYTES_MAX, READ_HEAD_BYTES_MAX};
use crate::serve::Server;

impl Server {
    /// Something happened to a client's socket.
    pub(crate) fn on_client(&mut self, token: u64, event: Happened) {
        let Some(slot) = self.table.by_token(token) else { return };
        let Some(entry) = self.table.get_mut(slot) else { return };
        if event.readable() {
            if entry.conn.wants_input() {
                self.read(slot);
            } else if event.flags.intersects(Interest::HUP | Interest::ERR) {
                entry.conn.abort(ResetReason::Client, &mut self.lane, &mut self.output.outbox);
            } else {
                entry.unwelcome = true;
            }
        }
        // What is watched for is brought in line there too: bytes that nobody wants now must not wake us again.
        self.mark(slot);
    }

    /// One read of what a client has sent.
    pub(crate) fn read(&mut self, slot: u32) {
        let Self { table, lane, output, buffer, .. } = self;
        let Some(entry) = table.get_mut(slot) else { return };
        let Some(fd) = &entry.fd else { return };
        let room = buffer.get_mut(..read_size(&entry.conn)).unwrap_or_default();
        lane.counters.set(count::STREAM_CONNECTION, entry.conn.record.id);
        match recv(fd, &mut *room, RecvFlags::DONTWAIT) {
            Ok((0, _)) => end_of_input(&mut entry.conn, lane, &mut output.outbox),
            Ok((length, _)) => {
                lane.counters.add(count::parse::BYTES_IN, u64::try_from(length).unwrap_or(0));
                entry.conn.feed(room.get(..length).unwrap_or_default(), lane, &mut output.outbox);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => entry.conn.abort(ResetReason::Client, lane, &mut output.outbox),
        }
        lane.counters.set(count::STREAM_CONNECTION, 0);
    }

    /// Writes what waits for a client and draws the conclusions, until nothing more follows from it.
    pub(crate) fn flush(&mut self, slot: u32) {
        loop {
            self.write(slot);
            let Some(entry) = self.table.get_mut(slot) else { return };
            if entry.conn.phase == Phase::Gone {
                self.drop_socket(slot);
                return;
            }
            if !entry.conn.all_sent() {
                break;
            }
            if entry.conn.exchange.lease == Lease::Wanted {
                self.lend(slot);
                break;
            }
            if entry.conn.phase == Phase::Closing {
                self.finish(slot);
                return;
            }
            if entry.conn.phase != Phase::Head || entry.conn.input.is_empty() {
                break;
            }
            let before = entry.conn.input.len();
            entry.conn.resume(&mut self.lane, &mut self.output.outbox);
            if entry.conn.phase == Phase::Head && entry.conn.input.len() == before {
                break;
            }
        }
        self.watch(slot);
    }

    fn write(&mut self, slot: u32) {
        let Self { table, lane, output, .. } = self;
        let Some(entry) = table.get_mut(slot) else { return };
        let Some(fd) = &entry.fd else { return };
        let pending = entry.conn.output.get(entry.conn.sent..).unwrap_or_default();
        if pending.is_empty() {
            return;
        }
        match send(fd, pending, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(written) => {
                entry.conn.sent = entry.conn.sent.saturating_add(written);
                lane.counters.add(count::parse::BYTES_OUT, u64::try_from(written).unwrap_or(0));
                entry.conn.write_deadline_ms = lane.after(lane.settings.blob.write_seconds);
            }
            Err(Errno::AGAIN | Errno::INTR) => {
                if entry.conn.write_deadline_ms == u64::MAX {
                    entry.conn.write_deadline_ms = lane.after(lane.settings.blob.write_seconds);
                }
            }
            Err(_) => return entry.conn.abort(ResetReason::Client, lane, &mut output.outbox),
        }
        if entry.conn.all_sent() {
            let blocked = entry.armed.contains(Interest::OUT);
            entry.conn.all_written(blocked, lane, &mut output.outbox);
        } else {
            entry.conn.blocked();
        }
    }

    /// Tells epoll what is wanted now, where that has changed.
    fn watch(&mut self, slot: u32) {
        let Self { table, turn, lane, output, .. } = self;
        let Some(entry) = table.get_mut(slot) else { return };
        let Some(fd) = &entry.fd else { return };
        if entry.conn.wants_input() {
            entry.unwelcome = false;
        }
        // While a request is in the ring its client usually sends nothing, and staying armed saves two calls.
        let keep = entry.armed.contains(Interest::IN) && !entry.unwelcome;
        let mut wanted = if entry.conn.wants_input() || keep { Interest::IN } else { Interest::empty() };
        if !entry.conn.all_sent() {
            wanted |= Interest::OUT;
        }
        let result = match entry.known {
            _ if wanted == entry.armed => return,
            true => turn.modify(fd, entry.token, wanted),
            false => turn.add(fd, entry.token, wanted),
        };
        entry.known = true;
        entry.armed = wanted;
        if result.is_err() {
            entry.conn.abort(ResetReason::Client, lane, &mut output.outbox);
            self.drop_socket(slot);
        }
    }

    /// Gives dispatch the socket, where it has none yet, and the lease.
    fn lend(&mut self, slot: u32) {
        let Self { table, side, turn, lane, output, waiting, .. } = self;
        let Some(entry) = table.get_mut(slot) else { return };
        let (Some(fd), Some(direct)) = (&entry.fd, &side.direct) else {
            return entry.conn.abort(ResetReason::Client, lane, &mut output.outbox);
        };
        if !entry.lent {
            let mut message = Vec::new();
            direct::encode(&mut message, &[entry.conn.record.id]);
            if fosse_fdpass::send(direct, &message, &[fd.as_fd()]).is_err() {
                waiting.push(slot);
                return;
            }
            entry.lent = true;
        }
        lane.counters.add(count::parse::LEASES, 1);
        entry.conn.exchange.lease = Lease::Out;
        if entry.conn.exchange.status == 101 {
            lane.counters.add(count::parse::UPGRADES, 1);
            forget(turn, entry.known, fd);
            entry.known = false;
            entry.armed = Interest::empty();
            entry.conn.phase = Phase::Upgraded;
        }
        let upgraded = entry.conn.phase == Phase::Upgraded;
        let rest = if upgraded { core::mem::take(&mut entry.conn.input) } else { Vec::new() };
        output.outbox.raw(entry.conn.stream, Kind::Lease, &rest);
    }

    /// All of the last answer is written.
    fn finish(&mut self, slot: u32) {
        let Self { table, lane, .. } = self;
        let Some(entry) = table.get_mut(slot) else { return };
        let Some(fd) = &entry.fd else { return };
        if entry.conn.ending == Ending::Linger && shutdown(fd, Shutdown::Write).is_ok() {
            entry.conn.phase = Phase::Linger;
            entry.conn.deadline_ms = lane.after(lane.settings.blob.linger);
            self.watch(slot);
        } else {
            self.close_clean(slot);
        }
    }

    /// The normal end: what was written arrives.
    pub(crate) fn close_clean(&mut self, slot: u32) {
        let Some(entry) = self.table.get_mut(slot) else { return };
        if let Some(fd) = &entry.fd {
            if !entry.conn.record.unix {
                let _ = set_socket_linger(fd, None);
            }
            // dispatch may hold a copy, and the connection shall end now.
            if entry.lent {
                let _ = shutdown(fd, Shutdown::Both);
            }
        }
        entry.conn.abort(ResetReason::Client, &mut self.lane, &mut self.output.outbox);
        self.drop_socket(slot);
    }

    /// Closes the socket of a connection that is gone (by a reset, unless the end was a normal one), tells those who
    /// hold something of it, and frees the slot unless the ring still owes an end.
    pub(crate) fn drop_socket(&mut self, slot: u32) {
        let Self { table, turn, ended, closed, .. } = self;
        let Some(entry) = table.get_mut(slot) else { return };
        if let Some(fd) = entry.fd.take() {
            if entry.lent {
                forget(turn, entry.known, &fd);
            }
            closed.push(entry.conn.record);
        }
        // That a backend connection is pinned to it may come to light only after its client is gone.
        if core::mem::take(&mut entry.lent) | core::mem::take(&mut entry.conn.pinned) {
            ended.push(entry.conn.record.id);
        }
        if entry.conn.is_over() {
            table.remove(slot);
        }
    }
}

/// Takes a socket off epoll: needed wherever a copy of it lives on elsewhere. That it is not there is no harm.
pub(crate) fn forget(turn: &Turn, known: bool, fd: &OwnedFd) {
    if known {
        let _ = turn.remove(fd);
    }
}

/// How much one read may take: no more than can be passed on or has to be kept.
fn read_size(conn: &Conn) -> usize {
    match conn.phase {
        Phase::Body => usize::try_from(conn.exchange.request_credit).unwrap_or(READ_BYTES_MAX).min(READ_BYTES_MAX),
        Phase::Linger => READ_BYTES_MAX,
        _ => READ_HEAD_BYTES_MAX,
    }
}

/// The client has closed its side: between requests that is the normal end, within one it is an abort.
fn end_of_input(conn: &mut Conn, lane: &mut Lane, out: &mut Outbox) {
    match conn.phase {
        Phase::Body => conn.abort(ResetReason::Client, lane, out),
        _ => conn.close_after(Ending::Clean, lane),
    }
}
