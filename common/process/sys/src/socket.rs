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
    set(listener, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, libc::c_int::from(seconds))
}

/// Lets bind(2) choose an address and leave the port to connect(2), which then needs one that is
/// free for this peer alone (`IP_BIND_ADDRESS_NO_PORT`, ip(7); for sockets of IPv6 as well).
///
/// # Errors
/// Those of setsockopt(2).
pub fn bind_address_no_port(socket: impl AsFd) -> Result<(), Errno> {
    set(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

fn set(socket: impl AsFd, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> Result<(), Errno> {
    // SAFETY: the kernel reads as many bytes as the last argument says of a value that lives until
    // the call returns.
    let result = unsafe {
        libc::setsockopt(socket.as_fd().as_raw_fd(), level, option, (&raw const value).cast(), libc::c_int::BITS / 8)
    };
    if result == 0 { Ok(()) } else { Err(crate::process::last_errno()) }
}
