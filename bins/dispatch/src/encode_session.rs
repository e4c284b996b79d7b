//! The session with encode, where dispatch writes to it: its loss, and the next one.

use std::os::fd::OwnedFd;

use fosse_counters::Counters;
use fosse_die::warning;
use fosse_eventloop::{EventLoop, Interest};
use fosse_stage::{Gone, Input, Output};
use fosse_wire::frame::{Hello, ResetReason};
use rustix::io::Errno;

use crate::{
    PROGRAM,
    context::token,
    exchange::{stream::Stream, streams::Streams},
    lane::Lane,
    server::Server,
};

impl Server {
    /// Begins a session with another encode, in place of the one before.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub(crate) fn begin_encode(
        &mut self,
        (reads, writes): (OwnedFd, OwnedFd),
        event_loop: &EventLoop,
        counters: &Counters,
    ) -> Result<(), Errno> {
        if self.from_encode.is_some() {
            self.lose_encode(Gone::End, event_loop, counters);
        }
        let input = Input::of_session(reads);
        event_loop.add(&input, token::of(token::ENCODE), Interest::IN)?;
        self.from_encode = Some(input);
        self.shared.to_encode = Some(Output::of_session(writes, Hello::default()));
        self.shared.can_encode = true;
        Ok(())
    }

    /// Ends the responses that encode has, as it is gone or not itself any more. Those that begin
    /// until there is another go on as they are.
    pub(crate) fn lose_encode(&mut self, why: Gone, event_loop: &EventLoop, counters: &Counters) {
        // Both are one socket, so closing one of them does not take it out of epoll.
        if let Some(input) = self.from_encode.take() {
            let _ = event_loop.remove(&input);
        }
        if let Some(mut output) = self.shared.to_encode.take() {
            output.leave(event_loop);
        }
        self.shared.can_encode = false;
        let (_, _, streams, mut lane) = self.parts(event_loop, counters);
        let lost = lose_responses(streams, &mut lane);
        // At the end of a lane its programs go in any order.
        if lost > 0 || !why.is_departure() {
            warning(PROGRAM, format_args!("event=encode-lost responses={lost} why=\"{why}\""));
        }
    }
}

/// Ends the responses that encode had. Returns how many of them had not ended here.
fn lose_responses(streams: &mut Streams, lane: &mut Lane<'_>) -> usize {
    let (live, ended) = streams.take_encoded();
    for id in ended {
        // encode may have passed all of it on, and parse takes no note of it then.
        lane.context.shared.output.outbox.reset(id, ResetReason::Backend);
    }
    for id in &live {
        let Some(stream) = streams.get(*id) else { continue };
        lane.lose_response(stream);
        let over = stream.is_over();
        lane.follow(streams, *id, over, None);
    }
    live.len()
}

impl Lane<'_> {
    fn lose_response(&mut self, stream: &mut Stream) {
        self.abandon(stream);
        if !stream.response_ended {
            self.end_response(stream);
        }
        stream.is_encoded = false;
        self.context.shared.output.outbox.reset(stream.id, ResetReason::Backend);
    }
}
