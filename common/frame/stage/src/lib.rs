//! fosse-stage: the two ends of a stage: frames in from one descriptor, frames out to another, one
//! read and one write a turn.
//!
//! Between processes the descriptors are stream sockets and nothing here ever waits. In a shell
//! they may be pipes or files: those are read and written as they are, waiting, which is what a
//! pipeline wants.

#![forbid(unsafe_code)]

pub mod fronts;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use fosse_eventloop::{EventLoop, Interest};
use fosse_wire::{Frame, Inbox, Kind, Outbox, StreamId, WireError, frame::Hello, slots::Slots};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};

/// The way in which an input or an output came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The peer closed its end between two frames.
    End,
    /// The peer closed its end within a frame, or before HELLO.
    Cut,
    /// The peer broke the protocol.
    Broken(WireError),
    /// A system call failed.
    Failed(Errno),
}

impl Gone {
    /// Returns whether the peer went, rather than broke the protocol: no request that was being
    /// worked on is the cause.
    #[must_use]
    pub const fn is_departure(&self) -> bool {
        !matches!(self, Self::Broken(_))
    }
}

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::End => f.write_str("peer is gone"),
            Self::Cut => f.write_str("peer is gone within a frame"),
            Self::Broken(error) => write!(f, "peer broke the protocol: {error}"),
            Self::Failed(errno) => write!(f, "peer cannot be reached: {errno}"),
        }
    }
}

impl From<WireError> for Gone {
    fn from(error: WireError) -> Self {
        Self::Broken(error)
    }
}

fn is_socket(fd: BorrowedFd<'_>) -> bool {
    rustix::net::sockopt::socket_type(fd).is_ok()
}

/// The descriptor that frames come from, with what was read and not taken.
#[derive(Debug)]
pub struct Input {
    fd: OwnedFd,
    socket: bool,
    inbox: Inbox,
    hello: Option<Hello>,
    /// The slots that HELLO has to speak of.
    greeted: Slots,
    /// The slots that frames may be of.
    slots: Slots,
}

impl Input {
    /// Takes over a descriptor.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        let socket = is_socket(fd.as_fd());
        Self { socket, ..Self::of_session(fd) }
    }

    /// Takes over a descriptor of a session that began later, when a lock forbids to ask what it
    /// is: a socket, or reading it fails.
    #[must_use]
    pub fn of_session(fd: OwnedFd) -> Self {
        Self { fd, socket: true, inbox: Inbox::default(), hello: None, greeted: Slots::ALL, slots: Slots::ALL }
    }

    /// Takes frames of one front, which greets with its slots, and of these alone.
    #[must_use]
    pub fn of_front(self, slots: Slots) -> Self {
        Self { greeted: slots, slots, ..self }
    }

    /// Takes frames for one front: of its slots alone.
    #[must_use]
    pub fn for_front(self, slots: Slots) -> Self {
        Self { slots, ..self }
    }

    /// Returns whether [`Input::read`] never waits: false for pipes and files, which are not to be
    /// watched.
    #[must_use]
    pub(crate) const fn never_waits(&self) -> bool {
        self.socket
    }

    /// Reads once; true where bytes came, false where none are there yet.
    ///
    /// # Errors
    /// [`Gone`] at the end of input; frames read before can still be taken.
    pub fn read(&mut self) -> Result<bool, Gone> {
        let spare = self.inbox.spare();
        let result = if self.socket {
            recv(&self.fd, spare, RecvFlags::DONTWAIT).map(|(count, _)| count)
        } else {
            rustix::io::read(&self.fd, spare)
        };
        match result {
            Ok(0) if self.inbox.is_empty() && self.hello.is_some() => Err(Gone::End),
            Ok(0) => Err(Gone::Cut),
            Ok(count) => {
                self.inbox.filled(count);
                Ok(true)
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(Errno::CONNRESET) => Err(Gone::Cut),
            Err(errno) => Err(Gone::Failed(errno)),
        }
    }

    /// Takes the next complete frame. HELLO is checked here and never returned.
    ///
    /// # Errors
    /// [`Gone::Broken`]: the conversation is over.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Gone> {
        if self.hello.is_none() {
            let Some(frame) = self.inbox.next_frame()? else { return Ok(None) };
            if frame.kind != Kind::Hello || frame.stream != StreamId::CONTROL {
                return Err(Gone::Broken(WireError::Order(frame.kind)));
            }
            let hello = frame.hello()?;
            if hello.slots != self.greeted {
                return Err(Gone::Broken(WireError::Foreign));
            }
            self.hello = Some(hello);
        }
        match self.inbox.next_frame()? {
            Some(frame) if frame.kind == Kind::Hello => Err(Gone::Broken(WireError::Order(Kind::Hello))),
            Some(frame) if !self.slots.have(frame.stream) => Err(Gone::Broken(WireError::Foreign)),
            other => Ok(other),
        }
    }

    /// Returns the greeting of the peer; the default before it came.
    #[must_use]
    pub fn hello(&self) -> Hello {
        self.hello.unwrap_or_default()
    }
}

impl AsFd for Input {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The descriptor that frames are written to, with those that wait.
#[derive(Debug)]
pub struct Output {
    fd: OwnedFd,
    socket: bool,
    /// Frames that wait to be written.
    pub outbox: Outbox,
    armed: bool,
}

impl Output {
    /// Takes over a descriptor and lays HELLO out for the first flush.
    #[must_use]
    pub fn new(fd: OwnedFd, hello: Hello) -> Self {
        let socket = is_socket(fd.as_fd());
        let mut outbox = Outbox::default();
        outbox.hello(hello);
        Self { fd, socket, outbox, armed: false }
    }

