//! What fosse-load writes:
//! `magic | u32 count | count times: u8 kind, u16 listener, u32 length, bytes`.

use fosse_wire::WireError;
use fosse_wire::cursor::{Cursor, put_long};

const MAGIC: [u8; 8] = *b"fosselo1";
const KIND_RULES: u8 = 0;
const KIND_ADDRESSES: u8 = 1;
const KIND_PAGES: u8 = 2;
const KIND_KEYS: u8 = 3;
const KIND_USERS: u8 = 4;

/// Parts of one output: the rules, a list for every listener and one for all, the pages, the keys,
/// the users.
pub const PARTS_COUNT_MAX: usize = 1024;

/// One part of fosse-load's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// A [`crate::Bundle`]; at most one, and first.
    Rules(&'a [u8]),
    /// A compiled address list.
    Addresses {
        /// Index of its listener, `u16::MAX` for all.
        listener: u16,
        /// Image of fosse-cidr.
        image: &'a [u8],
    },
    /// Encoded [`crate::Pages`]; at most one.
    Pages(&'a [u8]),
    /// The keys of signed links, as the settings of whoever is given them; at most one.
    Keys(&'a [u8]),
    /// The files of users, likewise.
    Users(&'a [u8]),
}

impl Part<'_> {
    /// Returns kind and listener: parts come in this order, none twice.
    const fn order(&self) -> (u8, u16) {
        match self {
            Self::Rules(_) => (KIND_RULES, 0),
            Self::Addresses { listener, .. } => (KIND_ADDRESSES, *listener),
            Self::Pages(_) => (KIND_PAGES, 0),
            Self::Keys(_) => (KIND_KEYS, 0),
            Self::Users(_) => (KIND_USERS, 0),
        }
    }
}

/// Everything fosse-load found, borrowed from its output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts<'a> {
    /// In their order.
    pub parts: Vec<Part<'a>>,
}

impl<'a> Parts<'a> {
    /// Returns the bytes that fosse-load writes.
    ///
    /// # Errors
    /// [`WireError::Field`] where a part is over its limit or out of order.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        if !in_order(&self.parts) {
            return Err(WireError::Field("part order"));
        }
        let count = u32::try_from(self.parts.len()).map_err(|_| WireError::Field("count"))?;
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&count.to_le_bytes());
        for part in &self.parts {
            let (kind, listener) = part.order();
            out.push(kind);
            out.extend_from_slice(&listener.to_le_bytes());
            let (Part::Rules(bytes)
            | Part::Addresses { image: bytes, .. }
            | Part::Pages(bytes)
            | Part::Keys(bytes)
            | Part::Users(bytes)) = part;
            put_long(&mut out, bytes, "part")?;
        }
        if out.len() > crate::BYTES_MAX { Err(WireError::Field("parts")) } else { Ok(out) }
    }

    /// Cuts the output into its parts, consuming exactly `bytes`.
    ///
    /// # Errors
    /// Layout errors, [`WireError::Field`] for too many parts, an unknown kind, or parts out of
    /// order.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes);
        if c.array()? != MAGIC {
            return Err(WireError::Field("magic"));
        }
        let count = usize::try_from(c.u32()?).ok().filter(|count| *count <= PARTS_COUNT_MAX);
        let mut parts = Vec::new();
        for _ in 0..count.ok_or(WireError::Field("count"))? {
            let (kind, listener) = (c.u8()?, c.u16()?);
            let bytes = c.long_bytes()?;
            parts.push(match (kind, listener) {
                (KIND_RULES, 0) => Part::Rules(bytes),
                (KIND_ADDRESSES, listener) => Part::Addresses { listener, image: bytes },
                (KIND_PAGES, 0) => Part::Pages(bytes),
                (KIND_KEYS, 0) => Part::Keys(bytes),
                (KIND_USERS, 0) => Part::Users(bytes),
                _ => return Err(WireError::Field("part kind")),
            });
        }
        c.end()?;
        if in_order(&parts) { Ok(Self { parts }) } else { Err(WireError::Field("part order")) }
    }
}

fn in_order(parts: &[Part<'_>]) -> bool {
    parts.len() <= PARTS_COUNT_MAX && parts.is_sorted_by(|one, two| one.order() < two.order())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: [Part<'static>; 6] = [
        Part::Rules(b"rules"),
        Part::Addresses { listener: 1, image: b"one" },
        Part::Addresses { listener: u16::MAX, image: b"" },
        Part::Pages(b"pages"),
        Part::Keys(b"keys"),
        Part::Users(b"users"),
    ];

    #[test]
    fn parts_come_back_and_cut_or_longer_ones_do_not() {
        let parts = Parts { parts: SAMPLE.to_vec() };
        let mut bytes = parts.encode().unwrap();
        assert_eq!(Parts::decode(&bytes), Ok(parts.clone()));
        for cut in 0..bytes.len() {
            assert!(Parts::decode(&bytes[..cut]).is_err());
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(parts) = Parts::decode(&flipped) {
                assert_eq!(parts.encode().unwrap(), flipped);
            }
        }
        bytes.push(0);
        assert_eq!(Parts::decode(&bytes), Err(WireError::Long));
    }

    #[test]
    fn refuses_a_part_twice() {
        let twice = Parts { parts: vec![SAMPLE[0].clone(), SAMPLE[0].clone()] };
        assert!(twice.encode().is_err());
    }
}
