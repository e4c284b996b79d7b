//! Reading on while the client takes nothing: what a stream has in memory then, and the bytes that
//! a turn may move.

use std::os::fd::OwnedFd;

use fosse_eventloop::{Interest, slab::Key};
use fosse_source::{Budget, Source};
use rustix::{
    io::Errno,
    net::{RecvFlags, recv},
};

use super::{Outcome, failure::Failure, stream::Stream};
use crate::{
    cache::piped::Piped,
    context::Context,
    limits,
    upstream::connection::{At, Connection},
};

impl Stream {
    /// Returns the first bytes that were read ahead; none where nothing waits.
    pub(crate) fn ahead(&self) -> &[u8] {
        self.ahead.as_ref().map_or(&[], |ahead| ahead.first())
    }

    /// Returns whether nothing waits for its client.
    pub(crate) fn is_ahead_empty(&self) -> bool {
        self.ahead.as_ref().is_none_or(|ahead| ahead.bytes == 0)
    }

    /// Adds bytes that its client does not take now.
    pub(crate) fn push_ahead(&mut self, bytes: &[u8], budget: &mut Budget) {
        if !bytes.is_empty() {
            self.ahead.get_or_insert_default().push(bytes);
            budget.add(self.source(), bytes.len());
        }
    }

    /// Takes over the bytes of a whole response, from `from` on.
    pub(crate) fn begin_ahead(&mut self, bytes: Vec<u8>, from: usize, budget: &mut Budget) {
        if from < bytes.len() {
            budget.add(self.source(), bytes.len() - from);
            self.ahead.get_or_insert_default().begin(bytes, from);
        }
    }

    /// Takes over the bytes of a whole response, which a pipe holds.
    pub(crate) fn begin_piped(&mut self, piped: Piped, budget: &mut Budget) {
        budget.add(self.source(), piped.len());
        self.ahead.get_or_insert_default().begin_piped(piped);
    }

    /// Writes once to its client, of what was read ahead. Returns the number of bytes taken, and
    /// whether these are all that lie together.
    ///
    /// # Errors
    /// Those of send(2) and splice(2).
    pub(crate) fn write_ahead(&mut self, client: &OwnedFd, budget: &mut Budget) -> Result<(usize, bool), Errno> {
        let source = self.source();
        let Some(ahead) = &mut self.ahead else { return Ok((0, true)) };
        let (sent, is_all) = ahead.write(client)?;
        budget.sub(source, sent);
        Ok((sent, is_all))
    }

    /// Drops bytes that its client has taken: no more than [`Stream::ahead`] returned.
    pub(crate) fn advance_ahead(&mut self, count: usize, budget: &mut Budget) {
        if let Some(ahead) = &mut self.ahead {
            ahead.advance(count);
            budget.sub(Source::of(&self.client.addr), count);
        }
    }

    /// Drops all of them, and what is known of their end.
    pub(crate) fn drop_ahead(&mut self, budget: &mut Budget) {
        if let Some(ahead) = self.ahead.take() {
            budget.sub(self.source(), ahead.bytes);
        }
    }

    /// Notes that all of the response is read.
    pub(crate) fn set_read_whole(&mut self, at: At) {
        self.ahead.get_or_insert_default().whole = Some(at);
    }

    /// Returns the framing of a response that is read to its end and has no server any more.
    pub(crate) fn read_whole(&self) -> Option<&At> {
        self.ahead.as_ref()?.whole.as_ref()
    }
}

/// Returns the bytes that one response may move in a turn in which `left` are left for all.
pub(super) fn share(left: usize) -> usize {
    left.clamp(limits::LEASE_READ_BYTES_MIN, limits::LEASE_TURN_BYTES_MAX)
}

