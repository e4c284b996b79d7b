//! The response head and end, as they travel from dispatch to parse.

use crate::{
    WireError,
    cursor::{Cursor, Fixed},
    fields::Fields,
    request::BodyLength,
    verdict,
};

const FLAG_LEASE: u8 = 1;
const FLAG_INTERIM: u8 = 2;
const FLAG_UPGRADE: u8 = 4;
const FLAG_CLOSE: u8 = 8;
const FLAG_DENIED: u8 = 16;
const FLAG_OWN: u8 = 32;
const FLAG_PINNED: u8 = 64;
const FLAG_USUAL: u8 = 128;

/// Fixed bytes of a head before its fields.
const FIXED_BYTES: usize = 26;

/// Index in place of a backend where none responded.
pub const BACKEND_NONE: u32 = u32::MAX;

/// The cause of a response that no application sent. It decides nothing, it is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    /// There is none: the application responded.
    #[default]
    None,
    /// A filter denied the request or the response.
    Denied(verdict::Cause),
    /// The backend could not be reached, broke off, or sent no HTTP.
    Backend,
    /// No server is there to take it, or dispatch has no place for one more of its kind.
    Busy,
    /// The backend, or the client's body, did not come in time.
    Timeout,
    /// dispatch does not send such a request on.
    Request,
    /// All connections to its servers are in use, and so is their queue.
    QueueFull,
    /// No connection to its servers became free in time.
    QueueTimeout,
    /// The memory for the bodies that dispatch buffers is used up.
    BufferFull,
    /// A check of who asks has not let it pass, or has not decided.
    Access,
}

impl Cause {
    /// All causes, in the order of their numbers.
    pub const ALL: [Self; 19] = [
        Self::None,
        Self::Denied(verdict::Cause::Rule),
        Self::Denied(verdict::Cause::Protocol),
        Self::Denied(verdict::Cause::BodySize),
        Self::Denied(verdict::Cause::BodyEncoding),
        Self::Denied(verdict::Cause::Memory),
        Self::Denied(verdict::Cause::Budget),
        Self::Denied(verdict::Cause::Rate),
        Self::Denied(verdict::Cause::Spool),
        Self::Denied(verdict::Cause::SpoolFull),
        Self::Denied(verdict::Cause::RulesLimit),
        Self::Backend,
        Self::Busy,
        Self::Timeout,
        Self::Request,
        Self::QueueFull,
        Self::QueueTimeout,
        Self::BufferFull,
        Self::Access,
    ];

    /// Returns the cause of a response that dispatch makes without a verdict and of which nothing
    /// more is known.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        match status {
            502 => Self::Backend,
            503 => Self::Busy,
            408 | 504 => Self::Timeout,
            _ => Self::Request,
        }
    }

    /// Returns the word in logs; empty for none.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Denied(cause) => cause.word(),
            Self::Backend => "backend",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Request => "request",
            Self::QueueFull => "queue-full",
            Self::QueueTimeout => "queue-timeout",
            Self::BufferFull => "buffer-full",
            Self::Access => "access",
        }
    }

    const fn byte(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Denied(cause) => cause as u8 + 1,
            Self::Backend => 11,
            Self::Busy => 12,
            Self::Timeout => 13,
            Self::Request => 14,
            Self::QueueFull => 15,
            Self::QueueTimeout => 16,
            Self::BufferFull => 17,
            Self::Access => 18,
        }
    }
}

/// The head of a response, as dispatch decided it. Slices are borrowed from the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead<'a> {
    /// Three digits, 100 to 999.
    pub status: u16,
    /// dispatch wants to write the body itself: parse sends LEASE when everything before it is
    /// written.
    pub lease: bool,
    /// 1xx other than 101: another head follows.
    pub interim: bool,
    /// 101: after LEASE the connection belongs to dispatch until it ends.
    pub upgrade: bool,
    /// The connection ends after this response.
    pub close: bool,
    /// A filter denied the request: parse stops reading the body, lingers, closes.
    pub denied: bool,
    /// A local response: an error or a denial by dispatch, nothing of an application. A filter on
    /// the response path has nothing to evaluate.
    pub own: bool,
    /// A local response whose body is the usual one of its status, in place of which parse writes
    /// the page that the site has for it.
    pub usual: bool,
    /// A backend connection belongs to this client's: parse reports its end to dispatch
    /// ([`crate::direct`]).
    pub pinned: bool,
    /// The body as the client is told of it; for responses to HEAD and for 304 the length is stated
    /// and no body follows.
    pub body: BodyLength,
    /// Index of the backend server that responded, or [`BACKEND_NONE`].
    pub backend: u32,
    /// Microseconds from the request's arrival at dispatch to the first byte of the backend's
    /// response.
    pub backend_us: u32,
    /// The rule that denied, 0 without.
    pub rule: u32,
    /// The cause, where no application responded.
    pub cause: Cause,
    /// Times the request was sent again to another server.
    pub retries: u8,
    /// Header fields to send; framing fields are never among them.
    pub fields: Fields<'a>,
}

