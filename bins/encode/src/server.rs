//! The turns: frames in, encoded, frames out.

use std::rc::Rc;

use fosse_counters::{DRAINING, STREAM_CONNECTION};
use fosse_eventloop::{Event, Interest};
use fosse_inherit::Descriptors;
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_settings::Encode;
use fosse_stage::{Gone, Input, Output};
use fosse_wire::frame::Hello;

use crate::{
    encoder::{Encoder, Outputs},
    response::Fault,
};

const TOKEN_RESPONSES: u64 = 1;
const TOKEN_PARSE: u64 = 2;
const TOKEN_TO_PARSE: u64 = 3;
const TOKEN_UPSTREAM: u64 = 4;

/// The sockets, whose types the lock forbids to ask for.
#[derive(Debug)]
pub struct BeforeLock {
    responses: Input,
    from_parse: Input,
    to_parse: Output,
    upstream: Output,
}

impl BeforeLock {
    /// Takes them over.
    #[must_use]
    pub fn of(descriptors: &mut Descriptors) -> Self {
        Self {
            responses: Input::new(descriptors.required(0)),
            to_parse: Output::new(descriptors.required(1), Hello::default()),
            from_parse: Input::new(descriptors.required(3)),
            upstream: Output::new(descriptors.required(4), Hello::default()),
        }
    }
}

/// The responses with the sockets.
#[derive(Debug)]
pub struct Server {
    encoder: Encoder,
    io: BeforeLock,
    is_draining: bool,
}

/// The reason to end: a peer, or an encoder.
enum Stopped {
    Gone(Gone),
    Fault(Fault),
}

impl From<Gone> for Stopped {
    fn from(gone: Gone) -> Self {
        Self::Gone(gone)
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Wire(error) => Self::Gone(Gone::Broken(error)),
            fault => Self::Fault(fault),
        }
    }
}

impl Server {
    /// Reads the settings and waits for frames.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn new(process: &Process, mut given: Given, io: BeforeLock) -> Result<Self, ExitReason> {
        let settings: Encode = given.settings();
        process.event_loop.add(&io.responses, TOKEN_RESPONSES, Interest::IN)?;
        process.event_loop.add(&io.from_parse, TOKEN_PARSE, Interest::IN)?;
        let encoder = Encoder::new(settings.lane_encode_bytes_max, Rc::clone(&process.counters));
        Ok(Self { encoder, io, is_draining: false })
    }

    fn read_responses(&mut self, now_ms: u64) -> Result<(), Stopped> {
        let BeforeLock { responses, to_parse, upstream, .. } = &mut self.io;
        // An end is looked at after the frames before it.
        let end = responses.read();
        let mut out = Outputs { to_parse: &mut to_parse.outbox, upstream: &mut upstream.outbox };
        while let Some(frame) = responses.next_frame()? {
            self.encoder.on_response_frame(&frame, now_ms, &mut out)?;
        }
        Ok(end.map(drop)?)
    }

    fn read_parse(&mut self, now_ms: u64) -> Result<(), Stopped> {
        let BeforeLock { from_parse, to_parse, upstream, .. } = &mut self.io;
        from_parse.read()?;
        let mut out = Outputs { to_parse: &mut to_parse.outbox, upstream: &mut upstream.outbox };
        while let Some(frame) = from_parse.next_frame()? {
            self.encoder.on_parse_frame(&frame, now_ms, &mut out)?;
        }
        Ok(())
    }

    /// Ends pauses, and writes what the turn brought.
    fn work(&mut self, process: &Process) -> Result<(), Stopped> {
        let BeforeLock { to_parse, upstream, .. } = &mut self.io;
        let mut out = Outputs { to_parse: &mut to_parse.outbox, upstream: &mut upstream.outbox };
        self.encoder.end_pauses(process.event_loop.now_ms(), &mut out)?;
        process.counters.set(STREAM_CONNECTION, 0);
        to_parse.flush(&process.event_loop, TOKEN_TO_PARSE)?;
        upstream.flush(&process.event_loop, TOKEN_UPSTREAM)?;
        Ok(())
    }

    /// Returns how the program ends.
    fn exit_reason(&self, process: &Process, stopped: Stopped) -> ExitReason {
        let gone = match stopped {
            Stopped::Fault(Fault::Coder(error)) => return ExitReason::Failed(format!("encoder: {error}")),
            Stopped::Fault(_) => return ExitReason::Failed("encoder: more bytes than a coding may add".to_owned()),
            Stopped::Gone(gone) => gone,
        };
        // A turn has several peers: one may be found gone just after the frames of another were
        // worked on, and no client is to blame for that.
        if gone.is_departure() {
            process.counters.set(STREAM_CONNECTION, 0);
        }
        match gone {
            Gone::End if self.is_draining || self.encoder.is_empty() => ExitReason::Done,
            // The peer has said why, or start has ended it.
            Gone::End => ExitReason::Reported,
            gone => ExitReason::Failed(format!("lane: {gone}")),
        }
    }
}

impl Service for Server {
    fn wait_ms_max(&self, process: &Process) -> Option<u64> {
        self.encoder.wait_ms(process.event_loop.now_ms())
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        let now_ms = process.event_loop.now_ms();
        let done = match event.token {
            TOKEN_RESPONSES => self.read_responses(now_ms),
            TOKEN_PARSE => self.read_parse(now_ms),
            // Room in a socket: every turn ends with writing.
            _ => Ok(()),
        };
        done.map_err(|stopped| self.exit_reason(process, stopped))
    }

    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Drain => {
                self.is_draining = true;
                process.counters.set(DRAINING, 1);
                Ok(())
            }
            Order::End => Err(self.exit_reason(process, Stopped::Gone(Gone::End))),
            // Orders for other programs.
            Order::Tell(_) | Order::Give(..) => Ok(()),
        }
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        let done = self.work(process);
        done.map_err(|stopped| self.exit_reason(process, stopped))
    }
}
