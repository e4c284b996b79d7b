//! The Range field: the bytes of a file that a request asks for (RFC 9110, section 14).

use std::ops::Range;

use fosse_http1::members;

/// Ranges of one request. Viewers of documents ask for a handful; a request with more gets the
/// whole representation.
const RANGES_COUNT_MAX: usize = 16;

/// The parts of a file of a given length that a Range field asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: no range, a malformed one, another unit, too many, or more bytes than the file
    /// has.
    Whole,
    /// These bytes, in the order they were asked for; none is empty, and there is at least one.
    Parts(Vec<Range<u64>>),
    /// Nothing that the file has. 416.
    Nothing,
}

/// Reads the value of a Range field. A malformed field is ignored, as the RFC has it; so is one
/// whose parts overlap so far that the response would be longer than the file (section 14.2 warns
/// of those).
#[must_use]
pub fn wanted(value: &[u8], length: u64) -> Wanted {
    let Some(specs) = strip_unit(value) else { return Wanted::Whole };
    // `left` is how much longer the response may become.
    let (mut parts, mut count, mut left) = (Vec::new(), 0_usize, length);
    for spec in members(specs) {
        count += 1;
        if count > RANGES_COUNT_MAX {
            return Wanted::Whole;
        }
        let Some((first, last)) = bounds(spec) else { return Wanted::Whole };
        if let Some(part) = resolve(first, last, length) {
            let Some(rest) = left.checked_sub(part.end - part.start) else { return Wanted::Whole };
            left = rest;
            parts.push(part);
        }
    }
    match (count, parts.is_empty()) {
        (0, _) => Wanted::Whole,
        (_, true) => Wanted::Nothing,
        (_, false) => Wanted::Parts(parts),
    }
}

/// Returns the text after `bytes=`; range units are compared without case.
fn strip_unit(value: &[u8]) -> Option<&[u8]> {
    let (unit, specs) = value.split_at_checked(6)?;
    unit.eq_ignore_ascii_case(b"bytes=").then_some(specs)
}

/// Reads `first-last`, `first-` or `-suffix`; first above last is malformed.
fn bounds(spec: &[u8]) -> Option<(Option<u64>, Option<u64>)> {
    let dash = spec.iter().position(|byte| *byte == b'-')?;
    let (first, rest) = spec.split_at_checked(dash)?;
    let (first, last) = (number(first)?, number(rest.strip_prefix(b"-")?)?);
    match (first, last) {
        (None, None) => None,
        (Some(first), Some(last)) if first > last => None,
        both => Some(both),
    }
}

/// Reads digits or nothing. A number of more than 64 bits becomes the largest one: either is beyond
/// every file.
fn number(digits: &[u8]) -> Option<Option<u64>> {
    if digits.is_empty() {
        return Some(None);
    }
    let value = digits.iter().try_fold(0_u64, |sum, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        Some(sum.saturating_mul(10).saturating_add(u64::from(digit)))
    })?;
    Some(Some(value))
}

/// Returns the bytes that the file has of a range; `None` where it has none.
fn resolve(first: Option<u64>, last: Option<u64>, length: u64) -> Option<Range<u64>> {
    let part = match (first, last) {
        (Some(first), Some(last)) if last < length => first..last + 1,
        (Some(first), _) => first..length,
        (None, suffix) => length - suffix.unwrap_or(0).min(length)..length,
    };
    (part.start < part.end).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Wanted {
        wanted(value.as_bytes(), 100)
    }

    fn parts(ranges: &[Range<u64>]) -> Wanted {
        Wanted::Parts(ranges.to_vec())
    }

    #[test]
    fn the_three_forms_are_read() {
        assert_eq!(of("bytes=0-0"), parts(std::slice::from_ref(&(0..1))));
        assert_eq!(of("Bytes=10-"), parts(std::slice::from_ref(&(10..100))));
        assert_eq!(of("bytes=-5"), parts(std::slice::from_ref(&(95..100))));
        assert_eq!(of("bytes=-500"), parts(std::slice::from_ref(&(0..100))));
        assert_eq!(of("bytes=90-500"), parts(std::slice::from_ref(&(90..100))));
        assert_eq!(of("bytes=0-99999999999999999999999"), parts(std::slice::from_ref(&(0..100))));
        assert_eq!(of("bytes=0-1 , 5-6,, -1,200-"), parts(&[0..2, 5..7, 99..100]));
    }

    #[test]
    fn what_is_not_there_cannot_be_had() {
        for value in ["bytes=100-", "bytes=200-300", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(of(value), Wanted::Nothing, "{value}");
        }
        assert_eq!(wanted(b"bytes=0-", 0), Wanted::Nothing);
    }

    #[test]
    fn malformed_fields_are_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=2-1",
            "bytes=a-",
            "bytes=1",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=0x1-",
            "bytes=1-2;",
            "items=0-1",
            "bytes =0-1",
            "bytes=0-1,x",
        ] {
            assert_eq!(of(value), Wanted::Whole, "{value}");
        }
    }

    #[test]
    fn a_response_is_never_longer_than_the_file() {
        assert_eq!(of("bytes=0-,0-"), Wanted::Whole);
        assert_eq!(of("bytes=0-59,40-99"), Wanted::Whole);
        let many = vec!["0-0"; RANGES_COUNT_MAX + 1].join(",");
        assert_eq!(of(&format!("bytes={many}")), Wanted::Whole);
        let most = vec!["0-0"; RANGES_COUNT_MAX].join(",");
        assert!(matches!(of(&format!("bytes={most}")), Wanted::Parts(_)));
    }
}
