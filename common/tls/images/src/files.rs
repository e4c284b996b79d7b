//! The files of a configuration as start copies them, without a look at them, into one memory for
//! fosse-certs: `magic | u32 count | count times u32 length`, then the bytes
//! of each file one after the other.

use fosse_wire::{WireError, cursor::Cursor};

use crate::chains::{put_u32, take_u32};

const MAGIC: [u8; 8] = *b"fossefi1";
/// Files of one configuration: chain and key of each certificate, and the authorities.
pub const FILES_COUNT_MAX: usize = 2 * crate::CERTIFICATES_COUNT_MAX + crate::AUTHORITIES_COUNT_MAX;
/// Bytes of a file: a bundle of all authorities that an operating system trusts has 220 KiB.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Bytes of all files.
pub const FILES_BYTES_MAX: usize = 256 << 20;

/// Files, as slices of the memory they were copied into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files<'a> {
    /// In the order of the configuration.
    pub files: Vec<&'a [u8]>,
}

impl<'a> Files<'a> {
    /// Returns what comes before the files, whose lengths are known.
    ///
    /// # Errors
    /// [`WireError::Field`] for what is over a limit.
    pub fn head(lengths: &[usize]) -> Result<Vec<u8>, WireError> {
        let mut out = MAGIC.to_vec();
        put_u32(&mut out, lengths.len(), FILES_COUNT_MAX, "files")?;
        for length in lengths {
            put_u32(&mut out, *length, FILE_BYTES_MAX, "file")?;
        }
        let whole = lengths.iter().sum::<usize>() + out.len();
        if whole > FILES_BYTES_MAX { Err(WireError::Field("files")) } else { Ok(out) }
    }

    /// Cuts the memory into its files, consuming exactly `bytes`.
    ///
    /// # Errors
    /// Layout errors, [`WireError::Field`] for a number over its limit.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes);
        if c.array()? != MAGIC {
            return Err(WireError::Field("magic"));
        }
        let count = take_u32(&mut c, FILES_COUNT_MAX, "files")?;
        let lengths: Vec<usize> =
            (0..count).map(|_| take_u32(&mut c, FILE_BYTES_MAX, "file")).collect::<Result<_, _>>()?;
        let files = lengths.iter().map(|length| c.bytes(*length)).collect::<Result<_, _>>()?;
        c.end()?;
        Ok(Self { files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_back_and_cut_or_longer_ones_do_not() {
        let files: [&[u8]; 3] = [b"chain", b"", b"key"];
        let mut bytes = Files::head(&files.map(<[u8]>::len)).unwrap();
        files.iter().for_each(|file| bytes.extend_from_slice(file));
        assert_eq!(Files::decode(&bytes).unwrap().files, files);
        for cut in 0..bytes.len() {
            assert!(Files::decode(&bytes[..cut]).is_err(), "{cut}");
        }
        bytes.push(0);
        assert_eq!(Files::decode(&bytes), Err(WireError::Long));
        assert!(Files::head(&[FILE_BYTES_MAX + 1]).is_err());
    }
}
