//! Filters from start, bodies from filters, and back.

use std::os::fd::OwnedFd;

use fosse_counters::spool as count;
use fosse_die::warning;
use fosse_eventloop::{
    Event,
    slab::{Key, Slab},
};
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_session::{Disconnect, Socket};
use fosse_wire::start::ToChild;
use rustix::io::Errno;

use crate::{
    PROGRAM,
    file::File,
    filter::Filter,
    limits::{FILTERS_COUNT_MAX, TROUBLE_LINE_MS_MIN},
    spool::Spool,
};

const TOKEN_FILTER: u8 = 1;

/// A filter and its socket.
#[derive(Debug)]
struct Peer {
    socket: Socket,
    lane: u32,
    filter: Filter,
}

impl Peer {
    fn write(&mut self, process: &Process, key: Key) -> Result<(), Disconnect> {
        self.socket.write(&mut self.filter.replies, &process.event_loop, key.token(TOKEN_FILTER))
    }
}

/// The program's state.
#[derive(Debug)]
pub struct Server {
    spool: Spool,
    filters: Slab<Peer>,
    /// Its filters end, and it with the last of them.
    is_draining: bool,
    /// Time of the last log line of trouble, and the bodies that had given way up to then.
    trouble_said_ms: Option<u64>,
    gave_way: u64,
}

impl Server {
    /// Waits for filters.
    ///
    /// # Errors
    /// As fstat(2).
    pub fn new(_: &Process, mut given: Given) -> Result<Self, ExitReason> {
        let spool = Spool::new(File::new(given.required(8)))?;
        Ok(Self { spool, filters: Slab::default(), is_draining: false, trouble_said_ms: None, gave_way: 0 })
    }

    /// Adds a filter that start introduces.
    fn add_filter(&mut self, process: &Process, lane: u32, fd: OwnedFd) -> Result<(), Errno> {
        let Ok(filter) = Filter::new() else { return Ok(()) };
        if self.filters.len() >= FILTERS_COUNT_MAX {
            warning(PROGRAM, format_args!("event=too-many-filters lane={lane}"));
            return Ok(());
        }
        let Some(key) = self.filters.insert(Peer { socket: Socket::new(fd), lane, filter }) else { return Ok(()) };
        if let Some(peer) = self.filters.get_mut(key) {
            peer.socket.begin(&process.event_loop, key.token(TOKEN_FILTER))?;
        }
        Ok(())
    }

    fn serve_or_disconnect(&mut self, process: &Process, key: Key, readable: bool) {
        if let Err(reason) = self.serve(process, key, readable) {
            self.disconnect(process, key, reason);
        }
    }

    /// Works on a filter's messages: one read and one write a turn, so that no filter waits long
    /// for another.
    fn serve(&mut self, process: &Process, key: Key, readable: bool) -> Result<(), Disconnect> {
        let Some(peer) = self.filters.get_mut(key) else { return Ok(()) };
        if readable {
            peer.socket.read(&mut peer.filter.inbox, &peer.filter.replies)?;
        }
        peer.filter.work(key, &mut self.spool, &process.counters)?;
        self.tell_of_lost(process, Some(key));
        let Some(peer) = self.filters.get_mut(key) else { return Ok(()) };
        peer.write(process, key)
    }

    /// Tells filters of their bodies that were lost; `at_work` writes what it is told itself.
    fn tell_of_lost(&mut self, process: &Process, at_work: Option<Key>) {
        for lost in self.spool.take_lost() {
            let key = lost.id.filter;
            let Some(peer) = self.filters.get_mut(key) else { continue };
            if let Err(error) = peer.filter.lose(lost.id.number, lost.cause) {
                self.disconnect(process, key, error.into());
            } else if at_work != Some(key)
                && let Err(reason) = peer.write(process, key)
            {
                self.disconnect(process, key, reason);
            }
        }
    }

    fn disconnect(&mut self, process: &Process, key: Key, reason: Disconnect) {
        let Some(peer) = self.filters.remove(key) else { return };
        peer.socket.end(&process.event_loop);
        self.spool.forget(key);
        if let Disconnect::Broken(why) = reason {
            process.counters.add(count::BROKEN, 1);
            warning(PROGRAM, format_args!("event=filter-broke lane={} why=\"{why}\"", peer.lane));
        }
    }

    fn count(&self, process: &Process) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        process.counters.set(count::FILTERS, number(self.filters.len()));
        process.counters.set(count::BODIES, number(self.spool.len()));
        process.counters.set(count::BYTES, self.spool.taken_bytes());
    }

    /// Logs that the file is full or cannot be used, at most once in [`TROUBLE_LINE_MS_MIN`].
    fn warn_of_trouble(&mut self, process: &Process) {
        let now_ms = process.event_loop.now_ms();
        let gave_way = process.counters.get(count::GAVE_WAY);
        if self.trouble_said_ms.is_some_and(|said| now_ms < said + TROUBLE_LINE_MS_MIN) {
            return;
        }
        if let Some(errno) = self.spool.take_error() {
            warning(PROGRAM, format_args!("event=spool-failed error=\"{errno}\""));
        } else if gave_way != self.gave_way {
            let (bytes, more) = (self.spool.taken_bytes(), gave_way - self.gave_way);
            warning(PROGRAM, format_args!("event=spool-full bytes={bytes} gave_way={more}"));
            self.gave_way = gave_way;
        } else {
            return;
        }
        self.trouble_said_ms = Some(now_ms);
    }
}

impl Service for Server {
    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        if let (TOKEN_FILTER, key) = Key::of_token(event.token) {
            self.serve_or_disconnect(process, key, event.readable());
        }
        Ok(())
    }

    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Give(ToChild::Spool { lane }, fd) => self.add_filter(process, lane, fd)?,
            // Filters have their bodies here until they have ended.
            Order::Drain => self.is_draining = true,
            Order::End => return Err(ExitReason::Done),
            Order::Tell(_) | Order::Give(..) => return Err(ExitReason::broken_protocol("start")),
        }
        Ok(())
    }

    fn on_tick(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.count(process);
        self.warn_of_trouble(process);
        Ok(())
    }

    fn end_turn(&mut self, _: &Process) -> Result<(), ExitReason> {
        if self.is_draining && self.filters.is_empty() { Err(ExitReason::Done) } else { Ok(()) }
    }
}
