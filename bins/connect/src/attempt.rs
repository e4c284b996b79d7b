//! One attempt to connect: its socket, its call, its outcome.

use std::{
    net::{Ipv6Addr, SocketAddr},
    os::fd::OwnedFd,
};

use fosse_deadlines::Timer;
use fosse_settings::{Address, Server};
use fosse_wire::connect::Outcome;
use rustix::{
    io::Errno,
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with,
        sockopt::{set_tcp_nodelay, socket_peercred},
    },
};

/// The limits of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `connect_seconds` of the backend, for all addresses of the server together.
    Connect,
}

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
    /// Its time to give up.
    pub(crate) timer: Timer<Limit>,
}

impl Attempt {
    /// Makes the socket for an attempt to reach `server`, entry `number` of the table.
    pub(crate) fn new(tag: u32, number: usize, server: &Server) -> Result<Self, Errno> {
        Ok(Self { tag, server: number, fd: socket_for(&server.address)?, second: false, timer: Timer::default() })
    }

    /// Goes on with the server's second address, within the same time, where the first failed with
    /// `errno` and there is one. Returns whether it does.
    pub(crate) fn go_on(&mut self, server: &Server, errno: Errno) -> bool {
        // ADDRNOTAVAIL: the kernel has no such family on its loopback.
        let refused = !self.second && matches!(errno, Errno::CONNREFUSED | Errno::ADDRNOTAVAIL);
        let second = server.second.as_ref().filter(|_| refused);
        let Some(fd) = second.and_then(|address| socket_for(address).ok()) else { return false };
        self.fd = fd;
        self.second = true;
        true
    }

    /// Calls connect(2), which says how an earlier call has ended as well.
    ///
    /// # Errors
    /// `INPROGRESS` where epoll reports the end, `AGAIN` where the queue of a unix listener is full
    /// and nothing will report that it has room, others where the attempt has failed.
    pub(crate) fn connect(&self, server: &Server) -> Result<(), Errno> {
        match server.second.as_ref().filter(|_| self.second).unwrap_or(&server.address) {
            Address::Unix(path) => rustix::net::connect(&self.fd, &SocketAddrUnix::new(path.as_str())?),
            Address::Tcp(addr, port) => self.connect_tcp(&SocketAddr::new(Ipv6Addr::from(*addr).to_canonical(), *port)),
        }
    }

    fn connect_tcp(&self, address: &SocketAddr) -> Result<(), Errno> {
        let call = || match rustix::net::connect(&self.fd, address) {
            Err(Errno::ALREADY) => Err(Errno::INPROGRESS),
            result => result,
        };
        match call() {
            // Within this machine it is over before the call returns, which only a second one says:
            // that saves watching the socket and a turn.
            Err(Errno::INPROGRESS) if address.ip().is_loopback() => call(),
            result => result,
        }
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
