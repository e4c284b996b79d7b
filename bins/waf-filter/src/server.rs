//! The turns: frames in, evaluated, frames out.

use std::os::fd::OwnedFd;

use fosse_counters::{DRAINING, STREAM_CONNECTION};
use fosse_eventloop::{Event, Interest, clock_us};
use fosse_service::{ExitReason, Order, Process, Service};
use fosse_stage::{Gone, Input, Output};
use fosse_wire::start::ToChild;

use crate::{
    filter::Filter,
    outputs::{Back, with_outboxes, with_outputs},
};

const TOKEN_INPUT: u64 = 1;
const TOKEN_OUTPUT: u64 = 2;
const TOKEN_STORE: u64 = 3;
const TOKEN_BACK_INPUT: u64 = 4;
const TOKEN_BACK_OUTPUT: u64 = 5;
const TOKEN_SPOOL: u64 = 6;
const TOKEN_ENCODE: u64 = 7;
const TOKEN_TO_ENCODE: u64 = 8;

/// The filter with its sockets.
#[derive(Debug)]
pub(crate) struct Server {
    filter: Filter,
    input: Input,
    output: Output,
    /// The way back, where some site has its responses inspected.
    back: Option<Back>,
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
        input: Input,
        output: Output,
        back: Option<Back>,
    ) -> Result<Self, ExitReason> {
        process.event_loop.add(&input, TOKEN_INPUT, Interest::IN)?;
        if let Some(back) = &back {
            process.event_loop.add(&back.from_dispatch, TOKEN_BACK_INPUT, Interest::IN)?;
            if let Some((credit, _)) = &back.encode {
                process.event_loop.add(credit, TOKEN_ENCODE, Interest::IN)?;
            }
        }
        Ok(Self { filter, input, output, back, is_draining: false })
    }

    fn read_requests(&mut self) -> Result<(), Gone> {
        let Self { filter, input, output, back, .. } = self;
        input.read()?;
        with_outputs(output, back.as_mut(), |out| {
            while let Some(frame) = input.next_frame()? {
                filter.on_request_frame(&frame, out)?;
            }
            Ok(())
        })
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
        self.output.flush(event_loop, TOKEN_OUTPUT)?;
        let Some(back) = &mut self.back else { return Ok(()) };
        back.to_parse.flush(event_loop, TOKEN_BACK_OUTPUT)?;
        back.encode.as_mut().map_or(Ok(()), |(_, to)| to.flush(event_loop, TOKEN_TO_ENCODE))
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
            TOKEN_INPUT => self.read_requests(),
            TOKEN_BACK_INPUT => self.read_responses(),
            TOKEN_ENCODE => self.read_encode(),
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