/// Takes bytes that were moved from the share of one response and from that of all.
pub(super) fn spend(count: usize, share: &mut usize, context: &mut Context<'_>) {
    // What was read in an earlier turn may be more than this turn's share.
    *share = share.saturating_sub(count);
    context.shared.lease_bytes_left = context.shared.lease_bytes_left.saturating_sub(count);
}

/// Watches the backend: for what it sends where that is wanted, and for room for what is left to
/// send to it. That is what the client sent after a 101, else the rest of a request that has its
/// response early.
pub(super) fn watch_backend(
    stream: &Stream,
    key: Key,
    connection: &mut Connection,
    from_backend: Interest,
    context: &Context<'_>,
) {
    let to_backend = if stream.unsent().is_empty() { Interest::empty() } else { Interest::OUT };
    connection.watch(key, from_backend | to_backend, context.event_loop);
}

/// Reads on while the client takes nothing, where that is wanted and as far as there is memory for
/// it. A response of which nothing is left to read lets its server go in any case.
pub(crate) fn read_ahead(
    stream: &mut Stream,
    key: Key,
    connection: &mut Connection,
    context: &mut Context<'_>,
) -> Outcome {
    put_ahead(stream, connection, context);
    let mut share = share(context.shared.lease_bytes_left);
    loop {
        let At::Exact(left) = &mut connection.at else { return Outcome::Continue };
        if *left == 0 {
            return Outcome::ReadWhole { clean: connection.input.is_empty() };
        }
        let due = usize::try_from(*left).unwrap_or(usize::MAX);
        let memory = if stream.reads_ahead { context.shared.ahead.room(stream.source()) } else { 0 };
        if memory < limits::LEASE_READ_BYTES_MIN.min(due) {
            // Its client makes room, or the next tick finds some.
            watch_backend(stream, key, connection, Interest::empty(), context);
            return Outcome::Continue;
        }
        if share == 0 {
            watch_backend(stream, key, connection, Interest::IN, context);
            return Outcome::Continue;
        }
        // One byte more than is due shows a backend that does not keep to its word.
        let room = (due.min(limits::LEASE_READ_BYTES_MAX - 1) + 1).min(memory).min(share);
        match recv(&connection.fd, &mut context.shared.scratch[..room], RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Outcome::Failed(Failure::ClosedInBody),
            Ok((count, _)) => {
                let (body, more) = context.shared.scratch[..count].split_at(due.min(count));
                *left -= u64::try_from(body.len()).unwrap_or(u64::MAX);
                stream.push_ahead(body, &mut context.shared.ahead);
                connection.input.extend_from_slice(more);
                spend(count, &mut share, context);
            }
            Err(Errno::AGAIN | Errno::INTR) => {
                watch_backend(stream, key, connection, Interest::IN, context);
                return Outcome::Continue;
            }
            Err(_) => return Outcome::Failed(Failure::ClosedInBody),
        }
    }
}

/// Puts the beginning of the body, which was read with the head, before what is read ahead.
fn put_ahead(stream: &mut Stream, connection: &mut Connection, context: &mut Context<'_>) {
    if let At::Exact(left) = &mut connection.at
        && !connection.input.is_empty()
    {
        let due = usize::try_from(*left).unwrap_or(usize::MAX).min(connection.input.len());
        stream.push_ahead(&connection.input[..due], &mut context.shared.ahead);
        connection.input.drain(..due);
        *left -= u64::try_from(due).unwrap_or(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_leased_responses_have_a_turn_to_share_and_each_gets_something() {
        let mut left = limits::LEASE_TURN_ALL_BYTES_MAX;
        let mut moved = 0;
        for _ in 0..256 {
            let one = share(left);
            assert!((limits::LEASE_READ_BYTES_MIN..=limits::LEASE_TURN_BYTES_MAX).contains(&one));
            left = left.saturating_sub(one);
            moved += one;
        }
        assert!(moved <= limits::LEASE_TURN_ALL_BYTES_MAX + 256 * limits::LEASE_READ_BYTES_MIN, "{moved}");
    }
}
