//! fd 9, to the front: clients whose handshake is done go down, how they are to end comes up.

use std::collections::{HashSet, VecDeque};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use fosse_fdpass::{Received, receive, send};
use fosse_wire::channel::Connection;
use fosse_wire::facts::KeptFacts;
use fosse_wire::handshaken::{self, BATCH_COUNT_MAX, Client, Ended, Protocol};
use fosse_wire::request::Endpoint;
use rustix::io::Errno;

/// The facts of a client whose handshake is done, and the front's end of its plaintext.
#[derive(Debug)]
pub(crate) struct Handshaken {
    pub(crate) connection: Connection,
    pub(crate) version: u16,
    pub(crate) cipher: u16,
    pub(crate) protocol: Protocol,
    pub(crate) client: Endpoint,
    pub(crate) proxied: bool,
    pub(crate) sni: Box<str>,
    pub(crate) facts: KeptFacts,
    pub(crate) plain: OwnedFd,
}

impl Handshaken {
    fn record(&self) -> Client<'_> {
        Client {
            connection: self.connection,
            version: self.version,
            cipher: self.cipher,
            protocol: self.protocol,
            client: self.client,
            proxied: self.proxied,
            sni: self.sni.as_bytes(),
            facts: self.facts.get(),
        }
    }
}

/// The channel, with those that have not been sent.
#[derive(Debug)]
pub(crate) struct Front {
    fd: OwnedFd,
    waiting: VecDeque<Handshaken>,
    /// Numbers of those of them that are gone.
    gone: HashSet<u64>,
    buffer: Vec<u8>,
    is_gone: bool,
}

impl Front {
    /// Takes over the descriptor.
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            waiting: VecDeque::new(),
            gone: HashSet::new(),
            buffer: vec![0; handshaken::MESSAGE_BYTES_MAX],
            is_gone: false,
        }
    }

    /// Returns the descriptor to watch.
    pub(crate) const fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Returns whether the front has ended, or has broken the protocol.
    pub(crate) const fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Returns whether clients wait for room in the channel.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Adds a client to those that are sent at the end of the turn.
    pub(crate) fn push(&mut self, client: Handshaken) {
        self.waiting.push_back(client);
    }

    /// Forgets a client, where it has not been sent.
    pub(crate) fn forget(&mut self, id: u64) {
        if !self.waiting.is_empty() {
            self.gone.insert(id);
        }
    }

    /// Sends those that wait, in batches; what the front cannot take now it gets in a later turn.
    pub(crate) fn flush(&mut self) {
        if !self.gone.is_empty() {
            let gone = std::mem::take(&mut self.gone);
            self.waiting.retain(|client| !gone.contains(&client.connection.id));
        }
        while !self.waiting.is_empty() && !self.is_gone {
            let mut bytes = Vec::new();
            handshaken::begin(&mut bytes);
            let batch = self.waiting.iter().take(BATCH_COUNT_MAX);
            let fits = batch.take_while(|client| handshaken::put(&mut bytes, &client.record()).is_ok()).count();
            let fds: Vec<BorrowedFd<'_>> = self.waiting.iter().take(fits).map(|client| client.plain.as_fd()).collect();
            match send(&self.fd, &bytes, &fds) {
                _ if fits == 0 => self.is_gone = true,
                Ok(()) => drop(self.waiting.drain(..fits)),
                Err(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM | Errno::TOOMANYREFS) => return,
                Err(_) => self.is_gone = true,
            }
        }
    }

    /// Receives the next ends; `None` where there are none now, or the front is gone.
    pub(crate) fn receive(&mut self) -> Option<Vec<Ended>> {
        let ended = match receive(&self.fd, &mut self.buffer, &mut Vec::new()) {
            Ok(Received::Message(length)) => handshaken::decode_ended(&self.buffer[..length]).ok(),
            Ok(Received::Nothing) => return None,
            Ok(Received::End) | Err(_) => None,
        };
        self.is_gone |= ended.is_none();
        ended
    }
}
