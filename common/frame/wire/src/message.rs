//! The layout of start's messages.

use crate::{
    WireError,
    cursor::{Cursor, Fixed},
};

/// Bytes of every message.
pub const MESSAGE_BYTES: usize = 16;

/// The 16 bytes of one message before they mean anything.
#[derive(Clone, Copy, Default)]
pub(crate) struct Raw {
    pub(crate) kind: u8,
    pub(crate) a: u8,
    pub(crate) b: u16,
    pub(crate) c: u32,
    pub(crate) d: u64,
}

impl Raw {
    pub(crate) fn encode(self) -> [u8; MESSAGE_BYTES] {
        let mut fixed = Fixed::new();
        fixed.put([self.kind, self.a]).put(self.b.to_le_bytes()).put(self.c.to_le_bytes()).put(self.d.to_le_bytes());
        fixed.bytes()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes);
        let raw = Self { kind: c.u8()?, a: c.u8()?, b: c.u16()?, c: c.u32()?, d: c.u64()? };
        c.end()?;
        Ok(raw)
    }
}

/// Reads 32 bits of a field of 64.
///
/// # Errors
/// [`WireError::Field`] where it has more.
pub(crate) const fn narrow(value: u64) -> Result<u32, WireError> {
    if value > u32::MAX as u64 { Err(WireError::Field("pid")) } else { Ok(value as u32) }
}
