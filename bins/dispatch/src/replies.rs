//! Answers of backends on their way to parse: read, checked, and passed on within the credit parse has granted.

use fosse_counters::dispatch as count;
use fosse_eventloop::slab::Key;
use fosse_eventloop::{Happened, Interest};
use fosse_http1::Piece;
use fosse_wire::{Kind, StreamId};
use rustix::{
    io::Errno,
    net::{RecvFlags, recv},
};

use crate::{
    answer, limits,
    link::{At, Link, Use},
    serve::Dispatch,
    stream::{Lease, Stream, Wait},
};

/// What to do with a connection after some of its bytes were used.
enum Next {
    /// More bytes are needed.
    Read,
    /// parse must grant credit, or the lease, first.
    Hold,
    /// The answer is complete.
    Done,
    /// The backend broke HTTP; why.
    Broken(&'static str),
}

impl Dispatch {
    /// A backend connection has something to read, or room to write.
    pub(crate) fn link_event(&mut self, key: Key, event: Happened) {
        let Some(link) = self.links.get(key) else { return };
        match link.used {
            // A lease that ended earlier in this turn has read what this event announced.
            Use::Idle(_) | Use::Pinned(_) if nothing_to_read(link) => {}
            Use::Idle(_) | Use::Pinned(_) => self.close_link(key),
            Use::Check(_) => self.check_event(key),
            Use::Stream(id) => {
                let (tunnel, wants) = (matches!(link.at, At::Tunnel), link.interest.contains(Interest::IN));
                if event.readable() && self.rested_badly(id, key) {
                    return self.another_link(id);
                }
                if event.flags.intersects(Interest::OUT | Interest::HUP | Interest::ERR) {
                    self.queue_send(id);
                }
                if event.readable() && !wants && !tunnel {
                    // Hang-up while nothing is wanted: seen again when the credit comes.
                    self.watch(key, Interest::empty());
                } else if self.holds_lease(id) {
                    self.pump(id, key);
                } else if event.readable() {
                    self.read_reply(id, key);
                }
            }
        }
    }

    /// Something came over a connection out of the pool before a byte of the request went out: its end, or bytes that
    /// belong to no answer. The request is not to blame, and whatever its method another connection may have it.
    fn rested_badly(&mut self, id: StreamId, key: Key) -> bool {
        self.pair(id, key).is_some_and(|(stream, link)| {
            // Where what was sent is not kept, a count of 0 does not say that nothing was.
            link.used_before && !link.heard && stream.out_whole && stream.out_sent == 0
        })
    }

