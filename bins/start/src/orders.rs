//! The orders to one child: those that its channel has no room for wait here, in their order, until
//! it has read some. A channel has room for a few hundred, and a logger that is replaced is given
//! the pipes of all processes at once.

use std::{
    cell::RefCell,
    collections::VecDeque,
    os::fd::{AsFd, OwnedFd},
};

use fosse_wire::start::ToChild;
use rustix::io::{Errno, fcntl_dupfd_cloexec};

/// Orders that have not been sent. Behind a shared reference, since the descriptors of one child
/// are read while another is told of them.
#[derive(Debug, Default)]
pub(crate) struct Orders(RefCell<VecDeque<(ToChild, Option<OwnedFd>)>>);

impl Orders {
    /// Sends an order, or keeps it until there is room for it.
    ///
    /// # Errors
    /// The error of fcntl(2): the order cannot be kept, and is lost.
    pub(crate) fn send(&self, channel: &OwnedFd, order: ToChild, fd: Option<&OwnedFd>) -> Result<(), Errno> {
        let mut waiting = self.0.borrow_mut();
        if waiting.is_empty() && is_over(channel, order, fd) {
            return Ok(());
        }
        let fd = fd.map(|fd| fcntl_dupfd_cloexec(fd, 3)).transpose()?;
        waiting.push_back((order, fd));
        Ok(())
    }

    /// Sends what there is room for now.
    pub(crate) fn flush(&self, channel: &OwnedFd) {
        let mut waiting = self.0.borrow_mut();
        while waiting.front().is_some_and(|(order, fd)| is_over(channel, *order, fd.as_ref())) {
            waiting.pop_front();
        }
    }

    /// Returns the number of orders that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.0.borrow().len()
    }
}

/// Sends one order. Returns false where it has to be sent again: not where the child is gone, which
/// will be reaped.
fn is_over(channel: &OwnedFd, order: ToChild, fd: Option<&OwnedFd>) -> bool {
    let fds: Vec<_> = fd.iter().map(|fd| fd.as_fd()).collect();
    let sent = fosse_fdpass::send(channel, &order.encode(), &fds);
    // ETOOMANYREFS: more descriptors are on their way than this user may have open (unix(7)).
    !matches!(sent, Err(Errno::AGAIN | Errno::TOOMANYREFS | Errno::NOBUFS | Errno::NOMEM))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_fdpass::Received;
    use fosse_wire::{launch::Program, start::MESSAGE_BYTES, start::Stream};
    use rustix::net::SocketType;

    #[test]
    fn a_child_that_does_not_read_at_once_gets_every_order_and_its_descriptor() {
        let (channel, child) = crate::spawn::pair(SocketType::SEQPACKET).unwrap();
        let (orders, (pipe, _write)) = (Orders::default(), rustix::pipe::pipe().unwrap());
        let order = |pid| ToChild::PipeAdd { stream: Stream::Log, program: Program::Parse as u8, lane: 0, pid };
        (1..=1000).for_each(|pid| orders.send(&channel, order(pid), Some(&pipe)).unwrap());
        assert!(orders.waiting() > 0, "the channel has room for all");
        let (mut got, mut fds) = (Vec::new(), Vec::new());
        while got.len() < 1000 {
            let mut bytes = [0; MESSAGE_BYTES];
            match fosse_fdpass::receive(&child, &mut bytes, &mut fds).unwrap() {
                Received::Message(len) => got.push(ToChild::decode(&bytes[..len], fds.drain(..).len()).unwrap()),
                Received::Nothing => orders.flush(&channel),
                Received::End => panic!("the end after {}", got.len()),
            }
        }
        assert_eq!((got, orders.waiting()), ((1..=1000).map(order).collect(), 0));
    }
}
