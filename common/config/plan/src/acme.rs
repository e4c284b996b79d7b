//! The certificates that are to be got by ACME: start has the name of each in its store, and what
//! fosse-keygen is told when it makes a key.

use fosse_wire::{
    WireError,
    cursor::{Cursor, put_long},
};

/// Bytes of the name of a certificate in the store.
pub const ACME_ID_BYTES: usize = 16;
/// Certificates by ACME of one edge: as many as its files may have.
const ACME_COUNT_MAX: usize = 10_000;
/// Bytes that fosse-keygen is told: a hundred names of hosts, as a certificate may have.
const KEYGEN_BYTES_MAX: usize = 64 * 1024;

/// A certificate that is got by ACME.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcmePlan {
    /// Names it in the store: made of what it is a certificate of, never a text from outside.
    pub id: [u8; ACME_ID_BYTES],
    /// Settings of fosse-keygen for its key and the request that is signed with it.
    pub keygen: Vec<u8>,
}

impl AcmePlan {
    pub(crate) fn put_all(all: &[Self], out: &mut Vec<u8>) -> Result<(), WireError> {
        let count = u16::try_from(all.len()).map_err(|_| WireError::Field("certificates by ACME"))?;
        out.extend_from_slice(&count.to_le_bytes());
        for one in all {
            out.extend_from_slice(&one.id);
            put_long(out, &one.keygen, "keygen")?;
        }
        Ok(())
    }

    pub(crate) fn take_all(c: &mut Cursor<'_>) -> Result<Vec<Self>, WireError> {
        let count = usize::from(c.u16()?);
        if count > ACME_COUNT_MAX {
            return Err(WireError::Field("certificates by ACME"));
        }
        (0..count).map(|_| Self::take(c)).collect()
    }

    fn take(c: &mut Cursor<'_>) -> Result<Self, WireError> {
        let (id, keygen) = (c.array()?, c.long_bytes()?);
        if keygen.len() > KEYGEN_BYTES_MAX {
            return Err(WireError::Field("keygen"));
        }
        Ok(Self { id, keygen: keygen.to_vec() })
    }
}
