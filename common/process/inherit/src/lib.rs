//! fosse-inherit: the descriptors a program is born with. A table says which number is what; what
//! is missing or of another type ends the program with one line, what is not in the table is
//! closed.
//!
//! Called first in main, before anything is opened and before the lock.

#![forbid(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use fosse_counters::Counters;
use fosse_lockdown::Sealed;
use fosse_sys::fd;
use fosse_sys::page::Page;
use fosse_wire::blob::{BLOB_BYTES_MAX, decode};
use serde::de::DeserializeOwned;

pub use fosse_sys::fd::Kind;

/// What carries frames or lines: a socket of the ring, or a pipe, file or terminal in a shell.
pub const STREAM: &[Kind] = &[Kind::UnixStream, Kind::Pipe, Kind::File, Kind::Memfd, Kind::Device];
/// What carries messages with descriptors, or fixed messages.
pub const MESSAGES: &[Kind] = &[Kind::UnixSeqpacket];
/// What lines are written to.
pub const LINES: &[Kind] = &[Kind::Pipe, Kind::File, Kind::Memfd, Kind::Device, Kind::UnixStream];
/// A configuration, a page, an address list.
pub const MEMORY: &[Kind] = &[Kind::Memfd];

/// One descriptor a program knows.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Its number.
    pub number: RawFd,
    /// What it may be.
    pub kinds: &'static [Kind],
    /// Whether the program can do without.
    pub needed: bool,
    /// What it is for, as people are told.
    pub what: &'static str,
}

impl Expected {
    /// A descriptor without which the program ends.
    #[must_use]
    pub const fn required(number: RawFd, kinds: &'static [Kind], what: &'static str) -> Self {
        Self { number, kinds, needed: true, what }
    }

    /// A descriptor that may be absent, as in a shell. If it is there it must be right.
    #[must_use]
    pub const fn optional(number: RawFd, kinds: &'static [Kind], what: &'static str) -> Self {
        Self { number, kinds, needed: false, what }
    }
}

/// Why a program cannot be born.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stillborn {
    /// Number and purpose of a descriptor that is not open.
    Missing(RawFd, &'static str, &'static [Kind]),
    /// Number and purpose of one of another type, and the type it is.
    Wrong(RawFd, &'static str, &'static [Kind], Kind),
    /// The kernel would not close the others.
    Close(rustix::io::Errno),
}

impl fmt::Display for Stillborn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(number, what, kinds) => {
                write!(f, "fd {number} ({what}) is missing; it must be a {} (fosse-start gives it)", Words(kinds))
            }
            Self::Wrong(number, what, kinds, found) => {
                write!(f, "fd {number} ({what}) is a {}; it must be a {}", word(*found), Words(kinds))
            }
            Self::Close(errno) => write!(f, "unable to close the other descriptors: {errno}"),
        }
    }
}

impl std::error::Error for Stillborn {}

/// What a program was given, until it is taken.
#[derive(Debug)]
pub struct Descriptors {
    program: &'static str,
    found: Vec<(RawFd, OwnedFd)>,
}

/// Takes over what the table names (descriptor 2 is looked at and left where it is, for last words)
/// and closes everything else from 3 up. Ends the program with exit 100 and one line if something
/// is missing or wrong.
#[must_use]
pub fn inherit(program: &'static str, table: &[Expected]) -> Descriptors {
    try_inherit(program, table).unwrap_or_else(|error| fosse_die::fatal(program, error))
}

/// [`inherit`] that leaves the words to the caller.
///
/// # Errors
/// The first row of the table that is not met.
pub(crate) fn try_inherit(program: &'static str, table: &[Expected]) -> Result<Descriptors, Stillborn> {
    let mut found = Vec::with_capacity(table.len());
    for row in table {
        if row.number == 2 {
            check(row, rustix::stdio::stderr())?;
            continue;
        }
        let Some(taken) = fd::take(row.number) else {
            if row.needed {
                return Err(Stillborn::Missing(row.number, row.what, row.kinds));
            }
            continue;
        };
        check(row, taken.as_fd())?;
        found.push((row.number, taken));
    }
    fd::close_rest(&[]).map_err(Stillborn::Close)?;
    Ok(Descriptors { program, found })
}

