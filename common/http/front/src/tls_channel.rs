//! fd 16, to fosse-tls: clients whose handshake is done come, and it hears how each is to end.

use std::os::fd::OwnedFd;

use fosse_eventloop::EventLoop;
use fosse_fdpass::{Received, receive, send};
use fosse_wire::channel::Connection;
use fosse_wire::handshaken::{self, ENDED_COUNT_MAX, Ended, How};
use fosse_wire::request::Endpoint;
use rustix::io::Errno;

use crate::caller::KeptHandshake;

/// The channel, with the ends that fosse-tls has not been sent.
#[derive(Debug, Default)]
pub struct TlsChannel {
    fd: Option<OwnedFd>,
    ended: Vec<Ended>,
    buffer: Vec<u8>,
}

/// A client that speaks through fosse-tls.
#[derive(Debug)]
pub struct Handshaken {
    /// The connection as fosse-accept has it.
    pub record: Connection,
    /// The client: the socket's peer, or whom a trusted proxy's header names.
    pub client: Endpoint,
    /// The client comes from such a header.
    pub proxied: bool,
    /// The facts of its handshake.
    pub tls: KeptHandshake,
    /// Its plaintext.
    pub plain: OwnedFd,
}

impl TlsChannel {
    /// Takes over the descriptor, where there is one.
    #[must_use]
    pub const fn new(fd: Option<OwnedFd>) -> Self {
        Self { fd, ended: Vec::new(), buffer: Vec::new() }
    }

    /// Returns the descriptor to watch; `None` without fosse-tls.
    #[must_use]
    pub const fn fd(&self) -> Option<&OwnedFd> {
        self.fd.as_ref()
    }

    /// Receives the next clients; `None` where there are none now, or fosse-tls is gone.
    ///
    /// # Errors
    /// What recvmsg(2) says, and `MSGSIZE` where there is no descriptor for a client.
    pub fn receive(&mut self, event_loop: &EventLoop) -> Result<Option<Vec<Handshaken>>, Errno> {
        let Some(fd) = &self.fd else { return Ok(None) };
        self.buffer.resize(handshaken::MESSAGE_BYTES_MAX, 0);
        let mut fds = Vec::new();
        let message = match receive(fd, &mut self.buffer, &mut fds)? {
            Received::Message(length) => handshaken::decode(&self.buffer[..length], fds.len()).ok(),
            Received::Nothing => return Ok(None),
            Received::End => None,
        };
        let Some(message) = message else {
            // It is gone, or breaks the protocol: so are its clients, of whose plaintext nothing
            // more comes.
            self.lose(event_loop);
            return Ok(None);
        };
        let clients = message.iter().zip(fds).map(|(client, plain)| Handshaken {
            record: client.connection,
            client: client.client,
            proxied: client.proxied,
            tls: KeptHandshake {
                version: client.version,
                cipher: client.cipher,
                name: client.sni.into(),
                facts: client.facts.kept(),
            },
            plain,
        });
        Ok(Some(clients.collect()))
    }

    fn lose(&mut self, event_loop: &EventLoop) {
        if let Some(fd) = self.fd.take() {
            // Where this fails it was not watched.
            let _ = event_loop.remove(&fd);
        }
        self.ended.clear();
    }

    /// Notes how a client is to end.
    pub fn note_ended(&mut self, id: u64, how: How) {
        if self.fd.is_some() {
            self.ended.push(Ended { id, how });
        }
    }

    /// Sends the ends. What fosse-tls cannot take now it gets in a later turn.
    pub fn send(&mut self, event_loop: &EventLoop) {
        while let (Some(fd), false) = (&self.fd, self.ended.is_empty()) {
            let count = self.ended.len().min(ENDED_COUNT_MAX);
            let mut bytes = Vec::new();
            handshaken::encode_ended(&mut bytes, &self.ended[..count]);
            match send(fd, &bytes, &[]) {
                Ok(()) => drop(self.ended.drain(..count)),
                Err(Errno::AGAIN) => return,
                Err(_) => self.lose(event_loop),
            }
        }
    }
}
