//! The loop: filters from start, questions and changes from filters, records to them.

use std::os::fd::OwnedFd;

use fosse_counters::{Counters, LOG_DROPPED, TURNS, store as count};
use fosse_die::{temporary, warning};
use fosse_eventloop::slab::{Key, Slab};
use fosse_eventloop::{Interest, Turn};
use fosse_fdpass::Received;
use fosse_inherit::{Expected, LINES, MEMORY, MESSAGES, inherit};
use fosse_lockdown::{Locked, Sealed};
use fosse_wire::start::{MESSAGE_BYTES, ToChild, ToStart};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
    time::{ClockId, clock_gettime},
};

use crate::{
    PROGRAM,
    filter::Filter,
    keeper::Keeper,
    limits::{FILTERS_COUNT_MAX, FULL_LINE_MS_MIN, RECORDS_BYTES_MAX},
};

const TOKEN_START: u8 = 1;
const TOKEN_FILTER: u8 = 2;

const DESCRIPTORS: &[Expected] = &[
    Expected::required(2, LINES, "log"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::required(7, MESSAGES, "start"),
];

/// What the program was born with.
#[derive(Debug)]
pub struct Inputs {
    start: Sealed<OwnedFd>,
    counters: Counters,
    turn: Turn,
}

/// Takes over the descriptors, before the lock; nothing is read from them yet.
#[must_use]
pub fn inputs() -> Inputs {
    let mut fds = inherit(PROGRAM, DESCRIPTORS);
    let turn = Turn::new().unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to make epoll: {errno}")));
    let counters = fosse_inherit::counters(PROGRAM, &mut fds, 6);
    Inputs { start: fds.sealed(7), counters, turn: turn.without_linger() }
}

/// A filter and its socket.
#[derive(Debug)]
struct Neighbour {
    fd: OwnedFd,
    lane: u32,
    filter: Filter,
    watched: Interest,
}

/// Why a filter is let go.
#[derive(Debug)]
enum Gone {
    /// Its lane is over.
    End,
    /// It broke the protocol, or its socket did.
    Broken(String),
}

struct Serve {
    keeper: Keeper,
    filters: Slab<Neighbour>,
    start: OwnedFd,
    counters: Counters,
    turn: Turn,
    full_said_ms: Option<u64>,
    evicted: u64,
    /// There was a record at the end of the last turn.
    some: bool,
}

/// Serves until start is gone or says that all is over.
pub fn run(inputs: Inputs, locked: Locked) -> ! {
    let mut serve = Serve {
        keeper: Keeper::new(RECORDS_BYTES_MAX),
        filters: Slab::default(),
        start: inputs.start.open(locked),
        counters: inputs.counters,
        turn: inputs.turn,
        full_said_ms: None,
        evicted: 0,
        some: false,
    };
    if let Err(errno) = serve.turn.add(&serve.start, token(TOKEN_START), Interest::IN) {
        temporary(PROGRAM, format_args!("unable to watch descriptors: {errno}"));
    }
    let _ = fosse_fdpass::send(&serve.start, &ToStart::Ready.encode(), &[]);
    loop {
        if let Err(errno) = serve.one_turn() {
            temporary(PROGRAM, format_args!("unable to serve: {errno}"));
        }
    }
}

const fn token(kind: u8) -> u64 {
    (kind as u64) << fosse_eventloop::slab::KEY_BITS
}

/// Seconds since 1970: what rules and their expirevar count in.
fn now_seconds() -> u64 {
    u64::try_from(clock_gettime(ClockId::Realtime).tv_sec).unwrap_or(0)
}

impl Serve {
    fn one_turn(&mut self) -> Result<(), Errno> {
        self.turn.wait()?;
        let now = now_seconds();
        let mut at = 0;
        while let Some(event) = self.turn.happened(at) {
            at = at.saturating_add(1);
            match Key::of_token(event.token) {
                (TOKEN_START, _) => self.told()?,
                (TOKEN_FILTER, key) => {
                    if let Err(gone) = self.serve(key, event.readable(), now) {
                        self.let_go(key, gone);
                    }
                }
                _ => {}
            }
        }
        if self.turn.ticked() {
            self.ticked(now);
        }
        self.tell_all(now);
        Ok(())
    }

    /// When the first record has come, or the last has gone, all filters hear of it.
    fn tell_all(&mut self, now: u64) {
        let some = !self.keeper.is_empty();
        if std::mem::replace(&mut self.some, some) == some {
            return;
        }
        let keys: Vec<Key> = self.filters.iter().map(|(key, _)| key).collect();
        for key in keys {
            if let Err(gone) = self.serve(key, false, now) {
                self.let_go(key, gone);
            }
        }
    }

    /// Hears a filter, does what it says, and answers: one read and one write a turn, so that nobody waits long for another.
    fn serve(&mut self, key: Key, readable: bool, now: u64) -> Result<(), Gone> {
        let Some(neighbour) = self.filters.get_mut(key) else { return Ok(()) };
        let broken = |errno: Errno| Gone::Broken(errno.to_string());
        if readable && !neighbour.filter.is_full() {
            match recv(&neighbour.fd, neighbour.filter.inbox.spare(), RecvFlags::DONTWAIT) {
                Ok((0, _)) | Err(Errno::CONNRESET) => return Err(Gone::End),
                Ok((length, _)) => neighbour.filter.inbox.filled(length),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(broken(errno)),
            }
        }
        let worked = neighbour.filter.work(&mut self.keeper, now, &self.counters);
        worked
            .and_then(|()| neighbour.filter.tell(!self.keeper.is_empty()))
            .map_err(|e| Gone::Broken(e.to_string()))?;
        // It may have said more than was answered; nothing else would bring that up.
        let stopped = neighbour.filter.is_full();
        if !neighbour.filter.pending().is_empty() {
            match send(&neighbour.fd, neighbour.filter.pending(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(length) => neighbour.filter.advance(length),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(Gone::End),
                Err(errno) => return Err(broken(errno)),
            }
        }
        let room = if neighbour.filter.pending().is_empty() && !stopped { Interest::empty() } else { Interest::OUT };
        let wanted = if neighbour.filter.is_full() { room } else { room | Interest::IN };
        if wanted != neighbour.watched {
            self.turn.modify(&neighbour.fd, key.token(TOKEN_FILTER), wanted).map_err(broken)?;
            neighbour.watched = wanted;
        }
        Ok(())
    }

    /// What start says. Its end is ours.
    fn told(&mut self) -> Result<(), Errno> {
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        loop {
            match fosse_fdpass::receive(&self.start, &mut bytes, &mut fds)? {
                Received::Nothing => return Ok(()),
                Received::End => std::process::exit(0),
                Received::Message(length) => {
                    let message = ToChild::decode(bytes.get(..length).unwrap_or_default(), fds.len());
                    match (message, fds.pop()) {
                        (Ok(ToChild::Records { lane }), Some(fd)) => self.introduced(lane, fd)?,
                        (Ok(ToChild::Drain), None) => std::process::exit(0),
                        _ => temporary(PROGRAM, "start broke the protocol"),
                    }
                }
            }
        }
    }

    /// A filter is there.
    fn introduced(&mut self, lane: u32, fd: OwnedFd) -> Result<(), Errno> {
        let Ok(filter) = Filter::new() else { return Ok(()) };
        if self.filters.len() >= FILTERS_COUNT_MAX {
            warning(PROGRAM, format_args!("event=too-many-filters lane={lane}"));
            return Ok(());
        }
        // Watched for room too: so the greeting goes out.
        let watched = Interest::IN | Interest::OUT;
        let Some(key) = self.filters.insert(Neighbour { fd, lane, filter, watched }) else { return Ok(()) };
        if let Some(neighbour) = self.filters.get(key) {
            self.turn.add(&neighbour.fd, key.token(TOKEN_FILTER), watched)?;
        }
        self.count_filters();
        Ok(())
    }

    fn let_go(&mut self, key: Key, gone: Gone) {
        let Some(neighbour) = self.filters.remove(key) else { return };
        let _ = self.turn.remove(&neighbour.fd);
        if let Gone::Broken(why) = gone {
            self.counters.add(count::BROKEN, 1);
            warning(PROGRAM, format_args!("event=filter-broke lane={} why=\"{why}\"", neighbour.lane));
        }
        self.count_filters();
    }

    fn count_filters(&self) {
        self.counters.set(count::FILTERS, u64::try_from(self.filters.len()).unwrap_or(0));
    }

    fn ticked(&mut self, now: u64) {
        let dropped = self.keeper.sweep(now);
        self.counters.add(count::EXPIRED, u64::try_from(dropped).unwrap_or(0));
        self.counters.set(count::RECORDS, u64::try_from(self.keeper.len()).unwrap_or(0));
        self.counters.set(count::BYTES, u64::try_from(self.keeper.bytes()).unwrap_or(0));
        self.counters.add(TURNS, 1);
        self.counters.set(LOG_DROPPED, fosse_die::dropped());
        self.counters.set_turns(self.turn.long_turns());
        let (evicted, now_ms) = (self.counters.get(count::EVICTED), self.turn.now_ms());
        let quiet = self.full_said_ms.is_none_or(|said| now_ms.saturating_sub(said) >= FULL_LINE_MS_MIN);
        if evicted != self.evicted && quiet {
            let (records, more) = (self.keeper.len(), evicted.saturating_sub(self.evicted));
            warning(PROGRAM, format_args!("event=records-full records={records} evicted={more}"));
            (self.evicted, self.full_said_ms) = (evicted, Some(now_ms));
        }
    }
}
