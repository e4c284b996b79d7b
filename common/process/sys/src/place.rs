//! Putting descriptors onto the numbers a program expects, between fork and exec.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::io::{Errno, fcntl_dupfd_cloexec};

/// The first number of the copies that are made before any target is overwritten: above every
/// number a program expects.
const WAITING_FROM: RawFd = 512;

/// Makes `fds[i]` appear as number `targets[i]`, inherited by exec. Only for a process that is
/// about to exec: whatever had a target's number is closed, and an owner of it in this process
/// would own something else from then on.
///
/// # Errors
/// What fcntl(2) or dup2(2) say; the process can then only end.
pub fn place(fds: &[BorrowedFd<'_>], targets: &[u8]) -> Result<(), Errno> {
    // Copies first: the target of one may be the number of another.
    let waiting: Vec<OwnedFd> = fds.iter().map(|fd| fcntl_dupfd_cloexec(fd, WAITING_FROM)).collect::<Result<_, _>>()?;
    for (fd, target) in waiting.iter().zip(targets) {
        put(fd.as_fd(), RawFd::from(*target))?;
    }
    Ok(())
}

fn put(fd: BorrowedFd<'_>, number: RawFd) -> Result<(), Errno> {
    // SAFETY: dup2 reads no memory. That nothing in this process goes on using the old owner of the
    // number is the contract of `place`: the process executes another program or ends.
    let result = unsafe { libc::dup2(fd.as_raw_fd(), number) };
    if result == number { Ok(()) } else { Err(crate::process::last_errno()) }
}
