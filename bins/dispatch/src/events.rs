//! Events of descriptors: each is looked up once, and passed on with the request or the connection
//! that it is about.

use std::os::fd::OwnedFd;

use fosse_counters::dispatch as count;
use fosse_die::warning;
use fosse_eventloop::{Event, slab::Key};
use fosse_fdpass::{Fit, Received};
use fosse_stage::{Gone, Input};
use fosse_wire::{
    Kind, StreamId,
    cache::{FromCache, LeaveCause},
    direct,
};

use crate::{
    PROGRAM,
    cache::lookup,
    exchange::{
        stream::{Lease, Stream},
        streams::Streams,
    },
    frames,
    lane::Lane,
    upstream::connection::Use,
};

/// Takes every frame that has come. parse sends a client's socket before the LEASE that needs it,
/// so the sockets are fetched before the first of those, and only then: most turns bring none.
pub(crate) fn on_frames(
    input: &mut Input,
    mut client_sockets: Option<&OwnedFd>,
    streams: &mut Streams,
    lane: &mut Lane<'_>,
) -> Result<(), Gone> {
    lane.upstream.hear_reports(&lane.context);
    input.read()?;
    while let Some(frame) = input.next_frame()? {
        if frame.kind == Kind::Lease
            && let Some(fd) = client_sockets.take()
        {
            on_client_sockets(fd, streams, lane)?;
        }
        frames::take(&frame, streams, lane)?;
    }
    Ok(())
}

/// Takes every frame that encode has sent.
pub(crate) fn on_credit(encode: &mut Input, streams: &mut Streams, lane: &mut Lane<'_>) -> Result<(), Gone> {
    encode.read()?;
    while let Some(frame) = encode.next_frame()? {
        frames::take_of_encode(&frame, streams, lane)?;
    }
    Ok(())
}

/// Handles a backend connection that has something to read, or room to write.
pub(crate) fn on_backend(key: Key, event: Event, streams: &mut Streams, lane: &mut Lane<'_>) {
    // An earlier event of this turn may have closed it.
    let Some(connection) = lane.upstream.connections.get(key) else { return };
    if connection.has_read_before(event, lane.context.event_loop.now_us()) {
        return;
    }
    match connection.used {
        Use::Idle | Use::Pinned => lane.upstream.close(key, &lane.context),
        Use::Stream(id) => {
            let Some(stream) = streams.get(id) else {
                if lane.copy_ready(id, key, event, streams) {
                    return;
                }
                return lane.context.state_error("stream of a connection is gone");
            };
            let news = if stream.awaits_access() {
                lane.decision_ready(stream, key, event)
            } else {
                let outcome = lane.backend_ready(stream, event);
                lane.settle(stream, outcome)
            };
            let over = stream.is_over();
            lane.follow(streams, id, over, news);
        }
    }
}

/// Handles a client's socket that has room, or (upgraded) bytes.
pub(crate) fn on_client(token: u64, streams: &mut Streams, lane: &mut Lane<'_>) {
    let id = StreamId::from_raw(u32::try_from(token & u64::from(u32::MAX)).unwrap_or(0));
    // An earlier event of this turn may have ended the stream, or the lease.
    let Some(stream) = streams.get(id).filter(|stream| stream.lease == Lease::Held && !stream.response_ended) else {
        return;
    };
    let outcome = lane.client_ready(stream);
    let news = lane.settle(stream, outcome);
    let over = stream.is_over();
    lane.follow(streams, id, over, news);
}

/// Begins a session with a cache. What was asked of the one before goes on by itself.
pub(crate) fn begin_cache(fd: OwnedFd, streams: &mut Streams, lane: &mut Lane<'_>) {
    let Some(cache) = &mut lane.context.shared.cache else { return };
    let waited = cache.begin_session(fd, lane.context.event_loop);
    waited.into_iter().for_each(|id| cache_replied(id, None, streams, lane));
}

/// Takes what the cache has sent.
pub(crate) fn on_cache(streams: &mut Streams, lane: &mut Lane<'_>) {
    let Some(cache) = &mut lane.context.shared.cache else { return };
    let replies = cache.take_replies(lane.context.event_loop, lane.context.counters);
    replies.into_iter().for_each(|(id, reply)| cache_replied(id, reply, streams, lane));
}

/// Goes on with a stream to which the cache has replied, or never will.
fn cache_replied(id: StreamId, reply: Option<FromCache>, streams: &mut Streams, lane: &mut Lane<'_>) {
    let stream = streams.get(id).filter(|stream| !stream.response_ended);
    let waits = |stream: &&mut Stream| stream.cached.as_ref().is_some_and(|cached| cached.tag != 0);
    let stream = match (stream, reply) {
        (Some(stream), _) if waits(&stream) => stream,
        (_, Some(FromCache::Lead { tag, .. })) => {
            if let Some(cache) = &mut lane.context.shared.cache {
                cache.leave(tag, LeaveCause::Own);
            }
            return;
        }
        // The cache wants no more of the response of one that leads, or is gone.
        (Some(stream), _) => return lookup::stop_leading(stream),
        (None, _) => return,
    };
    let Some(policy) = &lane.policies.get(stream.policy).settings.cache else { return };
    let outcome = lookup::replied(stream, reply, policy, &mut lane.context);
    let news = lane.settle(stream, outcome);
    let over = stream.is_over();
    lane.follow(streams, id, over, news);
}

/// Reports sockets of clients that there was no descriptor for.
fn without_descriptor(sockets: usize, lane: &Lane<'_>) {
    if sockets > 0 {
        lane.context.counters.add(count::EXHAUSTED, u64::try_from(sockets).unwrap_or(0));
        let cure = "raise the hard limit of descriptors (LimitNOFILE, ulimit -Hn)";
        warning(PROGRAM, format_args!("event=no-descriptor connections={sockets} cure=\"{cure}\""));
    }
}

/// Takes client sockets that parse lends, and word of connections that are over.
pub(crate) fn on_client_sockets(clients: &OwnedFd, streams: &Streams, lane: &mut Lane<'_>) -> Result<(), Gone> {
    let (mut bytes, mut fds) = ([0; direct::BATCH_MAX * 8], Vec::new());
    loop {
        match fosse_fdpass::receive_what_fits(clients, &mut bytes, &mut fds).map_err(Gone::Failed)? {
            (Received::Nothing, _) => return Ok(()),
            (Received::End, _) => return Err(Gone::End),
            (Received::Message(length), fit) => {
                let sent = if fit == Fit::Whole { fds.len() } else { direct::count(length) };
                let connections = direct::decode(&bytes[..length], sent)?;
                if sent == 0 {
                    connections.iter().for_each(|c| lane.client_ended(*c));
                }
                // A response that is to be written to one of these ends when that is found out.
                without_descriptor(sent - fds.len(), lane);
                for (connection, fd) in connections.into_iter().zip(fds.drain(..)) {
                    lane.clients.insert(connection, fd, streams.len());
                }
            }
        }
    }
}
