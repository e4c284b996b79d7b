//! A client's socket: reading, writing, watching, and the ways it is closed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use fosse_counters as count;
use fosse_counters::Counters;
use fosse_eventloop::{Event, EventLoop, Interest};
use fosse_wire::Outbox;
use fosse_wire::frame::ResetReason;
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

use crate::conn::{Conn, Ending, Phase};
use crate::limit::Limit;
use crate::limits::{READ_BYTES_MAX, READ_HEAD_BYTES_MAX};
use fosse_front::context::Context;
use fosse_front::upgraded::Upgraded;

/// The socket of one client, and what epoll knows of it.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    token: u64,
    registered: bool,
    armed: Interest,
    /// Bytes came that are not wanted now: they stay in the kernel, and must not wake us again.
    unwanted: bool,
    /// It was ended in the normal way.
    pub(crate) ended_well: bool,
    /// fosse-dispatch has a copy.
    pub(crate) lent: bool,
    /// It belongs to dispatch for good, and is counted.
    upgraded: Option<Upgraded>,
}

impl Socket {
    /// Takes over a descriptor; `token` is the one of its events.
    pub(crate) const fn new(fd: OwnedFd, token: u64) -> Self {
        Self {
            fd,
            token,
            registered: false,
            armed: Interest::empty(),
            unwanted: false,
            ended_well: false,
            lent: false,
            upgraded: None,
        }
    }

    /// Leaves the socket to dispatch: nothing of it is read or written here any more.
    pub(crate) fn upgrade(&mut self, event_loop: &EventLoop, counters: &Rc<Counters>) {
        self.unwatch(event_loop);
        self.upgraded = Some(Upgraded::begin(counters));
    }

    /// Returns the token of its events.
    pub(crate) const fn token(&self) -> u64 {
        self.token
    }

    /// Acts on an event. A flush has to bring what is watched for up to date afterwards: bytes that
    /// are not wanted now must not wake us again.
    pub(crate) fn on_event(
        &mut self,
        event: Event,
        conn: &mut Conn,
        buffer: &mut [u8],
        context: &mut Context,
        out: &mut Outbox,
    ) {
        if !event.readable() {
            return;
        }
        if conn.wants_input() {
            self.read(conn, buffer, context, out);
        } else if event.flags.intersects(Interest::HUP | Interest::ERR)
            || conn.aborts_on_close() && event.flags.contains(Interest::RDHUP)
        {
            conn.abort(ResetReason::Client, context, out);
        } else {
            self.unwanted = true;
        }
    }

    /// Reads once, into `buffer`, and hands the bytes to the connection.
    pub(crate) fn read(&self, conn: &mut Conn, buffer: &mut [u8], context: &mut Context, out: &mut Outbox) {
        let room = &mut buffer[..read_size(conn)];
        context.counters.work_on(conn.caller.record.id, conn.stream.named_source(&conn.caller));
        // O_NONBLOCK would be a flag of the other copies of this socket as well: accept's,
        // dispatch's.
        match recv(&self.fd, &mut *room, RecvFlags::DONTWAIT) {
            Ok((0, _)) => end_of_input(conn, context, out),
            Ok((length, _)) => {
                context.counters.add(count::parse::BYTES_IN, u64::try_from(length).unwrap_or(0));
                conn.caller.shown.bytes_in += u64::try_from(length).unwrap_or(0);
                conn.feed(&room[..length], context, out);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => conn.abort(ResetReason::Client, context, out),
        }
        context.counters.set(count::STREAM_CONNECTION, 0);
    }

    /// Writes what waits for the client: once, or where it is paced until it has to wait.
    pub(crate) fn write(&self, conn: &mut Conn, context: &mut Context, out: &mut Outbox) {
        while !conn.output.is_empty() {
            let room = conn.stream.room(conn.output.pending().len(), context);
            if room == 0 || !self.write_part(room, conn, context, out) {
                return;
            }
        }
    }

    /// Writes once, `room` bytes at most. Returns whether all of them were taken.
    fn write_part(&self, room: usize, conn: &mut Conn, context: &mut Context, out: &mut Outbox) -> bool {
        let pending = conn.output.pending();
        // The last bytes wait for the FIN that follows them: one segment, and one wake-up of the
        // client, for both (tcp(7), send(2)).
        let is_last = conn.phase == Phase::Closing && room == pending.len();
        let last = if is_last { SendFlags::MORE } else { SendFlags::empty() };
        let written = match send(&self.fd, &pending[..room], SendFlags::DONTWAIT | SendFlags::NOSIGNAL | last) {
            Ok(written) => {
                conn.output.advance(written);
                conn.caller.shown.bytes_out += u64::try_from(written).unwrap_or(0);
                context.counters.add(count::parse::BYTES_OUT, u64::try_from(written).unwrap_or(0));
                // A byte now and then is no progress.
                if conn.timer.kind() != Some(Limit::Write) {
                    conn.output.restart_progress();
                } else if conn.output.has_progressed() {
                    conn.output.restart_progress();
                    conn.timer.stop();
                }
                written
            }
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(_) => {
                conn.abort(ResetReason::Client, context, out);
                return false;
            }
        };
        conn.stream.pay(written, context);
        if conn.output.is_empty() {
            conn.all_written(self.armed.contains(Interest::OUT), context, out);
        } else {
            conn.output.shrink();
        }
        written == room
    }

    /// Watches for what the connection wants now, where that has changed.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub(crate) fn watch(&mut self, conn: &Conn, event_loop: &EventLoop) -> Result<(), Errno> {
        if conn.wants_input() {
            self.unwanted = false;
        }
        // While a request is in the ring its client usually sends nothing: staying armed saves two
        // system calls, until bytes come after all.
        let stays = self.armed.contains(Interest::IN) && !self.unwanted;
        let mut wanted = if conn.wants_input() || stays { Interest::IN } else { Interest::empty() };
        if !conn.output.is_empty() && conn.stream.paced().is_none() {
            wanted |= Interest::OUT;
        }
        if conn.aborts_on_close() {
            wanted |= Interest::RDHUP;
        }
        if wanted == self.armed {
            return Ok(());
        }
        if self.registered {
            event_loop.modify(&self.fd, self.token, wanted)?;
        } else {
            event_loop.add(&self.fd, self.token, wanted)?;
        }
        self.registered = true;
        self.armed = wanted;
        Ok(())
    }

