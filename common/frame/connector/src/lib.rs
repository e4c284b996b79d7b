//! fosse-connector: the conversation with fosse-connect, from the end that needs connections:
//! requests for them, replies with or without one.

#![forbid(unsafe_code)]

use std::{
    collections::HashMap,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use fosse_fdpass::{Fit, Received};
use fosse_stage::Gone;
use fosse_wire::connect::{ConnectRequest, Outcome, Reply as Message};
use rustix::io::Errno;

/// EMFILE, the same number on every architecture of Linux.
const NO_DESCRIPTOR: u16 = 24;

/// The conversation with connect, and its requests without a reply. `P` is the purpose of a
/// connection.
#[derive(Debug)]
pub struct Connector<P> {
    fd: OwnedFd,
    /// Purpose of each connect request without a reply, by tag.
    pending: HashMap<u32, P>,
    next_tag: u32,
    /// The last look brought a reply.
    replied: bool,
}

/// A reply of connect.
#[derive(Debug)]
pub struct Reply<P> {
    /// The purpose that the connection was requested for.
    pub purpose: P,
    /// The connection.
    pub result: Result<OwnedFd, Failure>,
}

/// The reason why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    outcome: Outcome,
    errno: u16,
}

impl Failure {
    /// Returns the kernel's error, as connect reports it: the number is another program's, so it
    /// may be none of errno(3).
    #[must_use]
    pub fn cause(self) -> std::io::Error {
        std::io::Error::from_raw_os_error(i32::from(self.errno))
    }

    /// Returns words for the log on what would let connect reach a server, with a space before
    /// them, where permissions of a socket or of a directory were in the way, or the address that
    /// connections are to come from. `group` is connect's.
    #[must_use]
    pub fn cure(self, group: &str) -> String {
        match group {
            _ if self.outcome == Outcome::NoSource => {
                " cure=\"give this machine the address, or correct source_address in fosse.toml(5)\"".to_owned()
            }
            _ if self.cause().kind() != std::io::ErrorKind::PermissionDenied || self.outcome != Outcome::Failed => {
                String::new()
            }
            "" => " cure=\"make a group, let it into the socket, and name it: group in fosse.toml(5)\"".to_owned(),
            _ => format!(" cure=\"chgrp {group} and chmod 0660 the socket; let {group} enter its directories\""),
        }
    }

    /// Returns whether this machine or its limits are in the way, and not the server.
    #[must_use]
    pub fn is_local(self) -> bool {
        let local = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
        self.outcome == Outcome::Failed && local.iter().any(|errno| errno.raw_os_error() == i32::from(self.errno))
    }

    /// Returns the word for the log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self.outcome {
            Outcome::Connected => "connected",
            Outcome::Refused => "refused",
            Outcome::Timeout => "timeout",
            Outcome::WrongPeer => "wrong-peer-uid",
            Outcome::Failed => "failed",
            Outcome::NoSource => "no-source-address",
            Outcome::Untrusted => "untrusted-certificate",
            Outcome::Expired => "expired-certificate",
            Outcome::WrongName => "wrong-certificate-name",
            Outcome::Handshake => "handshake-failed",
            Outcome::HandshakeTimeout => "handshake-timeout",
            Outcome::Missing => "no-connect-tls",
        }
    }
}

impl<P> Connector<P> {
    /// Begins the conversation over `fd`.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd, pending: HashMap::new(), next_tag: 0, replied: false }
    }

    /// Sends a connect request for entry `number` of connect's table; false where connect's queue
    /// is full. Hundreds are under way then, and it is tried again with the next reply or tick.
    pub fn request(&mut self, number: u32, purpose: P) -> bool {
        let request = ConnectRequest { tag: self.next_tag, server: number };
        if fosse_fdpass::send(&self.fd, &request.encode(), &[]).is_err() {
            return false;
        }
        self.pending.insert(self.next_tag, purpose);
        // It comes round after 2^32 requests; no reply takes that long.
        self.next_tag = self.next_tag.wrapping_add(1);
        true
    }

    /// Receives the next reply, if one is there. After the last one that is due nothing is looked
    /// for until the next call.
    ///
    /// # Errors
    /// [`Gone`] where connect is, or says something that was not asked.
    pub fn next_reply(&mut self) -> Result<Option<Reply<P>>, Gone> {
        if std::mem::take(&mut self.replied) && self.pending.is_empty() {
            return Ok(None);
        }
        let (mut bytes, mut fds) = ([0; Message::BYTES], Vec::new());
        match fosse_fdpass::receive_what_fits(&self.fd, &mut bytes, &mut fds).map_err(Gone::Failed)? {
            (Received::Nothing, _) => Ok(None),
            (Received::End, _) => Err(Gone::End),
            (Received::Message(length), fit) => {
                let sent = if fit == Fit::Whole { fds.len() } else { 1 };
                let reply = Message::decode(&bytes[..length], sent)?;
                let purpose = self.pending.remove(&reply.tag).ok_or(Gone::Cut)?;
                self.replied = true;
                let failure = match reply.outcome {
                    // The connection was made, and this process has no descriptor for it.
                    Outcome::Connected => Failure { outcome: Outcome::Failed, errno: NO_DESCRIPTOR },
                    outcome => Failure { outcome, errno: reply.errno },
                };
                Ok(Some(Reply { purpose, result: fds.pop().ok_or(failure) }))
            }
        }
    }
}

impl<P> AsFd for Connector<P> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    #[test]
    fn replies_are_read_until_none_is_due_and_the_end_is_found_at_the_next_look() {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let mut connector = Connector::new(ours);
        let reply = |tag| {
            let reply = Message { tag, outcome: Outcome::Refused, errno: 111 };
            fosse_fdpass::send(&theirs, &reply.encode(), &[]).unwrap();
        };
        assert!(connector.request(7, "first") && connector.request(7, "second"));
        (0..2).for_each(reply);
        let purpose = |connector: &mut Connector<&'static str>| {
            connector.next_reply().map(|reply| reply.map(|reply| reply.purpose))
        };
        assert!(matches!(purpose(&mut connector), Ok(Some("first"))));
        assert!(matches!(purpose(&mut connector), Ok(Some("second"))));
        // This one was not asked for: it is not read before the next look.
        reply(9);
        assert!(matches!(purpose(&mut connector), Ok(None)));
        assert!(matches!(purpose(&mut connector), Err(Gone::Cut)));
        drop(theirs);
        assert!(matches!(purpose(&mut connector), Err(Gone::End)));
    }
}
