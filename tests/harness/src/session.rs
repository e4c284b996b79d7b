//! A session with a program by itself: the test is whoever the program takes for an attacker.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use fosse_wire::WireError;
use fosse_wire::start::ToChild;

use crate::{Stage, WAIT_MAX};

/// Cuts the first message off: the message, and the bytes that it took; `None` while it is not
/// whole.
type Split = fn(&[u8]) -> Result<Option<(&[u8], usize)>, WireError>;

/// The far end of a session (fosse-frames(7)): bytes out, whole messages in.
#[derive(Debug)]
pub struct Session {
    /// The socket.
    pub stream: UnixStream,
    left: Vec<u8>,
}

impl Session {
    /// Begins one with a program, which is handed its end with `order`. Nothing is said yet.
    #[must_use]
    pub fn begin(stage: &Stage, order: ToChild) -> Self {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_read_timeout(Some(WAIT_MAX)).unwrap();
        stage.order(order, Some(far.as_fd()));
        Self { stream: near, left: Vec::new() }
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Returns the next message; `None` where the program has let go.
    ///
    /// # Panics
    /// Where what comes is no message, or nothing comes for [`WAIT_MAX`].
    pub fn receive<T>(&mut self, split: Split, decode: fn(&[u8]) -> Result<T, WireError>) -> Option<T> {
        loop {
            if let Some((message, taken)) = split(&self.left).unwrap() {
                let message = decode(message).unwrap();
                self.left.drain(..taken);
                return Some(message);
            }
            let mut piece = [0; 65_536];
            match self.stream.read(&mut piece) {
                Ok(0) => return None,
                Ok(length) => self.left.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }
}
