//! The response to a request, made of what is kept.

use std::{ops::Range, time::SystemTime};

use fosse_conditional::{Outcome, Validators, Wanted, evaluate, range_holds, wanted};
use fosse_http1::trim;

use crate::Stored;

/// Fields that a 304 repeats (RFC 9110, section 15.4.5); the others describe a body.
const OF_NOT_MODIFIED: [&[u8]; 8] =
    [b"cache-control", b"content-location", b"date", b"etag", b"expires", b"vary", b"last-modified", b"cache-status"];

/// The part of a kept response that a request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// All of it.
    Whole,
    /// 304: the client has it.
    NotModified,
    /// 206: these bytes of its body.
    Part(Range<usize>),
    /// 416: its body has none of them.
    NoSuchPart,
}

impl Reply {
    /// Returns the status.
    #[must_use]
    pub const fn status(&self, stored: &Stored<'_>) -> u16 {
        match self {
            Self::Whole => stored.status,
            Self::NotModified => 304,
            Self::Part(_) => 206,
            Self::NoSuchPart => 416,
        }
    }

    /// Returns whether a field of the kept response goes with it.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        match self {
            Self::Whole | Self::Part(_) => true,
            Self::NotModified => OF_NOT_MODIFIED.iter().any(|of| name.eq_ignore_ascii_case(of)),
            Self::NoSuchPart => name.eq_ignore_ascii_case(b"date"),
        }
    }
}

/// Returns the validators of a kept response.
fn validators<'a>(stored: &Stored<'a>) -> Validators<'a> {
    let tag = trim(stored.fields.all(b"etag").next().unwrap_or_default());
    let (strong, tag) = tag.strip_prefix(b"W/").map_or((true, tag), |tag| (false, tag));
    let modified = stored.fields.all(b"last-modified").next().and_then(date);
    // A date alone may name two contents of one second.
    Validators { tag, strong: strong && !tag.is_empty(), modified }
}

/// Returns whether an application can be asked if a kept response still holds.
#[must_use]
pub fn can_be_confirmed(stored: &Stored<'_>) -> bool {
    let validators = validators(stored);
    stored.status == 200 && (!validators.tag.is_empty() || validators.modified.is_some())
}

/// Iterates over the fields with which it is asked (RFC 9111, section 4.3.1).
pub fn conditions<'a>(stored: &Stored<'a>) -> impl Iterator<Item = (&'static [u8], &'a [u8])> + use<'a> {
    let fields = stored.fields;
    let all: [(&'static [u8], &'static [u8]); 2] =
        [(b"If-None-Match", b"etag"), (b"If-Modified-Since", b"last-modified")];
    all.into_iter().filter_map(move |(name, kept)| Some((name, fields.all(kept).next()?)))
}

/// Returns what a GET or HEAD with these fields gets of a kept response. Only one with 200 may be
/// asked for by parts or on conditions. A request for several parts gets all.
#[must_use]
pub fn reply<'f>(
    stored: &Stored<'_>,
    fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    to_head: bool,
) -> Reply {
    if stored.status != 200 {
        return Reply::Whole;
    }
    let validators = validators(stored);
    if evaluate(fields.clone(), &validators) == Outcome::NotModified {
        return Reply::NotModified;
    }
    let mut ranges = fields.clone().filter(|(name, _)| name.eq_ignore_ascii_case(b"range"));
    let (Some((_, value)), None) = (ranges.next(), ranges.next()) else { return Reply::Whole };
    if to_head || !range_holds(fields, &validators) {
        return Reply::Whole;
    }
    match wanted(value, u64::try_from(stored.body.len()).unwrap_or(0)) {
        Wanted::Parts(parts) => match parts.as_slice() {
            [Range { start, end }] => match (usize::try_from(*start), usize::try_from(*end)) {
                (Ok(start), Ok(end)) => Reply::Part(start..end),
                _ => Reply::Whole,
            },
            _ => Reply::Whole,
        },
        Wanted::Whole => Reply::Whole,
        Wanted::Nothing => Reply::NoSuchPart,
    }
}

fn date(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use fosse_wire::{cursor::Cursor, fields, fields::Fields};

    use super::*;

    fn with(status: u16, own: &[(&str, &str)], request: &[(&str, &str)], to_head: bool) -> Reply {
        let mut bytes = Vec::new();
        fields::put(&mut bytes, own.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))).unwrap();
        let fields = Fields::decode(&mut Cursor::new(&bytes)).unwrap();
        let stored = Stored { status, fields, body: b"0123456789", ..Stored::default() };
        reply(&stored, request.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())), to_head)
    }

    #[test]
    fn a_client_that_has_it_gets_304_whatever_the_strength_of_the_tag() {
        for tag in ["\"a\"", "W/\"a\""] {
            assert_eq!(with(200, &[("ETag", tag)], &[("If-None-Match", "\"a\"")], false), Reply::NotModified);
            assert_eq!(with(200, &[("ETag", tag)], &[("If-None-Match", "\"b\"")], false), Reply::Whole);
        }
        let date = "Tue, 14 Nov 2023 22:13:20 GMT";
        assert_eq!(with(200, &[("Last-Modified", date)], &[("If-Modified-Since", date)], true), Reply::NotModified);
        assert_eq!(with(200, &[], &[("If-Modified-Since", date), ("If-None-Match", "\"a\"")], false), Reply::Whole);
    }

    #[test]
    fn a_part_is_cut_out_of_the_whole() {
        let of = |value| with(200, &[("ETag", "\"a\"")], &[("Range", value)], false);
        assert_eq!(of("bytes=2-4"), Reply::Part(2..5));
        assert_eq!(of("bytes=-3"), Reply::Part(7..10));
        assert_eq!(of("bytes=10-"), Reply::NoSuchPart);
        assert_eq!([of("bytes=0-1,4-5"), of("lines=1-2"), of("bytes=x")], [Reply::Whole, Reply::Whole, Reply::Whole]);
        assert_eq!(with(200, &[], &[("Range", "bytes=0-1")], true), Reply::Whole);
        assert_eq!(with(404, &[], &[("Range", "bytes=0-1")], false), Reply::Whole);
        assert_eq!(with(200, &[], &[("Range", "bytes=0-1"), ("Range", "bytes=0-1")], false), Reply::Whole);
    }

    #[test]
    fn a_part_of_another_version_is_never_sent() {
        let of = |tag, asked| with(200, &[("ETag", tag)], &[("Range", "bytes=2-4"), ("If-Range", asked)], false);
        assert_eq!(of("\"a\"", "\"a\""), Reply::Part(2..5));
        assert_eq!(
            [of("\"a\"", "\"b\""), of("W/\"a\"", "\"a\""), of("", "\"\"")],
            [Reply::Whole, Reply::Whole, Reply::Whole]
        );
    }

    #[test]
    fn a_304_has_no_fields_of_a_body() {
        assert!(Reply::NotModified.has(b"ETag") && !Reply::NotModified.has(b"Content-Type"));
    }
}
