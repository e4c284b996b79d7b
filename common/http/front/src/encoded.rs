//! Responses by way of fosse-encode, and the end of that way: whatever ends it, the responses that
//! encode had are ended by those who sent them to it, and all others go on.

use std::os::fd::OwnedFd;

use fosse_die::alert;
use fosse_eventloop::{EventLoop, Interest};
use fosse_service::ExitReason;
use fosse_stage::{Gone, Input, Output};
use fosse_wire::{Frame, frame::Hello};
use rustix::io::Errno;

use crate::{context::Context, response::Way};

/// The streams of a front, by slot.
pub trait Streams {
    /// Hands a frame of a response to its stream.
    ///
    /// # Errors
    /// Whatever breaks the protocol.
    fn on_frame(&mut self, frame: &Frame<'_>, way: Way, context: &mut Context, output: &mut Output)
    -> Result<(), Gone>;
}

/// The session with encode, but for what is sent there, which is in [`Context::to_encode`].
#[derive(Debug)]
pub struct Encoded {
    input: Option<Input>,
    token: u64,
    /// The descriptor to read of the next session, of which that to write is to come.
    next: Option<OwnedFd>,
}

impl Encoded {
    /// Waits for frames, as events of `token`, where there is an encode.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn watch(input: Option<Input>, token: u64, event_loop: &EventLoop) -> Result<Self, Errno> {
        input.as_ref().map_or(Ok(()), |input| event_loop.add(input, token, Interest::IN))?;
        Ok(Self { input, token, next: None })
    }

    /// Takes the frames that have come. Where encode is gone, or not itself any more, so is the
    /// way. Returns whether any may still be there.
    pub fn read(
        &mut self,
        event_loop: &EventLoop,
        streams: &mut impl Streams,
        context: &mut Context,
        output: &mut Output,
    ) -> bool {
        let Some(input) = &mut self.input else { return false };
        take(input, streams, context, output).unwrap_or_else(|gone| {
            if !gone.is_departure() {
                alert(context.program, format_args!("event=encode-lost why=\"{gone}\""));
            }
            self.lose(event_loop, context);
            false
        })
    }

    /// Takes all frames that are there.
    pub fn read_all(
        &mut self,
        event_loop: &EventLoop,
        streams: &mut impl Streams,
        context: &mut Context,
        output: &mut Output,
    ) {
        while self.read(event_loop, streams, context, output) {}
    }

    /// Takes all frames that are there, and closes the way.
    pub fn end(
        &mut self,
        event_loop: &EventLoop,
        streams: &mut impl Streams,
        context: &mut Context,
        output: &mut Output,
    ) {
        self.read_all(event_loop, streams, context, output);
        self.lose(event_loop, context);
    }

    /// Closes the way.
    pub fn lose(&mut self, event_loop: &EventLoop, context: &mut Context) {
        // Both are one socket, so closing one of them does not take it out of epoll.
        if let Some(input) = self.input.take() {
            let _ = event_loop.remove(&input);
        }
        if let Some(mut output) = context.to_encode.take() {
            output.leave(event_loop);
        }
    }

    /// Takes an end of a session with another encode. With the second one it begins, in place of
    /// the one before.
    ///
    /// # Errors
    /// Those of epoll_ctl(2), and where the first is missing.
    pub fn take_end(
        &mut self,
        fd: OwnedFd,
        writes: bool,
        event_loop: &EventLoop,
        streams: &mut impl Streams,
        context: &mut Context,
        output: &mut Output,
    ) -> Result<(), ExitReason> {
        if !writes {
            self.next = Some(fd);
            return Ok(());
        }
        let reads = self.next.take().ok_or_else(|| ExitReason::broken_protocol("start"))?;
        self.end(event_loop, streams, context, output);
        let input = Input::of_session(reads).for_front(context.slots);
        event_loop.add(&input, self.token, Interest::IN)?;
        self.input = Some(input);
        context.to_encode = Some(Output::of_session(fd, Hello { slots: context.slots, ..Hello::default() }));
        Ok(())
    }
}

fn take(
    input: &mut Input,
    streams: &mut impl Streams,
    context: &mut Context,
    output: &mut Output,
) -> Result<bool, Gone> {
    // An end is looked at after the frames before it.
    let end = input.read();
    while let Some(frame) = input.next_frame()? {
        streams.on_frame(&frame, Way::Encode, context, output)?;
    }
    end
}
