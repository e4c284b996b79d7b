//! The order of frames on one stream: one small table for each direction, kept by the receiver.

use crate::{
    Kind, WireError,
    frame::{INTERIM_BYTES_MAX, INTERIM_HEADS_MAX},
};

/// The request's direction, as a filter or dispatch sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forward {
    /// Nothing has come.
    #[default]
    Idle,
    /// A head has come, its end has not.
    Open,
    /// END, RESET or VERDICT has come; credit and lease may still, what a client sends after a
    /// switch of protocols, and a verdict about the response.
    Ended,
}

impl Forward {
    /// The state after `kind`.
    ///
    /// # Errors
    /// [`WireError::Order`] for a frame that may not come now.
    pub const fn after(self, kind: Kind) -> Result<Self, WireError> {
        Ok(match (self, kind) {
            (Self::Idle, Kind::Request) => Self::Open,
            (Self::Idle | Self::Open, Kind::Verdict) | (Self::Open, Kind::RequestEnd | Kind::Reset) => Self::Ended,
            (Self::Open, Kind::RequestData) => Self::Open,
            (Self::Open | Self::Ended, Kind::ResponseCredit | Kind::Lease) => self,
            // A reset can cross the response's end, whoever sent the request's end before. A
            // verdict after it is about the response.
            (Self::Ended, Kind::Reset | Kind::Verdict | Kind::Tunnel) => Self::Ended,
            _ => return Err(WireError::Order(kind)),
        })
    }
}

/// The response's direction, as parse or a filter on the way back sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Return {
    /// No final head has come; interim ones may have.
    #[default]
    Waiting,
    /// The final head has come, its end has not.
    Body,
    /// END or RESET has come.
    Ended,
}

impl Return {
    /// The state after `kind`; `interim` tells whether a RESPONSE head was an interim one.
    ///
    /// # Errors
    /// [`WireError::Order`] for a frame that may not come now.
    pub const fn after(self, kind: Kind, interim: bool) -> Result<Self, WireError> {
        Ok(match (self, kind) {
            (Self::Waiting, Kind::Response) if interim => Self::Waiting,
            (Self::Waiting, Kind::Response | Kind::Encode) | (Self::Body, Kind::ResponseData) => Self::Body,
            (Self::Body, Kind::ResponseEnd) | (Self::Waiting | Self::Body, Kind::Reset) => Self::Ended,
            (Self::Waiting | Self::Body, Kind::RequestCredit) => self,
            _ => return Err(WireError::Order(kind)),
        })
    }
}

/// The interim heads of one response. They go without credit, so both ends count them: dispatch,
/// which believes no backend, and parse, which believes no dispatch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interims {
    count: u8,
    bytes: u16,
}

impl Interims {
    /// None yet.
    pub const NONE: Self = Self { count: 0, bytes: 0 };

    /// Returns the counts with one more head, whose frame has a body of `bytes`.
    ///
    /// # Errors
    /// [`WireError::Credit`] beyond [`INTERIM_HEADS_MAX`] or [`INTERIM_BYTES_MAX`].
    pub fn and(self, bytes: usize) -> Result<Self, WireError> {
        // Neither count is ever above its limit here, but a frame alone may be.
        let count = self.count + 1;
        let bytes = u16::try_from(bytes).ok().and_then(|bytes| self.bytes.checked_add(bytes));
        let bytes = bytes.ok_or(WireError::Credit)?;
        if count > INTERIM_HEADS_MAX || bytes > INTERIM_BYTES_MAX {
            return Err(WireError::Credit);
        }
        Ok(Self { count, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_head_then_data_then_one_end() {
        let mut state = Forward::default();
        for kind in [Kind::Request, Kind::RequestData, Kind::ResponseCredit, Kind::RequestEnd, Kind::ResponseCredit] {
            state = state.after(kind).unwrap();
        }
        assert!(state.after(Kind::RequestEnd).is_err());
        assert!(state.after(Kind::RequestData).is_err());
        assert!(state.after(Kind::Request).is_err());
    }

    #[test]
    fn response_frames_never_travel_forward() {
        for state in [Forward::Idle, Forward::Open, Forward::Ended] {
            for kind in [Kind::Response, Kind::ResponseData, Kind::ResponseEnd, Kind::Hello] {
                assert_eq!(state.after(kind), Err(WireError::Order(kind)));
            }
        }
    }

    #[test]
    fn nothing_follows_the_end_of_a_response() {
        for kind in Kind::ALL {
            assert!(Return::Ended.after(kind, false).is_err());
        }
    }

    #[test]
    fn a_second_final_head_is_refused() {
        let state = Return::default().after(Kind::Response, true).unwrap().after(Kind::Response, false).unwrap();
        assert_eq!(state.after(Kind::Response, false), Err(WireError::Order(Kind::Response)));
    }

    #[test]
    fn interim_heads_are_bounded_in_number_and_in_bytes() {
        let many = (0..INTERIM_HEADS_MAX).try_fold(Interims::default(), |all, _| all.and(1)).unwrap();
        assert_eq!(many.and(1), Err(WireError::Credit));
        let large = Interims::default().and(usize::from(INTERIM_BYTES_MAX)).unwrap();
        assert_eq!(large.and(1), Err(WireError::Credit));
        assert_eq!(Interims::default().and(usize::MAX), Err(WireError::Credit));
    }
}
