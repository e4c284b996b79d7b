//! Responses whose servers wait for their clients, and requests that wait for those servers.

use std::collections::HashMap;

use fosse_counters::dispatch as count;
use fosse_source::Source;
use fosse_wire::{StreamId, response::Cause};

use crate::{
    cache::piped::Piped,
    exchange::{
        Outcome, response_body,
        stream::{Lease, Stream, Wait},
        streams::Streams,
    },
    lane::Lane,
    limits,
    upstream::{connection::At, leaving::PassedTo, supply::Waiting},
};

impl Lane<'_> {
    /// Notes that the head of a response has gone on of which all is here: its client has to take
    /// it.
    pub(crate) fn await_client(&mut self, stream: &mut Stream) {
        stream.timer.stop();
        stream.head_sent = true;
        stream.taken_ms = self.context.now_ms();
        stream.wait = Wait::Client;
    }

    /// Sends a body that a pipe holds as soon as its client's socket has come.
    pub(crate) fn send_piped(&mut self, stream: &mut Stream, piped: Piped) {
        stream.begin_piped(piped, &mut self.context.shared.ahead);
        stream.set_read_whole(At::Exact(0));
    }

    /// Sends bytes from `from` on as their client takes them, all that is left of a response.
    pub(crate) fn send_later(&mut self, stream: &mut Stream, bytes: Vec<u8>, from: usize) {
        stream.begin_ahead(bytes, from, &mut self.context.shared.ahead);
        stream.set_read_whole(At::Exact(0));
        if stream.lease == Lease::No {
            response_body::pass_ahead(stream, &mut self.context);
        }
    }
}

/// Reads ahead of the clients that take nothing now. One that reads has no need of it: its response
/// is over before a tick comes, or it goes on within the turn. Those for whom a tick has no time
/// are the first at the next.
pub(crate) fn read_ahead(streams: &mut Streams, lane: &mut Lane<'_>) {
    let enough = lane.context.shared.ahead.bytes() + limits::AHEAD_TICK_BYTES_MAX;
    let first = lane.context.shared.ahead_first_slot;
    if let Some(left) = read_ahead_of(streams, lane, first, enough, |_| true) {
        lane.context.shared.ahead_first_slot = left.slot();
    }
}

/// Reads ahead of the wanted ones from a slot on, and then of those below it, until the lane has
/// `enough` bytes that were read so; returns the first that is left.
fn read_ahead_of(
    streams: &mut Streams,
    lane: &mut Lane<'_>,
    first: usize,
    enough: u64,
    wanted: impl Fn(&Stream) -> bool,
) -> Option<StreamId> {
    let slow = streams.beginning_at(first).filter(|s| s.waits_for_client() && wanted(s));
    let slow: Vec<StreamId> = slow.map(|s| s.id).collect();
    for id in slow {
        if lane.context.shared.ahead.bytes() >= enough {
            return Some(id);
        }
        // What became of the one before may have ended this one.
        let Some(stream) = streams.get(id).filter(|s| s.waits_for_client()) else { continue };
        let outcome = lane.read_ahead(stream);
        settle(id, outcome, streams, lane);
    }
    None
}

/// Makes room where requests wait in a queue: responses of slow clients are read ahead, and where a
/// source has more of a backend's connections than one that waits would have with one more, the
/// response of its that has stood still longest ends. At the end of each turn; without a queue it
/// costs nothing.
pub(crate) fn make_room(streams: &mut Streams, lane: &mut Lane<'_>) {
    for id in lane.upstream.servers.take_displaced() {
        settle(id, Outcome::Refuse(Cause::QueueFull), streams, lane);
    }
    for (backend, _) in lane.upstream.servers.queued() {
        read_ahead_of(streams, lane, 0, u64::MAX, |stream| stream.backend == backend && !stream.reads_ahead);
        // Each pass takes one stream out of the queue, or is the last: what helps nobody is not
        // repeated.
        let mut waiting = usize::MAX;
        while lane.upstream.servers.queue_len(backend) < waiting
            && let Some((victim, at, source)) = stalled_of_heaviest(streams, lane, backend)
        {
            waiting = lane.upstream.servers.queue_len(backend);
            lane.upstream.servers.give_turn(backend, source);
            end_stalled(victim, at, PassedTo::Queue, streams, lane);
        }
    }
    if lane.upstream.may_owe(lane.context.now_ms()) {
        leave_to_others(streams, lane);
    }
}

