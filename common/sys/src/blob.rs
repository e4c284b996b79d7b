//! Reading a sealed memfd that another process filled.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{fcntl_get_seals, fstat};
use rustix::io::{Errno, pread};

use crate::memfd::BLOB_SEALS;

/// Why a blob was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobError {
    /// Not a memfd, or one whose seals still allow a change.
    NotSealed,
    /// Longer than the limit given (bytes: found, allowed).
    TooLong(u64, usize),
    /// The kernel refused to read it, or it ended early.
    Read(Errno),
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlobError::NotSealed => write!(f, "not a memfd sealed against write, shrink, grow and further seals"),
            BlobError::TooLong(found, allowed) => write!(f, "{found} bytes, {allowed} are allowed"),
            BlobError::Read(errno) => write!(f, "{errno}"),
        }
    }
}

impl std::error::Error for BlobError {}

/// All bytes of a sealed memfd of at most `bytes_max` bytes. The seals are checked first, so what is returned is what
/// every other holder of the memfd sees, now and later.
pub fn read(fd: OwnedFd, bytes_max: usize) -> Result<Vec<u8>, BlobError> {
    let seals = fcntl_get_seals(&fd).map_err(|_| BlobError::NotSealed)?;
    if !seals.contains(BLOB_SEALS) {
        return Err(BlobError::NotSealed);
    }
    let size = u64::try_from(fstat(&fd).map_err(BlobError::Read)?.st_size).unwrap_or(0);
    let len = usize::try_from(size).ok().filter(|len| *len <= bytes_max);
    let len = len.ok_or(BlobError::TooLong(size, bytes_max))?;
    let mut bytes = vec![0; len];
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let offset = u64::try_from(done).unwrap_or(u64::MAX);
        match pread(fd.as_fd(), rest, offset) {
            Ok(0) => return Err(BlobError::Read(Errno::IO)),
            Ok(count) => done = done.saturating_add(count),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(BlobError::Read(errno)),
        }
    }
    Ok(bytes)
}
