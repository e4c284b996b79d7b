//! The state of a reload, as start says it.

use crate::WireError;

/// The state of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ReloadProgress {
    /// Its configuration is being compiled, or its lanes are being started.
    Begun = 0,
    /// It serves.
    Serves = 1,
    /// It failed: what served goes on.
    Failed = 2,
    /// It failed, and to try again without a change fails again.
    FailedForGood = 3,
}

impl ReloadProgress {
    pub(crate) const fn of_byte(byte: u8) -> Result<Self, WireError> {
        match byte {
            0 => Ok(Self::Begun),
            1 => Ok(Self::Serves),
            2 => Ok(Self::Failed),
            3 => Ok(Self::FailedForGood),
            _ => Err(WireError::Field("reload")),
        }
    }
}
