//! The loop: frames in, evaluated, frames out.

use std::{os::fd::OwnedFd, rc::Rc};

use fosse_counters::{Counters, DRAINING, LOG_DROPPED, STREAM_CONNECTION, TURNS};
use fosse_die::temporary;
use fosse_eventloop::{Happened, Interest, Turn, clock_us};
use fosse_fdpass::Received;
use fosse_stage::{Gone, Input, Output};
use fosse_wire::start::{MESSAGE_BYTES, ToChild, ToStart};
use rustix::io::Errno;

use crate::{PROGRAM, filter::Filter, outputs::with_outputs};

const TOKEN_INPUT: u64 = 1;
const TOKEN_OUTPUT: u64 = 2;
const TOKEN_START: u64 = 3;
const TOKEN_STORE: u64 = 4;
const TOKEN_BACK_INPUT: u64 = 5;
const TOKEN_BACK_OUTPUT: u64 = 6;

/// The filter with its sockets.
pub(crate) struct Server {
    pub(crate) filter: Filter,
    pub(crate) input: Input,
    pub(crate) output: Output,
    /// From dispatch and to parse, where some site has its responses inspected.
    pub(crate) back: Option<(Input, Output)>,
    pub(crate) turn: Turn,
    pub(crate) start: Option<OwnedFd>,
    pub(crate) counters: Rc<Counters>,
    pub(crate) is_draining: bool,
}

impl Server {
    /// Serves until the frames end.
    pub(crate) fn run(mut self) -> ! {
        if let Err(errno) = self.watch() {
            temporary(PROGRAM, format_args!("unable to watch descriptors: {errno}"));
        }
        // The socket to the store, where there is one, was sent before this process was spawned.
        if let Err(gone) = self.on_start_message() {
            temporary(PROGRAM, format_args!("start: {gone}"));
        }
        if let Some(start) = &self.start {
            let _ = fosse_fdpass::send(start, &ToStart::Ready.encode(), &[]);
        }
        loop {
            if let Err(gone) = self.poll_once() {
                self.end(gone);
            }
        }
    }

    fn watch(&self) -> Result<(), Errno> {
        self.turn.add(&self.input, TOKEN_INPUT, Interest::IN)?;
        if let Some((from, _)) = &self.back {
            self.turn.add(from, TOKEN_BACK_INPUT, Interest::IN)?;
        }
        self.start.as_ref().map_or(Ok(()), |start| self.turn.add(start, TOKEN_START, Interest::IN))
    }

    fn end(&self, gone: Gone) -> ! {
        // A turn has several peers: one may be found gone just after the frames of another were
        // worked on, and no client is to blame for that.
        if gone.is_departure() {
            self.counters.set(STREAM_CONNECTION, 0);
        }
        match gone {
            Gone::End => std::process::exit(if self.is_draining { 0 } else { fosse_die::EXIT_TEMPORARY }),
            gone => temporary(PROGRAM, format_args!("ring: {gone}")),
        }
    }

    fn poll_once(&mut self) -> Result<(), Gone> {
        let record_ms = self.filter.store_wait_ms(self.turn.now_ms()).unwrap_or(u64::MAX);
        self.turn.wait_at_most(if self.filter.is_busy() { 0 } else { record_ms }).map_err(Gone::Failed)?;
        self.filter.begin_turn(clock_us());
        let mut index = 0;
        while let Some(event) = self.turn.happened(index) {
            index += 1;
            self.on_event(event)?;
        }
        self.filter.time_out_store(&self.turn, self.turn.now_ms());
        let Self { filter, output, back, .. } = self;
        with_outputs(output, back.as_mut().map(|(_, to)| to), |out| filter.work(out))?;
        self.counters.set(STREAM_CONNECTION, 0);
        self.filter.flush_store(&self.turn, TOKEN_STORE).map_err(Gone::Failed)?;
        if self.turn.ticked() {
            self.tick();
        }
        self.output.flush(&self.turn, TOKEN_OUTPUT)?;
        self.back.as_mut().map_or(Ok(()), |(_, to)| to.flush(&self.turn, TOKEN_BACK_OUTPUT))
    }

    fn on_event(&mut self, event: Happened) -> Result<(), Gone> {
        match event.token {
            TOKEN_INPUT => self.read_requests()?,
            TOKEN_BACK_INPUT => self.read_responses()?,
            TOKEN_START => self.on_start_message()?,
            TOKEN_STORE if event.readable() => self.filter.read_store(),
            // Room in a socket: every turn ends with writing.
            _ => {}
        }
        Ok(())
    }

    fn read_requests(&mut self) -> Result<(), Gone> {
        let Self { filter, input, output, back, .. } = self;
        input.read()?;
        with_outputs(output, back.as_mut().map(|(_, to)| to), |out| {
            while let Some(frame) = input.next_frame()? {
                filter.on_request_frame(&frame, out)?;
            }
            Ok(())
        })
    }

    fn read_responses(&mut self) -> Result<(), Gone> {
        let Self { filter, output, back: Some((from, to)), .. } = self else { return Ok(()) };
        from.read()?;
        with_outputs(output, Some(to), |out| {
            while let Some(frame) = from.next_frame()? {
                filter.on_response_frame(&frame, out)?;
            }
            Ok(())
        })
    }

    fn on_start_message(&mut self) -> Result<(), Gone> {
        let Some(start) = &self.start else { return Ok(()) };
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        let length = match fosse_fdpass::receive(start, &mut bytes, &mut fds).map_err(Gone::Failed)? {
            Received::Nothing => return Ok(()),
            Received::End => return Err(Gone::End),
            Received::Message(length) => length,
        };
        let message = ToChild::decode(bytes.get(..length).unwrap_or_default(), fds.len())?;
        match (message, fds.pop()) {
            (ToChild::Drain, _) => {
                self.is_draining = true;
                self.counters.set(DRAINING, 1);
            }
            (ToChild::Records { .. }, Some(fd)) => {
                self.filter.connect_store(fd, &self.turn, TOKEN_STORE).map_err(Gone::Failed)?;
            }
            // Orders that start gives to other programs.
            _ => {}
        }
        Ok(())
    }

    fn tick(&mut self) {
        self.filter.count_losses();
        self.counters.add(TURNS, 1);
        self.counters.set(LOG_DROPPED, fosse_die::dropped());
        self.counters.set_turns(self.turn.long_turns());
    }
}
