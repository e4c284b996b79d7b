//! Content-Encoding: undone for the rules, within limits; peers get the bytes as they were sent.

use fosse_bodies::inflate::{Encoding, Inflate, InflateError, InflateLimits, RATIO_MAX, Requested, requested};
use fosse_wire::{fields::Fields, verdict::Cause};

use crate::{denial::Denial, limits::DECODED_BYTES_KEPT_MAX};

/// Returns what all Content-Encoding fields together ask for. Codings one after the other are not
/// undone.
pub(crate) fn requested_by(fields: Fields<'_>) -> Requested {
    let codings = fields.all(b"content-encoding").map(requested).filter(|coding| *coding != Requested::Identity);
    codings.reduce(|_, _| Requested::Unsupported).unwrap_or(Requested::Identity)
}

/// The limits of decoding a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecodeLimits {
    /// Decoded bytes.
    pub(crate) bytes_max: usize,
    /// The encoded body is only the first part of the whole.
    pub(crate) is_cut: bool,
    /// A longer body is evaluated in part, and not refused.
    pub(crate) allows_part: bool,
}

/// A body as the rules are to see it.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    /// The bytes, as far as they could be had.
    pub(crate) body: &'a [u8],
    /// They are not all: the rest is over the limit.
    pub(crate) is_part: bool,
    /// The reason against passing the body.
    pub(crate) denial: Option<Denial>,
}

/// The room in which bodies are decoded, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    room: Vec<u8>,
}

impl Decoder {
    /// Undoes the coding of `body`, within limits.
    pub(crate) fn decode<'a>(&'a mut self, coding: Requested, body: &'a [u8], limits: DecodeLimits) -> Decoded<'a> {
        let coding = match coding {
            Requested::Decode(coding) => coding,
            Requested::Identity => {
                let body = &body[..body.len().min(limits.bytes_max)];
                return Decoded { body, is_part: limits.is_cut, denial: None };
            }
            // It was refused before, or the site only watches: nothing of it can be read.
            Requested::Unsupported => return Decoded { body: &[], is_part: false, denial: None },
        };
        self.room.clear();
        let error = inflate(coding, body, limits, &mut self.room).err();
        let denial = match error {
            None => None,
            Some(InflateError::TooLong) if limits.allows_part => None,
            Some(InflateError::TooLong) => {
                Some(Denial::new(413, Cause::BodySize, "decoded body over the site's limit"))
            }
            Some(InflateError::TooDense) => Some(Denial::new(413, Cause::BodyEncoding, "body that unfolds too far")),
            Some(InflateError::Broken) => Some(Denial::new(400, Cause::BodyEncoding, "body is not encoded as it says")),
        };
        Decoded { body: &self.room, is_part: limits.is_cut || error == Some(InflateError::TooLong), denial }
    }

    /// Gives back what an unusually long body took.
    pub(crate) fn shrink(&mut self) {
        self.room.clear();
        self.room.shrink_to(DECODED_BYTES_KEPT_MAX);
    }
}

/// Returns the same denial about a response, where nothing that the client did is wrong.
pub(crate) fn about_response(denial: Denial) -> Denial {
    match denial.cause {
        Cause::BodySize => Denial::new(500, Cause::RulesLimit, "decoded response over the limit of the rules"),
        cause if denial.status == 413 => Denial::new(502, cause, "response that unfolds too far"),
        cause => Denial::new(502, cause, "response is not encoded as it says"),
    }
}

fn inflate(coding: Encoding, body: &[u8], limits: DecodeLimits, room: &mut Vec<u8>) -> Result<(), InflateError> {
    let limits_of_inflate = InflateLimits { output_bytes_max: limits.bytes_max, ratio_max: RATIO_MAX };
    let mut inflate = Inflate::new(coding, limits_of_inflate);
    inflate.push(body, room)?;
    // A part has no end that could be checked.
    if limits.is_cut { Ok(()) } else { inflate.finish(room) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_wire::cursor::Cursor;

    fn asked(values: &[&[u8]]) -> Requested {
        let mut bytes = Vec::new();
        fosse_wire::fields::put(&mut bytes, values.iter().map(|value| (&b"Content-Encoding"[..], *value))).unwrap();
        requested_by(Fields::decode(&mut Cursor::new(&bytes)).unwrap())
    }

    #[test]
    fn one_known_coding_is_undone_and_more_are_not() {
        assert_eq!(asked(&[]), Requested::Identity);
        assert_eq!(asked(&[b"identity", b""]), Requested::Identity);
        assert_eq!(asked(&[b"identity", b"gzip"]), Requested::Decode(Encoding::Gzip));
        for values in [&[&b"gzip"[..], b"gzip"][..], &[b"gzip, gzip"], &[b"br"], &[b"gzip", b"br"]] {
            assert_eq!(asked(values), Requested::Unsupported);
        }
    }

    #[test]
    fn a_body_without_coding_is_cut_at_the_limit() {
        let mut decoder = Decoder::default();
        let limits = DecodeLimits { bytes_max: 3, is_cut: true, allows_part: true };
        let decoded = decoder.decode(Requested::Identity, b"abcdef", limits);
        assert_eq!((decoded.body.to_vec(), decoded.is_part), (b"abc".to_vec(), true));
    }

    #[test]
    fn what_does_not_decode_is_refused() {
        let mut decoder = Decoder::default();
        let limits = DecodeLimits { bytes_max: 1000, is_cut: false, allows_part: false };
        let decoded = decoder.decode(Requested::Decode(Encoding::Gzip), b"plain text", limits);
        assert_eq!(decoded.denial.map(|denial| denial.status), Some(400));
    }
}
