//! Arguments of a query string or an urlencoded body, and cookies.

use crate::limits::{ARGUMENTS_COUNT_MAX, Budget};
use crate::percent::decode;
use crate::{Item, Sink};
use memchr::memchr;

/// Options for reading a form.
#[derive(Clone, Copy, Debug)]
pub struct FormOptions {
    /// The byte between arguments (SecArgumentSeparator).
    pub separator: u8,
    /// Arguments taken at most; those after it are not given.
    pub arguments_count_max: usize,
}

impl Default for FormOptions {
    fn default() -> Self {
        Self { separator: b'&', arguments_count_max: ARGUMENTS_COUNT_MAX }
    }
}

/// The result of reading a form.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FormReport {
    /// Arguments given.
    pub arguments: usize,
    /// Percent signs that start no valid pair; any sets URLENCODED_ERROR.
    pub invalid: usize,
    /// There were more arguments than the limit; the rest was not given (REQBODY_ERROR).
    pub over_limit: bool,
}

/// Gives every argument of `input` as [`Item::Argument`], decoded.
///
/// A piece without `=` is a name with an empty value; an empty piece between separators is an
/// argument with an empty name; an empty piece at the end is none.
pub fn urlencoded(input: &[u8], options: &FormOptions, sink: Sink<'_>) -> FormReport {
    let mut report = FormReport::default();
    let mut budget = Budget::new(input.len(), options.arguments_count_max);
    let (mut name_scratch, mut value_scratch) = (Vec::new(), Vec::new());
    let mut rest = input;
    while !rest.is_empty() {
        let (piece, after) = cut(rest, options.separator);
        rest = after.unwrap_or_default();
        let (name, value) = cut(piece, b'=');
        // Decoded, a piece is never longer than it was: only the count can run out.
        if budget.take(piece.len()).is_err() {
            report.over_limit = true;
            break;
        }
        let name = decode(name, &mut name_scratch, &mut report.invalid);
        let value = decode(value.unwrap_or_default(), &mut value_scratch, &mut report.invalid);
        report.arguments += 1;
        sink(Item::Argument { name, value });
    }
    report
}

/// Returns the beginning of a longer form without the escape that it does not end.
pub fn whole_escapes(beginning: &[u8]) -> &[u8] {
    match beginning {
        [rest @ .., b'%'] | [rest @ .., b'%', _] => rest,
        _ => beginning,
    }
}

/// Gives every cookie of a Cookie header as [`Item::Cookie`], as sent: `;` (or the separator of
/// SecCookieV0Separator) between them, whitespace before a name skipped, cookies without a name
/// skipped. Returns how many there were and whether `count_max` cut them off.
pub fn cookies(header: &[u8], separator: u8, count_max: usize, sink: Sink<'_>) -> (usize, bool) {
    let mut count = 0usize;
    for piece in header.split(|byte| *byte == separator) {
        let (name, value) = cut(piece.trim_ascii_start(), b'=');
        if name.is_empty() {
            continue;
        }
        if count == count_max {
            return (count, true);
        }
        count += 1;
        sink(Item::Cookie { name, value: value.unwrap_or_default() });
    }
    (count, false)
}

/// Splits at the first `at`; `None` if there is none.
fn cut(input: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match memchr(at, input) {
        Some(place) => (&input[..place], Some(&input[place + 1..])),
        None => (input, None),
    }
}
