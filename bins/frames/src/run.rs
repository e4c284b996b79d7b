//! The two directions, each over fd 0 and fd 1, until the end of input.

use std::os::fd::OwnedFd;

use fosse_die::{fatal, temporary};
use fosse_inherit::{Expected, LINES, STREAM, inherit};
use fosse_lockdown::Sealed;
use fosse_wire::{Inbox, Outbox};
use rustix::io::Errno;

use crate::line::Line;
use crate::people::ForPeople;
use crate::{PROGRAM, decode, encode as frames};

/// Bytes of one line of `--encode`: the largest frame, every byte of it written as an escape of
/// six.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Bytes of one read of lines.
const READ_BYTES: usize = 64 * 1024;

const DESCRIPTORS: &[Expected] = &[
    Expected::required(0, STREAM, "frames or lines"),
    Expected::required(1, STREAM, "lines or frames"),
    Expected::required(2, LINES, "log"),
];

/// Input and output.
#[derive(Debug)]
pub struct Ends {
    input: OwnedFd,
    output: OwnedFd,
}

/// Takes over the descriptors, before the lock; nothing is read from them yet.
#[must_use]
pub fn inputs() -> Sealed<Ends> {
    let mut fds = inherit(PROGRAM, DESCRIPTORS);
    Sealed::new(Ends { input: fds.required(0), output: fds.required(1) })
}

/// Prints a line for each frame of the input.
pub fn show(ends: Ends, json: bool) -> ! {
    let mut inbox = Inbox::default();
    loop {
        let count = read(&ends.input, inbox.spare());
        inbox.filled(count);
        let mut out = Vec::new();
        let end = loop {
            match inbox.next_frame() {
                Ok(Some(frame)) => write_line(&mut out, &decode::line(&frame), json),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        write(&ends.output, &out);
        match end {
            Some(error) => fatal(PROGRAM, format_args!("input is no frames: {error}")),
            None if count > 0 => {}
            None if inbox.is_empty() => std::process::exit(0),
            None => fatal(PROGRAM, "input ends within a frame"),
        }
    }
}

fn write_line(out: &mut Vec<u8>, line: &Line, json: bool) {
    if json {
        out.extend_from_slice(as_json(line).as_bytes());
        out.push(b'\n');
    } else {
        out.extend_from_slice(ForPeople(line).to_string().as_bytes());
    }
}

/// Returns the JSON form, without the end of the line.
#[must_use]
pub fn as_json(line: &Line) -> String {
    // Writing these structures to memory cannot fail; were it to, the missing line would be seen in
    // the output.
    serde_json::to_string(line).unwrap_or_default()
}

/// Writes the frame of each line of the input. Empty lines are skipped.
pub fn encode(ends: Ends) -> ! {
    let (mut buffered, mut number, mut outbox) = (Vec::new(), 0_u64, Outbox::default());
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = read(&ends.input, &mut buffer);
        buffered.extend_from_slice(&buffer[..count]);
        // The last line may lack its end.
        if count == 0 && !buffered.is_empty() {
            buffered.push(b'\n');
        }
        let whole = buffered.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let result = buffered[..whole].split_inclusive(|byte| *byte == b'\n').try_for_each(|line| {
            number += 1;
            one(&mut outbox, line)
        });
        write(&ends.output, outbox.pending());
        outbox = Outbox::default();
        if let Err(wrong) = result {
            fatal(PROGRAM, format_args!("line {number}: {wrong}"));
        }
        buffered.drain(..whole);
        if buffered.len() > LINE_BYTES_MAX {
            fatal(PROGRAM, format_args!("line {}: longer than any frame's", number + 1));
        }
        if count == 0 {
            std::process::exit(0);
        }
    }
}

fn one(outbox: &mut Outbox, line: &[u8]) -> Result<(), String> {
    if line.trim_ascii().is_empty() {
        return Ok(());
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| one_line(&error.to_string()))?;
    frames::frame(outbox, &line).map_err(|error| format!("{error} (a \"raw\" frame may have any body)"))
}

/// Replaces control characters: an error of the JSON reader repeats names from the input, which
/// must not bring line ends and escapes to a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|one| if one.is_control() { '?' } else { one }).collect()
}

fn read(fd: &OwnedFd, room: &mut [u8]) -> usize {
    loop {
        match rustix::io::read(fd, &mut *room) {
            Ok(count) => return count,
            Err(Errno::INTR) => {}
            Err(errno) => temporary(PROGRAM, format_args!("unable to read fd 0: {errno}")),
        }
    }
}

fn write(fd: &OwnedFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            // The reader has seen enough.
            Err(Errno::PIPE) => std::process::exit(0),
            Err(errno) => temporary(PROGRAM, format_args!("unable to write fd 1: {errno}")),
        }
    }
}
