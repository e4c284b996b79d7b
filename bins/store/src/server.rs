//! Filters from start, requests and changes from filters, records to them.

use std::os::fd::OwnedFd;

use fosse_counters::store as count;
use fosse_die::warning;
use fosse_eventloop::{
    Event,
    slab::{Key, Slab},
};
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_session::{Disconnect, Socket};
use fosse_wire::start::ToChild;
use rustix::{
    io::Errno,
    time::{ClockId, clock_gettime},
};

use crate::{
    PROGRAM,
    filter::Filter,
    limits::{FILTERS_COUNT_MAX, FULL_LINE_MS_MIN, RECORDS_BYTES_MAX},
    records::Records,
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
    records: Records,
    filters: Slab<Peer>,
    /// Time of the last log line that memory is used up, and the evictions up to then.
    full_said_ms: Option<u64>,
    evicted: u64,
    /// There was a record at the end of the last turn.
    some: bool,
}

/// Returns seconds since 1970, the unit of rules' expirevar.
fn now_seconds() -> u64 {
    u64::try_from(clock_gettime(ClockId::Realtime).tv_sec).unwrap_or(0)
}

impl Server {
    /// Waits for filters.
    ///
    /// # Errors
    /// None: everything comes from start.
    pub fn new(_: &Process, _: Given) -> Result<Self, ExitReason> {
        Ok(Self {
            records: Records::new(RECORDS_BYTES_MAX),
            filters: Slab::default(),
            full_said_ms: None,
            evicted: 0,
            some: false,
        })
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
        self.count_filters(process);
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
        let filter = &mut peer.filter;
        filter
            .work(&mut self.records, now_seconds(), &process.counters)
            .and_then(|()| filter.announce(!self.records.is_empty()))?;
        peer.write(process, key)
    }

    fn disconnect(&mut self, process: &Process, key: Key, reason: Disconnect) {
        let Some(peer) = self.filters.remove(key) else { return };
        peer.socket.end(&process.event_loop);
        if let Disconnect::Broken(why) = reason {
            process.counters.add(count::BROKEN, 1);
            warning(PROGRAM, format_args!("event=filter-broke lane={} why=\"{why}\"", peer.lane));
        }
        self.count_filters(process);
    }

    fn count_filters(&self, process: &Process) {
        process.counters.set(count::FILTERS, u64::try_from(self.filters.len()).unwrap_or(u64::MAX));
    }

    fn count_records(&mut self, process: &Process) {
        let counters = &process.counters;
        let expired = self.records.sweep(now_seconds());
        counters.add(count::EXPIRED, u64::try_from(expired).unwrap_or(u64::MAX));
        counters.set(count::RECORDS, u64::try_from(self.records.len()).unwrap_or(u64::MAX));
        counters.set(count::BYTES, u64::try_from(self.records.bytes()).unwrap_or(u64::MAX));
    }

    /// Logs that memory is used up, at most once in [`FULL_LINE_MS_MIN`].
    fn warn_if_full(&mut self, process: &Process) {
        let (evicted, now_ms) = (process.counters.get(count::EVICTED), process.event_loop.now_ms());
        let quiet = self.full_said_ms.is_none_or(|said| now_ms.saturating_sub(said) >= FULL_LINE_MS_MIN);
        if evicted != self.evicted && quiet {
            let (records, more) = (self.records.len(), evicted.wrapping_sub(self.evicted));
            warning(PROGRAM, format_args!("event=records-full records={records} evicted={more}"));
            (self.evicted, self.full_said_ms) = (evicted, Some(now_ms));
        }
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
            Order::Give(ToChild::Records { lane }, fd) => self.add_filter(process, lane, fd)?,
            Order::Drain | Order::End => return Err(ExitReason::Done),
            Order::Tell(_) | Order::Give(..) => return Err(ExitReason::broken_protocol("start")),
        }
        Ok(())
    }

    fn on_tick(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.count_records(process);
        self.warn_if_full(process);
        Ok(())
    }

    /// Announces to all filters that the first record has come, or the last has gone.
    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        let some = !self.records.is_empty();
        if std::mem::replace(&mut self.some, some) != some {
            let keys: Vec<Key> = self.filters.iter().map(|(key, _)| key).collect();
            keys.into_iter().for_each(|key| self.serve_or_disconnect(process, key, false));
        }
        Ok(())
    }
}
