//! The turns: frames in, encoded, frames out.

use std::rc::Rc;

use fosse_counters::{DRAINING, STREAM_CONNECTION};
use fosse_eventloop::{Event, Interest};
use fosse_inherit::{Descriptors, Expected, MEMORY, MESSAGES, STREAM};
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_settings::Encode;
use fosse_stage::{
    Gone, Input, Output,
    fronts::{FURTHER, FromFronts, ToFronts},
};
use fosse_wire::{frame::Hello, slots::Slots};

use crate::{
    encoder::{Encoder, Outputs},
    response::Fault,
};

const TOKEN_RESPONSES: u64 = 1;
const TOKEN_UPSTREAM: u64 = 4;
/// The number of the front is below these.
const TOKEN_PARSE: u64 = 1 << 8;
const TOKEN_TO_PARSE: u64 = 2 << 8;
/// The tokens of fronts, without their numbers.
const TOKEN_FRONTS: u64 = !0xff;

/// The descriptors that encode inherits.
pub const DESCRIPTORS: &[Expected] = &[
    Expected::required(0, STREAM, "response frames"),
    Expected::required(1, STREAM, "response frames"),
    Expected::required(3, STREAM, "credit from parse"),
    Expected::required(4, STREAM, "credit for responses"),
    Expected::required(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::optional(7, MESSAGES, "start"),
    FURTHER[0],
    FURTHER[1],
    FURTHER[2],
    FURTHER[3],
    FURTHER[4],
    FURTHER[5],
];

/// The sockets, whose types the lock forbids to ask for.
#[derive(Debug)]
pub struct BeforeLock {
    responses: Input,
    /// Credit from parse, and from further fronts of the lane.
    from_parse: FromFronts,
    to_parse: ToFronts,
    upstream: Output,
}

impl BeforeLock {
    /// Takes them over.
    #[must_use]
    pub fn of(descriptors: &mut Descriptors) -> Self {
        let (to_parse, from_parse) = (descriptors.required(1), descriptors.required(3));
        Self {
            responses: Input::new(descriptors.required(0)),
            to_parse: ToFronts::inherit(to_parse, descriptors),
            from_parse: FromFronts::inherit(from_parse, descriptors),
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
        io.from_parse.watch(&process.event_loop, TOKEN_PARSE)?;
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

    fn read_parse(&mut self, token: u64, process: &Process) -> Result<(), Stopped> {
        let BeforeLock { from_parse, to_parse, upstream, .. } = &mut self.io;
        let Some((slots, input)) = from_parse.of(token) else { return Ok(()) };
        let mut out = Outputs { to_parse: &mut to_parse.outbox, upstream: &mut upstream.outbox };
        match take_credit(input, &mut self.encoder, process.event_loop.now_ms(), &mut out) {
            Err(Stopped::Gone(gone)) => self.lose_front(slots, gone, process),
            done => done,
        }
    }

    /// Goes on without the front that has these slots, of several, which is gone or not itself any
    /// more: its responses end as if their clients had gone.
    fn lose_front(&mut self, slots: Slots, gone: Gone, process: &Process) -> Result<(), Stopped> {
        let BeforeLock { from_parse, to_parse, upstream, .. } = &mut self.io;
        from_parse.lose(slots, gone, &process.event_loop)?;
        to_parse.lose(slots, &process.event_loop);
        let mut out = Outputs { to_parse: &mut to_parse.outbox, upstream: &mut upstream.outbox };
        self.encoder.lose_front(slots, process.event_loop.now_ms(), &mut out)?;
        Ok(())
    }

    /// Ends pauses, and writes what the turn brought.
    fn work(&mut self, process: &Process) -> Result<(), Stopped> {
        let BeforeLock { to_parse, upstream, .. } = &mut self.io;
        let mut out = Outputs { to_parse: &mut to_parse.outbox, upstream: &mut upstream.outbox };
        self.encoder.end_pauses(process.event_loop.now_ms(), &mut out)?;
        process.counters.set(STREAM_CONNECTION, 0);
        let lost = to_parse.flush(&process.event_loop, TOKEN_TO_PARSE)?;
        upstream.flush(&process.event_loop, TOKEN_UPSTREAM)?;
        lost.into_iter().try_for_each(|slots| self.lose_front(slots, Gone::End, process))
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

fn take_credit(input: &mut Input, encoder: &mut Encoder, now_ms: u64, out: &mut Outputs<'_>) -> Result<(), Stopped> {
    input.read()?;
    while let Some(frame) = input.next_frame()? {
        encoder.on_parse_frame(&frame, now_ms, out)?;
    }
    Ok(())
}

impl Service for Server {
    fn wait_ms_max(&self, process: &Process) -> Option<u64> {
        self.encoder.wait_ms(process.event_loop.now_ms())
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        let now_ms = process.event_loop.now_ms();
        let done = match event.token {
            TOKEN_RESPONSES => self.read_responses(now_ms),
            token if token & TOKEN_FRONTS == TOKEN_PARSE => self.read_parse(token, process),
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
