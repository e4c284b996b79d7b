//! Connections come, are served, and go.

use std::os::fd::OwnedFd;
use std::time::SystemTime;

use fosse_eventloop::slab::{Key, Slab};
use fosse_eventloop::{Event, Interest};
use fosse_service::{ExitReason, Order, Process, Service};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};

use crate::conn::{Conn, Wants};
use crate::limits::{ACCEPTED_TURN_COUNT_MAX, CONNECTIONS_COUNT_MAX};
use crate::response::Site;
use crate::startup::Inputs;

/// Token of the first listener; a connection's has the kind [`KIND_CONN`].
const TOKEN_LISTENER: u64 = 0;
const KIND_CONN: u8 = 1;

/// The program's state.
#[derive(Debug)]
pub struct Server {
    site: Site,
    conns: Slab<Conn>,
    listeners: Vec<OwnedFd>,
    /// The listeners are not watched since there were this many connections: there was no room, or
    /// the kernel had no descriptor.
    paused: Option<usize>,
}

impl Server {
    /// Watches the listeners.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn new(process: &Process, inputs: Inputs) -> Result<Self, ExitReason> {
        let Inputs { root, listeners } = inputs;
        let mut server = Self { site: Site::new(root), conns: Slab::default(), listeners, paused: None };
        server.watch_listeners(process)?;
        Ok(server)
    }

    fn watch_listeners(&mut self, process: &Process) -> Result<(), Errno> {
        for (token, listener) in (TOKEN_LISTENER..).zip(&self.listeners) {
            process.event_loop.add(listener, token, Interest::IN)?;
        }
        self.paused = None;
        Ok(())
    }

    fn pause(&mut self, process: &Process) -> Result<(), Errno> {
        for listener in self.listeners.iter().filter(|_| self.paused.is_none()) {
            process.event_loop.remove(listener)?;
        }
        self.paused = Some(self.conns.len());
        Ok(())
    }

    fn accept(&mut self, process: &Process, token: u64) -> Result<(), Errno> {
        for _ in 0..ACCEPTED_TURN_COUNT_MAX {
            if self.conns.len() >= CONNECTIONS_COUNT_MAX && !self.make_room() {
                return self.pause(process);
            }
            let number = usize::try_from(token).unwrap_or(usize::MAX);
            let Some(listener) = self.listeners.get(number) else { return Ok(()) };
            match accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(fd) => self.admit(process, fd),
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR | Errno::CONNABORTED | Errno::PROTO) => {}
                Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS) if self.make_room() => {}
                // A watched listener would stay ready: the loop would spin until a descriptor is
                // free.
                Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS) => return self.pause(process),
                // Network errors of a connection that is already gone (accept(2)).
                Err(_) => return Ok(()),
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

impl Service for Server {
    fn begin_turn(&mut self, _: &Process) {
        self.site.at(SystemTime::now());
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        match Key::of_token(event.token) {
            (KIND_CONN, key) => self.work(process, key),
            _ => self.accept(process, event.token)?,
        }
        Ok(())
    }

    /// fosse-start does not run this program: nothing of its conversation is inherited.
    fn on_start_message(&mut self, _: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Drain | Order::End => Err(ExitReason::Done),
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
        if self.paused.is_some() && self.conns.len() < CONNECTIONS_COUNT_MAX {
            self.watch_listeners(process)?;
        }
        Ok(())
    }

    /// Listens again once a connection has ended.
    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        if self.paused.is_some_and(|count| self.conns.len() < count) {
            self.watch_listeners(process)?;
        }
        Ok(())
    }
}
