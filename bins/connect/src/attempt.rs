//! One attempt to connect: its socket, its call, its outcome.
//!
//! A backend that serves files has no address. A connection to it is a pair of sockets: one end
//! goes over the channel to its fosse-static, the other to dispatch, as if it had been connected.

use std::{
    net::{Ipv6Addr, SocketAddr},
    os::fd::{AsFd as _, OwnedFd},
};

use fosse_settings::{Address, Server};
use fosse_sys::socket::bind_address_no_port;
use fosse_wire::{connect::Outcome, files::NewConnection};
use rustix::{
    io::Errno,
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, getsockname, socket_with, socketpair,
        sockopt::{set_tcp_nodelay, socket_peercred},
    },
};

use crate::named::NamedAddresses;

/// The reason why there is no connection, as the reply to dispatch has it.
pub(crate) type Failure = (Outcome, Errno);

/// An attempt under way.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// The socket.
    pub(crate) fd: OwnedFd,
    /// The other end, for a backend that serves files.
    far_end: Option<OwnedFd>,
    /// Its socket is for the server's second address.
    second: bool,
    /// The address that the server's name stands for, where it has a name.
    named: Option<[u8; 16]>,
}

impl Attempt {
    /// Makes the socket for an attempt to reach `server`. `addresses` has those of names.
    ///
    /// # Errors
    /// [`Failure`]
    pub(crate) fn new(server: &Server, addresses: &mut NamedAddresses) -> Result<Self, Failure> {
        let named = match &server.address {
            Address::Named(named) => Some(addresses.address(named).map_err(failed)?),
            _ => None,
        };
        let (fd, far_end) = socket_for(server, &server.address, named)?;
        Ok(Self { fd, far_end, second: false, named })
    }

    /// Goes on with the server's second address, within the same time, where the first failed with
    /// `errno` and there is one.
    ///
    /// # Errors
    /// The [`Failure`] of the first where there is no second one or no socket for it.
    pub(crate) fn go_on(&mut self, server: &Server, errno: Errno) -> Result<(), Failure> {
        // ADDRNOTAVAIL: the kernel has no such family on its loopback.
        let refused = !self.second && matches!(errno, Errno::CONNREFUSED | Errno::ADDRNOTAVAIL);
        let of_first = (outcome(errno), errno);
        let second = server.second.as_ref().filter(|_| refused).ok_or(of_first)?;
        (self.fd, self.far_end) = socket_for(server, second, None).map_err(|of_second| match of_second {
            (Outcome::NoSource, _) => of_second,
            _ => of_first,
        })?;
        self.second = true;
        Ok(())
    }

    /// Calls connect(2), which says how an earlier call has ended as well.
    ///
    /// # Errors
    /// `INPROGRESS` where epoll reports the end, `AGAIN` where the queue of a unix listener or of a
    /// channel is full and nothing will report that it has room, others where the attempt has
    /// failed.
    pub(crate) fn connect(&self, server: &Server, channels: &[Option<OwnedFd>]) -> Result<(), Errno> {
        match server.second.as_ref().filter(|_| self.second).unwrap_or(&server.address) {
            Address::Unix(path) => rustix::net::connect(&self.fd, &SocketAddrUnix::new(path.as_str())?),
            Address::Tcp(addr, port) => self.connect_tcp(&socket_address(*addr, *port)),
            Address::Named(server) => {
                let address = self.named.ok_or(Errno::DESTADDRREQ)?;
                self.connect_tcp(&socket_address(address, server.port))
            }
            Address::Files(number) => {
                let channel = usize::try_from(*number).ok().and_then(|number| channels.get(number)?.as_ref());
                self.hand_over(channel.ok_or(Errno::CONNREFUSED)?)
            }
        }
    }

