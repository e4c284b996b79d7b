//! fosse-inherit: the descriptors that a program inherits by exec(2). A table says which number is
//! for what. One that is missing or of another type ends the program with one line; one that is not
//! in the table is closed.
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

/// Carriers of frames or lines: a socket of the lane, or a pipe, file or terminal in a shell.
pub const STREAM: &[Kind] = &[Kind::UnixStream, Kind::Pipe, Kind::File, Kind::Memfd, Kind::Device];
/// Carriers of messages with descriptors, or of fixed messages.
pub const MESSAGES: &[Kind] = &[Kind::UnixSeqpacket];
/// Targets of log lines.
pub const LINES: &[Kind] = &[Kind::Pipe, Kind::File, Kind::Memfd, Kind::Device, Kind::UnixStream];
/// A file of a file system.
pub const FILE: &[Kind] = &[Kind::File];
/// A directory.
pub const DIRECTORY: &[Kind] = &[Kind::Directory];
/// A configuration, a page, an address list.
pub const MEMORY: &[Kind] = &[Kind::Memfd];

/// One descriptor a program knows.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Its number.
    pub number: RawFd,
    /// The types it may have.
    pub kinds: &'static [Kind],
    /// The program ends without it.
    pub needed: bool,
    /// Its purpose, for messages.
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

/// An error in the descriptors that a program inherits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InheritError {
    /// Number and purpose of a descriptor that is not open.
    Missing(RawFd, &'static str, &'static [Kind]),
    /// Number and purpose of one of another type, and the type it is.
    Wrong(RawFd, &'static str, &'static [Kind], Kind),
    /// The others could not be closed.
    Close(rustix::io::Errno),
}

impl fmt::Display for InheritError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(number, what, kinds) => {
                write!(f, "fd {number} ({what}) is missing; it must be a {} (fosse-start gives it)", KindList(kinds))
            }
            Self::Wrong(number, what, kinds, found) => {
                write!(f, "fd {number} ({what}) is a {}; it must be a {}", word(*found), KindList(kinds))
            }
            Self::Close(errno) => write!(f, "unable to close the other descriptors: {errno}"),
        }
    }
}

impl std::error::Error for InheritError {}

/// The descriptors of a program that it has not taken yet.
#[derive(Debug)]
pub struct Descriptors {
    program: &'static str,
    found: Vec<(RawFd, OwnedFd)>,
}

/// Takes over the descriptors of the table and closes every other from 3 up. Descriptor 2 is
/// checked and left where it is, for last words. Ends the program with exit 100 and one line if a
/// descriptor is missing or wrong.
#[must_use]
pub fn inherit(program: &'static str, table: &[Expected]) -> Descriptors {
    try_inherit(program, table).unwrap_or_else(|error| fosse_die::fatal(program, error))
}

/// Does the same as [`inherit`] and leaves the report to the caller.
///
/// # Errors
/// The first row of the table that is not met.
pub(crate) fn try_inherit(program: &'static str, table: &[Expected]) -> Result<Descriptors, InheritError> {
    let mut found = Vec::with_capacity(table.len());
    for row in table {
        if row.number == 2 {
            check(row, rustix::stdio::stderr())?;
            continue;
        }
        let Some(taken) = fd::take(row.number) else {
            if row.needed {
                return Err(InheritError::Missing(row.number, row.what, row.kinds));
            }
            continue;
        };
        check(row, taken.as_fd())?;
        found.push((row.number, taken));
    }
    fd::close_rest().map_err(InheritError::Close)?;
    Ok(Descriptors { program, found })
}

fn check(row: &Expected, fd: BorrowedFd<'_>) -> Result<(), InheritError> {
    // fstat(2) of an open descriptor does not fail; no table has this kind.
    let kind = fd::kind(fd).unwrap_or(Kind::Other);
    if row.kinds.contains(&kind) { Ok(()) } else { Err(InheritError::Wrong(row.number, row.what, row.kinds, kind)) }
}

impl Descriptors {
    /// Takes a descriptor that the table names as required. Ends the program if it was taken before
    /// or is not in the table.
    pub fn required(&mut self, number: RawFd) -> OwnedFd {
        let program = self.program;
        self.optional(number).unwrap_or_else(|| fosse_die::fatal(program, format_args!("fd {number} was not given")))
    }

    /// Takes a descriptor that may be absent.
    pub fn optional(&mut self, number: RawFd) -> Option<OwnedFd> {
        let at = self.found.iter().position(|(found, _)| *found == number)?;
        Some(self.found.swap_remove(at).1)
    }

    /// Takes a required descriptor that must not be read before the lock is on.
    pub fn sealed(&mut self, number: RawFd) -> Sealed<OwnedFd> {
        Sealed::new(self.required(number))
    }
}

/// Maps the counter page on `number`, or makes private counters where there is none (in a shell).
/// Ends the program if it is no page.
pub fn counters(program: &str, fds: &mut Descriptors, number: RawFd) -> Counters {
    let Some(memory) = fds.optional(number) else { return Counters::private() };
    match Page::map(memory) {
        Ok(page) => Counters::shared(page),
        Err(errno) => fosse_die::fatal(program, format_args!("fd {number} (counter page) cannot be mapped: {errno}")),
    }
}

/// Takes the configuration on `number`, to be read once the lock is on.
pub fn blob<T: DeserializeOwned>(program: &'static str, fds: &mut Descriptors, number: RawFd) -> Sealed<Blob<T>> {
    Sealed::new(Blob { program, fd: fds.required(number), of: PhantomData })
}

/// Does the same as [`blob`] for programs that can do without (in a shell).
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

struct KindList(&'static [Kind]);

impl fmt::Display for KindList {
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
