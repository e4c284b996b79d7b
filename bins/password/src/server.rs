//! Dispatches from start, questions from dispatches, results to them.

use std::os::fd::OwnedFd;

use fosse_counters::password as count;
use fosse_die::warning;
use fosse_eventloop::{
    Event,
    slab::{Key, Slab},
};
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_session::{Disconnect, Socket};
use fosse_wire::{password::Outcome, start::ToChild};
use rustix::io::Errno;

use crate::{
    PROGRAM,
    asker::Asker,
    attempts::{Attempt, Attempts, Waiting},
    limits::{ASKERS_COUNT_MAX, ATTEMPT_WAIT_MS_MAX},
    users::Users,
};

const TOKEN_ASKER: u8 = 1;

/// A dispatch and its socket.
#[derive(Debug)]
struct Peer {
    socket: Socket,
    lane: u32,
    asker: Asker,
}

/// The program's state.
#[derive(Debug)]
pub struct Server {
    users: Users,
    attempts: Attempts,
    askers: Slab<Peer>,
}

impl Server {
    /// Reads the users and waits for dispatches.
    ///
    /// # Errors
    /// None: everything else comes from start.
    pub fn new(process: &Process, mut given: Given) -> Result<Self, ExitReason> {
        let settings = given.settings();
        let users = Users::new(&settings, &given.optional_settings(8).unwrap_or_default());
        process.counters.set(count::USERS, u64::try_from(users.count()).unwrap_or(u64::MAX));
        Ok(Self { users, attempts: Attempts::default(), askers: Slab::default() })
    }

    /// Adds a dispatch that start introduces.
    fn add_asker(&mut self, process: &Process, lane: u32, fd: OwnedFd) -> Result<(), Errno> {
        let Ok(asker) = Asker::new() else { return Ok(()) };
        if self.askers.len() >= ASKERS_COUNT_MAX {
            warning(PROGRAM, format_args!("event=too-many-dispatches lane={lane}"));
            return Ok(());
        }
        let Some(key) = self.askers.insert(Peer { socket: Socket::new(fd), lane, asker }) else { return Ok(()) };
        if let Some(peer) = self.askers.get_mut(key) {
            peer.socket.begin(&process.event_loop, key.token(TOKEN_ASKER))?;
        }
        Ok(())
    }

    fn serve_or_disconnect(&mut self, process: &Process, key: Key, readable: bool) {
        if let Err(reason) = self.serve(process, key, readable) {
            self.disconnect(process, key, reason);
        }
    }

    /// Takes what a dispatch asks: one read and one write a turn, so that none waits long for
    /// another.
    fn serve(&mut self, process: &Process, key: Key, readable: bool) -> Result<(), Disconnect> {
        let Some(Peer { socket, asker, .. }) = self.askers.get_mut(key) else { return Ok(()) };
        if readable {
            socket.read(&mut asker.inbox, &asker.replies)?;
        }
        let busy = asker.work(key, &mut self.attempts, process.event_loop.now_ms(), &process.counters)?;
        self.reply(process, &busy, Outcome::Busy);
        self.write(process, key)
    }

    fn write(&mut self, process: &Process, key: Key) -> Result<(), Disconnect> {
        let Some(Peer { socket, asker, .. }) = self.askers.get_mut(key) else { return Ok(()) };
        socket.write(&mut asker.replies, &process.event_loop, key.token(TOKEN_ASKER))
    }

    /// Writes a result to each who waits for it.
    fn reply(&mut self, process: &Process, waiting: &[Waiting], outcome: Outcome) {
        let counter = match outcome {
            Outcome::Passed => count::PASSED,
            Outcome::Refused => count::REFUSED,
            Outcome::Busy => count::BUSY,
        };
        process.counters.add(counter, u64::try_from(waiting.len()).unwrap_or(u64::MAX));
        for (key, tag) in waiting {
            // One whose dispatch is gone has nobody who wants to know; so short a message always
            // fits.
            let replied = self.askers.get_mut(*key).map(|peer| peer.asker.reply(*tag, outcome));
            if replied.is_some()
                && let Err(reason) = self.write(process, *key)
            {
                self.disconnect(process, *key, reason);
            }
        }
    }

    /// Makes the check whose turn it is. Nothing else is done meanwhile, which the limits of the
    /// cost of a hash bound.
    fn check_next(&mut self, process: &Process) {
        let now_ms = process.event_loop.now_ms();
        let Some(attempt) = self.attempts.take() else { return };
        let Attempt { list, name, password, waiting, since_ms, .. } = attempt;
        let outcome = if now_ms - since_ms > ATTEMPT_WAIT_MS_MAX {
            Outcome::Busy
        } else {
            process.counters.add(count::CHECKS, 1);
            if self.users.check(list, &name, &password) { Outcome::Passed } else { Outcome::Refused }
        };
        self.reply(process, &waiting, outcome);
    }

    fn disconnect(&mut self, process: &Process, key: Key, reason: Disconnect) {
        let Some(peer) = self.askers.remove(key) else { return };
        peer.socket.end(&process.event_loop);
        self.attempts.forget(key);
        if let Disconnect::Broken(why) = reason {
            process.counters.add(count::BROKEN, 1);
            warning(PROGRAM, format_args!("event=dispatch-broke lane={} why=\"{why}\"", peer.lane));
        }
    }
}

impl Service for Server {
    fn wait_ms_max(&self, _: &Process) -> Option<u64> {
        // A check for each turn: between two of them those who ask are heard, and start sees that
        // turns go on.
        (!self.attempts.is_empty()).then_some(0)
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        if let (TOKEN_ASKER, key) = Key::of_token(event.token) {
            self.serve_or_disconnect(process, key, event.readable());
        }
        Ok(())
    }

    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Give(ToChild::Passwords { lane }, fd) => self.add_asker(process, lane, fd)?,
            Order::Drain | Order::End => return Err(ExitReason::Done),
            Order::Tell(_) | Order::Give(..) => return Err(ExitReason::broken_protocol("start")),
        }
        Ok(())
    }

    fn on_tick(&mut self, process: &Process) -> Result<(), ExitReason> {
        process.counters.set(count::WAITING, u64::try_from(self.attempts.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.check_next(process);
        Ok(())
    }
}
