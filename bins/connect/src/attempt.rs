//! One attempt to connect: its socket, its call, its outcome.

use std::{
    net::{Ipv6Addr, SocketAddr},
    os::fd::OwnedFd,
};

use fosse_settings::{Address, Server};
use fosse_wire::connect::Outcome;
use rustix::{
    io::Errno,
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with,
        sockopt::{set_tcp_nodelay, socket_error, socket_peercred},
    },
};

/// An attempt under way.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// Tag of dispatch's connect request, which the reply repeats.
    pub(crate) tag: u32,
    /// Index into the table of backends.
    pub(crate) server: usize,
    /// The socket.
    pub(crate) fd: OwnedFd,
    /// Its socket is for the server's second address.
    second: bool,
    /// Time to give up, on the event loop's clock.
    pub(crate) deadline_ms: u64,
}

impl Attempt {
    /// Makes the socket for an attempt to reach `server`, entry `number` of the table.
    pub(crate) fn new(tag: u32, number: usize, server: &Server, now_ms: u64) -> Result<Self, Errno> {
        let fd = socket_for(&server.address)?;
        let connect_ms = u64::try_from(server.connect_seconds.as_millis()).unwrap_or(u64::MAX);
        Ok(Self { tag, server: number, fd, second: false, deadline_ms: now_ms.saturating_add(connect_ms) })
    }

    /// Returns the attempt at the server's second address that follows this one, within the same
    /// time, where it failed with `errno` and there is one.
    pub(crate) fn next(&self, server: &Server, errno: Errno) -> Option<Self> {
        // ADDRNOTAVAIL: the kernel has no such family on its loopback.
        let refused = !self.second && matches!(errno, Errno::CONNREFUSED | Errno::ADDRNOTAVAIL);
        let fd = socket_for(server.second.as_ref().filter(|_| refused)?).ok()?;
        Some(Self { tag: self.tag, server: self.server, fd, second: true, deadline_ms: self.deadline_ms })
    }

    /// Calls connect(2).
    ///
    /// # Errors
    /// `INPROGRESS` where epoll reports the end, `AGAIN` where the queue of a unix listener is full
    /// and nothing will report that it has room, others where the attempt has failed.
    pub(crate) fn connect(&self, server: &Server) -> Result<(), Errno> {
        match server.second.as_ref().filter(|_| self.second).unwrap_or(&server.address) {
            Address::Unix(path) => rustix::net::connect(&self.fd, &SocketAddrUnix::new(path.as_str())?),
            Address::Tcp(addr, port) => {
                rustix::net::connect(&self.fd, &SocketAddr::new(Ipv6Addr::from(*addr).to_canonical(), *port))
            }
        }
    }

    /// Returns how a connect(2) in progress has ended (SO_ERROR).
    pub(crate) fn result(&self) -> Result<(), Errno> {
        socket_error(&self.fd)?
    }

    /// Makes the connected socket fit to be passed on.
    ///
    /// # Errors
    /// [`Outcome::WrongPeer`] where a process of another UID listens than the configuration names.
    pub(crate) fn check_peer(&self, server: &Server) -> Result<(), Outcome> {
        match server.address {
            // A failure is no reason to refuse: without TCP_NODELAY a connection is only slower.
            Address::Tcp(..) => drop(set_tcp_nodelay(&self.fd, true)),
            Address::Unix(_) if server.peer_uids.is_empty() => {}
            Address::Unix(_) => {
                let uid = socket_peercred(&self.fd).map(|cred| cred.uid.as_raw());
                if !uid.is_ok_and(|uid| server.peer_uids.contains(&uid)) {
                    return Err(Outcome::WrongPeer);
                }
            }
        }
        Ok(())
    }
}

fn socket_for(address: &Address) -> Result<OwnedFd, Errno> {
    let family = match address {
        Address::Unix(_) => AddressFamily::UNIX,
        Address::Tcp(addr, _) if Ipv6Addr::from(*addr).to_ipv4_mapped().is_some() => AddressFamily::INET,
        Address::Tcp(..) => AddressFamily::INET6,
    };
    socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
}

/// Returns the outcome that the reply to dispatch has for an error.
pub(crate) const fn outcome(errno: Errno) -> Outcome {
    match errno {
        Errno::CONNREFUSED | Errno::NOENT => Outcome::Refused,
        Errno::TIMEDOUT => Outcome::Timeout,
        _ => Outcome::Failed,
    }
}
