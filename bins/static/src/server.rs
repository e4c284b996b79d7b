//! The loop: connections come, are served, and go.

use std::os::fd::OwnedFd;
use std::time::SystemTime;

use fosse_die::temporary;
use fosse_eventloop::slab::{Key, Slab};
use fosse_eventloop::{Interest, Turn};
use fosse_lockdown::Locked;
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};

use crate::PROGRAM;
use crate::conn::{Conn, Wants};
use crate::limits::{ACCEPTED_TURN_COUNT_MAX, CONNECTIONS_COUNT_MAX};
use crate::response::Site;
use crate::startup::Inputs;

const TOKEN_LISTENER: u64 = 0;
const KIND_CONN: u8 = 1;

struct Serve {
    turn: Turn,
    site: Site,
    conns: Slab<Conn>,
    listeners: Vec<OwnedFd>,
    /// The listeners are not watched: there is no room, or the kernel has no descriptor.
    paused: bool,
}

/// Serves for ever.
pub fn run(inputs: Inputs, _proof: Locked) -> ! {
    let Inputs { root, listeners, turn } = inputs;
    let mut serve = Serve { turn, site: Site::new(root), conns: Slab::default(), listeners, paused: true };
    loop {
        if let Err(errno) = serve.one_turn() {
            temporary(PROGRAM, format_args!("unable to serve: {errno}"));
        }
    }
}

impl Serve {
    fn one_turn(&mut self) -> Result<(), Errno> {
        self.watch_listeners()?;
        self.turn.wait()?;
        self.site.at(SystemTime::now());
        let mut at = 0;
        while let Some(event) = self.turn.happened(at) {
            at = at.saturating_add(1);
            match Key::of_token(event.token) {
                (KIND_CONN, key) => self.work(key),
                _ => self.accept(event.token)?,
            }
        }
        if self.turn.ticked() {
            self.overdue();
        }
        Ok(())
    }

    /// Takes up listening again; where descriptors ran out that is tried at every tick and after
    /// every turn with room.
    fn watch_listeners(&mut self) -> Result<(), Errno> {
        if !self.paused || self.conns.len() >= CONNECTIONS_COUNT_MAX {
            return Ok(());
        }
        for (token, listener) in (TOKEN_LISTENER..).zip(&self.listeners) {
            self.turn.add(listener, token, Interest::IN)?;
        }
        self.paused = false;
        Ok(())
    }

    fn pause(&mut self) -> Result<(), Errno> {
        for listener in self.listeners.iter().filter(|_| !self.paused) {
            self.turn.remove(listener)?;
        }
        self.paused = true;
        Ok(())
    }

    fn accept(&mut self, token: u64) -> Result<(), Errno> {
        for _ in 0..ACCEPTED_TURN_COUNT_MAX {
            if self.conns.len() >= CONNECTIONS_COUNT_MAX && !self.make_room() {
                return self.pause();
            }
            let number = usize::try_from(token).unwrap_or(usize::MAX);
            let Some(listener) = self.listeners.get(number) else { return Ok(()) };
            match accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(fd) => self.admit(fd),
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR | Errno::CONNABORTED | Errno::PROTO) => {}
                Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS) if self.make_room() => {}
                Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS) => return self.pause(),
                // Network errors of a connection that is already gone (accept(2)).
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Most clients have sent their request by now, so a new connection is served before it is
    /// watched.
    fn admit(&mut self, fd: OwnedFd) {
        let Some(key) = self.conns.insert(Conn::new(fd, self.turn.now_ms())) else { return };
        let watched = self.conns.get(key).map(|conn| self.turn.add(&conn.fd, key.token(KIND_CONN), Interest::IN));
        if watched != Some(Ok(())) {
            self.conns.remove(key);
        }
        self.work(key);
    }

    /// Closes the connection that waits for a request and would be closed next anyway.
    fn make_room(&mut self) -> bool {
        let waiting = self.conns.iter().filter(|(_, conn)| conn.is_waiting());
        let Some((key, _)) = waiting.min_by_key(|(_, conn)| conn.deadline_ms) else { return false };
        self.conns.remove(key).is_some()
    }

    fn work(&mut self, key: Key) {
        let Some(conn) = self.conns.get_mut(key) else { return };
        let interest = match conn.work(&mut self.site, self.turn.now_ms()) {
            Wants::Read => Interest::IN,
            Wants::Write => Interest::OUT,
            Wants::End => return drop(self.conns.remove(key)),
        };
        if conn.interest != interest {
            conn.interest = interest;
            if self.turn.modify(&conn.fd, key.token(KIND_CONN), interest).is_err() {
                self.conns.remove(key);
            }
        }
    }

    /// Ends what has waited too long.
    fn overdue(&mut self) {
        let now_ms = self.turn.now_ms();
        let over = self.conns.iter().filter(|(_, conn)| conn.deadline_ms <= now_ms);
        let keys: Vec<Key> = over.map(|(key, _)| key).collect();
        for key in keys {
            if self.conns.get_mut(key).is_some_and(|conn| !conn.too_late(&self.site, now_ms)) {
                self.conns.remove(key);
            }
        }
    }
}
