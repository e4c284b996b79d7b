//! The pipes of a process that lines come by.

use crate::WireError;

/// The pipe of a process that the logger is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Stream {
    /// Descriptor 2: events for people.
    Log = 0,
    /// One JSON line a request.
    Access = 1,
    /// One JSON line a transaction that matched rules.
    Audit = 2,
}

impl Stream {
    pub(crate) const fn from_byte(byte: u8) -> Result<Self, WireError> {
        match byte {
            0 => Ok(Self::Log),
            1 => Ok(Self::Access),
            2 => Ok(Self::Audit),
            _ => Err(WireError::Field("stream")),
        }
    }
}
