//! Connections come, are served, and go.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::SystemTime;

use fosse_die::alert;
use fosse_eventloop::slab::{Key, Slab};
use fosse_eventloop::{Event, Interest};
use fosse_fdpass::{Fit, Received, receive_what_fits};
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_settings::{Files, TryFile};
use fosse_wire::files::NewConnection;
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};

use crate::conn::{Conn, Wants};
use crate::limits::{ACCEPTED_TURN_COUNT_MAX, CONNECTIONS_COUNT_MAX};
use crate::response::Site;
use crate::startup::{Inputs, Source, reach};
use crate::{PROGRAM, path};

/// Token of the first listener, or of the channel; a connection's has the kind [`KIND_CONN`].
const TOKEN_SOURCE: u64 = 0;
const KIND_CONN: u8 = 1;

/// The program's state.
#[derive(Debug)]
pub struct Server {
    site: Site,
    conns: Slab<Conn>,
    source: Source,
    /// The source is not watched since there were this many connections: there was no room, or the
    /// kernel had no descriptor.
    paused: Option<usize>,
    /// start has asked it to finish.
    drains: bool,
}

/// The outcome of taking one connection from the source.
enum Taken {
    /// A connection, or nothing where one was over before it came.
    Connection(Option<OwnedFd>),
    /// None is waiting.
    Nothing,
    /// One may be waiting, and the kernel has no descriptor or no memory for it.
    Exhausted,
}

impl Server {
    /// Watches the source of connections.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn new(process: &Process, mut given: Given, inputs: Inputs) -> Result<Self, ExitReason> {
        let Inputs { root, source } = inputs;
        let files = match source {
            Source::Listeners(_) => {
                Files { index: vec![path::INDEX.to_owned()], try_files: vec![TryFile::Path], ..Files::default() }
            }
            Source::Channel(_) => given.settings(),
        };
        if let Err(errno) = reach(&root) {
            // Not the end: whoever may mend it does so while others are served.
            let cure = "let every user, or the one of this process, read the directory";
            alert(PROGRAM, format_args!("event=unreadable backend={} error=\"{errno}\" cure=\"{cure}\"", files.name));
        }
        let site = Site::new(root, files);
        let mut server = Self { site, conns: Slab::default(), source, paused: None, drains: false };
        server.watch_source(process)?;
        Ok(server)
    }

    fn watch_source(&mut self, process: &Process) -> Result<(), Errno> {
        for (token, fd) in (TOKEN_SOURCE..).zip(self.source.fds()) {
            process.event_loop.add(fd, token, Interest::IN)?;
        }
        self.paused = None;
        Ok(())
    }

    fn pause(&mut self, process: &Process) -> Result<(), Errno> {
        if self.paused.is_none() {
            self.source.fds().into_iter().try_for_each(|fd| process.event_loop.remove(fd))?;
        }
        self.paused = Some(self.conns.len());
        Ok(())
    }

    fn accept(&mut self, process: &Process, token: u64) -> Result<(), ExitReason> {
        for _ in 0..ACCEPTED_TURN_COUNT_MAX {
            if self.conns.len() >= CONNECTIONS_COUNT_MAX && !self.make_room() {
                return Ok(self.pause(process)?);
            }
            match self.source.take(token)? {
                Taken::Connection(fd) => fd.into_iter().for_each(|fd| self.admit(process, fd)),
                Taken::Nothing => return Ok(()),
                Taken::Exhausted if self.make_room() => {}
                // A watched source would stay ready: the loop would spin until a descriptor is
                // free.
                Taken::Exhausted => return Ok(self.pause(process)?),
            }
        }
        Ok(())
    }

    /// Serves a new connection before it is watched: most clients have sent their request by now.
    fn admit(&mut self, process: &Process, fd: OwnedFd) {
        let Some(key) = self.conns.insert(Conn::new(fd, process.event_loop.now_ms())) else { return };
        let watched =
            self.conns.get(key).map(|conn| process.event_loop.add(&conn.fd, key.token(KIND_CONN), Interest::IN));
        if watched != Some(Ok(())) {
            self.conns.remove(key);
        }
        self.work(process, key);
    }

    /// Closes the idle connection that would be closed next anyway; returns whether there was one.
    fn make_room(&mut self) -> bool {
        let idle = self.conns.iter().filter(|(_, conn)| conn.is_idle());
        let Some((key, _)) = idle.min_by_key(|(_, conn)| conn.deadline_ms) else { return false };
        self.conns.remove(key).is_some()
    }

    fn work(&mut self, process: &Process, key: Key) {
        // An earlier event of the turn may have closed it to make room.
        let Some(conn) = self.conns.get_mut(key) else { return };
        let interest = match conn.work(&mut self.site, process.event_loop.now_ms()) {
            Wants::Read => Interest::IN,
            Wants::Write => Interest::OUT,
            Wants::End => return drop(self.conns.remove(key)),
        };
        if conn.interest != interest {
            conn.interest = interest;
            if process.event_loop.modify(&conn.fd, key.token(KIND_CONN), interest).is_err() {
                self.conns.remove(key);
            }
        }
    }
}

