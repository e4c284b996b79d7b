//! The doors of a lane.

use crate::WireError;

/// The program of a lane that accept gives connections of a listener to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Door {
    /// parse: those of plain listeners.
    #[default]
    Parse = 0,
    /// tls: those of listeners with `tls`.
    Tls = 1,
    /// parse-h2: those of plain listeners with `http2`.
    Http2 = 2,
}

impl Door {
    /// All doors, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Parse, Self::Tls, Self::Http2];

    /// Returns whether the program behind it is a front, which counts the clients that trusted
    /// proxies name.
    #[must_use]
    pub const fn is_front(self) -> bool {
        matches!(self, Self::Parse | Self::Http2)
    }

    pub(crate) fn of_number(number: u16) -> Result<Self, WireError> {
        Self::ALL.into_iter().find(|door| *door as u16 == number).ok_or(WireError::Field("door"))
    }
}
