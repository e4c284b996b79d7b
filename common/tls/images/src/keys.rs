//! The keys: `magic | u32 count`, then each as `32 bytes SPKI hash | u8 kind | u32 length, PKCS#8`,
//! in the order of the hashes.

use fosse_wire::{
    WireError,
    cursor::{Cursor, put_long},
    signing::{KeyKind, SPKI_HASH_BYTES, SpkiHash},
};

use crate::chains::{put_u32, take_u32};
use crate::{CERTIFICATES_COUNT_MAX, KEY_BYTES_MAX, KEYS_BYTES_MAX};

const MAGIC: [u8; 8] = *b"fosseke1";

/// A private key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key<'a> {
    /// Its name.
    pub spki: SpkiHash,
    /// Its kind.
    pub kind: KeyKind,
    /// PKCS#8 in DER (RFC 5958).
    pub pkcs8: &'a [u8],
}

/// The private keys of a configuration, as slices of their image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys<'a> {
    /// In the order of their names, none twice.
    pub keys: Vec<Key<'a>>,
}

/// Shows its name, and nothing of it.
impl core::fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Key").field("spki", &self.spki).field("kind", &self.kind).finish()
    }
}

impl<'a> Keys<'a> {
    /// Appends the bytes of the image. The caller sees to it that `out` has room and is wiped: a
    /// vector that grows leaves copies behind.
    ///
    /// # Errors
    /// [`WireError::Field`] for what is over a limit or out of order.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        let begin = out.len();
        out.extend_from_slice(&MAGIC);
        put_u32(out, self.keys.len(), CERTIFICATES_COUNT_MAX, "keys")?;
        if !self.keys.is_sorted_by(|one, two| one.spki < two.spki) {
            return Err(WireError::Field("key order"));
        }
        for key in &self.keys {
            check(key.pkcs8)?;
            out.extend_from_slice(&key.spki.0);
            out.push(key.kind as u8);
            put_long(out, key.pkcs8, "key")?;
        }
        if out.len() - begin > KEYS_BYTES_MAX { Err(WireError::Field("keys")) } else { Ok(()) }
    }

    /// Returns the bytes that [`Keys::encode`] appends.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        let of_key = |key: &Key<'_>| SPKI_HASH_BYTES + 1 + 4 + key.pkcs8.len();
        MAGIC.len() + 4 + self.keys.iter().map(of_key).sum::<usize>()
    }

    /// Reads an image, consuming exactly `bytes`.
    ///
    /// # Errors
    /// Layout errors, [`WireError::Field`] for a number over its limit or a key out of order.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes);
        if c.array()? != MAGIC {
            return Err(WireError::Field("magic"));
        }
        let mut keys = Self::default();
        for _ in 0..take_u32(&mut c, CERTIFICATES_COUNT_MAX, "keys")? {
            let (spki, kind) = (SpkiHash(c.array()?), KeyKind::of_byte(c.u8()?)?);
            let pkcs8 = c.long_bytes()?;
            check(pkcs8)?;
            if keys.keys.last().is_some_and(|last| last.spki >= spki) {
                return Err(WireError::Field("key order"));
            }
            keys.keys.push(Key { spki, kind, pkcs8 });
        }
        c.end()?;
        Ok(keys)
    }
}

fn check(pkcs8: &[u8]) -> Result<(), WireError> {
    if (1..=KEY_BYTES_MAX).contains(&pkcs8.len()) { Ok(()) } else { Err(WireError::Field("key")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8, pkcs8: &[u8]) -> Key<'_> {
        Key { spki: SpkiHash([number; SPKI_HASH_BYTES]), kind: KeyKind::Rsa, pkcs8 }
    }

    fn encoded(keys: &Keys<'_>) -> Result<Vec<u8>, WireError> {
        let mut out = Vec::with_capacity(keys.encoded_bytes());
        let room = out.capacity();
        keys.encode(&mut out)?;
        assert_eq!((out.len(), out.capacity()), (keys.encoded_bytes(), room), "it has not grown");
        Ok(out)
    }

    #[test]
    fn an_image_comes_back_and_a_cut_longer_or_altered_one_does_not() {
        let keys = Keys { keys: vec![key(1, b"one"), key(2, b"two")] };
        let mut bytes = encoded(&keys).unwrap();
        assert_eq!(Keys::decode(&bytes), Ok(keys));
        for cut in 0..bytes.len() {
            assert!(Keys::decode(&bytes[..cut]).is_err(), "{cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(again) = Keys::decode(&flipped) {
                assert_eq!(encoded(&again).unwrap(), flipped);
            }
        }
        bytes.push(0);
        assert_eq!(Keys::decode(&bytes), Err(WireError::Long));
    }

    #[test]
    fn a_key_twice_or_too_long_is_not_written_and_none_is_shown() {
        let long = vec![7; KEY_BYTES_MAX + 1];
        for keys in [vec![key(1, b"one"), key(1, b"one")], vec![key(1, &long)], vec![key(1, b"")]] {
            assert!(Keys { keys }.encode(&mut Vec::new()).is_err());
        }
        assert!(!format!("{:?}", key(1, b"one")).contains("111"));
    }
}
