//! fd 8, to fosse-accept: connections come, and accept hears of the end of each.

use std::os::fd::OwnedFd;

use fosse_eventloop::EventLoop;
use fosse_fdpass::{Fit, Received, receive_what_fits, send};
use fosse_wire::channel::{self, Connection, Kind, Message, Tally};
use rustix::io::Errno;

/// Connections in one CLOSED or OPEN message.
const RECORDS_MAX: usize = 200;

/// The channel, with what accept has not been sent yet.
#[derive(Debug)]
pub(crate) struct AcceptChannel {
    fd: Option<OwnedFd>,
    buffer: Vec<u8>,
    /// The rest of the reply to LIST; `None` when accept has not asked, or has all of it.
    open: Option<Vec<Connection>>,
    closed: Vec<Connection>,
}

/// A message of fosse-accept.
#[derive(Debug)]
pub(crate) enum FromAccept {
    /// New connections, and the number of those that there was no descriptor for.
    Connections(Vec<(Connection, OwnedFd)>, usize),
    /// A fosse-accept that has been restarted asks for the connections there are.
    List,
    /// Sources that are refused from now on.
    Penalised(Vec<Tally>),
    /// That many connections are to make room for new ones.
    Relieve(usize),
    /// A word for fronts alone.
    Other,
}

impl AcceptChannel {
    /// Takes over the descriptor.
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self { fd: Some(fd), buffer: vec![0; channel::MESSAGE_BYTES_MAX], open: None, closed: Vec::new() }
    }

    /// Returns the descriptor to watch; `None` once accept is gone.
    pub(crate) const fn fd(&self) -> Option<&OwnedFd> {
        self.fd.as_ref()
    }

    /// Receives one message; `None` where there is none now, or accept is gone.
    ///
    /// # Errors
    /// What recvmsg(2) says.
    pub(crate) fn receive(&mut self, event_loop: &EventLoop) -> Result<Option<FromAccept>, Errno> {
        let Some(fd) = &self.fd else { return Ok(None) };
        let mut fds = Vec::new();
        let message = match receive_what_fits(fd, &mut self.buffer, &mut fds)? {
            (Received::Message(length), fit) => {
                let sent = if fit == Fit::Whole { fds.len() } else { channel::count(length) };
                channel::decode(&self.buffer[..length], sent).ok()
            }
            (Received::Nothing, _) => return Ok(None),
            (Received::End, _) => None,
        };
        Ok(match message {
            Some(Message { kind: Kind::Connections, connections, .. }) => {
                // Those that there was no descriptor for are closed.
                let lost = connections.get(fds.len()..).unwrap_or_default();
                self.closed.extend_from_slice(lost);
                let lost = lost.len();
                Some(FromAccept::Connections(connections.into_iter().zip(fds).collect(), lost))
            }
            Some(Message { kind: Kind::List, .. }) => Some(FromAccept::List),
            Some(Message { kind: Kind::Penalised, tallies, .. }) => Some(FromAccept::Penalised(tallies)),
            Some(Message { kind: Kind::Relieve, connections, .. }) => Some(FromAccept::Relieve(connections.len())),
            Some(Message { kind: Kind::Elsewhere, .. }) => Some(FromAccept::Other),
            // It is gone, or breaks the protocol. Those that are here are served to their end.
            _ => {
                self.lose(event_loop);
                None
            }
        })
    }

    fn lose(&mut self, event_loop: &EventLoop) {
        if let Some(fd) = self.fd.take() {
            // Where this fails it was not watched.
            let _ = event_loop.remove(&fd);
        }
        self.open = None;
        self.closed.clear();
    }

    /// Replies to LIST with the connections there are, once there is room for it.
    pub(crate) fn list(&mut self, open: Vec<Connection>) {
        self.open = Some(open);
    }

    /// Notes the end of a connection for accept.
    pub(crate) fn note_closed(&mut self, record: Connection) {
        if self.fd.is_some() {
            self.closed.push(record);
        }
    }

    /// Returns whether accept has heard of every end.
    pub(crate) const fn has_sent_all(&self) -> bool {
        self.closed.is_empty()
    }

    /// Sends what accept has not been sent yet. What it cannot take now it gets in a later turn.
    pub(crate) fn send(&mut self, event_loop: &EventLoop) {
        // The end of a connection comes after the message that it is there.
        let sent = self.send_open().and_then(|()| self.send_closed());
        if sent.is_err_and(|errno| errno != Errno::AGAIN) {
            self.lose(event_loop);
        }
    }

    /// OPEN, batched; an empty one is the last.
    fn send_open(&mut self) -> Result<(), Errno> {
        while let (Some(fd), Some(open)) = (&self.fd, &mut self.open) {
            let count = open.len().min(RECORDS_MAX);
            let mut bytes = Vec::new();
            channel::encode(&mut bytes, Kind::Open, &open[..count]);
            send(fd, &bytes, &[])?;
            open.drain(..count);
            if count == 0 {
                self.open = None;
            }
        }
        Ok(())
    }

    /// CLOSED, batched.
    fn send_closed(&mut self) -> Result<(), Errno> {
        let Some(fd) = &self.fd else { return Ok(()) };
        while !self.closed.is_empty() {
            let count = self.closed.len().min(RECORDS_MAX);
            let mut bytes = Vec::new();
            channel::encode(&mut bytes, Kind::Closed, &self.closed[..count]);
            send(fd, &bytes, &[])?;
            self.closed.drain(..count);
        }
        Ok(())
    }
}
