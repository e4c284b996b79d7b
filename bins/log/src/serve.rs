//! Pipes in, lines out.

use std::os::fd::OwnedFd;

use fosse_counters::{Counters, TURNS, log as count};
use fosse_die::temporary;
use fosse_eventloop::slab::{Key, Slab};
use fosse_eventloop::{Interest, Turn};
use fosse_fdpass::Received;
use fosse_inherit::{Blob, Expected, LINES, MEMORY, MESSAGES, inherit};
use fosse_lockdown::{Locked, Sealed};
use fosse_settings::Log;
use fosse_wire::{
    launch::Program,
    start::{MESSAGE_BYTES, Stream, ToChild, ToStart},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::line::{Partial, Rate, escape};

const PROGRAM: &str = "fosse-log";
const TOKEN_START: u8 = 1;
const TOKEN_PIPE: u8 = 2;

/// Bytes read from one pipe in one turn: a pipe holds 64 KiB, so a chatty process cannot keep the others waiting.
const READ_BYTES: usize = 64 * 1024;
/// Pipes at a time: three for each process of the largest edge.
const PIPES_MAX: usize = 4096;

const DESCRIPTORS: &[Expected] = &[
    Expected::required(1, LINES, "event lines"),
    Expected::optional(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::required(7, MESSAGES, "start"),
    Expected::optional(9, LINES, "access lines"),
    Expected::optional(10, LINES, "audit lines"),
];

/// What the program was born with.
#[derive(Debug)]
pub struct Inputs {
    config: Option<Sealed<Blob<Log>>>,
    start: OwnedFd,
    outputs: [Option<OwnedFd>; 3],
    counters: Counters,
    turn: Turn,
}

/// Takes over the descriptors, before the lock; nothing is read from them yet.
#[must_use]
pub fn inputs() -> Inputs {
    let mut fds = inherit(PROGRAM, DESCRIPTORS);
    let turn = Turn::new().unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to make epoll: {errno}")));
    Inputs {
        config: fosse_inherit::optional_blob(PROGRAM, &mut fds, 5),
        start: fds.required(7),
        outputs: [Some(fds.required(1)), fds.optional(9), fds.optional(10)],
        counters: fosse_inherit::counters(PROGRAM, &mut fds, 6),
        turn: turn.without_linger(),
    }
}

#[derive(Debug)]
struct Pipe {
    fd: OwnedFd,
    stream: Stream,
    prefix: String,
    partial: Partial,
    rate: Rate,
}

struct Serve {
    pipes: Slab<Pipe>,
    start: OwnedFd,
    outputs: [Option<OwnedFd>; 3],
    counters: Counters,
    turn: Turn,
    lines_max: u32,
    scratch: Vec<u8>,
    /// Lines of this turn for each output: one write each at its end.
    pending: [Vec<u8>; 3],
}

/// Serves until start is gone or says that all is over.
pub fn run(inputs: Inputs, locked: Locked) -> ! {
    let config = inputs.config.map(|blob| blob.open(locked).read()).unwrap_or_default();
    let mut serve = Serve {
        pipes: Slab::default(),
        start: inputs.start,
        outputs: inputs.outputs,
        counters: inputs.counters,
        turn: inputs.turn,
        lines_max: config.lines_per_second_max,
        scratch: vec![0; READ_BYTES],
        pending: Default::default(),
    };
    let token = u64::from(TOKEN_START) << fosse_eventloop::slab::KEY_BITS;
    if let Err(errno) = serve.turn.add(&serve.start, token, Interest::IN) {
        temporary(PROGRAM, format_args!("unable to watch descriptors: {errno}"));
    }
    let _ = fosse_fdpass::send(&serve.start, &ToStart::Ready.encode(), &[]);
    loop {
        if let Err(errno) = serve.one_turn() {
            temporary(PROGRAM, format_args!("unable to serve: {errno}"));
        }
    }
}

impl Serve {
    fn one_turn(&mut self) -> Result<(), Errno> {
        self.turn.wait()?;
        let (mut at, mut ending) = (0, false);
        while let Some(event) = self.turn.happened(at) {
            at = at.saturating_add(1);
            match Key::of_token(event.token) {
                (TOKEN_START, _) => ending |= self.told()?,
                (TOKEN_PIPE, key) => drop(self.read(key)),
                _ => {}
            }
        }
        if ending {
            self.read_all();
        }
        if self.turn.ticked() {
            self.counters.add(TURNS, 1);
            self.tell_dropped();
        }
        self.write();
        if ending {
            std::process::exit(0);
        }
        Ok(())
    }

    /// What start says; true where all is over.
    fn told(&mut self) -> Result<bool, Errno> {
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        loop {
            match fosse_fdpass::receive(&self.start, &mut bytes, &mut fds)? {
                Received::Nothing => return Ok(false),
                Received::End => return Ok(true),
                Received::Message(count) => {
                    let message = ToChild::decode(bytes.get(..count).unwrap_or_default(), fds.len());
                    match (message, fds.pop()) {
                        (Ok(ToChild::PipeAdd { stream, program, lane, pid }), Some(fd)) => {
                            self.add(stream, program, lane, pid, fd);
                        }
                        (Ok(ToChild::Drain), None) => return Ok(true),
                        _ => temporary(PROGRAM, "start broke the protocol"),
                    }
                }
            }
        }
    }

    fn add(&mut self, stream: Stream, program: u8, lane: u32, pid: u32, fd: OwnedFd) {
        let name = Program::from_byte(program).map_or("unknown", Program::name);
        let prefix = if lane == u32::MAX { format!("{name}[{pid}] ") } else { format!("{name}.{lane}[{pid}] ") };
        if self.pipes.len() >= PIPES_MAX {
            return;
        }
        let pipe = Pipe { fd, stream, prefix, partial: Partial::default(), rate: Rate::new(self.lines_max) };
        let Some(key) = self.pipes.insert(pipe) else { return };
        let added = self.pipes.get(key).map(|pipe| self.turn.add(&pipe.fd, key.token(TOKEN_PIPE), Interest::IN));
        if !matches!(added, Some(Ok(()))) {
            self.pipes.remove(key);
        }
        self.counters.set(count::PIPES, u64::try_from(self.pipes.len()).unwrap_or(0));
    }

    /// Reads a pipe once; false where nothing is waiting any more.
    fn read(&mut self, key: Key) -> bool {
        let Some(pipe) = self.pipes.get_mut(key) else { return false };
        match rustix::io::read(&pipe.fd, self.scratch.as_mut_slice()) {
            Ok(0) => {
                if let Some(rest) = pipe.partial.rest() {
                    lay_out(&mut self.pending, pipe.stream, &pipe.prefix, rest);
                }
                if let Some(pipe) = self.pipes.remove(key) {
                    let _ = self.turn.remove(&pipe.fd);
                }
                self.counters.set(count::PIPES, u64::try_from(self.pipes.len()).unwrap_or(0));
                false
            }
            Ok(length) => {
                let bytes = self.scratch.get(..length).unwrap_or_default();
                let (now_ms, counters, pending) = (self.turn.now_ms(), &self.counters, &mut self.pending);
                let Pipe { stream, prefix, partial, rate, .. } = pipe;
                partial.take(bytes, |line, cut| {
                    counters.add(count::CUT, u64::from(cut));
                    // Access and audit lines are data that somebody asked for: only events are bounded.
                    if *stream != Stream::Log || rate.allows(now_ms) {
                        counters.add(count::LINES, 1);
                        lay_out(pending, *stream, prefix, line);
                    } else {
                        counters.add(count::LIMITED, 1);
                    }
                });
                true
            }
            Err(_) => false,
        }
    }

    /// The end: everything that was written before it.
    fn read_all(&mut self) {
        for key in self.pipes.iter().map(|(key, _)| key).collect::<Vec<_>>() {
            while self.read(key) {
                self.write();
            }
        }
    }

    fn tell_dropped(&mut self) {
        for key in self.pipes.iter().map(|(key, _)| key).collect::<Vec<_>>() {
            let Some(pipe) = self.pipes.get_mut(key) else { continue };
            if pipe.rate.dropped > 0 {
                let line = format!("{PROGRAM}: warning: event=lines-dropped count={}", pipe.rate.dropped);
                pipe.rate.dropped = 0;
                lay_out(&mut self.pending, Stream::Log, &pipe.prefix, line.as_bytes());
            }
        }
    }

    /// Writes the turn's lines. Whoever reads them may be stuck: then they are dropped and counted, as a stuck logger
    /// would fill every pipe behind it.
    fn write(&mut self) {
        for (lines, output) in self.pending.iter_mut().zip(&self.outputs) {
            if lines.is_empty() {
                continue;
            }
            if let Some(output) = output {
                let mut rest = lines.as_slice();
                while !rest.is_empty() && has_room(output) {
                    let piece = rest.get(..rest.len().min(LINES_AT_ONCE)).unwrap_or_default();
                    let whole = piece.iter().rposition(|b| *b == b'\n').map_or(piece.len(), |at| at.saturating_add(1));
                    match rustix::io::write(output, piece.get(..whole).unwrap_or_default()) {
                        Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                        Err(Errno::INTR) => {}
                        Err(_) => break,
                    }
                }
                self.counters
                    .add(count::FAILED, u64::try_from(rest.iter().filter(|b| **b == b'\n').count()).unwrap_or(0));
            }
            lines.clear();
        }
    }
}

/// Bytes a pipe surely takes when poll(2) says it has room (pipe(7), PIPE_BUF), so that a write does not wait. A line with
/// its prefix and escapes may be longer and is then written in pieces.
const LINES_AT_ONCE: usize = 4096;

fn has_room(output: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(output, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut polled, Some(&now)).is_ok_and(|ready| ready > 0)
}

/// Adds a line to what its output gets: events with their prefix and escaped, others as they are.
fn lay_out(pending: &mut [Vec<u8>; 3], stream: Stream, prefix: &str, line: &[u8]) {
    let [events, access, audit] = pending;
    let out = match stream {
        Stream::Log => events,
        Stream::Access => access,
        Stream::Audit => audit,
    };
    if stream == Stream::Log {
        out.extend_from_slice(prefix.as_bytes());
    }
    escape(out, line);
    out.push(b'\n');
}
