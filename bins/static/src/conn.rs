//! One connection: heads taken off its bytes, responses written, its end.

use std::os::fd::OwnedFd;

use fosse_eventloop::Interest;
use fosse_http1::{HEAD_BYTES_MAX, Lead, find_head_end, leading, unfinished_too_long};
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, recv, shutdown};

use crate::limits::{
    HEAD_MS_MAX, IDLE_MS_MAX, LINGER_BYTES_MAX, LINGER_MS_MAX, READ_BYTES_MAX, ROUNDS_TURN_MAX, WRITE_MS_MAX,
};
use crate::output::{Flushed, Output};
use crate::response::{Site, Then};

/// The next event that a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Bytes.
    Read,
    /// Room, or its next share of the program's time.
    Write,
    /// None: it is over.
    End,
}

/// A connection.
#[derive(Debug)]
pub struct Conn {
    /// Its socket.
    pub fd: OwnedFd,
    /// The events it is watched for.
    pub interest: Interest,
    /// Time by which it has waited too long, on the event loop's clock.
    pub deadline_ms: u64,
    input: Vec<u8>,
    scanned: usize,
    lead_skipped: bool,
    /// The continuation after the responses so far.
    then: Then,
    output: Output,
    /// Bytes thrown away since the last response; `Some` from then on.
    lingering: Option<usize>,
    /// Time of the first byte of an unfinished head.
    head_since_ms: Option<u64>,
}

impl Conn {
    /// Begins a connection; the client's first byte has the time of an idle one.
    #[must_use]
    pub fn new(fd: OwnedFd, now_ms: u64) -> Self {
        Self {
            fd,
            interest: Interest::IN,
            deadline_ms: now_ms.saturating_add(IDLE_MS_MAX),
            input: Vec::new(),
            scanned: 0,
            lead_skipped: false,
            then: Then::Next,
            output: Output::default(),
            lingering: None,
            head_since_ms: None,
        }
    }

    /// Returns whether no response is under way, so that it can be closed without cutting one.
    #[must_use]
    pub(crate) fn is_idle(&self) -> bool {
        self.output.is_empty()
    }

    /// Reads, responds and writes as far as that is possible now.
    pub fn work(&mut self, site: &mut Site, now_ms: u64) -> Wants {
        if self.lingering.is_some() {
            return self.linger();
        }
        let mut drained = false;
        for _ in 0..ROUNDS_TURN_MAX {
            let more = self.respond(site, now_ms);
            match self.output.flush(&self.fd) {
                Flushed::All => {}
                Flushed::Some(took) => {
                    if took || self.interest != Interest::OUT {
                        self.deadline_ms = now_ms.saturating_add(WRITE_MS_MAX);
                    }
                    return Wants::Write;
                }
                Flushed::Broken => return Wants::End,
            }
            match self.then {
                Then::Next => {}
                Then::Close if self.input.is_empty() => return Wants::End,
                Then::Close | Then::Linger => return self.begin_lingering(now_ms),
            }
            if more {
                continue;
            }
            if drained {
                return self.wait(now_ms);
            }
            match self.read() {
                Ok(0) => return Wants::End,
                // A short read has emptied the socket: a further one would only say so.
                Ok(count) => drained = count < READ_BYTES_MAX,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return self.wait(now_ms),
                Err(_) => return Wants::End,
            }
        }
        self.deadline_ms = now_ms.saturating_add(WRITE_MS_MAX);
        Wants::Write
    }

    /// Ends a connection that has waited too long, with 408 where a head is unfinished (RFC 9110,
    /// section 15.5.9). Returns whether it goes on to linger.
    pub(crate) fn time_out(&mut self, site: &Site, now_ms: u64) -> bool {
        if self.head_since_ms.is_none() || !self.output.is_empty() || self.lingering.is_some() {
            return false;
        }
        site.time_out(&mut self.output);
        self.then = Then::Linger;
        self.output.flush(&self.fd) == Flushed::All && self.begin_lingering(now_ms) == Wants::Read
    }

    fn wait(&mut self, now_ms: u64) -> Wants {
        if self.input.is_empty() {
            self.head_since_ms = None;
            self.deadline_ms = now_ms.saturating_add(IDLE_MS_MAX);
        } else {
            let since = *self.head_since_ms.get_or_insert(now_ms);
            self.deadline_ms = since.saturating_add(HEAD_MS_MAX);
        }
        self.input.shrink_to_fit();
        Wants::Read
    }

    fn read(&mut self) -> Result<usize, Errno> {
        self.input.reserve(READ_BYTES_MAX);
        let before = self.input.len();
        recv(&self.fd, spare_capacity(&mut self.input), RecvFlags::DONTWAIT)?;
        Ok(self.input.len() - before)
    }

    /// Responds to whole heads while there is room for responses. Returns true where the room was
    /// used up first.
    fn respond(&mut self, site: &mut Site, now_ms: u64) -> bool {
        while self.then == Then::Next {
            if self.output.is_full() {
                return true;
            }
            if !self.skip_empty_line() {
                return false;
            }
            match find_head_end(&self.input, self.scanned) {
                Ok(Some(end)) => {
                    self.then = site.respond(&self.input[..end], &mut self.output);
                    self.input.drain(..end);
                    (self.scanned, self.lead_skipped, self.head_since_ms) = (0, false, None);
                }
                Ok(None) if self.input.len() < HEAD_BYTES_MAX => {
                    self.scanned = self.input.len();
                    if !self.input.is_empty() {
                        self.head_since_ms.get_or_insert(now_ms);
                    }
                    return false;
                }
                Ok(None) => self.then = site.refuse(unfinished_too_long(&self.input), &mut self.output),
                Err(refusal) => self.then = site.refuse(refusal, &mut self.output),
            }
        }
        false
    }

    /// Skips one empty line before a head (RFC 9112, section 2.2); returns false while the first
    /// byte may begin one.
    fn skip_empty_line(&mut self) -> bool {
        match leading(&self.input) {
            _ if self.lead_skipped => {}
            Lead::Nothing => {}
            Lead::Undecided => return false,
            Lead::EmptyLine => {
                self.input.drain(..2);
                self.lead_skipped = true;
            }
        }
        true
    }

    /// Closes our direction after the last response, and reads on for a while: closing with bytes
    /// unread would reset the connection, and the response with it (RFC 9112, section 9.6).
    fn begin_lingering(&mut self, now_ms: u64) -> Wants {
        self.input = Vec::new();
        if shutdown(&self.fd, Shutdown::Write).is_err() {
            return Wants::End;
        }
        self.lingering = Some(0);
        self.deadline_ms = now_ms.saturating_add(LINGER_MS_MAX);
        self.linger()
    }

    fn linger(&mut self) -> Wants {
        for _ in 0..ROUNDS_TURN_MAX {
            self.input.clear();
            match self.read() {
                Ok(0) => return Wants::End,
                Ok(count) => {
                    let thrown = self.lingering.unwrap_or(0) + count;
                    self.lingering = Some(thrown);
                    if thrown > LINGER_BYTES_MAX {
                        return Wants::End;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => return Wants::End,
            }
        }
        self.input = Vec::new();
        Wants::Read
    }
}