    /// Returns whether epoll knows the socket.
    pub(crate) const fn is_registered(&self) -> bool {
        self.registered
    }

    /// Watches for a client that goes away. A connection whose first request came with it is
    /// unknown to epoll while the response is awaited, and one that comes soon needs no watching.
    pub(crate) fn watch_for_hang_up(&mut self, event_loop: &EventLoop) {
        if !self.registered {
            self.registered = event_loop.add(&self.fd, self.token, Interest::empty()).is_ok();
        }
    }

    /// Takes the socket off epoll: needed wherever a copy of it lives on in another process, since
    /// epoll watches until the last one is closed.
    pub(crate) fn unwatch(&mut self, event_loop: &EventLoop) {
        if self.registered {
            // That it was not there does no harm.
            let _ = event_loop.remove(&self.fd);
        }
        self.registered = false;
        self.armed = Interest::empty();
    }

    /// Ends what is written to the client. Returns whether the connection lingers: what the client
    /// still sends is read for a while, so that the end of the response is not lost to a reset.
    pub(crate) fn finish_writing(&self, conn: &mut Conn) -> bool {
        // fosse-tls lingers for its clients.
        let is_direct = conn.caller.tls.is_none();
        let lingers = is_direct && conn.ending == Ending::Linger && shutdown(&self.fd, Shutdown::Write).is_ok();
        if lingers {
            conn.phase = Phase::Linger;
        }
        lingers
    }

    /// Lets what was written arrive when the socket is closed: until now closing it is a reset.
    pub(crate) fn end_without_reset(&mut self, conn: &Conn) {
        self.ended_well = true;
        if !conn.caller.record.unix {
            // If the kernel refuses, the client sees a reset: never a part that looks whole.
            let _ = set_socket_linger(&self.fd, None);
        }
        if self.lent {
            // The connection should end now, whatever becomes of the copy. A client that is gone
            // already makes this fail.
            let _ = shutdown(&self.fd, Shutdown::Both);
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Returns how much one read may take: no more than can be passed on or has to be buffered.
fn read_size(conn: &Conn) -> usize {
    match conn.phase {
        Phase::Body => {
            usize::try_from(conn.stream.exchange.request_credit).unwrap_or(READ_BYTES_MAX).min(READ_BYTES_MAX)
        }
        Phase::Linger => READ_BYTES_MAX,
        _ => READ_HEAD_BYTES_MAX,
    }
}

/// The client has closed its side: between requests that is the normal end, within one an abort.
fn end_of_input(conn: &mut Conn, context: &mut Context, out: &mut Outbox) {
    match conn.phase {
        Phase::Body => conn.abort(ResetReason::Client, context, out),
        _ => conn.close_after(Ending::Clean, context),
    }
}
