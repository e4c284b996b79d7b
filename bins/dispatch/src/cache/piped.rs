//! Bodies of kept responses that go to their clients without a copy: a pipe takes hold of the
//! pages that they lie in, and these go out of its other end.

use std::{
    cell::RefCell,
    os::fd::{AsFd, OwnedFd},
    rc::Rc,
};

use rustix::{
    buffer::spare_capacity,
    io::{Errno, read},
    pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice},
};

use crate::limits;

/// A pipe, by its two ends.
#[derive(Debug)]
struct Pipe {
    from: OwnedFd,
    to: OwnedFd,
}

impl Pipe {
    fn new() -> Result<Self, Errno> {
        let (from, to) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        fcntl_setpipe_size(&to, limits::PIPE_BYTES)?;
        Ok(Self { from, to })
    }
}

/// Those that hold nothing.
type Idle = Rc<RefCell<Vec<Pipe>>>;

/// The memory of the cache as a file, and pipes for what is sent from it.
#[derive(Debug)]
pub(crate) struct Pipes {
    memory: OwnedFd,
    idle: Idle,
}

impl Pipes {
    /// Makes them, which the lock forbids: as many as the system lets this user have.
    pub(crate) fn new(memory: OwnedFd) -> Self {
        let pipes = (0..limits::PIPES_COUNT).map_while(|_| Pipe::new().ok());
        Self { memory, idle: Rc::new(RefCell::new(pipes.collect())) }
    }

    /// Takes hold of bytes of the memory, from `at` on. They may be any until it is known that
    /// their record still holds. `None` where they do not fit, or all pipes hold something.
    pub(super) fn hold(&self, mut at: u64, bytes: usize) -> Option<Piped> {
        let pipe = self.idle.borrow_mut().pop()?;
        let mut piped = Piped { pipe: Some(pipe), idle: Rc::clone(&self.idle), bytes: 0 };
        while piped.bytes < bytes {
            let to = &piped.pipe.as_ref()?.to;
            match splice(&self.memory, Some(&mut at), to, None, bytes - piped.bytes, SpliceFlags::NONBLOCK) {
                Ok(0) | Err(_) => return None,
                Ok(held) => piped.bytes += held,
            }
        }
        Some(piped)
    }
}

/// Bytes that a pipe holds. It is idle again when they are gone.
#[derive(Debug)]
pub(crate) struct Piped {
    pipe: Option<Pipe>,
    idle: Idle,
    bytes: usize,
}

impl Piped {
    /// Returns the number of bytes that are left.
    pub(crate) const fn len(&self) -> usize {
        self.bytes
    }

    /// Writes once to a socket. splice(2) has no MSG_DONTWAIT: the socket has O_NONBLOCK, which
    /// accept sets and no locked program can take away. Returns the number of bytes taken.
    ///
    /// # Errors
    /// Those of splice(2): `EAGAIN` where the socket takes nothing now.
    pub(crate) fn send(&mut self, socket: impl AsFd) -> Result<usize, Errno> {
        let pipe = self.pipe.as_ref().ok_or(Errno::PIPE)?;
        let sent = splice(&pipe.from, None, socket, None, self.bytes, SpliceFlags::NONBLOCK)?;
        self.bytes -= sent;
        Ok(sent)
    }

    /// Copies the bytes that are left, so that the pipe is idle again.
    pub(crate) fn take(mut self) -> Vec<u8> {
        self.read()
    }

    fn read(&mut self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes);
        if let Some(pipe) = &self.pipe {
            while bytes.len() < self.bytes && read(&pipe.from, spare_capacity(&mut bytes)).is_ok_and(|count| count > 0)
            {
            }
        }
        self.bytes -= bytes.len();
        bytes
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        self.read();
        if let Some(pipe) = self.pipe.take().filter(|_| self.bytes == 0) {
            self.idle.borrow_mut().push(pipe);
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair};

    use super::*;

    fn pipes(memory: &[u8]) -> Pipes {
        Pipes::new(fosse_sys::memfd::sealed("kept", memory).unwrap())
    }

    fn memory() -> Vec<u8> {
        (0..400_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect()
    }

    #[test]
    fn what_a_pipe_holds_comes_out_of_it_at_whatever_place_it_lay() {
        let memory = memory();
        let pipes = pipes(&memory);
        for (at, bytes) in [(0, 1), (4095, 2), (17, 65_536), (4096, 65_536), (1, limits::PIPED_BYTES_MAX)] {
            let piped = pipes.hold(at, bytes).unwrap();
            let at = usize::try_from(at).unwrap();
            assert_eq!((piped.len(), piped.take() == memory[at..at + bytes]), (bytes, true));
        }
        assert!(pipes.hold(399_999, 2).is_none(), "it ends before");
        assert!(pipes.hold(0, 2 * limits::PIPE_BYTES).is_none(), "it does not fit");
        assert_eq!(pipes.idle.borrow().len(), limits::PIPES_COUNT);
    }

    #[test]
    fn a_socket_that_takes_a_part_leaves_the_rest_and_dropping_it_frees_the_pipe() {
        let memory = memory();
        let pipes = pipes(&memory);
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap();
        let mut all: Vec<Piped> = Vec::new();
        while let Some(piped) = pipes.hold(5, 100_000) {
            all.push(piped);
        }
        assert_eq!(all.len(), limits::PIPES_COUNT);
        let (mut sent, mut got) = (0, vec![0; 1 << 20]);
        for piped in &mut all {
            sent += piped.send(&ours).unwrap_or_else(|errno| {
                assert_eq!(errno, Errno::AGAIN);
                0
            });
        }
        let (whole, left) = (sent / 100_000, 100_000 - sent % 100_000);
        assert_eq!(all[whole].len(), left);
        assert_eq!(all.remove(whole).take(), memory[100_005 - left..100_005]);
        let mut seen = Vec::new();
        while seen.len() < sent {
            let (count, _) = recv(&theirs, got.as_mut_slice(), RecvFlags::DONTWAIT).unwrap();
            seen.extend_from_slice(&got[..count]);
        }
        assert!(seen.chunks(100_000).all(|part| *part == memory[5..5 + part.len()]));
        drop(theirs);
        assert_eq!(all[whole].send(&ours), Err(Errno::PIPE));
        drop(all);
        assert_eq!(pipes.idle.borrow().len(), limits::PIPES_COUNT);
    }
}
