//! The frame: `u32 length | u32 stream | u8 kind | body`, little-endian, length counting what
//! follows it.

use crate::{StreamId, WireError, cursor::Cursor};

pub use crate::hello::Hello;

/// Bytes of a frame before its body: length, stream, kind.
pub const FRAME_HEADER_BYTES: usize = 9;
/// Bytes that the length field counts besides the body: stream and kind.
pub(crate) const COUNTED_HEADER_BYTES: usize = 5;
/// The longest frame as its length field counts it. The largest body is a request head: 64 KiB of
/// raw head, its lengths and typed fields beside it, with room to spare; nothing else comes near.
pub const FRAME_BYTES_MAX: usize = 160 * 1024;
/// The longest body data a stage puts into one frame: a page-multiple that keeps many streams fair
/// on one ring.
pub(crate) const DATA_BYTES_MAX: usize = 16 * 1024;
/// Credit that every stream starts with in each direction, without a grant.
pub const WINDOW_BYTES_INITIAL: u32 = 16 * 1024;
/// Interim heads (103 Early Hints) of one response. They are not counted as credit, and a backend
/// that sends them without end would fill parse's memory with them; real ones send one or two.
pub(crate) const INTERIM_HEADS_MAX: u8 = 16;
/// Bytes of the frames of all interim heads of one response: as much as a response's window, which
/// they come on top of.
pub(crate) const INTERIM_BYTES_MAX: u16 = 16 * 1024;

/// The kind of a frame. Numbers are the protocol; see fosse-frames(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// First frame in each direction: protocol number and flags.
    Hello = 0,
    /// Opens a stream: [`crate::request::RequestHead`].
    Request = 1,
    /// Raw bytes of the request body.
    RequestData = 2,
    /// The request is complete; trailers.
    RequestEnd = 3,
    /// A response head; interim ones may precede it: [`crate::response::ResponseHead`].
    Response = 4,
    /// Raw bytes of the response body.
    ResponseData = 5,
    /// The response is complete: bytes written under a lease, trailers.
    ResponseEnd = 6,
    /// The stream is over in this direction, and what was sent of it is not complete.
    Reset = 7,
    /// u32 more bytes of request body may be sent.
    RequestCredit = 8,
    /// u32 more bytes of response body may be sent.
    ResponseCredit = 9,
    /// A filter's denial in place of the request: [`crate::verdict::Verdict`].
    Verdict = 10,
    /// parse hands the client's socket to dispatch until RESPONSE_END; body: client bytes already
    /// read (upgrades).
    Lease = 11,
    /// u32 more bytes of a released body may be sent, 0 where no more of it is wanted: from
    /// dispatch, round to the filter that has it.
    ReleaseCredit = 12,
    /// A response head in the place of RESPONSE, on its way to fosse-encode:
    /// [`crate::encode::EncodeHead`].
    Encode = 13,
    /// Raw bytes of the client after a 101 without a lease; none of them: its end.
    Tunnel = 14,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 15] = [
        Self::Hello,
        Self::Request,
        Self::RequestData,
        Self::RequestEnd,
        Self::Response,
        Self::ResponseData,
        Self::ResponseEnd,
        Self::Reset,
        Self::RequestCredit,
        Self::ResponseCredit,
        Self::Verdict,
        Self::Lease,
        Self::ReleaseCredit,
        Self::Encode,
        Self::Tunnel,
    ];

    /// From the byte on the wire.
    ///
    /// # Errors
    /// [`WireError::Kind`] for a number outside the table.
    pub fn from_byte(byte: u8) -> Result<Self, WireError> {
        Self::ALL.get(usize::from(byte)).copied().ok_or(WireError::Kind(byte))
    }
}