impl Source {
    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Listeners(listeners) => listeners.iter().map(|listener| listener.as_fd()).collect(),
            Self::Channel(channel) => vec![channel.as_fd()],
        }
    }

    fn take(&self, token: u64) -> Result<Taken, ExitReason> {
        match self {
            Self::Listeners(listeners) => {
                let number = usize::try_from(token).unwrap_or(usize::MAX);
                Ok(listeners.get(number).map_or(Taken::Nothing, accept_one))
            }
            Self::Channel(channel) => receive_one(channel),
        }
    }
}

fn accept_one(listener: &OwnedFd) -> Taken {
    match accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
        Ok(fd) => Taken::Connection(Some(fd)),
        Err(Errno::INTR | Errno::CONNABORTED | Errno::PROTO) => Taken::Connection(None),
        Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS) => Taken::Exhausted,
        // Network errors of a connection that is already gone (accept(2)).
        Err(_) => Taken::Nothing,
    }
}

/// Receives a connection from connect. What connect sends in place of a socket fails at its first
/// read, and a socket that it has made to wait stops this process: start ends one that stands
/// still.
fn receive_one(channel: &OwnedFd) -> Result<Taken, ExitReason> {
    let (mut bytes, mut fds) = ([0; NewConnection::BYTES], Vec::new());
    let (received, fit) = receive_what_fits(channel, &mut bytes, &mut fds)?;
    match (received, fit) {
        (Received::Nothing, _) => Ok(Taken::Nothing),
        // start holds the other end.
        (Received::End, _) => Err(ExitReason::Done),
        // The connection is closed, and its client asks again.
        (Received::Message(_), Fit::Short) => Ok(Taken::Exhausted),
        (Received::Message(length), Fit::Whole) => match NewConnection::decode(&bytes[..length], fds.len()) {
            Ok(NewConnection) => Ok(Taken::Connection(fds.pop())),
            Err(_) => Err(ExitReason::broken_protocol("connect")),
        },
    }
}

impl Service for Server {
    fn begin_turn(&mut self, _: &Process) {
        self.site.at(SystemTime::now());
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        match Key::of_token(event.token) {
            (KIND_CONN, key) => self.work(process, key),
            // What is waiting is for the next process.
            _ if self.drains => {}
            _ => self.accept(process, event.token)?,
        }
        Ok(())
    }

    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Drain => {
                if !self.drains {
                    self.pause(process)?;
                }
                self.drains = true;
                Ok(())
            }
            Order::End => Err(ExitReason::Done),
            Order::Tell(_) | Order::Give(..) => Err(ExitReason::broken_protocol("start")),
        }
    }

    /// Ends connections that have waited too long. Listens again where there may be a descriptor:
    /// other processes use the kernel's too.
    fn on_tick(&mut self, process: &Process) -> Result<(), ExitReason> {
        let now_ms = process.event_loop.now_ms();
        let over = self.conns.iter().filter(|(_, conn)| conn.deadline_ms <= now_ms);
        let keys: Vec<Key> = over.map(|(key, _)| key).collect();
        for key in keys {
            if self.conns.get_mut(key).is_some_and(|conn| !conn.time_out(&self.site, now_ms)) {
                self.conns.remove(key);
            }
        }
        if self.paused.is_some() && self.conns.len() < CONNECTIONS_COUNT_MAX && !self.drains {
            self.watch_source(process)?;
        }
        Ok(())
    }

    /// Takes connections again once one has ended. One that drains closes those without a response
    /// under way, and ends with the last of the others.
    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        if self.drains {
            let idle: Vec<Key> = self.conns.iter().filter(|(_, conn)| conn.is_idle()).map(|(key, _)| key).collect();
            idle.into_iter().for_each(|key| drop(self.conns.remove(key)));
            return if self.conns.is_empty() { Err(ExitReason::Drained) } else { Ok(()) };
        }
        if self.paused.is_some_and(|count| self.conns.len() < count) {
            self.watch_source(process)?;
        }
        Ok(())
    }
}
