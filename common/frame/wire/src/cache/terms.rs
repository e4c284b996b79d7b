//! What the two say of a request besides its key: the terms on which its response is kept, the way
//! to it, and why none came.

use super::{FLAG_KEPT, FLAG_LEADS};

/// The terms of a route, by which it is decided what is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Responses with Set-Cookie are kept.
    pub set_cookie: bool,
    /// Responses with a status of 400 and more are kept.
    pub errors: bool,
    /// The request is authorised, and only responses are kept that say that it does not matter.
    pub authorized: bool,
    /// Seconds for which responses are fresh that do not say it; 0 where those are not kept.
    pub silent_seconds: u32,
}

/// The way in which an application may be asked for what is not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// By the cache, with the key.
    #[default]
    Cache,
    /// By the lane, with its request.
    Lane,
    /// Not at all: the request is not one for what is kept afterwards.
    None,
}

impl Way {
    pub(super) const fn flag(self) -> u8 {
        match self {
            Self::Cache => 0,
            Self::Lane => FLAG_LEADS,
            Self::None => FLAG_KEPT,
        }
    }

    pub(super) const fn of(flags: u8) -> Option<Self> {
        match flags & (FLAG_LEADS | FLAG_KEPT) {
            0 => Some(Self::Cache),
            FLAG_LEADS => Some(Self::Lane),
            FLAG_KEPT => Some(Self::None),
            _ => None,
        }
    }
}

/// The reason why a lane that leads has no response to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LeaveCause {
    /// It is not one to keep, and the next one will not be either.
    NotKept = 0,
    /// The application has failed.
    Failed = 1,
    /// It came for this client alone, or not whole.
    Own = 2,
}

impl LeaveCause {
    pub(super) const ALL: [Self; 3] = [Self::NotKept, Self::Failed, Self::Own];
}