    /// Takes over a descriptor of a session that began later, as [`Input::of_session`].
    #[must_use]
    pub fn of_session(fd: OwnedFd, hello: Hello) -> Self {
        let mut outbox = Outbox::default();
        outbox.hello(hello);
        Self { fd, socket: true, outbox, armed: false }
    }

    /// Stops watching for room: to be called before it is dropped where another descriptor of the
    /// same socket stays open.
    pub fn leave(&mut self, event_loop: &EventLoop) {
        if std::mem::take(&mut self.armed) {
            // It may be gone with the peer already.
            let _ = event_loop.remove(&self.fd);
        }
    }

    /// Writes what can be written, once (to a pipe or a file: everything, waiting). Where something
    /// is left the descriptor is watched (as `token`) until it is gone.
    ///
    /// # Errors
    /// [`Gone`] where the peer is.
    pub fn flush(&mut self, event_loop: &EventLoop, token: u64) -> Result<(), Gone> {
        if !self.socket {
            return self.flush_waiting();
        }
        if !self.outbox.is_empty() {
            match send(&self.fd, self.outbox.pending(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => self.outbox.advance(count),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(Gone::End),
                Err(errno) => return Err(Gone::Failed(errno)),
            }
        }
        self.arm(event_loop, token).map_err(Gone::Failed)
    }

    /// Writes everything, waiting: for pipes and files in a shell.
    ///
    /// # Errors
    /// [`Gone`] where the reader is.
    pub fn flush_waiting(&mut self) -> Result<(), Gone> {
        while !self.outbox.is_empty() {
            match rustix::io::write(&self.fd, self.outbox.pending()) {
                Ok(count) => self.outbox.advance(count),
                Err(Errno::INTR) => {}
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(Gone::End),
                Err(errno) => return Err(Gone::Failed(errno)),
            }
        }
        Ok(())
    }

    /// Watches for room only while a write is blocked: left armed it would double the wake-ups.
    fn arm(&mut self, event_loop: &EventLoop, token: u64) -> Result<(), Errno> {
        match (self.outbox.is_empty(), self.armed) {
            (false, false) => event_loop.add(&self.fd, token, Interest::OUT)?,
            (true, true) => event_loop.remove(&self.fd)?,
            _ => return Ok(()),
        }
        self.armed = !self.armed;
        Ok(())
    }
}

impl AsFd for Output {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_eventloop::Events;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    fn pair() -> (Output, Input) {
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        (Output::new(a, Hello::default()), Input::new(b))
    }

    #[test]
    fn frames_follow_hello_and_hello_is_never_seen() {
        let (mut out, mut input) = pair();
        let event_loop = EventLoop::new().unwrap();
        out.outbox.raw(StreamId::from_raw(1), Kind::RequestData, b"x");
        out.flush(&event_loop, 1).unwrap();
        assert!(input.read().unwrap());
        assert_eq!(input.next_frame().unwrap().unwrap().kind, Kind::RequestData);
        assert!(input.next_frame().unwrap().is_none());
        assert!(!input.read().unwrap());
        drop(out);
        assert_eq!(input.read(), Err(Gone::End));
        assert!(Gone::End.is_departure() && Gone::Cut.is_departure() && Gone::Failed(Errno::IO).is_departure());
        assert!(!Gone::Broken(WireError::Credit).is_departure());
    }

    #[test]
    fn a_peer_that_does_not_greet_is_refused() {
        let (mut out, mut input) = pair();
        out.outbox = Outbox::default();
        out.outbox.raw(StreamId::from_raw(1), Kind::RequestData, b"x");
        out.flush(&EventLoop::new().unwrap(), 1).unwrap();
        input.read().unwrap();
        assert_eq!(input.next_frame(), Err(Gone::Broken(WireError::Order(Kind::RequestData))));
    }

    #[test]
    fn an_end_within_a_frame_is_not_a_clean_end() {
        let (mut out, mut input) = pair();
        out.outbox.raw(StreamId::from_raw(1), Kind::RequestData, b"xyz");
        let cut = out.outbox.pending().len() - 1;
        rustix::io::write(&out.fd, &out.outbox.pending()[..cut]).unwrap();
        drop(out);
        input.read().unwrap();
        assert!(input.next_frame().unwrap().is_none());
        assert_eq!(input.read(), Err(Gone::Cut));
    }

    #[test]
    fn a_blocked_write_is_taken_up_again_when_there_is_room() {
        let (mut out, mut input) = pair();
        let (mut event_loop, mut events) = (EventLoop::new().unwrap(), Events::new());
        out.outbox.data(StreamId::from_raw(1), Kind::RequestData, &vec![7; 4_000_000]);
        let mut seen = 0;
        while seen < 4_000_000 {
            out.flush(&event_loop, 1).unwrap();
            while input.read().unwrap() {
                while let Some(frame) = input.next_frame().unwrap() {
                    seen += frame.body.len();
                }
            }
            if out.armed {
                event_loop.poll_once(&mut events, None).unwrap();
                assert!(events.into_iter().any(|event| event.token == 1), "there is room");
            }
        }
        out.flush(&event_loop, 1).unwrap();
        assert!(out.outbox.is_empty() && !out.armed);
    }
}