    /// Reads once and uses what came.
    fn read_reply(&mut self, id: StreamId, key: Key) {
        let credit = self.streams.get(id).map_or(0, |s| s.credit);
        let Some(link) = self.links.get_mut(key) else { return };
        if !link.input.is_empty() && !matches!(link.at, At::Head) {
            // What is here already waits for credit; reading on would only pile up more. The request may still go on.
            let wanted = link.interest - Interest::IN;
            return self.watch(key, wanted);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        // What cannot go on at once waits in our memory: no more is read than that.
        let room = match link.at {
            At::Head => limits::READ_HEAD_BYTES,
            _ => usize::try_from(credit).unwrap_or(usize::MAX).max(limits::READ_BODY_BYTES_MIN),
        };
        let room = room.min(scratch.len());
        match recv(&link.fd, scratch.get_mut(..room).unwrap_or_default(), RecvFlags::DONTWAIT) {
            Ok((0, _)) => {
                link.ended = true;
                self.backend_ended(id, key);
            }
            Ok((length, _)) => {
                link.heard = true;
                let bytes = scratch.get(..length).unwrap_or_default();
                if link.input.is_empty() {
                    let used = self.use_bytes(id, key, bytes);
                    if let Some(link) = self.links.get_mut(key)
                        && let Some(rest) = bytes.get(used..)
                        && link.used == Use::Stream(id)
                    {
                        link.input.extend_from_slice(rest);
                    }
                } else {
                    link.input.extend_from_slice(bytes);
                    self.replies(key);
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.backend_failed(id, 502, "connection reset"),
        }
        self.scratch = scratch;
    }

    /// Uses bytes that were read before, now that something has changed (credit, lease, more of a head).
    pub(crate) fn replies(&mut self, key: Key) {
        let Some(link) = self.links.get_mut(key) else { return };
        let Use::Stream(id) = link.used else { return };
        if self.holds_lease(id) {
            return;
        }
        let Some(link) = self.links.get_mut(key) else { return };
        let mut input = std::mem::take(&mut link.input);
        let used = if input.is_empty() { 0 } else { self.use_bytes(id, key, &input) };
        input.drain(..used.min(input.len()));
        let Some(link) = self.links.get_mut(key) else { return };
        if link.used != Use::Stream(id) {
            return;
        }
        let empty = input.is_empty();
        // What is used up gives its memory back: a slow reader's stream lives long.
        link.input = if empty { Vec::new() } else { input };
        if link.ended && empty {
            return self.backend_ended(id, key);
        }
        if empty && !link.interest.contains(Interest::IN) && !link.ended {
            let wanted = link.interest | Interest::IN;
            self.watch(key, wanted);
        }
    }

    /// Uses as much of `bytes` as can be used now; how much that was.
    fn use_bytes(&mut self, id: StreamId, key: Key, bytes: &[u8]) -> usize {
        let mut used = 0;
        let next = loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let Some((stream, link)) = self.pair(id, key) else { return bytes.len() };
            let (taken, next) = if matches!(link.at, At::Head) {
                match self.reply_head(id, key, rest) {
                    Ok((taken, true)) => (taken, None),
                    Ok((taken, false)) => (taken, Some(Next::Read)),
                    Err(why) => (0, Some(Next::Broken(why))),
                }
            } else if stream.lease != Lease::No {
                break Next::Hold;
            } else {
                let (taken, data, next) = body_bytes(link, stream.credit, rest);
                if !data.is_empty() {
                    stream.credit = stream.credit.saturating_sub(u64::try_from(data.len()).unwrap_or(u64::MAX));
                    self.output.outbox.data(id, Kind::ResponseData, data);
                }
                (taken, next)
            };
            used = used.saturating_add(taken);
            if let Some(next) = next {
                break next;
            }
        };
        self.reply_moved(id);
        match next {
            Next::Read | Next::Hold => {}
            Next::Broken(why) => self.backend_failed(id, 502, why),
            Next::Done => self.reply_done(id, key, used == bytes.len()),
        }
        used
    }

    fn pair(&mut self, id: StreamId, key: Key) -> Option<(&mut Stream, &mut Link)> {
        let stream = self.streams.get(id).filter(|s| s.link == Some(key))?;
        Some((stream, self.links.get_mut(key)?))
    }

    /// The silence limit starts anew.
    pub(crate) fn reply_moved(&mut self, id: StreamId) {
        let now_ms = self.turn.now_ms();
        let Some(stream) = self.streams.get(id) else { return };
        if stream.wait == Wait::Bytes {
            let idle = self.config.backends.get(stream.backend).map_or(0, |b| b.idle_ms);
            // While parse grants nothing it is the client that is slow, and parse's own limit counts.
            let held = stream.credit == 0 || stream.lease == Lease::Wanted;
            stream.deadline_ms = if held { u64::MAX } else { now_ms.saturating_add(u64::from(idle)) };
        }
    }

    /// The backend closed: right for a body that ends so, wrong in any other place.
    fn backend_ended(&mut self, id: StreamId, key: Key) {
        let Some((stream, link)) = self.pair(id, key) else { return };
        match link.at {
            At::UntilClose if link.input.is_empty() => self.reply_done(id, key, true),
            At::UntilClose => {}
            At::Head if link.input.is_empty() => self.backend_failed(id, 502, "closed without an answer"),
            At::Head => self.backend_failed(id, 502, "closed within the head"),
            _ if stream.lease == Lease::Wanted => self.watch(key, Interest::empty()),
            _ => self.backend_failed(id, 502, "closed within the body"),
        }
    }

    /// An answer is complete: END to parse, the connection back to its pool if nothing speaks against it.
    pub(crate) fn reply_done(&mut self, id: StreamId, key: Key, clean: bool) {
        let Some((stream, link)) = self.pair(id, key) else { return };
        stream.answered = true;
        stream.link = None;
        let leased_bytes = stream.leased_bytes;
        let reusable = link.keep && clean && !link.ended && stream.sent();
        let finished = stream.forward == fosse_wire::order::Forward::Ended;
        let at = std::mem::replace(&mut link.at, At::Head);
        let trailers = if let At::Chunked(decoder) = &at { Some(decoder.trailers()) } else { None };
        answer::end(&mut self.output.outbox, id, leased_bytes, trailers);
        self.release_client(id);
        if let Some(server) = self.links.get(key).and_then(|l| self.servers.get_mut(l.server)) {
            server.worked();
        }
        if reusable {
            self.reuse(key);
        } else {
            self.close_link(key);
        }
        if finished {
            self.forget(id);
        }
    }

    fn reuse(&mut self, key: Key) {
        let Some(link) = self.links.get_mut(key) else { return };
        if let Some(server) = self.servers.get_mut(link.server) {
            server.busy = server.busy.saturating_sub(1);
        }
        link.used = Use::Idle(u64::MAX);
        link.used_before = true;
        link.input.clear();
        link.input.shrink_to(0);
        self.watch(key, Interest::IN);
        self.rest_or_serve(key);
    }

    /// Counts a leased byte; here because only answers are leased.
    pub(crate) fn count_leased(&self, bytes: usize) {
        self.counters.add(count::BYTES_LEASED, u64::try_from(bytes).unwrap_or(0));
    }
}

/// An event that is out of date: neither bytes nor an end wait.
fn nothing_to_read(link: &Link) -> bool {
    recv(&link.fd, &mut [0; 1], RecvFlags::DONTWAIT | RecvFlags::PEEK) == Err(Errno::AGAIN)
}

/// How many of `bytes` are used now, the body's bytes among them, no more than `credit`, and what to do then, if that is known.
fn body_bytes<'a>(link: &mut Link, credit: u64, bytes: &'a [u8]) -> (usize, &'a [u8], Option<Next>) {
    let allowed = usize::try_from(credit).unwrap_or(usize::MAX).min(bytes.len());
    let (now, _) = bytes.split_at(allowed);
    match &mut link.at {
        At::Head | At::Tunnel => (0, &[], Some(Next::Hold)),
        At::Exact(0) => (0, &[], Some(Next::Done)),
        At::Exact(left) => {
            let now = now.get(..usize::try_from(*left).unwrap_or(usize::MAX).min(allowed)).unwrap_or_default();
            *left = left.saturating_sub(u64::try_from(now.len()).unwrap_or(u64::MAX));
            (now.len(), now, data_next(*left == 0, now.len(), bytes.len()))
        }
        At::UntilClose => (now.len(), now, data_next(false, now.len(), bytes.len())),
        At::Chunked(decoder) => match decoder.next_within(bytes, allowed) {
            Ok((taken, Piece::Data(data))) => (taken, data, None),
            Ok((taken, Piece::More)) if taken < bytes.len() => (taken, &[], Some(Next::Hold)),
            Ok((taken, Piece::More)) => (taken, &[], Some(Next::Read)),
            Ok((taken, Piece::End)) => (taken, &[], Some(Next::Done)),
            Err(why) => (0, &[], Some(Next::Broken(why.words()))),
        },
    }
}

const fn data_next(done: bool, used: usize, had: usize) -> Option<Next> {
    if done {
        Some(Next::Done)
    } else if used < had {
        Some(Next::Hold)
    } else {
        Some(Next::Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn an_event_out_of_date_closes_no_connection_at_rest() {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let link = Link::new(ours, 0, Use::Idle(u64::MAX));
        assert!(nothing_to_read(&link));
        rustix::io::write(&theirs, b"x").unwrap();
        assert!(!nothing_to_read(&link));
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        drop(theirs);
        assert!(!nothing_to_read(&Link::new(ours, 0, Use::Idle(u64::MAX))));
    }
}
