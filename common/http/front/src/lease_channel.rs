//! fd 9, to fosse-dispatch beside the ring: sockets to write to, and the end of connections.

use std::os::fd::{BorrowedFd, OwnedFd};

use fosse_wire::direct;
use rustix::io::Errno;

/// The channel over which sockets are lent, with the ends that fosse-dispatch has not heard of yet.
#[derive(Debug, Default)]
pub struct LeaseChannel {
    fd: Option<OwnedFd>,
    ended: Vec<u64>,
}

impl LeaseChannel {
    /// Takes over the descriptor, where there is one.
    pub const fn new(fd: Option<OwnedFd>) -> Self {
        Self { fd, ended: Vec::new() }
    }

    /// Returns whether sockets can be lent at all.
    pub const fn is_there(&self) -> bool {
        self.fd.is_some()
    }

    /// Sends a copy of the socket of connection `id`.
    ///
    /// # Errors
    /// Those of sendmsg(2): dispatch cannot take it now, or is gone, which shows at the ring.
    pub fn lend(&self, id: u64, socket: BorrowedFd<'_>) -> Result<(), Errno> {
        let Some(fd) = &self.fd else { return Err(Errno::NOTCONN) };
        let mut message = Vec::new();
        direct::encode(&mut message, &[id]);
        fosse_fdpass::send(fd, &message, &[socket])
    }

    /// Notes the end of a connection of which dispatch has a socket or a backend connection.
    pub fn note_ended(&mut self, id: u64) {
        self.ended.push(id);
    }

    /// Sends the ends of connections, batched. What dispatch cannot take now it gets in a later
    /// turn.
    pub fn send(&mut self) {
        let Some(fd) = &self.fd else { return self.ended.clear() };
        let mut bytes = Vec::new();
        while !self.ended.is_empty() {
            let count = self.ended.len().min(direct::BATCH_MAX);
            direct::encode(&mut bytes, &self.ended[..count]);
            // A dispatch that is gone shows at the ring.
            if fosse_fdpass::send(fd, &bytes, &[]).is_err() {
                return;
            }
            self.ended.drain(..count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_fdpass::{Received, receive};
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn every_end_is_sent_once_however_many_there_are() {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let mut channel = LeaseChannel::new(Some(ours));
        let ids: Vec<u64> = (1..=2 * direct::BATCH_MAX as u64 + 1).collect();
        ids.iter().for_each(|id| channel.note_ended(*id));
        channel.send();
        channel.send();
        let (mut bytes, mut fds, mut heard) = (vec![0; 65_536], Vec::new(), Vec::new());
        while let Received::Message(length) = receive(&theirs, &mut bytes, &mut fds).unwrap() {
            heard.extend(direct::decode(&bytes[..length], 0).unwrap());
        }
        assert_eq!(heard, ids);
    }
}
