//! One client: a request in, a response out, a bounded time for both.

use std::os::fd::OwnedFd;

use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};

use crate::{
    limits::{READ_BYTES, REQUEST_BYTES_MAX},
    listener::Kind,
    request::{Progress, Target, progress},
};

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) fd: OwnedFd,
    /// The kind of listener that it came to.
    pub(crate) kind: Kind,
    request: Vec<u8>,
    response: Vec<u8>,
    sent: usize,
    /// Time limit of both, on the clock of the loop.
    pub(crate) deadline_ms: u64,
}

/// The outcome of a read.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The request is not complete.
    More,
    /// The client is gone.
    Gone,
    /// It wants this page; `false` where only the head of the response is wanted.
    Request(Target, bool),
    /// A request that gets this status.
    Refused(u16),
}

impl Client {
    pub(crate) const fn new(fd: OwnedFd, kind: Kind, deadline_ms: u64) -> Self {
        Self { fd, kind, request: Vec::new(), response: Vec::new(), sent: 0, deadline_ms }
    }

    /// Returns whether the request is complete, so that the client is written to.
    pub(crate) const fn has_response(&self) -> bool {
        !self.response.is_empty()
    }

    /// Reads a piece of the request.
    pub(crate) fn read(&mut self) -> Heard {
        let mut bytes = [0; READ_BYTES];
        match recv(&self.fd, bytes.as_mut_slice(), RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Heard::Gone,
            Ok((length, _)) => self.request.extend_from_slice(&bytes[..length]),
            Err(Errno::AGAIN | Errno::INTR) => return Heard::More,
            Err(_) => return Heard::Gone,
        }
        match progress(&self.request) {
            Progress::More if self.request.len() > REQUEST_BYTES_MAX => Heard::Refused(431),
            Progress::More => Heard::More,
            Progress::Request(target, body) => Heard::Request(target, body),
            Progress::Refused(status) => Heard::Refused(status),
        }
    }

    /// Sets the response.
    pub(crate) fn respond(&mut self, response: Vec<u8>) {
        self.response = response;
    }

    /// Writes a piece of the response; returns true where it is out or the client is gone.
    pub(crate) fn write(&mut self) -> bool {
        while self.sent < self.response.len() {
            match send(&self.fd, &self.response[self.sent..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(length) => self.sent += length,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return false,
                Err(_) => return true,
            }
        }
        true
    }
}
