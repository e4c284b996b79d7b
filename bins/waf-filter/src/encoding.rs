//! Content-Encoding of requests: undone for the rules, within limits; the application gets what the client sent.

use fosse_bodies::inflate::{Encoding, Inflate, InflateError, InflateLimits, RATIO_MAX, Requested, requested};
use fosse_wire::{fields::Fields, verdict::Cause};

use crate::case::Denial;

/// What all Content-Encoding fields together ask for. Codings one after the other are not undone.
#[must_use]
pub fn of(fields: Fields<'_>) -> Requested {
    let codings = fields.all(b"content-encoding").map(requested).filter(|coding| *coding != Requested::Identity);
    codings.reduce(|_, _| Requested::Unsupported).unwrap_or(Requested::Identity)
}

/// A body as the rules are to see it.
#[derive(Debug)]
pub struct Undone<'a> {
    /// The bytes, as far as they could be had.
    pub body: &'a [u8],
    /// They are not all: the rest is over the limit.
    pub in_part: bool,
    /// What stands against passing it.
    pub denial: Option<Denial>,
}

/// Undoes the coding of `body`, at most `bytes_max` bytes of it. `cut` says that `body` itself is only the first part;
/// `in_part` that the site has longer bodies judged in part.
pub fn undo<'a>(
    coding: Requested,
    body: &'a [u8],
    bytes_max: usize,
    (cut, in_part): (bool, bool),
    room: &'a mut Vec<u8>,
) -> Undone<'a> {
    let coding = match coding {
        Requested::Decode(coding) => coding,
        Requested::Identity => {
            let body = body.get(..body.len().min(bytes_max)).unwrap_or_default();
            return Undone { body, in_part: cut, denial: None };
        }
        // It was refused before, or the site only watches: nothing of it can be read.
        Requested::Unsupported => return Undone { body: &[], in_part: false, denial: None },
    };
    room.clear();
    let error = inflated(coding, body, bytes_max, cut, room).err();
    let denial = match error {
        None => None,
        Some(InflateError::TooLong) if in_part => None,
        Some(InflateError::TooLong) => Some(Denial::new(413, Cause::BodySize, "decoded body over the site's limit")),
        Some(InflateError::TooDense) => Some(Denial::new(413, Cause::BodyEncoding, "body that unfolds too far")),
        Some(InflateError::Broken) => Some(Denial::new(400, Cause::BodyEncoding, "body is not encoded as it says")),
    };
    Undone { body: room, in_part: cut || error == Some(InflateError::TooLong), denial }
}

/// The same about an answer: nothing the client did is wrong.
#[must_use]
pub fn of_answer(denial: Denial) -> Denial {
    match denial.cause {
        Cause::BodySize => Denial::new(500, Cause::BodySize, "decoded answer over the limit of the rules"),
        cause if denial.status == 413 => Denial::new(502, cause, "answer that unfolds too far"),
        cause => Denial::new(502, cause, "answer is not encoded as it says"),
    }
}

fn inflated(
    coding: Encoding,
    body: &[u8],
    bytes_max: usize,
    cut: bool,
    room: &mut Vec<u8>,
) -> Result<(), InflateError> {
    let mut inflate = Inflate::new(coding, InflateLimits { output_bytes_max: bytes_max, ratio_max: RATIO_MAX });
    inflate.push(body, room)?;
    if cut { Ok(()) } else { inflate.finish(room) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_wire::cursor::Cursor;

    fn asked(values: &[&[u8]]) -> Requested {
        let mut bytes = Vec::new();
        fosse_wire::fields::put(&mut bytes, values.iter().map(|value| (&b"Content-Encoding"[..], *value))).unwrap();
        of(Fields::decode(&mut Cursor::new(&bytes)).unwrap())
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
        let mut room = Vec::new();
        let undone = undo(Requested::Identity, b"abcdef", 3, (true, true), &mut room);
        assert_eq!((undone.body.to_vec(), undone.in_part), (b"abc".to_vec(), true));
    }

    #[test]
    fn what_does_not_decode_is_refused() {
        let mut room = Vec::new();
        let undone = undo(Requested::Decode(Encoding::Gzip), b"plain text", 1000, (false, false), &mut room);
        assert_eq!(undone.denial.map(|denial| denial.status), Some(400));
    }
}
