//! The turns: frames in, evaluated, frames out.

use std::os::fd::OwnedFd;

use fosse_counters::{DRAINING, STREAM_CONNECTION};
use fosse_die::warning;
use fosse_eventloop::{Event, EventLoop, Interest, clock_us};
use fosse_service::{ExitReason, Order, Process, Service};
use fosse_stage::{Gone, Input, Output, fronts::FromFronts};
use fosse_wire::{frame::Hello, slots::Slots, start::ToChild};

use crate::{
    PROGRAM,
    filter::Filter,
    outputs::{Back, with_outboxes, with_outputs},
};

/// The number of the front is below it.
const TOKEN_INPUT: u64 = 1 << 8;
const TOKEN_OUTPUT: u64 = 2;
const TOKEN_STORE: u64 = 3;
const TOKEN_BACK_INPUT: u64 = 4;
const TOKEN_BACK_OUTPUT: u64 = 2 << 8;
const TOKEN_SPOOL: u64 = 6;
const TOKEN_ENCODE: u64 = 7;
const TOKEN_TO_ENCODE: u64 = 8;
/// The tokens of fronts, without their numbers.
const TOKEN_FRONTS: u64 = !0xff;

/// The filter with its sockets.
#[derive(Debug)]
pub(crate) struct Server {
    filter: Filter,
    /// Frames from parse, and from further fronts of the lane.
    inputs: FromFronts,
    output: Output,
    /// The way back, where some site has its responses inspected.
    back: Option<Back>,
    /// The descriptor to read of a session with another encode, of which that to write is to come.
    next_encode: Option<OwnedFd>,
    is_draining: bool,
}

impl Server {
    /// Waits for frames.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub(crate) fn new(
        process: &Process,
        filter: Filter,
        inputs: FromFronts,
        output: Output,
        back: Option<Back>,
    ) -> Result<Self, ExitReason> {
        inputs.watch(&process.event_loop, TOKEN_INPUT)?;
        if let Some(back) = &back {
            process.event_loop.add(&back.from_dispatch, TOKEN_BACK_INPUT, Interest::IN)?;
            if let Some((credit, _)) = &back.encode {
                process.event_loop.add(credit, TOKEN_ENCODE, Interest::IN)?;
            }
        }
        Ok(Self { filter, inputs, output, back, next_encode: None, is_draining: false })
    }

    fn read_requests(&mut self, token: u64, event_loop: &EventLoop) -> Result<(), Gone> {
        let Self { filter, inputs, output, back, .. } = self;
        let Some((slots, input)) = inputs.of(token) else { return Ok(()) };
        let done = input.read().and_then(|_| {
            with_outputs(output, back.as_mut(), |out| {
                while let Some(frame) = input.next_frame()? {
                    filter.on_request_frame(&frame, out)?;
                }
                Ok(())
            })
        });
        done.or_else(|gone| self.lose_front(slots, gone, event_loop))
    }

    /// Goes on without the front that has these slots, of several, which is gone or not itself any
    /// more: its requests end as if their clients had gone.
    fn lose_front(&mut self, slots: Slots, gone: Gone, event_loop: &EventLoop) -> Result<(), Gone> {
        self.inputs.lose(slots, gone, event_loop)?;
        if let Some(back) = &mut self.back {
            back.to_parse.lose(slots, event_loop);
        }
        let Self { filter, output, back, .. } = self;
        with_outputs(output, back.as_mut(), |out| filter.lose_front(slots, out))?;
        // At the end of a lane its programs go in any order.
        if !gone.is_departure() {
            warning(PROGRAM, format_args!("event=front-lost front={} why=\"{gone}\"", slots.front()));
        }
        Ok(())
    }

    fn read_responses(&mut self) -> Result<(), Gone> {
        let Self { filter, output, back: Some(back), .. } = self else { return Ok(()) };
        let Back { from_dispatch, to_parse, encode } = back;
        from_dispatch.read()?;
        with_outboxes(output, (Some(to_parse), encode.as_mut().map(|(_, to)| to)), |out| {
            while let Some(frame) = from_dispatch.next_frame()? {
                filter.on_response_frame(&frame, out)?;
            }
            Ok(())
        })
    }

    /// Takes what encode grants.
    fn read_encode(&mut self) -> Result<(), Gone> {
        let Self { filter, output, back: Some(back), .. } = self else { return Ok(()) };
        let Back { to_parse, encode: Some((credit, to_encode)), .. } = back else { return Ok(()) };
        credit.read()?;
        with_outboxes(output, (Some(to_parse), Some(to_encode)), |out| {
            while let Some(frame) = credit.next_frame()? {
                filter.on_encode_frame(&frame, out)?;
            }
            Ok(())
        })
    }

    /// Begins a session with another encode, in place of the one before.
    fn begin_encode(&mut self, (reads, writes): (OwnedFd, OwnedFd), process: &Process) -> Result<(), ExitReason> {
        if self.back.as_ref().is_some_and(|back| back.encode.is_some()) {
            self.lose_encode(Gone::End, &process.event_loop);
        }
        let Some(back) = &mut self.back else { return Err(ExitReason::broken_protocol("start")) };
        let credit = Input::of_session(reads);
        process.event_loop.add(&credit, TOKEN_ENCODE, Interest::IN)?;
        back.encode = Some((credit, Output::of_session(writes, Hello::default())));
        self.filter.begin_encode();
        Ok(())
    }

    /// Ends the responses that encode has, as it is gone or not itself any more.
    fn lose_encode(&mut self, why: Gone, event_loop: &EventLoop) {
        let Self { filter, output, back, .. } = self;
        // Both are one socket, so closing one of them does not take it out of epoll.
        if let Some((credit, mut to_encode)) = back.as_mut().and_then(|back| back.encode.take()) {
            let _ = event_loop.remove(&credit);
            to_encode.leave(event_loop);
        }
        let to_parse = back.as_mut().map(|back| &mut back.to_parse);
        let lost = with_outboxes(output, (to_parse, None), |out| filter.lose_encode(out));
        // At the end of a lane its programs go in any order.
        if lost > 0 || !why.is_departure() {
            warning(PROGRAM, format_args!("event=encode-lost responses={lost} why=\"{why}\""));
        }
    }

    fn read_spool(&mut self) -> Result<(), Gone> {
        let Self { filter, output, back, .. } = self;
        with_outputs(output, back.as_mut(), |out| Ok(filter.read_spool(out)?))
    }

    /// Takes a socket to the spool.
    fn connect_spool(&mut self, process: &Process, fd: OwnedFd) -> Result<(), ExitReason> {
        let Self { filter, output, back, .. } = self;
        let done = with_outputs(output, back.as_mut(), |out| {
            let connected = filter.connect_spool(fd, &process.event_loop, TOKEN_SPOOL, out);
            connected.map_err(Gone::Failed)?.map_err(Gone::from)
        });
        done.map_err(|gone| self.exit_reason(process, gone))
    }

    /// Works on what waits for time, and writes what the turn brought.
    fn work(&mut self, process: &Process) -> Result<(), Gone> {
        let event_loop = &process.event_loop;
        self.filter.time_out_store(event_loop, event_loop.now_ms());
        let Self { filter, output, back, .. } = self;
        with_outputs(output, back.as_mut(), |out| {
            filter.time_out_spool(event_loop, event_loop.now_ms(), out)?;
            filter.work(out)
        })?;
        process.counters.set(STREAM_CONNECTION, 0);
        self.filter.flush_store(event_loop, TOKEN_STORE).map_err(Gone::Failed)?;
        self.filter.flush_spool(event_loop, TOKEN_SPOOL).map_err(Gone::Failed)?;
        let encode = self.back.as_mut().and_then(|back| back.encode.as_mut());
        if let Some(Err(gone)) = encode.map(|(_, to)| to.flush(event_loop, TOKEN_TO_ENCODE)) {
            self.lose_encode(gone, event_loop);
        }
        self.output.flush(event_loop, TOKEN_OUTPUT)?;
        let Some(back) = &mut self.back else { return Ok(()) };
        for slots in back.to_parse.flush(event_loop, TOKEN_BACK_OUTPUT)? {
            // What it had sent is of no use any more.
            self.lose_front(slots, Gone::End, event_loop)?;
        }
        Ok(())
    }

    /// Returns how the program ends whose peer is gone.
    fn exit_reason(&self, process: &Process, gone: Gone) -> ExitReason {
        // A turn has several peers: one may be found gone just after the frames of another were
        // worked on, and no client is to blame for that.
        if gone.is_departure() {
            process.counters.set(STREAM_CONNECTION, 0);
        }
        match gone {
            Gone::End if self.is_draining => ExitReason::Done,
            // The peer has said why, or start has ended it.
            Gone::End => ExitReason::Reported,
            gone => ExitReason::Failed(format!("lane: {gone}")),
        }
    }
}

