//! The processes beside the ring: fosse-accept, fosse-dispatch and fosse-start. In a shell there
//! are none.

use std::os::fd::OwnedFd;

use fosse_fdpass::Received;
use fosse_wire::start::{self, ToChild, ToStart};
use rustix::io::Errno;

use crate::accept_channel::AcceptChannel;
use crate::lease_channel::LeaseChannel;

/// The channels to them.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    pub(crate) accept: AcceptChannel,
    pub(crate) lease: LeaseChannel,
    pub(crate) start: StartChannel,
}

/// fd 7: orders from fosse-start, and the state of this process for it.
#[derive(Debug, Default)]
pub(crate) struct StartChannel(Option<OwnedFd>);

impl StartChannel {
    /// Takes over the descriptor, where there is one.
    pub(crate) const fn new(fd: Option<OwnedFd>) -> Self {
        Self(fd)
    }

    /// Returns the descriptor to watch.
    pub(crate) const fn fd(&self) -> Option<&OwnedFd> {
        self.0.as_ref()
    }

    /// Receives the next message that is understood; `None` where there is none now.
    ///
    /// # Errors
    /// fosse-start is gone.
    pub(crate) fn receive(&self) -> Result<Option<ToChild>, Errno> {
        let (mut bytes, mut fds) = ([0u8; start::MESSAGE_BYTES], Vec::new());
        while let Some(fd) = &self.0 {
            match fosse_fdpass::receive(fd, &mut bytes, &mut fds) {
                Ok(Received::Message(length)) => {
                    // A message of a newer start that is not known here is none of ours.
                    if let Ok(message) = ToChild::decode(&bytes[..length], fds.len()) {
                        return Ok(Some(message));
                    }
                }
                Ok(Received::Nothing) => break,
                Ok(Received::End) | Err(_) => return Err(Errno::CONNRESET),
            }
        }
        Ok(None)
    }

    /// Sends a message. A fosse-start that cannot take it shows when it is next received from.
    pub(crate) fn send(&self, message: ToStart) {
        if let Some(fd) = &self.0 {
            let _ = fosse_fdpass::send(fd, &message.encode(), &[]);
        }
    }
}
