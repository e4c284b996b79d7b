//! Files in one memory, copied there by the kernel.

use std::os::fd::OwnedFd;

use fosse_images::Files;
use rustix::{
    fs::{Stat, sendfile},
    io::Errno,
};

/// The files of a set in one sealed memory, and the length of each.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) memory: OwnedFd,
    lengths: Vec<usize>,
}

impl Copied {
    /// Copies files, each from where it is.
    ///
    /// # Errors
    /// The call that failed.
    pub(super) fn of(files: &[(OwnedFd, usize)]) -> Result<Self, Errno> {
        let lengths: Vec<usize> = files.iter().map(|(_, length)| *length).collect();
        let memory = begin(&lengths)?;
        for (file, length) in files {
            append(&memory, file, None, *length)?;
        }
        fosse_sys::memfd::seal(&memory)?;
        Ok(Self { memory, lengths })
    }

    /// Copies these files once more, with another in the place of the one of that number.
    ///
    /// # Errors
    /// The call that failed.
    pub(crate) fn with(&self, number: usize, (file, length): (&OwnedFd, usize)) -> Result<Self, Errno> {
        let mut lengths = self.lengths.clone();
        *lengths.get_mut(number).ok_or(Errno::INVAL)? = length;
        let memory = begin(&lengths)?;
        let mut at = Files::head(&self.lengths).map_err(|_| Errno::FBIG)?.len();
        for (of, before) in self.lengths.iter().enumerate() {
            if of == number {
                append(&memory, file, Some(0), length)?;
            } else {
                append(&memory, &self.memory, Some(at), *before)?;
            }
            at += before;
        }
        fosse_sys::memfd::seal(&memory)?;
        Ok(Self { memory, lengths })
    }
}

/// Makes the memory for files of these lengths.
fn begin(lengths: &[usize]) -> Result<OwnedFd, Errno> {
    let head = Files::head(lengths).map_err(|_| Errno::FBIG)?;
    let memory = fosse_sys::memfd::empty("certificates")?;
    let mut written = 0;
    while written < head.len() {
        written += rustix::io::write(&memory, &head[written..])?;
    }
    Ok(memory)
}

/// Has the kernel copy bytes of a file behind those of another, from that place on, or from where
/// it is.
///
/// # Errors
/// `AGAIN` where there are fewer, or those of sendfile(2).
pub(super) fn append(to: &OwnedFd, from: &OwnedFd, at: Option<usize>, length: usize) -> Result<(), Errno> {
    let mut at = at.map(|at| u64::try_from(at).map_err(|_| Errno::OVERFLOW)).transpose()?;
    let mut left = length;
    while left > 0 {
        match sendfile(to, from, at.as_mut(), left)? {
            // Somebody writes to it: what would be read is neither the old nor the new one.
            0 => return Err(Errno::AGAIN),
            count => left -= count,
        }
    }
    Ok(())
}

/// Returns the length of a file.
pub(super) fn length_of(stat: &Stat) -> usize {
    // The kernel's off_t of a file is never negative.
    usize::try_from(stat.st_size).unwrap_or(usize::MAX)
}
