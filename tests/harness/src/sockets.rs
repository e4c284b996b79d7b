//! Connections as clients of many kinds make them, and the unix sockets of applications.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use fosse_fdpass::send;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, socketpair};

use crate::wait_for;

/// Stack of a thread that serves one connection: some tests have thousands.
const STACK_BYTES: usize = 256 * 1024;

/// Returns a port nobody listens on now, below the range the kernel takes ports for connections
/// from, and different for every call of every test process (as far as their numbers reach).
///
/// # Panics
/// Where no port is free.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + u16::try_from(std::process::id() % 400).unwrap() * 50;
    wait_for("a free port", || {
        let port = first.checked_add(NEXT.fetch_add(1, Ordering::Relaxed) % 2000)?;
        TcpListener::bind(("127.0.0.1", port)).ok().map(|_| port)
    })
}

/// Connects quickly or not at all; `patience` is the limit of the connection and of each read and
/// write.
///
/// # Errors
/// What connect(2) says.
pub fn connect(address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let stream = with_limits(TcpStream::connect_timeout(&address, patience)?, patience)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects from another address of the loopback network, 127.0.0.`last`: addresses decide about
/// lanes and penalties.
///
/// # Errors
/// What bind(2) or connect(2) says.
pub fn connect_from(last: u8, address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let fd = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    bind(&fd, &SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)))?;
    rustix::net::connect(&fd, &address)?;
    with_limits(TcpStream::from(fd), patience)
}

fn with_limits(stream: TcpStream, patience: Duration) -> io::Result<TcpStream> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}

/// Returns a connected pair of unix sockets.
///
/// # Panics
/// Where there is none to be had.
#[must_use]
pub fn pair(kind: SocketType) -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap()
}

/// Waits until there is something to read, or the end; false where neither comes within `wait`.
///
/// # Panics
/// Where the kernel does not say.
pub fn readable(fd: impl AsFd, wait: Duration) -> bool {
    let wait = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&wait)).unwrap() > 0
}

/// Sends a message as soon as there is room for it: what the other end has not read yet may fill
/// the socket.
///
/// # Panics
/// Where it takes none.
pub fn send_when_free(socket: &OwnedFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
    let sent = wait_for("room for a message", || {
        let sent = send(socket, bytes, fds);
        (sent != Err(Errno::AGAIN)).then_some(sent)
    });
    sent.unwrap();
}

/// Makes the end of a connection a reset.
pub fn reset(stream: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
}

/// Listens on a unix socket that everybody may connect to, and serves each connection in a thread
/// of its own, for as long as the test process lives.
///
/// # Panics
/// Where the socket cannot be made.
pub fn listen(path: &Path, serve: impl Fn(UnixStream) + Send + Sync + 'static) {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            let _ = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || serve(stream));
        }
    });
}
