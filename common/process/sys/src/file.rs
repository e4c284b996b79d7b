//! Whole reads and writes at a place of a file.

use std::os::fd::AsFd;

use rustix::io::{Errno, pread, pwrite};

/// Fills `to` with the bytes from `at` on.
///
/// # Errors
/// As pread(2), and `IO` where the file ends before.
pub fn read_at(file: impl AsFd, mut to: &mut [u8], mut at: u64) -> Result<(), Errno> {
    while !to.is_empty() {
        match pread(&file, &mut *to, at) {
            Ok(0) => return Err(Errno::IO),
            Ok(length) => {
                to = &mut to[length..];
                at += u64::try_from(length).unwrap_or(0);
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Writes all bytes from `at` on.
///
/// # Errors
/// As pwrite(2), and `IO` where no byte can be written.
pub fn write_at(file: impl AsFd, mut bytes: &[u8], mut at: u64) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match pwrite(&file, bytes, at) {
            Ok(0) => return Err(Errno::IO),
            Ok(length) => {
                bytes = &bytes[length..];
                at += u64::try_from(length).unwrap_or(0);
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_their_place_and_none_beyond_the_end() {
        let file = crate::memfd::page("file", 4096).unwrap();
        write_at(&file, b"abc", 4000).unwrap();
        let mut bytes = [0; 5];
        read_at(&file, &mut bytes, 3999).unwrap();
        assert_eq!(&bytes, b"\0abc\0");
        assert_eq!(read_at(&file, &mut bytes, 4094), Err(Errno::IO));
    }
}
