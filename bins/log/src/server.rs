//! Pipes in, lines out.

use std::os::fd::OwnedFd;

use fosse_counters::log as count;
use fosse_eventloop::{
    Event, Interest,
    slab::{Key, Slab},
};
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_wire::{
    launch::Program,
    start::{LANE_NONE, Stream, ToChild},
};

use crate::{
    PROGRAM,
    line::{Partial, Rate},
    outputs::Outputs,
};

const TOKEN_PIPE: u8 = 1;

/// Bytes read from one pipe in one turn: a pipe holds 64 KiB, so a chatty process cannot keep the
/// others waiting.
const READ_BYTES: usize = 64 * 1024;
/// Pipes at a time: three for each process of the largest edge.
const PIPES_MAX: usize = 4096;

/// Milliseconds between two events about lost lines: a disk that is full stays so for a while.
const LOST_LINES_MS_MIN: u64 = 10_000;

/// One pipe of a process.
#[derive(Debug)]
struct Pipe {
    fd: OwnedFd,
    stream: Stream,
    /// `PROGRAM.LANE[PID] `, which the process has no word on.
    prefix: String,
    partial: Partial,
    rate: Rate,
}

/// The program's state.
#[derive(Debug)]
pub struct Server {
    pipes: Slab<Pipe>,
    outputs: Outputs,
    log_second_lines_max: u32,
    buffer: Vec<u8>,
    /// Time at which lost lines may next be told of.
    tells_of_lost_at_ms: u64,
    /// start is gone or says that all is over.
    ending: bool,
}

impl Server {
    /// Waits for pipes.
    ///
    /// # Errors
    /// None: everything else comes from start.
    pub fn new(_: &Process, mut given: Given) -> Result<Self, ExitReason> {
        Ok(Self {
            pipes: Slab::default(),
            outputs: Outputs::new([Some(given.required(1)), given.optional(9), given.optional(10)]),
            // start says it before it brings the first pipe.
            log_second_lines_max: 0,
            buffer: vec![0; READ_BYTES],
            tells_of_lost_at_ms: 0,
            ending: false,
        })
    }

    fn add_pipe(&mut self, process: &Process, stream: Stream, prefix: String, fd: OwnedFd) {
        if self.pipes.len() >= PIPES_MAX {
            return;
        }
        let rate = Rate::new(self.log_second_lines_max);
        let pipe = Pipe { fd, stream, prefix, partial: Partial::default(), rate };
        let Some(key) = self.pipes.insert(pipe) else { return };
        let added =
            self.pipes.get(key).map(|pipe| process.event_loop.add(&pipe.fd, key.token(TOKEN_PIPE), Interest::IN));
        if !matches!(added, Some(Ok(()))) {
            self.pipes.remove(key);
        }
        self.count_pipes(process);
    }

    /// Changes the limit of lines, of the processes that live too.
    fn limit(&mut self, log_second_lines_max: u32) {
        self.log_second_lines_max = log_second_lines_max;
        for key in self.keys() {
            if let Some(pipe) = self.pipes.get_mut(key) {
                pipe.rate.set_max(log_second_lines_max);
            }
        }
    }

    /// Reads a pipe once; returns false where nothing is waiting any more.
    fn read(&mut self, process: &Process, key: Key) -> bool {
        let Some(pipe) = self.pipes.get_mut(key) else { return false };
        match rustix::io::read(&pipe.fd, self.buffer.as_mut_slice()) {
            Ok(0) => {
                self.end_pipe(process, key);
                false
            }
            Ok(length) => {
                take_lines(pipe, &self.buffer[..length], process, &mut self.outputs);
                true
            }
            Err(_) => false,
        }
    }

    fn end_pipe(&mut self, process: &Process, key: Key) {
        let Some(pipe) = self.pipes.remove(key) else { return };
        // A process that crashed within a line: what there is of it may say why.
        if let Some(rest) = pipe.partial.rest() {
            self.outputs.add(pipe.stream, &pipe.prefix, rest);
        }
        let _ = process.event_loop.remove(&pipe.fd);
        self.count_pipes(process);
    }

    /// Reads everything that was written before the end.
    fn read_all(&mut self, process: &Process) {
        for key in self.keys() {
            while self.read(process, key) {
                self.outputs.write(&process.counters);
            }
        }
    }

    fn keys(&self) -> Vec<Key> {
        self.pipes.iter().map(|(key, _)| key).collect()
    }

    fn count_pipes(&self, process: &Process) {
        process.counters.set(count::PIPES, u64::try_from(self.pipes.len()).unwrap_or(u64::MAX));
    }
}

/// Adds the lines that some bytes of a pipe complete to the outputs.
fn take_lines(pipe: &mut Pipe, bytes: &[u8], process: &Process, outputs: &mut Outputs) {
    let (now_ms, counters) = (process.event_loop.now_ms(), &process.counters);
    let Pipe { stream, prefix, partial, rate, .. } = pipe;
    partial.take(bytes, |line, cut| {
        counters.add(count::CUT, u64::from(cut));
        // Access and audit lines are data that the configuration asks for: events alone are
        // limited.
        if *stream != Stream::Log || rate.allows(now_ms) {
            counters.add(count::LINES, 1);
            outputs.add(*stream, prefix, line);
        } else {
            counters.add(count::LIMITED, 1);
        }
    });
}

/// Returns the beginning of every event line of a process.
fn prefix(program: u8, lane: u32, pid: u32) -> String {
    let name = Program::from_byte(program).map_or("unknown", Program::name);
    if lane == LANE_NONE { format!("{name}[{pid}] ") } else { format!("{name}.{lane}[{pid}] ") }
}

impl Service for Server {
    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        if let (TOKEN_PIPE, key) = Key::of_token(event.token) {
            self.read(process, key);
        }
        Ok(())
    }

    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Give(ToChild::PipeAdd { stream, program, lane, pid }, fd) => {
                self.add_pipe(process, stream, prefix(program, lane, pid), fd);
            }
            Order::Give(ToChild::LogFile { stream }, fd) => self.outputs.replace(stream, fd, &process.counters),
            Order::Tell(ToChild::LogLines { max, syslog_prefix }) => {
                self.outputs.syslog_prefix = syslog_prefix;
                self.limit(max);
            }
            Order::Drain | Order::End => self.ending = true,
            Order::Tell(_) | Order::Give(..) => return Err(ExitReason::broken_protocol("start")),
        }
        Ok(())
    }

    /// Logs the number of lines that a process wrote beyond its limit, and of those that were lost.
    fn on_tick(&mut self, process: &Process) -> Result<(), ExitReason> {
        let now_ms = process.event_loop.now_ms();
        if self.tells_of_lost_at_ms <= now_ms {
            self.tells_of_lost_at_ms = now_ms + LOST_LINES_MS_MIN;
            self.outputs.tell_of_lost();
        }
        for key in self.keys() {
            let Some(pipe) = self.pipes.get_mut(key) else { continue };
            let dropped = std::mem::take(&mut pipe.rate.dropped);
            if dropped > 0 {
                let line = format!("{PROGRAM}: warning: event=lines-dropped count={dropped}");
                self.outputs.add(Stream::Log, &pipe.prefix, line.as_bytes());
            }
        }
        Ok(())
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        // The pipes hold the last lines of programs that have ended before.
        if self.ending {
            self.read_all(process);
        }
        self.outputs.write(&process.counters);
        if self.ending { Err(ExitReason::Done) } else { Ok(()) }
    }
}
