//! The files of certificates and keys, which start opens and nobody reads before fosse-certs.

use fosse_wire::{
    WireError,
    cursor::{Cursor, put_short},
};

use crate::take_bool;

/// Files of one edge: chain and key of 10,000 certificates, and authorities.
const TLS_FILES_COUNT_MAX: usize = 21_000;

/// Files with the authorities that a system trusts, of which the first that is there counts: those
/// of Debian and Arch, of Fedora, of openSUSE, of Alpine. A plan names the first one.
pub const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A file of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFile {
    /// Its path, absolute or relative to the directory of the configuration.
    pub path: Vec<u8>,
    /// File and line of the configuration that name it, for messages.
    pub place: Vec<u8>,
    /// It is a private key, which others must not read.
    pub is_key: bool,
}

impl TlsFile {
    pub(crate) fn put_all(files: &[Self], out: &mut Vec<u8>) -> Result<(), WireError> {
        let count = u16::try_from(files.len()).map_err(|_| WireError::Field("files of TLS"))?;
        out.extend_from_slice(&count.to_le_bytes());
        for file in files {
            put_short(out, &file.path, "path")?;
            put_short(out, &file.place, "place")?;
            out.push(u8::from(file.is_key));
        }
        Ok(())
    }

    pub(crate) fn take_all(c: &mut Cursor<'_>) -> Result<Vec<Self>, WireError> {
        let count = usize::from(c.u16()?);
        if count > TLS_FILES_COUNT_MAX {
            return Err(WireError::Field("files of TLS"));
        }
        (0..count).map(|_| Self::take(c)).collect()
    }

    fn take(c: &mut Cursor<'_>) -> Result<Self, WireError> {
        let (path, place) = (c.short_bytes()?, c.short_bytes()?);
        if path.is_empty() || path.contains(&0) {
            return Err(WireError::Field("path"));
        }
        Ok(Self { path: path.to_vec(), place: place.to_vec(), is_key: take_bool(c, "key")? })
    }
}