/// Leaves connections to the other lanes where requests wait there and this one has more than its
/// part: of each server one at a time, that which is pinned to a client and has waited longest for
/// it, else that of the response which has stood still longest, of the source that has most. Else a
/// lane whose clients do nothing kept all of them.
fn leave_to_others(streams: &mut Streams, lane: &mut Lane<'_>) {
    for at in lane.upstream.servers.owed(lane.context.now_ms()) {
        if lane.upstream.leave_pinned(at, &lane.context) {
            continue;
        }
        read_ahead_of(streams, lane, 0, u64::MAX, |stream| stream.server == Some(at) && !stream.reads_ahead);
        let held = held(streams, lane, |stream| stream.server == Some(at));
        if let Some((victim, _)) = longest_stalled(streams, &held, 1, |stream| stream.server == Some(at)) {
            end_stalled(victim, at, PassedTo::Others, streams, lane);
        }
    }
    let stands_still = lane.upstream.servers.have_pinned() || streams.iter().any(Stream::waits_for_client);
    lane.upstream.has_looked(stands_still, lane.context.now_ms());
}

/// Ends a response that stands still; the room of its connection is passed on.
fn end_stalled(id: StreamId, at: usize, to: PassedTo, streams: &mut Streams, lane: &mut Lane<'_>) {
    lane.context.counters.add(count::SLOW_CLIENTS, 1);
    lane.upstream.pass_on(at, to, lane.context.now_ms());
    settle(id, Outcome::ClientLost, streams, lane);
}

/// Returns the stream that has to make room for a source in the queue of a backend, if one has to,
/// its server, and that source: of the source that has most of its connections, among responses
/// that wait for their clients.
fn stalled_of_heaviest(streams: &Streams, lane: &Lane<'_>, backend: usize) -> Option<(StreamId, usize, Source)> {
    let waiting = lane.upstream.servers.queued().into_iter().find(|(of, _)| *of == backend)?.1;
    let of_backend = |stream: &Stream| stream.backend == backend;
    let held = held(streams, lane, of_backend);
    let (fewest, source) = waiting.into_iter().map(|source| (held.get(&source).copied().unwrap_or(0), source)).min()?;
    let (now_ms, servers) = (lane.context.now_ms(), &lane.upstream.servers);
    let helps = |stream: &Stream| of_backend(stream) && stream.server.is_some_and(|at| servers.may_pass_on(at, now_ms));
    let (victim, at) = longest_stalled(streams, &held, fewest + 1, helps)?;
    Some((victim, at, source))
}

/// Returns the number of connections that each source has, or is about to have, of those meant.
fn held(streams: &Streams, lane: &Lane<'_>, meant: impl Fn(&Stream) -> bool) -> HashMap<Source, u32> {
    let mut held: HashMap<Source, u32> = HashMap::new();
    let has = |stream: &Stream| {
        stream.connection.is_some()
            || stream.supply != Waiting::No && lane.upstream.is_connecting(stream.id, stream.backend)
    };
    for stream in streams.iter().filter(|stream| meant(stream) && has(stream)) {
        *held.entry(stream.source()).or_default() += 1;
    }
    held
}

/// Returns the stream, and its server, that has stood still longest among those meant of the source
/// that has most, where that is more than `most`.
fn longest_stalled(
    streams: &Streams,
    held: &HashMap<Source, u32>,
    most: u32,
    meant: impl Fn(&Stream) -> bool,
) -> Option<(StreamId, usize)> {
    let of = |stream: &Stream| held.get(&stream.source()).copied().unwrap_or(0);
    let stalled = streams.iter().filter(|stream| stream.waits_for_client() && of(stream) > most && meant(stream));
    let victim = stalled.max_by_key(|stream| (of(stream), std::cmp::Reverse(stream.taken_ms)))?;
    Some((victim.id, victim.server?))
}

fn settle(id: StreamId, outcome: Outcome, streams: &mut Streams, lane: &mut Lane<'_>) {
    let Some(stream) = streams.get(id) else { return };
    let news = lane.settle(stream, outcome);
    let over = stream.is_over();
    lane.follow(streams, id, over, news);
}