impl<'a> ResponseHead<'a> {
    /// Appends everything but the fields, which the caller writes next
    /// ([`crate::fields::FieldsWriter`]).
    pub fn encode_fixed(&self, out: &mut Vec<u8>) {
        let flags = [
            (self.lease, FLAG_LEASE),
            (self.interim, FLAG_INTERIM),
            (self.upgrade, FLAG_UPGRADE),
            (self.close, FLAG_CLOSE),
            (self.denied, FLAG_DENIED),
            (self.own, FLAG_OWN),
            (self.pinned, FLAG_PINNED),
            (self.usual, FLAG_USUAL),
        ];
        let flags = flags.iter().filter(|(set, _)| *set).fold(0, |all, (_, flag)| all | flag);
        let mut fixed = Fixed::<FIXED_BYTES>::new();
        fixed
            .put(self.status.to_le_bytes())
            .put([flags])
            .put(self.body.bytes())
            .put(self.backend.to_le_bytes())
            .put(self.backend_us.to_le_bytes())
            .put(self.rule.to_le_bytes())
            .put([self.cause.byte(), self.retries]);
        out.extend_from_slice(&fixed.bytes());
    }

    /// Appends the whole head.
    ///
    /// # Errors
    /// [`WireError::Field`] for fields that do not fit.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        self.encode_fixed(out);
        crate::fields::put(out, self.fields)
    }

    /// Reads a head, consuming exactly `body`.
    ///
    /// # Errors
    /// [`WireError::Short`], [`WireError::Long`] or [`WireError::Field`].
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(body);
        let status = c.u16()?;
        let flags = c.u8()?;
        let head = Self {
            status,
            lease: flags & FLAG_LEASE != 0,
            interim: flags & FLAG_INTERIM != 0,
            upgrade: flags & FLAG_UPGRADE != 0,
            close: flags & FLAG_CLOSE != 0,
            denied: flags & FLAG_DENIED != 0,
            own: flags & FLAG_OWN != 0,
            pinned: flags & FLAG_PINNED != 0,
            usual: flags & FLAG_USUAL != 0,
            body: BodyLength::take(&mut c)?,
            backend: c.u32()?,
            backend_us: c.u32()?,
            rule: c.u32()?,
            cause: Cause::ALL.get(usize::from(c.u8()?)).copied().ok_or(WireError::Field("cause"))?,
            retries: c.u8()?,
            fields: Fields::decode(&mut c)?,
        };
        c.end()?;
        head.consistent()
    }

    /// Returns the head where its status and flags agree.
    fn consistent(self) -> Result<Self, WireError> {
        let right = match self.status {
            101 => self.upgrade && !self.interim && !self.usual,
            100..=199 => self.interim && !self.upgrade && !self.lease && !self.usual,
            200..=999 => {
                let own = !(self.lease || self.pinned);
                !(self.interim || self.upgrade) && if self.own { own } else { !self.usual }
            }
            _ => false,
        };
        if right { Ok(self) } else { Err(WireError::Field("status")) }
    }
}

/// RESPONSE_END: what dispatch wrote under a lease, and the trailers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseEnd<'a> {
    /// Body bytes written straight to the client; 0 without a lease.
    pub leased_bytes: u64,
    /// Trailer fields.
    pub trailers: Fields<'a>,
}

impl<'a> ResponseEnd<'a> {
    /// Appends the body of the frame.
    ///
    /// # Errors
    /// [`WireError::Field`] for trailers that do not fit.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        out.extend_from_slice(&self.leased_bytes.to_le_bytes());
        crate::fields::put(out, self.trailers)
    }

    /// Reads the body of the frame, all of it.
    ///
    /// # Errors
    /// [`WireError::Short`], [`WireError::Long`] or [`WireError::Field`].
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(body);
        let end = Self { leased_bytes: c.u64()?, trailers: Fields::decode(&mut c)? };
        c.end()?;
        Ok(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_head_comes_back_as_it_went() {
        let heads = [
            ResponseHead { status: 200, lease: true, body: BodyLength::Exact(9), backend: 4, ..Default::default() },
            ResponseHead { status: 401, pinned: true, ..Default::default() },
            ResponseHead { status: 100, interim: true, ..Default::default() },
            ResponseHead { status: 101, upgrade: true, lease: true, ..Default::default() },
            ResponseHead { status: 403, denied: true, own: true, close: true, rule: 942_100, ..Default::default() },
            ResponseHead { status: 404, own: true, usual: true, ..Default::default() },
        ];
        for head in heads {
            let mut out = Vec::new();
            head.encode(&mut out).unwrap();
            assert_eq!(ResponseHead::decode(&out), Ok(head));
            for cut in 0..out.len() {
                assert!(ResponseHead::decode(&out[..cut]).is_err());
            }
        }
    }

    #[test]
    fn refuses_statuses_and_flags_that_contradict_each_other() {
        for (status, interim, upgrade) in
            [(99, false, false), (1000, false, false), (200, true, false), (101, false, false), (103, false, false)]
        {
            let mut out = Vec::new();
            ResponseHead { status, interim, upgrade, ..Default::default() }.encode(&mut out).unwrap();
            assert_eq!(ResponseHead::decode(&out), Err(WireError::Field("status")), "{status}");
        }
        for head in [
            ResponseHead { status: 200, usual: true, ..Default::default() },
            ResponseHead { status: 103, interim: true, usual: true, ..Default::default() },
            ResponseHead { status: 101, upgrade: true, usual: true, ..Default::default() },
            ResponseHead { status: 200, own: true, usual: true, lease: true, ..Default::default() },
        ] {
            let mut out = Vec::new();
            head.encode(&mut out).unwrap();
            assert_eq!(ResponseHead::decode(&out), Err(WireError::Field("status")), "{head:?}");
        }
    }
}
