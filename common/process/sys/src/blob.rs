//! Reading a sealed memfd that another process filled.

use std::ffi::c_void;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};

use rustix::fs::{fcntl_get_seals, fstat};
use rustix::io::{Errno, pread};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mlock, mmap, munmap};

use crate::memfd::BLOB_SEALS;

/// The reason for which a blob is refused.
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

/// The bytes of a sealed memfd, mapped read-only: a large one that is read in places costs no
/// memory beside the memfd's own.
#[derive(Debug)]
pub struct Mapped {
    /// Dangling where there are no bytes.
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: memory that nobody can change, not tied to the thread that mapped it.
unsafe impl Send for Mapped {}
// SAFETY: as above; nothing here changes it either.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// Keeps the bytes in memory, and out of core files: they are never on a disk. They are so for
    /// whoever has the memfd, since its pages are the same ones.
    ///
    /// # Errors
    /// `NOMEM` or `AGAIN` where the limit of locked memory is too low (mlock(2)).
    pub fn keep_secret(&self) -> Result<(), Errno> {
        let start = self.start.as_ptr().cast::<c_void>();
        if self.len == 0 {
            return Ok(());
        }
        // SAFETY: exactly the mapping that `map` made, which lives as long as self. The advice
        // changes what a core file has, and no byte of it.
        unsafe { madvise(start, self.len, Advice::LinuxDontDump) }?;
        // SAFETY: as above; locking changes where the bytes may be, and none of them.
        unsafe { mlock(start, self.len) }
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the mapping has `len` readable bytes and lives as long as self. The memfd is
        // sealed against writing, which no kernel grants while anybody has it mapped writable, and
        // against shrinking: the bytes neither change nor go away. Without bytes the pointer is
        // dangling and aligned, as an empty slice may be.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: exactly the mapping that `map` made; the borrow of every slice of it has
            // ended with self. A failure would leave it mapped, which is harmless.
            let _ = unsafe { munmap(self.start.as_ptr().cast::<c_void>(), self.len) };
        }
    }
}

/// Maps a sealed memfd of at most `bytes_max` bytes. Conditions and errors are those of [`read`].
pub fn map(fd: OwnedFd, bytes_max: usize) -> Result<Mapped, BlobError> {
    let len = sealed_len(&fd, bytes_max)?;
    if len == 0 {
        return Ok(Mapped { start: NonNull::dangling(), len });
    }
    // Private, as kernels before 6.13 refuse a shared mapping of what is sealed against writing;
    // the pages are the memfd's own all the same, since nobody can write to them here either.
    // SAFETY: a new mapping at a place of the kernel's choice touches no memory of this process.
    let start = unsafe { mmap(ptr::null_mut(), len, ProtFlags::READ, MapFlags::PRIVATE, &fd, 0) };
    let start = start.map_err(BlobError::Read)?;
    NonNull::new(start.cast::<u8>()).map(|start| Mapped { start, len }).ok_or(BlobError::Read(Errno::NOMEM))
}

/// Returns the length of a memfd that has every seal and is not too long.
fn sealed_len(fd: &OwnedFd, bytes_max: usize) -> Result<usize, BlobError> {
    let seals = fcntl_get_seals(fd).map_err(|_| BlobError::NotSealed)?;
    if !seals.contains(BLOB_SEALS) {
        return Err(BlobError::NotSealed);
    }
    // The kernel's off_t of a file is never negative.
    let size = u64::try_from(fstat(fd).map_err(BlobError::Read)?.st_size).unwrap_or(0);
    let len = usize::try_from(size).ok().filter(|len| *len <= bytes_max);
    len.ok_or(BlobError::TooLong(size, bytes_max))
}

/// Reads all bytes of a sealed memfd of at most `bytes_max` bytes. The seals are checked first, so
/// every other holder of the memfd sees the same bytes, now and later.
pub fn read(fd: OwnedFd, bytes_max: usize) -> Result<Vec<u8>, BlobError> {
    let len = sealed_len(&fd, bytes_max)?;
    let mut bytes = vec![0; len];
    let mut done = 0;
    while done < len {
        match pread(fd.as_fd(), &mut bytes[done..], done as u64) {
            // Sealed against shrinking, it cannot end early; a loop without end would be worse.
            Ok(0) => return Err(BlobError::Read(Errno::IO)),
            Ok(count) => done += count,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(BlobError::Read(errno)),
        }
    }
    Ok(bytes)
}
