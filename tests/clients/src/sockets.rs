//! Connections from an address of one's choice: to a server of loopback, all of 127.0.0.0/8 are
//! clients of their own.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream},
    time::Duration,
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect as connect_to, socket_with, sockopt};

/// The address of most clients: that of attackers.
pub const COMMON: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// The address of a client that behaves: no server may have it pay for what others do.
pub const HONEST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Connects to a server within a time, in which each read and write has to come to something too.
///
/// # Errors
/// What the kernel says.
pub fn connect(from: Ipv4Addr, to: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // A bound socket takes a port for all servers at once. The common address needs no binding.
    if from != COMMON {
        bind(&socket, &SocketAddrV4::new(from, 0))?;
    }
    for timeout in [sockopt::Timeout::Send, sockopt::Timeout::Recv] {
        sockopt::set_socket_timeout(&socket, timeout, Some(patience))?;
    }
    connect_to(&socket, &to)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}