fn check(row: &Expected, fd: BorrowedFd<'_>) -> Result<(), Stillborn> {
    let kind = fd::kind(fd).unwrap_or(Kind::Other);
    if row.kinds.contains(&kind) { Ok(()) } else { Err(Stillborn::Wrong(row.number, row.what, row.kinds, kind)) }
}

impl Descriptors {
    /// A descriptor that the table names as required. Ends the program if it was taken before or is
    /// not in the table.
    pub fn required(&mut self, number: RawFd) -> OwnedFd {
        let program = self.program;
        self.optional(number).unwrap_or_else(|| fosse_die::fatal(program, format_args!("fd {number} was not given")))
    }

    /// A descriptor that may be absent.
    pub fn optional(&mut self, number: RawFd) -> Option<OwnedFd> {
        let at = self.found.iter().position(|(found, _)| *found == number)?;
        Some(self.found.swap_remove(at).1)
    }

    /// A required descriptor that must not be read before the lock is on.
    pub fn sealed(&mut self, number: RawFd) -> Sealed<OwnedFd> {
        Sealed::new(self.required(number))
    }
}

/// The counter page on `number`, or private counters where there is none (in a shell). Ends the
/// program if it is no page.
pub fn counters(program: &str, fds: &mut Descriptors, number: RawFd) -> Counters {
    let Some(memory) = fds.optional(number) else { return Counters::private() };
    match Page::map(memory) {
        Ok(page) => Counters::shared(page),
        Err(errno) => fosse_die::fatal(program, format_args!("fd {number} (counter page) cannot be mapped: {errno}")),
    }
}

/// The configuration on `number`, to be read once the lock is on.
pub fn blob<T: DeserializeOwned>(program: &'static str, fds: &mut Descriptors, number: RawFd) -> Sealed<Blob<T>> {
    Sealed::new(Blob { program, fd: fds.required(number), of: PhantomData })
}

/// [`blob`] for programs that can do without (in a shell).
pub fn optional_blob<T: DeserializeOwned>(
    program: &'static str,
    fds: &mut Descriptors,
    number: RawFd,
) -> Option<Sealed<Blob<T>>> {
    let fd = fds.optional(number)?;
    Some(Sealed::new(Blob { program, fd, of: PhantomData }))
}

/// A sealed memfd that holds a `T`.
#[derive(Debug)]
pub struct Blob<T> {
    program: &'static str,
    fd: OwnedFd,
    of: PhantomData<T>,
}

impl<T: DeserializeOwned> Blob<T> {
    /// Reads and decodes it. Ends the program (100) if it is not sealed, too long, or not exactly a
    /// `T`.
    #[must_use]
    pub fn read(self) -> T {
        let refuse =
            |why: &dyn fmt::Display| -> ! { fosse_die::fatal(self.program, format_args!("configuration: {why}")) };
        let bytes = fosse_sys::blob::read(self.fd, BLOB_BYTES_MAX).unwrap_or_else(|error| refuse(&error));
        decode(&bytes).unwrap_or_else(|error| refuse(&error))
    }
}

struct Words(&'static [Kind]);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, kind) in self.0.iter().enumerate() {
            let before = if at == 0 { "" } else { " or " };
            write!(f, "{before}{}", word(*kind))?;
        }
        Ok(())
    }
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::UnixStream => "unix stream socket",
        Kind::UnixSeqpacket => "unix seqpacket socket",
        Kind::UnixDatagram => "unix datagram socket",
        Kind::UnixListener => "listening unix socket",
        Kind::InetStream => "TCP socket",
        Kind::InetListener => "listening TCP socket",
        Kind::InetDatagram => "UDP socket",
        Kind::OtherSocket => "socket of another family",
        Kind::Pipe => "pipe",
        Kind::Memfd => "memfd",
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Device => "terminal or device",
        Kind::Anonymous => "event descriptor",
        Kind::Other => "descriptor of no known type",
    }
}
