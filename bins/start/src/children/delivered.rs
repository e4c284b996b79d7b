//! The orders that a process was given.

use std::collections::HashMap;

use fosse_eventloop::slab::Key;
use fosse_wire::start::{Door, Stream};

use crate::penalties::Crash;

/// The subject of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// accept: the address list of a listener.
    Addresses(u16),
    /// accept: what earlier ones remembered of sources.
    Strikes,
    /// accept: a listening socket.
    Listener(u16),
    /// accept: a door of a lane.
    Lane(u32, Door),
    /// accept: this lane takes no new connection.
    LaneDrains(u32),
    /// accept: what the stage behind a door of this lane, which is gone, has not read.
    LaneRest(u32, Door),
    /// accept: a stage crashed over bytes of a client.
    Crash(Crash),
    /// log: the limit of lines.
    LineLimit,
    /// log: the file of a stream.
    LogFile(Stream),
    /// log: a pipe of a process.
    Pipe(Key, Stream),
    /// status: the page of a process.
    Page(Key, u32),
    /// status: the process of this number has ended.
    PageEnd(u32),
    /// status: the set of certificates in force.
    Certificates,
    /// acme: the chains of the set of certificates in force.
    Chains,
    /// status: why no other one is.
    CertificatesRefused,
    /// status: the last reload.
    Report,
    /// A filter: the store that keeps its records.
    Records(Key),
    /// A filter: the spool for its long bodies.
    Spool(Key),
    /// A dispatch: the process that checks passwords.
    Passwords(Key),
    /// A dispatch, or status: the cache that keeps responses.
    Cache(Key),
    /// Any: to finish and go.
    Drain,
}

/// The orders that a process was given, each with its edition: in its channel, which loses nothing.
#[derive(Debug, Default)]
pub(crate) struct Delivered(HashMap<Subject, u64>);

impl Delivered {
    pub(crate) fn note(&mut self, subject: Subject, edition: u64) {
        self.0.insert(subject, edition);
    }

    /// Notes that a process has ended: its page is none of a living one any more.
    pub(crate) fn forget_page(&mut self, of: Key) {
        self.0.retain(|subject, _| !matches!(subject, Subject::Page(key, _) if *key == of));
    }

    pub(crate) fn forget(&mut self, subject: Subject) {
        self.0.remove(&subject);
    }

    pub(crate) fn subjects(&self) -> impl Iterator<Item = Subject> {
        self.0.keys().copied()
    }

    pub(crate) fn has(&self, subject: Subject, edition: u64) -> bool {
        self.0.get(&subject) == Some(&edition)
    }
}
