//! Socket options that rustix has not got.

use std::os::fd::{AsFd, AsRawFd};

use rustix::io::Errno;

/// Has the kernel report a connection of a listening TCP socket with its first bytes, or after that
/// many seconds without any (`TCP_DEFER_ACCEPT`, tcp(7)); rounded up to its times for sending a
/// SYN-ACK again: 1, 3, 7 s.
///
/// # Errors
/// Those of setsockopt(2).
pub fn defer_accept(listener: impl AsFd, seconds: u8) -> Result<(), Errno> {
    let value = libc::c_int::from(seconds);
    // SAFETY: the kernel reads as many bytes as the last argument says of a value that lives until
    // the call returns.
    let result = unsafe {
        libc::setsockopt(
            listener.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const value).cast(),
            libc::c_int::BITS / 8,
        )
    };
    if result == 0 { Ok(()) } else { Err(crate::process::last_errno()) }
}
