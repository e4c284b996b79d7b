//! A connection to a certificate authority: TLS over a socket that connect has given, with one
//! request at a time.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use fosse_eventloop::Interest;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::limits::READS_TURN_MAX;
use crate::response::{self, Response};

/// A socket as rustls reads and writes it.
pub(crate) struct Stream<'a>(pub(crate) &'a OwnedFd);

fn as_io(errno: Errno) -> io::Error {
    io::Error::from_raw_os_error(errno.raw_os_error())
}

impl Read for Stream<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        recv(self.0, buf, RecvFlags::DONTWAIT).map(|(count, _)| count).map_err(as_io)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        send(self.0, buf, SendFlags::DONTWAIT | SendFlags::NOSIGNAL).map_err(as_io)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) fd: OwnedFd,
    tls: ClientConnection,
    /// The response so far.
    input: Vec<u8>,
    is_head: bool,
    /// Its other end has said that nothing comes any more.
    ended: bool,
    /// Requests that were sent.
    pub(crate) requests: u64,
    pub(crate) armed: Interest,
}

/// The state of a request after all that can be done for now was done.
#[derive(Debug)]
pub(crate) enum Step {
    /// More has to come, or to be written.
    Waits,
    Done(Response),
    /// Nothing comes any more. `fresh`: no byte of a response has come, so the request may be sent
    /// again on another connection where this one had served others before.
    Broken {
        why: String,
        fresh: bool,
    },
}

impl Link {
    /// Begins TLS.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(crate) fn new(fd: OwnedFd, config: &Arc<ClientConfig>, host: &ServerName<'static>) -> Result<Self, String> {
        let tls = ClientConnection::new(Arc::clone(config), host.clone()).map_err(|error| error.to_string())?;
        let (input, armed) = (Vec::new(), Interest::empty());
        Ok(Self { fd, tls, input, is_head: false, ended: false, requests: 0, armed })
    }

    /// Writes a request, as far as it goes.
    pub(crate) fn begin(&mut self, request: &[u8], is_head: bool) -> Step {
        self.input.clear();
        self.is_head = is_head;
        self.requests += 1;
        // Into memory: the buffer has no limit here, and a request is a few KiB.
        self.tls.set_buffer_limit(None);
        if let Err(error) = self.tls.writer().write_all(request) {
            return self.broken(error.to_string());
        }
        self.work()
    }

    /// Returns the readiness that it waits for.
    pub(crate) fn interest(&self) -> Interest {
        if self.tls.wants_write() { Interest::IN | Interest::OUT } else { Interest::IN }
    }

    /// Reads and writes what is there, up to the reads of one turn: an authority that says more
    /// than is read, and nothing that ends its response, would keep all others waiting.
    pub(crate) fn work(&mut self) -> Step {
        for _ in 0..READS_TURN_MAX {
            match self.turn() {
                Ok(true) => {}
                Ok(false) => return Step::Waits,
                Err(step) => return step,
            }
        }
        // What is left is reported again.
        Step::Waits
    }

    /// Returns whether there may be more to do at once.
    fn turn(&mut self) -> Result<bool, Step> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Stream(&self.fd)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(self.broken(error.to_string())),
            }
        }
        let count = match self.tls.read_tls(&mut Stream(&self.fd)) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(self.broken(error.to_string())),
        };
        let state = match self.tls.process_new_packets() {
            Ok(state) => state,
            Err(error) => {
                // The alert says to the other side what is wrong with it.
                let _ = self.tls.write_tls(&mut Stream(&self.fd));
                return Err(self.broken(error.to_string()));
            }
        };
        let came = state.plaintext_bytes_to_read();
        let at = self.input.len();
        self.input.resize(at + came, 0);
        let read = self.tls.reader().read_exact(&mut self.input[at..]);
        if let Err(error) = read {
            return Err(self.broken(error.to_string()));
        }
        self.ended |= state.peer_has_closed();
        if came > 0 || self.ended {
            match response::read(&self.input, self.ended, self.is_head) {
                Ok(Some(response)) => return Err(Step::Done(response)),
                Ok(None) if self.ended => return Err(self.broken("it has closed the connection".to_owned())),
                Ok(None) => {}
                Err(why) => return Err(self.broken(why)),
            }
        }
        if count == 0 {
            // Without close_notify nobody knows whether that was all.
            return Err(self.broken("the connection has ended in the middle".to_owned()));
        }
        Ok(true)
    }

    fn broken(&self, why: String) -> Step {
        Step::Broken { why, fresh: self.input.is_empty() }
    }
}
