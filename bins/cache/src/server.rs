//! The turns: asks of lanes, frames of the dispatch that is asked, one write to each.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::os::fd::OwnedFd;
use std::time::SystemTime;

use fosse_arena::{ARENA_BYTES_MAX, Writer, key_of};
use fosse_counters::{Counters, cache as count};
use fosse_die::{alert, warning};
use fosse_eventloop::{
    Event, Interest,
    slab::{Key, Slab, token},
};
use fosse_inherit::Descriptors;
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_session::Disconnect;
use fosse_stage::{Gone, Input, Output};
use fosse_sys::page::Page;
use fosse_wire::{
    Outbox, WireError,
    cache::{FromCache, ToCache, Way, split},
    frame::Hello,
    start::ToChild,
};
use rustix::io::Errno;

use crate::{
    PROGRAM,
    ask::{Ask, News, Now},
    disk::{Disk, Keys},
    fill::{Asker, Waiter},
    keeper::Keeper,
    limits::{DISK_TURN_BYTES_MAX, LANES_COUNT_MAX},
    peer::{Peer, check},
    store::Store,
    volume::Volume,
};

const TOKEN_RESPONSES: u8 = 1;
const TOKEN_REQUESTS: u8 = 2;
const TOKEN_LANE: u8 = 3;

/// The parts that the lock forbids to make.
#[derive(Debug)]
pub struct BeforeLock {
    input: Input,
    output: Output,
    memory: Result<Page, Errno>,
    /// Keys of a memory and a disk that are new.
    keys: Keys,
    /// The number before that of the first fill, which others of this edge and its other caches do
    /// not have.
    request: u64,
}

impl BeforeLock {
    /// Makes them: streams are asked for their type, the memory is mapped.
    #[must_use]
    pub fn of(descriptors: &mut Descriptors) -> Self {
        let (hash, seal) = (RandomState::new(), RandomState::new());
        let most = usize::try_from(ARENA_BYTES_MAX).unwrap_or(usize::MAX);
        let pair = |random: &RandomState| (random.hash_one(1), random.hash_one(2));
        Self {
            input: Input::new(descriptors.required(0)),
            output: Output::new(descriptors.required(1), Hello::default()),
            memory: Page::map_of(descriptors.required(8), most).inspect(Page::use_small_pages),
            keys: Keys { hash: pair(&hash), seal: pair(&seal) },
            request: hash.hash_one(3),
        }
    }
}

/// The program's state.
#[derive(Debug)]
pub struct Server {
    input: Input,
    output: Output,
    keeper: Keeper,
    lanes: Slab<Peer>,
    /// Lanes with replies that are not written yet.
    with_news: BTreeSet<u32>,
}

impl Server {
    /// Takes over memory and disk with what is in them, and waits for lanes.
    ///
    /// # Errors
    /// Where the memory could not be mapped, and those of epoll_ctl(2).
    pub fn new(process: &Process, mut given: Given, before: BeforeLock) -> Result<Self, ExitReason> {
        let BeforeLock { input, output, memory, keys, request } = before;
        let memory = memory?;
        let bytes = u64::try_from(memory.words().len()).unwrap_or(0) * 8;
        let keeper = Keeper::new(given.settings(), store(&mut given, memory, keys), bytes, request);
        process.event_loop.add(&input, token(TOKEN_RESPONSES), Interest::IN)?;
        Ok(Self { input, output, keeper, lanes: Slab::default(), with_news: BTreeSet::new() })
    }

    /// Adds a lane that start introduces.
    fn add_lane(&mut self, process: &Process, lane: u32, fd: OwnedFd) -> Result<(), Errno> {
        let Ok(peer) = Peer::new(fd, lane) else { return Ok(()) };
        if self.lanes.len() >= LANES_COUNT_MAX {
            warning(PROGRAM, format_args!("event=too-many-lanes lane={lane}"));
            return Ok(());
        }
        let Some(key) = self.lanes.insert(peer) else { return Ok(()) };
        self.lanes.get_mut(key).map_or(Ok(()), |peer| peer.socket.begin(&process.event_loop, key.token(TOKEN_LANE)))
    }

    /// Works on the messages of a lane: one read a turn, so that no lane waits long for another.
    fn serve(&mut self, process: &Process, key: Key, readable: bool) {
        let mut news = Vec::new();
        let worked = self.work(process, key, readable, &mut news);
        // What a lane has said before it broke matters to others.
        self.tell(news);
        if let Err(reason) = worked {
            self.disconnect(process, key, reason);
        }
        self.with_news.insert(key.slot());
    }

    fn work(&mut self, process: &Process, key: Key, readable: bool, news: &mut Vec<News>) -> Result<(), Disconnect> {
        let now = now(process);
        let Some(peer) = self.lanes.get_mut(key) else { return Ok(()) };
        if readable {
            peer.socket.read(&mut peer.inbox, &peer.replies)?;
        }
        while !peer.replies.is_full() {
            let Some(message) = peer.inbox.next_of(split)? else { break };
            let message = ToCache::decode(message)?;
            peer.heard = peer.heard.after(message == ToCache::Hello)?;
            check(peer.lane, &message)?;
            let follows = (&mut self.keeper, &mut self.output.outbox);
            news.extend(follow(follows, (key, &message), now, &process.counters)?);
        }
        Ok(())
    }

    /// Queues replies.
    fn tell(&mut self, news: Vec<News>) {
        for (key, reply) in news {
            let Some(peer) = self.lanes.get_mut(key) else { continue };
            // A reply has a few bytes, and there is one at most for each ask.
            if reply.encode(&mut peer.replies.bytes).is_ok() {
                self.with_news.insert(key.slot());
            }
        }
    }

