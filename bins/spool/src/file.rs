//! The file: read, written, and given back to the disk. Each call may wait for the disk, and that
//! is why nothing else of an edge makes them.

use std::os::fd::OwnedFd;

use fosse_sys::file::{read_at, write_at};
use rustix::{
    fs::{FallocateFlags, fallocate, fstat},
    io::Errno,
};

use crate::extents::Segment;

/// The file for bodies.
#[derive(Debug)]
pub struct File(OwnedFd);

impl File {
    /// Takes over a file.
    #[must_use]
    pub const fn new(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Returns its length in bytes, which never changes.
    ///
    /// # Errors
    /// As fstat(2).
    pub fn length(&self) -> Result<u64, Errno> {
        Ok(u64::try_from(fstat(&self.0)?.st_size).unwrap_or(0))
    }

    /// Writes bytes at their places.
    ///
    /// # Errors
    /// As pwrite(2).
    pub(crate) fn write(&self, segments: &[Segment], mut bytes: &[u8]) -> Result<(), Errno> {
        for segment in segments {
            let (part, later) = bytes.split_at(segment.length);
            write_at(&self.0, part, segment.at)?;
            bytes = later;
        }
        Ok(())
    }

    /// Appends the bytes of these places.
    ///
    /// # Errors
    /// As pread(2), and `IO` where the file is shorter than it was.
    pub(crate) fn read(&self, segments: &[Segment], to: &mut Vec<u8>) -> Result<(), Errno> {
        for segment in segments {
            let from = to.len();
            to.resize(from + segment.length, 0);
            read_at(&self.0, &mut to[from..], segment.at)?;
        }
        Ok(())
    }

    /// Gives a part of the file back to the disk. Where the file system cannot, the part is used
    /// again later all the same.
    pub(crate) fn give_back(&self, at: u64, length: u64) {
        let _ = fallocate(&self.0, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, at, length);
    }
}