/// One frame, its body borrowed from the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Its kind.
    pub kind: Kind,
    /// Its body, not yet decoded.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Splits the first complete frame off `bytes`. Returns the frame and the bytes it took, or
    /// `None` while it is cut.
    ///
    /// # Errors
    /// [`WireError::Length`] and [`WireError::Kind`]; both end the conversation.
    #[inline]
    pub fn split(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, WireError> {
        let Some((prefix, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*prefix);
        let counted = usize::try_from(length).map_err(|_| WireError::Length(length))?;
        if !(COUNTED_HEADER_BYTES..=FRAME_BYTES_MAX).contains(&counted) {
            return Err(WireError::Length(length));
        }
        let Some(mut cursor) = rest.get(..counted).map(Cursor::new) else { return Ok(None) };
        let stream = StreamId::from_raw(cursor.u32()?);
        let kind = Kind::from_byte(cursor.u8()?)?;
        Ok(Some((Self { stream, kind, body: cursor.rest() }, counted + 4)))
    }

    /// The body as a credit: exactly one u32, not zero.
    ///
    /// # Errors
    /// [`WireError::Short`], [`WireError::Long`] or [`WireError::Field`].
    pub fn credit(&self) -> Result<u32, WireError> {
        let mut cursor = Cursor::new(self.body);
        let bytes = cursor.u32()?;
        cursor.end()?;
        if bytes == 0 { Err(WireError::Field("credit")) } else { Ok(bytes) }
    }

    /// The body as a credit for a released body: exactly one u32, `None` where nothing more of the
    /// body is wanted.
    ///
    /// # Errors
    /// [`WireError::Short`] or [`WireError::Long`].
    pub fn release_credit(&self) -> Result<Option<u32>, WireError> {
        let mut cursor = Cursor::new(self.body);
        let bytes = cursor.u32()?;
        cursor.end()?;
        Ok((bytes > 0).then_some(bytes))
    }

    /// The body as a reset's reason.
    ///
    /// # Errors
    /// [`WireError::Short`], [`WireError::Long`] or [`WireError::Field`].
    pub fn reset(&self) -> Result<ResetReason, WireError> {
        let mut cursor = Cursor::new(self.body);
        let reason = ResetReason::from_byte(cursor.u8()?)?;
        cursor.end()?;
        Ok(reason)
    }

    /// The body as HELLO.
    ///
    /// # Errors
    /// [`WireError::Protocol`] for another protocol number, layout errors as everywhere.
    pub fn hello(&self) -> Result<Hello, WireError> {
        Hello::decode(self.body)
    }
}

/// The reason why a stream ended without being complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ResetReason {
    /// The client went away or broke the protocol after its head.
    Client = 0,
    /// The backend went away or broke the protocol after its head.
    Backend = 1,
    /// A time limit ran out.
    Timeout = 2,
    /// A size limit or a memory budget was reached.
    Limit = 3,
    /// The response to a reset of the other direction.
    Echo = 4,
    /// A filter denied the request after part of it had gone on.
    Denied = 5,
}

impl ResetReason {
    /// From the byte on the wire.
    ///
    /// # Errors
    /// [`WireError::Field`] for a number outside the table.
    pub const fn from_byte(byte: u8) -> Result<Self, WireError> {
        Ok(match byte {
            0 => Self::Client,
            1 => Self::Backend,
            2 => Self::Timeout,
            3 => Self::Limit,
            4 => Self::Echo,
            5 => Self::Denied,
            _ => return Err(WireError::Field("reset reason")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outbox;

    #[test]
    fn a_frame_cut_anywhere_is_not_yet_a_frame() {
        let mut out = Outbox::default();
        out.raw(StreamId::from_raw(7), Kind::RequestData, b"body");
        let whole = out.pending().to_vec();
        for cut in 0..whole.len() {
            assert_eq!(Frame::split(&whole[..cut]), Ok(None), "cut at {cut}");
        }
        let (frame, taken) = Frame::split(&whole).unwrap().unwrap();
        assert_eq!(
            (frame.stream.raw(), frame.kind, frame.body, taken),
            (7, Kind::RequestData, &b"body"[..], whole.len())
        );
    }

    #[test]
    fn refuses_lengths_outside_the_limits_before_the_body_arrives() {
        for length in [0u32, 4, FRAME_BYTES_MAX as u32 + 1, u32::MAX] {
            assert_eq!(Frame::split(&length.to_le_bytes()), Err(WireError::Length(length)));
        }
    }

    #[test]
    fn refuses_a_credit_of_nothing() {
        let frame = Frame { stream: StreamId::CONTROL, kind: Kind::RequestCredit, body: &[0; 4] };
        assert_eq!(frame.credit(), Err(WireError::Field("credit")));
    }
}
