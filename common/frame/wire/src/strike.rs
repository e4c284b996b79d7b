//! What accept remembers of sources over whose requests processes died.

use crate::{WireError, message::Raw};

/// A note of accept that processes died while they worked for a source. start keeps these for the
/// accept that comes next, and reads nothing into them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// The source is a /64 of IPv6, else one address of IPv4.
    pub wide: bool,
    /// The upper 64 bits of the one, the 32 bits of the other.
    pub source: u64,
    /// It is refused; without that, one death so far.
    pub penalised: bool,
    /// On the monotonic clock: the time of the death, or the end of the penalty.
    pub seconds: u32,
}

impl Strike {
    pub(crate) const KIND: u8 = 67;
    const WIDE: u8 = 1;
    const PENALISED: u8 = 2;

    pub(crate) fn raw(self) -> Raw {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let a = flag(self.wide, Self::WIDE) | flag(self.penalised, Self::PENALISED);
        Raw { kind: Self::KIND, a, b: 0, c: self.seconds, d: self.source }
    }

    pub(crate) const fn of_raw(raw: Raw) -> Result<Self, WireError> {
        let (wide, penalised) = (raw.a & Self::WIDE != 0, raw.a & Self::PENALISED != 0);
        if raw.a > Self::WIDE | Self::PENALISED || raw.b != 0 || !wide && raw.d > u32::MAX as u64 {
            return Err(WireError::Field("strike"));
        }
        Ok(Self { wide, penalised, seconds: raw.c, source: raw.d })
    }
}