    /// Sends the other end to the process that serves files.
    fn hand_over(&self, channel: &OwnedFd) -> Result<(), Errno> {
        let far_end = self.far_end.as_ref().ok_or(Errno::NOTCONN)?;
        fosse_fdpass::send(channel, &NewConnection.encode(), &[far_end.as_fd()]).map_err(|errno| match errno {
            // ETOOMANYREFS: more descriptors are on their way than this user may have open
            // (unix(7)).
            Errno::TOOMANYREFS | Errno::NOBUFS | Errno::NOMEM => Errno::AGAIN,
            Errno::PIPE | Errno::CONNRESET => Errno::CONNREFUSED,
            errno => errno,
        })
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

    /// Returns whether the connection leads from an address to the same one: it is this machine's.
    fn is_from_its_own_address(&self) -> bool {
        let own = getsockname(&self.fd).ok().and_then(|own| SocketAddr::try_from(own).ok());
        let named = self.named.map(|address| Ipv6Addr::from_octets(address).to_canonical());
        // What the kernel does not say is not believed.
        own.is_none_or(|own| Some(own.ip()) == named)
    }

    /// Makes the connected socket fit to be passed on.
    ///
    /// # Errors
    /// [`Outcome::WrongPeer`] where a process of another UID listens than the configuration names,
    /// [`Outcome::Failed`] where a name leads to this machine and no network of its entry says so.
    pub(crate) fn check_peer(&self, server: &Server) -> Result<(), Failure> {
        match &server.address {
            Address::Named(server) if server.networks.is_empty() && self.is_from_its_own_address() => {
                return Err((Outcome::Failed, Errno::ADDRNOTAVAIL));
            }
            // A failure is no reason to refuse: without TCP_NODELAY a connection is only slower.
            Address::Tcp(..) | Address::Named(_) => drop(set_tcp_nodelay(&self.fd, true)),
            // Its channel is start's.
            Address::Files(_) => {}
            Address::Unix(_) if server.peer_uids.is_empty() => {}
            Address::Unix(_) => {
                let uid = socket_peercred(&self.fd).map(|cred| cred.uid.as_raw());
                if !uid.is_ok_and(|uid| server.peer_uids.contains(&uid)) {
                    return Err((Outcome::WrongPeer, Errno::PERM));
                }
            }
        }
        Ok(())
    }
}

const fn socket_address(address: [u8; 16], port: u16) -> SocketAddr {
    SocketAddr::new(Ipv6Addr::from_octets(address).to_canonical(), port)
}

/// Makes the socket for an address of a server, with its other end where there is nothing to
/// connect to. `named` is what a name stands for.
fn socket_for(
    server: &Server,
    address: &Address,
    named: Option<[u8; 16]>,
) -> Result<(OwnedFd, Option<OwnedFd>), Failure> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let family = match address {
        Address::Files(_) => {
            let pair = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None);
            return pair.map(|(fd, far_end)| (fd, Some(far_end))).map_err(failed);
        }
        Address::Unix(_) => AddressFamily::UNIX,
        Address::Tcp(addr, _) => family_of(*addr),
        Address::Named(_) => family_of(named.ok_or(failed(Errno::DESTADDRREQ))?),
    };
    let fd = socket_with(family, SocketType::STREAM, flags, None).map_err(failed)?;
    if !server.source_address.is_empty() && family != AddressFamily::UNIX {
        bind_to_source(&fd, family, &server.source_address).map_err(|errno| (Outcome::NoSource, errno))?;
    }
    Ok((fd, None))
}

/// Gives a socket the address of its family that its connection is to come from.
fn bind_to_source(fd: &OwnedFd, family: AddressFamily, sources: &[[u8; 16]]) -> Result<(), Errno> {
    // Another one than is wanted would be worse than none.
    let source = sources.iter().find(|source| family_of(**source) == family).ok_or(Errno::AFNOSUPPORT)?;
    bind_address_no_port(fd)?;
    rustix::net::bind(fd, &socket_address(*source, 0))
}

const fn family_of(address: [u8; 16]) -> AddressFamily {
    match Ipv6Addr::from_octets(address).to_ipv4_mapped() {
        Some(_) => AddressFamily::INET,
        None => AddressFamily::INET6,
    }
}

const fn failed(errno: Errno) -> Failure {
    (Outcome::Failed, errno)
}

/// Returns the outcome that the reply to dispatch has for an error.
const fn outcome(errno: Errno) -> Outcome {
    match errno {
        Errno::CONNREFUSED | Errno::NOENT => Outcome::Refused,
        Errno::TIMEDOUT => Outcome::Timeout,
        _ => Outcome::Failed,
    }
}
