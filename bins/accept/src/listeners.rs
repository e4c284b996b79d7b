//! The listening sockets: taking one connection from one, and watching them only while a lane can
//! take it.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use fosse_eventloop::{EventLoop, Interest};
use fosse_sys::socket::defer_accept;
use fosse_wire::request::Endpoint;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, acceptfrom_with, sockopt};

use crate::limits::{LISTENER_COUNT_MAX, SILENCE_S};

/// Token of listener `n` is this plus `n`, where `n` counts over the life of the process.
pub(crate) const FIRST_TOKEN: u64 = 1 << 32;

/// All listeners of the newest generation.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    all: Vec<Listener>,
    next_token: u64,
    generation: u32,
    /// Index of the one to be asked first.
    first: usize,
}

/// One listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    fd: OwnedFd,
    token: u64,
    /// Its index in the configuration.
    pub(crate) number: u16,
    /// It is an `AF_UNIX` socket.
    pub(crate) unix: bool,
    ready: bool,
    watched: bool,
    /// Its queue has not been empty since its options were set, so it may hold sockets cloned
    /// before that.
    stale: bool,
}

/// The outcome of accept4(2) on a listener.
#[derive(Debug)]
pub(crate) enum Taken {
    /// A connection and its peer; the UID of a unix socket's peer where it is known.
    Connection(OwnedFd, Endpoint, Option<u32>),
    /// None is waiting.
    Nothing,
    /// The kernel has no descriptor or memory for one.
    Exhausted,
    /// The socket does not listen any more.
    Broken(Errno),
}

impl Listeners {
    /// Adds a listener; the first of a new generation closes those of the old one (start keeps the
    /// sockets that go on, so nothing in their queues is lost). Returns false for one that cannot
    /// be used.
    pub(crate) fn add(&mut self, event_loop: &EventLoop, fd: OwnedFd, number: u16, generation: u32) -> bool {
        if generation > self.generation {
            self.close(event_loop);
            self.generation = generation;
        }
        let unix = sockopt::socket_domain(&fd) == Ok(AddressFamily::UNIX);
        let token = FIRST_TOKEN + self.next_token;
        let usable = generation == self.generation
            && self.all.len() < LISTENER_COUNT_MAX
            && sockopt::socket_acceptconn(&fd) == Ok(true)
            && (unix || prepare(&fd).is_ok())
            && event_loop.add(&fd, token, Interest::empty()).is_ok();
        if usable {
            if !unix {
                // A connection is worth a turn of accept and of its lane once there is something to
                // read; where this fails they look in vain, as after that time.
                let _ = defer_accept(&fd, SILENCE_S);
            }
            self.next_token += 1;
            self.all.push(Listener { fd, token, number, unix, ready: false, watched: false, stale: !unix });
        }
        usable
    }

    /// Closes all.
    pub(crate) fn close(&mut self, event_loop: &EventLoop) {
        // A copy lives on in start, and epoll(7) reports a socket until its last copy is closed.
        for listener in self.all.drain(..) {
            // Where this fails it was not watched.
            let _ = event_loop.remove(&listener.fd);
        }
    }

    /// Notes that connections may be waiting.
    pub(crate) fn on_event(&mut self, token: u64) {
        self.all.iter_mut().filter(|listener| listener.token == token).for_each(|listener| listener.ready = true);
    }

    /// Returns the next listener that may have something, of those that connections are taken of,
    /// each at the front in its turn.
    pub(crate) fn next_ready(&mut self, takes: impl Fn(u16) -> bool) -> Option<&mut Listener> {
        let count = self.all.len();
        self.first = self.first.checked_add(1).filter(|first| *first < count).unwrap_or(0);
        let (before, after) = self.all.split_at_mut_checked(self.first)?;
        after.iter_mut().chain(before).find(|listener| listener.ready && takes(listener.number))
    }

    /// Returns whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Watches those that connections are taken of. The kernel's queues hold those who come by
    /// others.
    pub(crate) fn watch(&mut self, event_loop: &EventLoop, takes: impl Fn(u16) -> bool) {
        for listener in &mut self.all {
            let wanted = takes(listener.number);
            if listener.watched == wanted {
                continue;
            }
            listener.watched = wanted;
            let interest = if wanted { Interest::IN } else { Interest::empty() };
            // epoll_ctl(2) fails to change what it has for lack of memory alone. A listener that is
            // watched in vain costs turns, and no connection.
            let _ = event_loop.modify(&listener.fd, listener.token, interest);
            listener.ready = false;
        }
    }

    /// Takes one connection of a listener and resets it: its client need not wait for what will not
    /// come.
    pub(crate) fn refuse_one(&mut self, token: u64) {
        self.all.iter_mut().filter(|listener| listener.token == token).for_each(|listener| drop(listener.take()));
    }

    /// Gives up a broken one. Returns its number.
    pub(crate) fn drop_broken(&mut self, event_loop: &EventLoop, token: u64) -> Option<u16> {
        let at = self.all.iter().position(|listener| listener.token == token)?;
        let listener = self.all.swap_remove(at);
        // Where this fails it was not watched.
        let _ = event_loop.remove(&listener.fd);
        Some(listener.number)
    }
}

impl Listener {
    /// Returns its token.
    pub(crate) fn token(&self) -> u64 {
        self.token
    }

    /// Calls accept4(2), and for a unix socket looks at its peer.
    pub(crate) fn take(&mut self) -> Taken {
        match acceptfrom_with(&self.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok((fd, _)) if self.unix => {
                let uid = sockopt::socket_peercred(&fd).ok().map(|peer| peer.uid.as_raw());
                Taken::Connection(fd, Endpoint::default(), uid)
            }
            Ok((fd, address)) => match address.and_then(|address| SocketAddr::try_from(address).ok()) {
                Some(address) if !self.stale || prepare(&fd).is_ok() => {
                    Taken::Connection(fd, Endpoint::from_socket(address), None)
                }
                _ => self.nothing(),
            },
            Err(Errno::AGAIN) => {
                self.stale = false;
                self.nothing()
            }
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Taken::Exhausted,
            Err(errno @ (Errno::BADF | Errno::INVAL | Errno::NOTSOCK | Errno::OPNOTSUPP)) => Taken::Broken(errno),
            // accept(2): everything else is an error of that one connection, which is gone. The
            // listener stays ready in epoll, so the next turn tries again.
            Err(_) => self.nothing(),
        }
    }

    fn nothing(&mut self) -> Taken {
        self.ready = false;
        Taken::Nothing
    }
}

/// Sets the options that accepted sockets inherit from their listener: Linux clones it when the
/// handshake is complete. That saves two calls for each, but for those that were in the queue
/// already. SO_LINGER 0: until parse ends a response properly, a close is a reset and never looks
/// like a complete response.
fn prepare(fd: &OwnedFd) -> Result<(), Errno> {
    sockopt::set_tcp_nodelay(fd, true)?;
    sockopt::set_socket_linger(fd, Some(Duration::ZERO))
}
