//! The conversation with start.

use std::os::fd::OwnedFd;

use fosse_fdpass::{Received, receive, send};
use fosse_wire::start::{MESSAGE_BYTES, ToChild, ToStart};

use crate::ExitReason;

/// An order of start.
#[derive(Debug)]
pub enum Order {
    /// Finish what is under way, take nothing new, then end.
    Drain,
    /// A message that comes alone.
    Tell(ToChild),
    /// A message with the descriptor that belongs to it.
    Give(ToChild, OwnedFd),
    /// start is gone. Nothing more comes, and nobody would replace or end this process.
    End,
}

/// Our end of the conversation; none in a shell.
#[derive(Debug)]
pub(crate) struct Start(pub(crate) Option<OwnedFd>);

impl Start {
    pub(crate) fn tell(&self, message: ToStart) {
        if let Some(start) = &self.0 {
            let _ = send(start, &message.encode(), &[]);
        }
    }

    /// Receives the next order, if one is waiting.
    pub(crate) fn next(&self) -> Result<Option<Order>, ExitReason> {
        let Some(start) = &self.0 else { return Ok(None) };
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        let len = match receive(start, &mut bytes, &mut fds) {
            Ok(Received::Message(len)) => len,
            Ok(Received::Nothing) => return Ok(None),
            Ok(Received::End) => return Ok(Some(Order::End)),
            Err(errno) => return Err(ExitReason::Failed(format!("unable to hear start: {errno}"))),
        };
        // It also checks that a descriptor came along exactly where one belongs.
        let message = ToChild::decode(&bytes[..len], fds.len()).map_err(|_| ExitReason::broken_protocol("start"))?;
        Ok(Some(match (message, fds.pop()) {
            (ToChild::Drain, _) => Order::Drain,
            (message, None) => Order::Tell(message),
            (message, Some(fd)) => Order::Give(message, fd),
        }))
    }
}
