//! The client of fosse-spool, across sessions. A body that cannot be brought back for whatever
//! reason is lost, which its request is told of; requests that lie in memory do not notice.

use std::os::fd::OwnedFd;

use fosse_die::Severity;
use fosse_eventloop::EventLoop;
use fosse_source::Source;
use fosse_wire::{
    StreamId,
    spool::{PIECE_BYTES_MAX, ToSpool},
};
use rustix::io::Errno;

use super::{connection::Connection, news::News};
use crate::log::Log;

/// The client of fosse-spool; without a session bodies stay in memory.
#[derive(Debug)]
pub(crate) struct SpoolClient {
    connection: Option<Box<Connection>>,
    next_body: u64,
    log: Log,
}

impl SpoolClient {
    /// A client without a session.
    pub(crate) const fn new(log: Log) -> Self {
        Self { connection: None, next_body: 0, log }
    }

    /// Begins a session, in place of the one before; returns news of the bodies that are lost with
    /// that. A spool that was replaced before its end came to light is missed for its bodies alone.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub(crate) fn connect(&mut self, fd: OwnedFd, event_loop: &EventLoop, token: u64) -> Result<Vec<News>, Errno> {
        let lost = self.close(event_loop);
        if !lost.is_empty() {
            self.log_gone(lost.len(), "another is in its place");
        }
        // Numbers are counted from the beginning in each session.
        self.next_body = 0;
        self.connection = Connection::new(fd).map(Box::new);
        self.connection.as_ref().map_or(Ok(()), |connection| connection.watch(event_loop, token))?;
        Ok(lost)
    }

    /// Begins the body of a stream; `None` where there is no spool, or one that does not respond.
    pub(crate) fn open(&mut self, stream: StreamId, source: Source) -> Option<u64> {
        let connection = self.connection.as_mut().filter(|connection| !connection.is_silent())?;
        let (body, (wide, source)) = (self.next_body, source.parts());
        self.next_body += 1;
        connection.send(&ToSpool::Open { body, wide, source });
        connection.add(body, stream);
        Some(body)
    }

    /// Appends to a body. The spool says when it is written.
    pub(crate) fn write(&mut self, body: u64, bytes: &[u8], now_ms: u64) {
        let Some(connection) = &mut self.connection else { return };
        for piece in bytes.chunks(PIECE_BYTES_MAX) {
            connection.send(&ToSpool::Write { body, bytes: piece });
            connection.expect_written(body, piece, now_ms);
        }
    }

    /// Asks for `length` bytes of a body from `at` on, a piece at most: whole blocks of
    /// [`SPOOL_BLOCK_BYTES`], or all that is left.
    ///
    /// [`SPOOL_BLOCK_BYTES`]: crate::limits::SPOOL_BLOCK_BYTES
    pub(crate) fn read(&mut self, body: u64, at: u64, length: u32, now_ms: u64) {
        if let Some(connection) = &mut self.connection {
            connection.send(&ToSpool::Read { body, at, length });
            connection.expect_data(body, at, length, now_ms);
        }
    }

    /// Ends a body: nothing more is heard of it.
    pub(crate) fn free(&mut self, body: u64) {
        if let Some(connection) = &mut self.connection
            && connection.remove(body)
        {
            connection.send(&ToSpool::Free { body });
        }
    }

    /// Reads once; returns what is new. The end of the session comes to light in
    /// [`SpoolClient::end_session`].
    pub(crate) fn receive(&mut self, now_ms: u64) -> Vec<News> {
        let mut news = Vec::new();
        if let Some(connection) = &mut self.connection {
            let was_silent = connection.is_silent();
            connection.read(&mut news, now_ms);
            if was_silent && !connection.is_silent() {
                (self.log)(Severity::Info, format_args!("event=spool-responds"));
            }
        }
        news
    }

    /// Closes a session that has ended; returns news of the bodies that are lost with it.
    pub(crate) fn end_session(&mut self, event_loop: &EventLoop) -> Vec<News> {
        let Some(why) = self.connection.as_mut().and_then(|connection| connection.take_end()) else {
            return Vec::new();
        };
        let lost = self.close(event_loop);
        self.log_gone(lost.len(), &why);
        lost
    }

    /// Gives up the bodies that have waited long enough for the spool at this time of the monotonic
    /// clock, in milliseconds.
    pub(crate) fn time_out(&mut self, now_ms: u64) -> Vec<News> {
        let Some(connection) = &mut self.connection else { return Vec::new() };
        let lost = connection.time_out(now_ms);
        if !lost.is_empty() {
            (self.log)(Severity::Warning, format_args!("event=spool-silent lost={}", lost.len()));
        }
        lost
    }

    /// Writes what waits, once.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub(crate) fn flush(&mut self, event_loop: &EventLoop, token: u64) -> Result<(), Errno> {
        self.connection.as_mut().map_or(Ok(()), |connection| connection.flush(event_loop, token))
    }

    fn log_gone(&self, lost: usize, why: &str) {
        (self.log)(Severity::Warning, format_args!("event=spool-gone lost={lost} why=\"{why}\""));
    }

    fn close(&mut self, event_loop: &EventLoop) -> Vec<News> {
        self.connection.take().map_or_else(Vec::new, |connection| connection.close(event_loop))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    const TOKEN: u64 = 9;

    thread_local! {
        static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    fn said() -> Vec<String> {
        SAID.with(RefCell::take)
    }

    #[test]
    fn a_spool_that_is_replaced_before_its_end_is_read_is_missed_for_its_bodies() {
        let log: Log = |_, text| SAID.with_borrow_mut(|said| said.push(text.to_string()));
        let (mut client, event_loop) = (SpoolClient::new(log), EventLoop::new().unwrap());
        let replace = |client: &mut SpoolClient| {
            let (ours, spool) =
                socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
            (client.connect(ours, &event_loop, TOKEN).unwrap().len(), spool)
        };
        let (lost, first) = replace(&mut client);
        assert_eq!(lost, 0);
        client.open(StreamId::from_raw(1), Source::of_parts(false, 1)).unwrap();
        drop(first);
        let (lost, second) = replace(&mut client);
        assert_eq!((lost, said()), (1, vec!["event=spool-gone lost=1 why=\"another is in its place\"".to_owned()]));
        drop(second);
        assert_eq!((replace(&mut client).0, said()), (0, vec![]), "nothing of it is missed");
    }
}
