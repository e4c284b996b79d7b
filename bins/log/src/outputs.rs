//! Where lines go. Whoever reads them may be stuck: then lines are dropped and counted, since a
//! logger that waits would fill every pipe and stop every program.

use std::os::fd::OwnedFd;

use fosse_counters::{Counters, log as count};
use fosse_die::Severity;
use fosse_wire::start::Stream;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::{PROGRAM, line::escape};

/// Bytes a pipe surely takes when poll(2) says it has room (pipe(7), PIPE_BUF), so that a write
/// does not wait. A line with its prefix and escapes may be longer and is then written in pieces.
const PIPE_BUF: usize = 4096;

/// An output for each [`Stream`], with the lines of this turn: one write each at its end.
#[derive(Debug)]
pub(crate) struct Outputs {
    all: [Output; 3],
    /// Events begin with their priority.
    pub(crate) syslog_prefix: bool,
}

/// Priority of a line that no program of the suite has worded: notice.
const PRIORITY_UNKNOWN: u8 = 5;

#[derive(Debug)]
struct Output {
    fd: Option<OwnedFd>,
    lines: Vec<u8>,
    /// The last bytes written are the beginning of a line whose rest is lost.
    is_torn: bool,
    /// Lines lost since this was last reported, and the error; `None` where nobody reads.
    lost: u64,
    why: Option<Errno>,
}

impl Output {
    const fn new(fd: Option<OwnedFd>) -> Self {
        Self { fd, lines: Vec::new(), is_torn: false, lost: 0, why: None }
    }

    /// Writes what has been added, as far as there is room; returns the number of lines that are
    /// lost. A line after a torn one begins on a line of its own.
    fn write(&mut self) -> u64 {
        let Some(fd) = self.fd.as_ref().filter(|_| !self.lines.is_empty()) else { return 0 };
        if self.is_torn {
            self.lines.insert(0, b'\n');
        }
        let (rest, why) = write_while_room(fd, &self.lines);
        let written = self.lines.len() - rest.len();
        let ends = rest.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        let lost = ends - u64::from(self.is_torn && written == 0);
        if let Some(last) = written.checked_sub(1) {
            self.is_torn = self.lines[last] != b'\n';
        }
        if lost > 0 {
            self.why = why;
            self.lost += lost;
        }
        lost
    }
}

impl Outputs {
    /// Takes the descriptors in the order of the streams.
    pub(crate) fn new(fds: [Option<OwnedFd>; 3]) -> Self {
        Self { all: fds.map(Output::new), syslog_prefix: false }
    }

    /// Writes what has been added to the file of a stream, and goes on in another.
    pub(crate) fn replace(&mut self, stream: Stream, fd: OwnedFd, counters: &Counters) {
        self.write(counters);
        let output = &mut self.all[stream as usize];
        (output.fd, output.is_torn) = (Some(fd), false);
    }

    /// Adds a line to its output: an event after its prefix, others as they are.
    pub(crate) fn add(&mut self, stream: Stream, prefix: &str, line: &[u8]) {
        let Output { lines, .. } = &mut self.all[stream as usize];
        if stream == Stream::Log {
            if self.syslog_prefix {
                let priority = Severity::of_line(line).map_or(PRIORITY_UNKNOWN, Severity::priority);
                lines.extend_from_slice(&[b'<', b'0' + priority, b'>']);
            }
            lines.extend_from_slice(prefix.as_bytes());
        }
        escape(lines, line);
        lines.push(b'\n');
    }

    /// Writes what has been added, as far as there is room, and counts the lines that are lost.
    pub(crate) fn write(&mut self, counters: &Counters) {
        for output in &mut self.all {
            counters.add(count::FAILED, output.write());
            output.lines.clear();
        }
    }

    /// Adds an event for each output that lost lines since the last one. While events themselves
    /// are lost, only that they are: what is to be said of the others waits for them.
    pub(crate) fn tell_of_lost(&mut self) {
        let names = ["events", "access", "audit"];
        let named = if self.all[Stream::Log as usize].lost > 0 { &names[..1] } else { &names[..] };
        for (at, name) in named.iter().enumerate() {
            let output = &mut self.all[at];
            let count = std::mem::take(&mut output.lost);
            if count > 0 {
                let why = output.why.map_or_else(|| "nobody reads them".to_owned(), |errno| errno.to_string());
                let line = format!("{PROGRAM}: warning: event=lines-lost log={name} count={count} why=\"{why}\"");
                self.add(Stream::Log, "", line.as_bytes());
            }
        }
    }
}

/// Writes whole lines; returns what there was no room for, and the error where there was one.
fn write_while_room<'a>(fd: &OwnedFd, mut lines: &'a [u8]) -> (&'a [u8], Option<Errno>) {
    while !lines.is_empty() && has_room(fd) {
        let piece = &lines[..lines.len().min(PIPE_BUF)];
        let whole = piece.iter().rposition(|byte| *byte == b'\n').map_or(piece.len(), |at| at + 1);
        match rustix::io::write(fd, &piece[..whole]) {
            Ok(written) => lines = &lines[written..],
            Err(Errno::INTR) => {}
            Err(errno) => return (lines, Some(errno)),
        }
    }
    (lines, None)
}

fn has_room(fd: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(fd, PollFlags::OUT)];
    poll(&mut polled, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}
