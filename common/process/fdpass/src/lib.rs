//! fosse-fdpass: messages with descriptors over SEQPACKET pairs (unix(7), SCM_RIGHTS), never
//! waiting.
//!
//! What is received is close-on-exec and complete, or refused: a message or a descriptor list that
//! the kernel had to cut ends the conversation, and the descriptors that did come are closed. Who
//! receives sockets of clients can do without some of them: [`receive_what_fits`].

#![forbid(unsafe_code)]

use std::{
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
};

/// Descriptors in one message. The most that accept sends, and the most that a launch needs, fit.
pub const MESSAGE_FDS_MAX: usize = 64;

/// Sends one message with its descriptors, or none of it.
///
/// # Errors
/// `AGAIN` where the queue is full, `PIPE` or `CONNRESET` where the other end is gone, `INVAL` for
/// too many descriptors.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MESSAGE_FDS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if fds.len() > MESSAGE_FDS_MAX || !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(Errno::INVAL);
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(socket, &[IoSlice::new(bytes)], &mut control, flags).map(drop)
}

/// The outcome of [`receive`].
#[derive(Debug)]
pub enum Received {
    /// The length of a message in bytes; its descriptors were appended.
    Message(usize),
    /// Nothing is waiting.
    Nothing,
    /// The other end is gone.
    End,
}

/// Receives one message into `bytes`, appending its descriptors to `fds`.
///
/// # Errors
/// `MSGSIZE` where message or descriptors were cut (nothing of it is kept), otherwise what
/// recvmsg(2) says.
pub fn receive(socket: impl AsFd, bytes: &mut [u8], fds: &mut Vec<OwnedFd>) -> Result<Received, Errno> {
    let before = fds.len();
    match receive_what_fits(socket, bytes, fds)? {
        (received, Fit::Whole) => Ok(received),
        (_, Fit::Short) => {
            fds.truncate(before);
            Err(Errno::MSGSIZE)
        }
    }
}

/// The number of descriptors that have come with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// All that were sent.
    Whole,
    /// The first ones of those that were sent: this process may have no more (recvmsg(2),
    /// MSG_CTRUNC). The others are closed.
    Short,
}

/// Does the same as [`receive`], but for a message of whose descriptors some have no room in this
/// process: it comes with those that do.
///
/// # Errors
/// `MSGSIZE` where the bytes were cut (nothing of the message is kept), otherwise what recvmsg(2)
/// says.
pub fn receive_what_fits(
    socket: impl AsFd,
    bytes: &mut [u8],
    fds: &mut Vec<OwnedFd>,
) -> Result<(Received, Fit), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MESSAGE_FDS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let result = match recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut control, flags) {
        Ok(result) => result,
        Err(Errno::AGAIN) => return Ok((Received::Nothing, Fit::Whole)),
        Err(Errno::CONNRESET) => return Ok((Received::End, Fit::Whole)),
        Err(errno) => return Err(errno),
    };
    let before = fds.len();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            fds.extend(received);
        }
    }
    if result.flags.contains(ReturnFlags::TRUNC) {
        fds.truncate(before);
        return Err(Errno::MSGSIZE);
    }
    let fit = if result.flags.contains(ReturnFlags::CTRUNC) { Fit::Short } else { Fit::Whole };
    // A SEQPACKET message of no bytes is not part of any of our conversations, so zero is the end.
    Ok((if result.bytes == 0 { Received::End } else { Received::Message(result.bytes) }, fit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
    }

    #[test]
    fn a_message_arrives_with_all_its_descriptors() {
        let (a, b) = pair();
        let spare: Vec<OwnedFd> = (0..MESSAGE_FDS_MAX).map(|_| a.try_clone().unwrap()).collect();
        let borrowed: Vec<_> = spare.iter().map(AsFd::as_fd).collect();
        send(&a, b"hello", &borrowed).unwrap();
        let (mut bytes, mut fds) = ([0; 16], Vec::new());
        assert!(matches!(receive(&b, &mut bytes, &mut fds), Ok(Received::Message(5))));
        assert_eq!((&bytes[..5], fds.len()), (&b"hello"[..], MESSAGE_FDS_MAX));
        assert!(matches!(receive(&b, &mut bytes, &mut fds), Ok(Received::Nothing)));
        drop(a);
        drop(spare);
        drop(fds.drain(..));
        assert!(matches!(receive(&b, &mut bytes, &mut fds), Ok(Received::End)));
    }

    #[test]
    fn one_descriptor_too_many_is_not_sent() {
        let (a, _b) = pair();
        let borrowed = vec![a.as_fd(); MESSAGE_FDS_MAX + 1];
        assert_eq!(send(&a, b"x", &borrowed), Err(Errno::INVAL));
    }

    #[test]
    fn a_cut_message_is_refused_and_its_descriptors_are_closed() {
        let (a, b) = pair();
        send(&a, b"longer than the buffer", &[a.as_fd()]).unwrap();
        let (mut bytes, mut fds) = ([0; 4], Vec::new());
        assert!(matches!(receive(&b, &mut bytes, &mut fds), Err(Errno::MSGSIZE)));
        assert!(fds.is_empty());
    }

    #[test]
    fn a_full_queue_is_said_at_once() {
        let (a, _b) = pair();
        let full = (0..10_000).find_map(|_| send(&a, &[0; 4096], &[]).err());
        assert_eq!(full, Some(Errno::AGAIN));
    }
}
