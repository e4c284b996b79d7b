//! Anonymous memory files: sealed blobs to hand a configuration over, and pages to count in.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::Errno;

/// The seals of a blob: its bytes, its length and the seals themselves cannot change.
pub(crate) const BLOB_SEALS: SealFlags =
    SealFlags::WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::SEAL);

/// The seals of a page: its length is fixed, so that a mapping of it can never fault; its bytes
/// change.
pub(crate) const PAGE_SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// Makes a memfd named `name` (for /proc only) that holds `bytes` for ever: close-on-exec,
/// positioned at its start, so that a program which expects a file or a pipe there reads it as one.
pub fn sealed(name: &str, bytes: &[u8]) -> Result<OwnedFd, Errno> {
    let fd = create(name)?;
    let mut file = File::from(fd);
    file.write_all(bytes)
        .and_then(|()| file.rewind())
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let fd = OwnedFd::from(file);
    fcntl_add_seals(&fd, BLOB_SEALS)?;
    Ok(fd)
}

/// Makes an empty memfd that anybody who has it may write to, until it is [sealed](seal).
pub fn empty(name: &str) -> Result<OwnedFd, Errno> {
    create(name)
}

/// Seals a memfd as one of [`sealed`] is: its bytes hold for ever. `BUSY` where somebody has it
/// mapped writable.
pub fn seal(fd: impl AsFd) -> Result<(), Errno> {
    fcntl_add_seals(fd, BLOB_SEALS)
}

/// Makes a memfd of `len` zero bytes that can be written but neither grown nor shrunk.
pub fn page(name: &str, len: u64) -> Result<OwnedFd, Errno> {
    let fd = create(name)?;
    ftruncate(&fd, len)?;
    fcntl_add_seals(&fd, PAGE_SEALS)?;
    Ok(fd)
}

/// Fills a part of a page with zeros, at once for whoever has it mapped, and gives its memory back.
pub fn clear(page: impl AsFd, at: u64, len: u64) -> Result<(), Errno> {
    fallocate(page, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, at, len)
}

fn create(name: &str) -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // MFD_NOEXEC_SEAL (Linux 6.3) forbids ever making the file executable; older kernels refuse the
    // flag.
    match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create(name, flags),
        other => other,
    }
}
