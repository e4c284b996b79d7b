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

use crate::line::escape;

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
}

impl Outputs {
    /// Takes the descriptors in the order of the streams.
    pub(crate) fn new(fds: [Option<OwnedFd>; 3]) -> Self {
        Self { all: fds.map(|fd| Output { fd, lines: Vec::new() }), syslog_prefix: false }
    }

    /// Writes what has been added to the file of a stream, and goes on in another.
    pub(crate) fn replace(&mut self, stream: Stream, fd: OwnedFd, counters: &Counters) {
        self.write(counters);
        self.all[stream as usize].fd = Some(fd);
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
        for Output { fd, lines } in self.all.iter_mut().filter(|output| !output.lines.is_empty()) {
            if let Some(fd) = fd {
                let lost = write_while_room(fd, lines);
                counters.add(count::FAILED, lost.iter().map(|byte| u64::from(*byte == b'\n')).sum());
            }
            lines.clear();
        }
    }
}

/// Writes whole lines; returns what there was no room for.
fn write_while_room<'a>(fd: &OwnedFd, mut lines: &'a [u8]) -> &'a [u8] {
    while !lines.is_empty() && has_room(fd) {
        let piece = &lines[..lines.len().min(PIPE_BUF)];
        let whole = piece.iter().rposition(|byte| *byte == b'\n').map_or(piece.len(), |at| at + 1);
        match rustix::io::write(fd, &piece[..whole]) {
            Ok(written) => lines = &lines[written..],
            Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    lines
}

fn has_room(fd: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(fd, PollFlags::OUT)];
    poll(&mut polled, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}
