//! Descriptors that were there before `main`: taking them over by number, naming what they are,
//! closing the rest.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FileType, fcntl_get_seals, fstat};
use rustix::io::{Errno, FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::net::{AddressFamily, SocketType, sockopt};

/// Highest descriptor number `take` knows, plus one. Numbers are assigned by hand in the descriptor
/// tables and stay far below; only a start that another has executed takes over as many as its
/// largest edge has: 4096 processes with four each, lanes and listeners.
pub const INHERITED_FDS_MAX: RawFd = 65_536;

const WORDS: usize = 1024;
const BITS: RawFd = 64;
const _: () = assert!(WORDS * 64 == 65_536 && INHERITED_FDS_MAX == 65_536);

/// One bit for each number already handed out.
static TAKEN: [AtomicU64; WORDS] = [const { AtomicU64::new(0) }; WORDS];

/// The type of what a descriptor refers to, as far as the kernel tells without /proc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Connected or unconnected `AF_UNIX` stream socket.
    UnixStream,
    /// `AF_UNIX` `SOCK_SEQPACKET` socket.
    UnixSeqpacket,
    /// `AF_UNIX` datagram socket.
    UnixDatagram,
    /// Listening `AF_UNIX` socket of either connected type.
    UnixListener,
    /// Stream socket of `AF_INET` or `AF_INET6`.
    InetStream,
    /// Listening stream socket of `AF_INET` or `AF_INET6`.
    InetListener,
    /// Datagram socket of `AF_INET` or `AF_INET6`.
    InetDatagram,
    /// A socket of any other family or type.
    OtherSocket,
    /// Pipe or FIFO, either end.
    Pipe,
    /// A file that can carry seals: a memfd (or a file on tmpfs).
    Memfd,
    /// Any other regular file.
    File,
    /// Directory.
    Directory,
    /// Character device: a terminal, /dev/null.
    Device,
    /// eventfd, epoll, signalfd or timerfd: these have no file type and fstat cannot tell them
    /// apart.
    Anonymous,
    /// Block devices, symbolic links and whatever comes later.
    Other,
}

