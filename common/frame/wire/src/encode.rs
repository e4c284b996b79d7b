//! The head of a response that fosse-encode is to encode, in the place of RESPONSE: what dispatch
//! decided about it, and then the head itself.

use crate::{WireError, cursor::Cursor, response::ResponseHead};

/// A coding of a response's body (RFC 9110, section 8.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Coding {
    /// RFC 1952.
    #[default]
    Gzip = 0,
    /// RFC 7932.
    Brotli = 1,
    /// RFC 8878.
    Zstd = 2,
}

impl Coding {
    /// All codings, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Gzip, Self::Brotli, Self::Zstd];

    /// Returns the name in Content-Encoding.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// Returns the highest level; the lowest is 1. Those above take memory or time out of all
    /// proportion for what is encoded as it goes by.
    pub(crate) const fn level_max(self) -> u8 {
        match self {
            Self::Gzip | Self::Zstd => 9,
            Self::Brotli => 6,
        }
    }
}

const FLAG_NO_BODY: u8 = 1;

/// ENCODE: `u8 coding | u8 level | u8 flags | u32 least bytes | u64 connection | u64 named source |
/// 16 client`, and after them a [`ResponseHead`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodeHead<'a> {
    /// The coding that the client accepts.
    pub coding: Coding,
    /// Its level, 1 to [`Coding::level_max`].
    pub level: u8,
    /// No body follows, as the request was HEAD.
    pub no_body: bool,
    /// A body of fewer bytes stays as it is.
    pub bytes_min: u32,
    /// accept's number of the client's connection.
    pub connection: u64,
    /// The word of its source, where a trusted proxy has named it; else 0.
    pub named_source: u64,
    /// Address of the client.
    pub client: [u8; 16],
    /// The head as it would be without a coding. It is final, and no upgrade, lease or local
    /// response.
    pub response: ResponseHead<'a>,
}

impl<'a> EncodeHead<'a> {
    /// Appends everything but the response's head, which the caller writes next.
    pub fn encode_fixed(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.coding as u8, self.level, if self.no_body { FLAG_NO_BODY } else { 0 }]);
        out.extend_from_slice(&self.bytes_min.to_le_bytes());
        out.extend_from_slice(&self.connection.to_le_bytes());
        out.extend_from_slice(&self.named_source.to_le_bytes());
        out.extend_from_slice(&self.client);
    }

    /// Appends the whole head.
    ///
    /// # Errors
    /// [`WireError::Field`] for fields that do not fit.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        self.encode_fixed(out);
        self.response.encode(out)
    }

    /// Reads a head, consuming exactly `body`.
    ///
    /// # Errors
    /// [`WireError::Short`], [`WireError::Long`] or [`WireError::Field`].
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(body);
        let coding = Coding::ALL.get(usize::from(c.u8()?)).copied().ok_or(WireError::Field("coding"))?;
        let level = c.u8()?;
        let flags = c.u8()?;
        if level == 0 || level > coding.level_max() || flags & !FLAG_NO_BODY != 0 {
            return Err(WireError::Field("coding"));
        }
        let head = Self {
            coding,
            level,
            no_body: flags & FLAG_NO_BODY != 0,
            bytes_min: c.u32()?,
            connection: c.u64()?,
            named_source: c.u64()?,
            client: c.array()?,
            response: ResponseHead::decode(c.rest())?,
        };
        let ResponseHead { status, lease, interim, upgrade, own, denied, .. } = head.response;
        // These have no body, or one that is not whole, or none that is an application's.
        if lease || interim || upgrade || own || denied || matches!(status, 204 | 206 | 304) {
            return Err(WireError::Field("encoded response"));
        }
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::BodyLength;

    fn head() -> EncodeHead<'static> {
        EncodeHead {
            coding: Coding::Zstd,
            level: 3,
            no_body: true,
            bytes_min: 1024,
            connection: 7,
            named_source: 9,
            client: [3; 16],
            response: ResponseHead { status: 200, body: BodyLength::Chunked, ..ResponseHead::default() },
        }
    }

    #[test]
    fn a_head_comes_back_and_a_cut_one_does_not() {
        let mut out = Vec::new();
        head().encode(&mut out).unwrap();
        assert_eq!(EncodeHead::decode(&out), Ok(head()));
        for cut in 0..out.len() {
            assert!(EncodeHead::decode(&out[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn levels_that_a_coding_does_not_have_are_refused() {
        for (coding, level) in [(Coding::Gzip, 0), (Coding::Gzip, 10), (Coding::Brotli, 7), (Coding::Zstd, 22)] {
            let mut out = Vec::new();
            EncodeHead { coding, level, ..head() }.encode(&mut out).unwrap();
            assert_eq!(EncodeHead::decode(&out), Err(WireError::Field("coding")), "{coding:?} {level}");
        }
    }

    #[test]
    fn responses_that_nobody_encodes_are_refused() {
        let whole = head().response;
        for response in [
            ResponseHead { status: 206, ..whole },
            ResponseHead { status: 304, ..whole },
            ResponseHead { status: 103, interim: true, ..whole },
            ResponseHead { status: 101, upgrade: true, lease: true, ..whole },
            ResponseHead { lease: true, ..whole },
            ResponseHead { own: true, ..whole },
        ] {
            let mut out = Vec::new();
            EncodeHead { response, ..head() }.encode(&mut out).unwrap();
            assert!(EncodeHead::decode(&out).is_err(), "{response:?}");
        }
    }
}