impl Service for Server {
    fn begin_turn(&mut self, _: &Process) {
        self.filter.begin_turn(clock_us());
    }

    fn wait_ms_max(&self, process: &Process) -> Option<u64> {
        if self.filter.is_busy() { Some(0) } else { self.filter.store_wait_ms(process.event_loop.now_ms()) }
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        let done = match event.token {
            token if token & TOKEN_FRONTS == TOKEN_INPUT => self.read_requests(token, &process.event_loop),
            TOKEN_BACK_INPUT => self.read_responses(),
            TOKEN_ENCODE => {
                if let Err(gone) = self.read_encode() {
                    self.lose_encode(gone, &process.event_loop);
                }
                Ok(())
            }
            TOKEN_STORE if event.readable() => {
                self.filter.read_store();
                Ok(())
            }
            TOKEN_SPOOL if event.readable() => self.read_spool(),
            // Room in a socket: every turn ends with writing.
            _ => Ok(()),
        };
        done.map_err(|gone| self.exit_reason(process, gone))
    }

    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Drain => {
                self.is_draining = true;
                process.counters.set(DRAINING, 1);
            }
            Order::Give(ToChild::Records { .. }, fd) => {
                self.filter.connect_store(fd, &process.event_loop, TOKEN_STORE)?;
            }
            Order::Give(ToChild::Spool { .. }, fd) => self.connect_spool(process, fd)?,
            Order::Give(ToChild::Encode { writes: false, .. }, fd) => self.next_encode = Some(fd),
            Order::Give(ToChild::Encode { writes: true, .. }, writes) => {
                let Some(reads) = self.next_encode.take() else { return Err(ExitReason::broken_protocol("start")) };
                self.begin_encode((reads, writes), process)?;
            }
            Order::End => return Err(self.exit_reason(process, Gone::End)),
            // Orders for other programs.
            Order::Tell(_) | Order::Give(..) => {}
        }
        Ok(())
    }

    fn on_tick(&mut self, _: &Process) -> Result<(), ExitReason> {
        self.filter.count_losses();
        Ok(())
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        let done = self.work(process);
        done.map_err(|gone| self.exit_reason(process, gone))
    }
}