/// Takes ownership of an inherited descriptor; `None` if `number` is not open, is out of range, was
/// taken before, or was opened by this process itself. Everything this suite opens is
/// close-on-exec, so a descriptor that lacks the flag came through exec. Afterwards it has the flag
/// too, standard descriptors apart.
pub fn take(number: RawFd) -> Option<OwnedFd> {
    let (word, bit) = slot(number)?;
    let borrowed = inherited(number)?;
    let before = word.fetch_or(bit, Ordering::AcqRel);
    if before & bit != 0 {
        return None;
    }
    if number > 2 {
        fcntl_setfd(borrowed, FdFlags::CLOEXEC).ok()?;
    }
    // SAFETY: the number is open (fcntl succeeded), did not come from this process (no
    // close-on-exec flag), and the bit just won makes this the only OwnedFd ever made of it.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Returns whether `number` is open and was there before exec.
pub fn is_inherited(number: RawFd) -> bool {
    slot(number).is_some() && inherited(number).is_some()
}

/// Marks every inherited descriptor from 0 up to `INHERITED_FDS_MAX` as never taken. Only for the
/// child of a fork that receives new descriptors on the old numbers and has dropped all those it
/// took before.
pub fn forget_taken() {
    for word in TAKEN.iter().filter(|word| word.load(Ordering::Acquire) != 0) {
        // Written to only where it has to be: most of the pages have never been touched.
        word.store(0, Ordering::Release);
    }
}

/// Closes every descriptor from 3 up that was not handed out by [`take`]. To be called before the
/// process opens anything of its own: a number that was handed out and closed may be that of
/// something else by then.
///
/// # Errors
/// Those of `close_range(2)`.
pub fn close_rest() -> Result<(), Errno> {
    close_but(taken().collect())
}

/// Closes every descriptor from 3 up but one, whoever opened it. Only for the child of a fork that
/// goes on with that one alone, and drops no other.
///
/// # Errors
/// Those of `close_range(2)`.
pub fn close_all_but(kept: BorrowedFd<'_>) -> Result<(), Errno> {
    close_but(vec![kept.as_raw_fd()])
}

fn close_but(mut all: Vec<RawFd>) -> Result<(), Errno> {
    let mut first: u32 = 3;
    all.retain(|number| *number >= 3);
    all.sort_unstable();
    for number in all {
        let kept = number.unsigned_abs();
        if kept > first {
            close_range(first, kept - 1)?;
        }
        first = first.max(kept + 1);
    }
    close_range(first, u32::MAX)
}

/// Returns the type of what `fd` refers to. Fails only if the descriptor is not open.
pub fn kind(fd: BorrowedFd<'_>) -> Result<Kind, Errno> {
    let mode = fstat(fd)?.st_mode;
    // S_IFMT is 0 for files without an inode of their own (eventfd, epoll, signalfd, timerfd).
    if mode & 0o170_000 == 0 {
        return Ok(Kind::Anonymous);
    }
    Ok(match FileType::from_raw_mode(mode) {
        FileType::Socket => socket_kind(fd)?,
        FileType::Fifo => Kind::Pipe,
        FileType::RegularFile if fcntl_get_seals(fd).is_ok() => Kind::Memfd,
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::CharacterDevice => Kind::Device,
        _ => Kind::Other,
    })
}

fn socket_kind(fd: BorrowedFd<'_>) -> Result<Kind, Errno> {
    let domain = sockopt::socket_domain(fd)?;
    let socket_type = sockopt::socket_type(fd)?;
    let listens = sockopt::socket_acceptconn(fd)?;
    let inet = domain == AddressFamily::INET || domain == AddressFamily::INET6;
    let unix = domain == AddressFamily::UNIX;
    Ok(match socket_type {
        SocketType::STREAM | SocketType::SEQPACKET if unix && listens => Kind::UnixListener,
        SocketType::STREAM if unix => Kind::UnixStream,
        SocketType::SEQPACKET if unix => Kind::UnixSeqpacket,
        SocketType::DGRAM if unix => Kind::UnixDatagram,
        SocketType::STREAM if inet && listens => Kind::InetListener,
        SocketType::STREAM if inet => Kind::InetStream,
        SocketType::DGRAM if inet => Kind::InetDatagram,
        _ => Kind::OtherSocket,
    })
}

fn slot(number: RawFd) -> Option<(&'static AtomicU64, u64)> {
    let index = usize::try_from(number.checked_div(BITS)?).ok()?;
    let shift = u32::try_from(number.checked_rem(BITS)?).ok()?;
    Some((TAKEN.get(index)?, 1_u64.checked_shl(shift)?))
}

/// Returns the numbers that [`take`] has handed out.
fn taken() -> impl Iterator<Item = RawFd> {
    let words = TAKEN.iter().zip((0..).step_by(64)).map(|(word, first)| (word.load(Ordering::Acquire), first));
    words
        .filter(|(word, _)| *word != 0)
        .flat_map(|(word, first)| (0..BITS).filter(move |bit| word & (1_u64 << bit) != 0).map(move |bit| first + bit))
}

/// Borrows `number` for as long as the call lasts, if it is open and came through exec.
fn inherited(number: RawFd) -> Option<BorrowedFd<'static>> {
    if number < 0 {
        return None;
    }
    // SAFETY: the number is not -1, and the borrow is used for fcntl alone, which fails with EBADF
    // where it is not open; an inherited number is not closed between the calls, as only `take`
    // makes owners of them.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let flags = fcntl_getfd(borrowed).ok()?;
    let own = number > 2 && flags.contains(FdFlags::CLOEXEC);
    (!own && borrowed.as_raw_fd() == number).then_some(borrowed)
}

fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: close_range reads no memory; the callers leave out every descriptor that has an owner
    // in this process.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0_u32) };
    if result == 0 { Ok(()) } else { Err(crate::process::last_errno()) }
}