    fn disconnect(&mut self, process: &Process, key: Key, reason: Disconnect) {
        let Some(peer) = self.lanes.remove(key) else { return };
        peer.socket.end(&process.event_loop);
        let news = self.keeper.forget_peer(key, now(process), &process.counters);
        self.tell(news);
        if let Disconnect::Broken(why) = reason {
            process.counters.add(count::BROKEN, 1);
            warning(PROGRAM, format_args!("event=lane-broke lane={} why=\"{why}\"", peer.lane));
        }
    }

    /// Takes the frames that have come of the dispatch that is asked.
    fn take_frames(&mut self, process: &Process) -> Result<(), Gone> {
        self.input.read()?;
        let mut news = Vec::new();
        while let Some(frame) = self.input.next_frame()? {
            let (out, counters) = (&mut self.output.outbox, &process.counters);
            news.extend(self.keeper.take(&frame, now(process), out, counters)?);
        }
        self.tell(news);
        Ok(())
    }

    /// Writes replies, once to each lane.
    fn write_replies(&mut self, process: &Process) {
        for slot in std::mem::take(&mut self.with_news) {
            let Some(key) = self.lanes.key_of(slot) else { continue };
            let Some(peer) = self.lanes.get_mut(key) else { continue };
            let written = peer.socket.write(&mut peer.replies, &process.event_loop, key.token(TOKEN_LANE));
            if let Err(reason) = written {
                self.disconnect(process, key, reason);
            }
        }
    }
}

/// Does what a message of a lane, or of fosse-status, says. Returns the replies.
fn follow(
    (keeper, out): (&mut Keeper, &mut Outbox),
    (peer, message): (Key, &ToCache<'_>),
    now: Now,
    counters: &Counters,
) -> Result<Vec<News>, WireError> {
    Ok(match *message {
        ToCache::Hello => Vec::new(),
        ToCache::Ask { .. } => Ask::of(peer, message).map_or_else(Vec::new, |ask| keeper.ask(&ask, now, out, counters)),
        ToCache::Head { tag, delay_ms, status, key, fields } => {
            keeper.led_head((peer, tag), (delay_ms, status, key, fields), now, out, counters)?
        }
        ToCache::Data { tag, bytes } => keeper.led_data((peer, tag), bytes, out, counters),
        ToCache::End { tag } => keeper.whole(Asker::Lane(peer, tag), now, counters),
        ToCache::Leave { tag, cause } => keeper.left((peer, tag), cause, now, counters),
        ToCache::Forget { tag, key: [] } => keeper.forget_all(Waiter { peer, tag, way: Way::None }, counters)?,
        ToCache::Forget { tag, key } => {
            let mut news = keeper.forget(key, counters);
            news.push((peer, FromCache::Forgotten { tag }));
            news
        }
        ToCache::Purge { tag, purge } => keeper.begin_purge(&purge, Waiter { peer, tag, way: Way::None }, counters)?,
    })
}

/// Takes over the memory, and the disk where there is one: hashes are the same in both.
fn store(given: &mut Given, memory: Page, keys: Keys) -> Store {
    let keys = Keys { hash: key_of(&memory).unwrap_or(keys.hash), ..keys };
    let files = given.optional(9).zip(given.optional(10));
    let disk = files.and_then(|(index, responses)| {
        let opened = Disk::open(index, responses, keys);
        opened.inspect_err(|errno| alert(PROGRAM, format_args!("event=no-cache-disk error=\"{errno}\""))).ok()
    });
    let key = disk.as_ref().map_or(keys.hash, |(disk, _)| disk.hash_key());
    Store::new(Writer::with_key(memory, key), disk.map(|(disk, found)| Volume::new(disk, found)))
}

fn now(process: &Process) -> Now {
    Now { ms: process.event_loop.now_ms(), time: SystemTime::now() }
}

/// Returns the way in which the program ends that has lost its dispatch.
fn lost(gone: Gone) -> ExitReason {
    ExitReason::Failed(format!("dispatch: {gone}"))
}

impl Service for Server {
    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        match Key::of_token(event.token) {
            (TOKEN_RESPONSES, _) => self.take_frames(process).map_err(lost)?,
            (TOKEN_LANE, key) => self.serve(process, key, event.readable()),
            // There is room for requests, which the end of the turn writes.
            _ => {}
        }
        Ok(())
    }

    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Give(ToChild::Cache { lane }, fd) => self.add_lane(process, lane, fd)?,
            // Requests that wait pass by: the next one has what is kept.
            Order::Drain | Order::End => return Err(ExitReason::Done),
            Order::Tell(_) | Order::Give(..) => return Err(ExitReason::broken_protocol("start")),
        }
        Ok(())
    }

    fn on_tick(&mut self, process: &Process) -> Result<(), ExitReason> {
        let news = self.keeper.end_overdue(now(process), &mut self.output.outbox, &process.counters);
        self.tell(news);
        self.keeper.count(&process.counters);
        Ok(())
    }

    fn wait_ms_max(&self, _process: &Process) -> Option<u64> {
        (!self.keeper.purges.is_empty() || self.keeper.store.has_unwritten()).then_some(0)
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        let over = self.keeper.purge(&process.counters);
        self.tell(over.into_iter().collect());
        self.write_replies(process);
        self.output.flush(&process.event_loop, token(TOKEN_REQUESTS)).map_err(lost)?;
        // Last: nobody waits for it.
        self.keeper.store.write_to_disk(DISK_TURN_BYTES_MAX);
        Ok(())
    }
}
