//! The operators at work.

use super::budget::Budget;
use super::dynamic::{LIMITS_EXCEEDED, PATTERN_ERROR};
use super::environment::Scratch;
use super::expand::{expand, expanded_number};
use super::values::TxValue;
use super::variables::Variables;
use crate::arena::Span;
use crate::check_digit::CheckDigit;
use crate::operator::{Operator, TextTest};
use crate::rule::Rule;
use fosse_collections::number;
use fosse_pattern::{Captures, Regex};
use std::net::IpAddr;

/// Cost of a pattern beside its bytes, and of each byte, in nanoseconds or so.
const COST_PER_PATTERN: usize = 100;
const COST_PER_PATTERN_BYTE: usize = 2;

/// Bytes that the pattern of a `@verify...` operator may pass over on one value before it is given
/// up, the same ones again and again included: a text of digits alone has a candidate at every
/// byte.
const DIGITS_WORK_MAX: usize = 1 << 20;

/// Cost of one number tried besides its bytes, in bytes.
const DIGITS_WORK_PER_TRY: usize = 64;

/// Cost of a byte of that work, in nanoseconds or so.
const COST_PER_DIGITS_BYTE: usize = 4;

/// Returns whether a rule's operator holds for a value; `None` where that could not be found out.
#[expect(clippy::too_many_lines, reason = "one arm an operator")]
pub(super) fn test(
    rule: &Rule,
    value: Span,
    variables: &mut Variables<'_>,
    budget: &mut Budget,
    scratch: &mut Scratch,
) -> Option<bool> {
    match &rule.operator {
        Operator::Pattern(regex) => test_pattern((regex, rule.capture), value, variables, budget, scratch),
        Operator::Macros(template, patterns) => {
            let text = expand(template, variables);
            let text = variables.text(text);
            match patterns.iter().find(|(known, _)| **known == *text) {
                Some((_, regex)) => test_pattern((regex, rule.capture), value, variables, budget, scratch),
                None => give_up(PATTERN_ERROR, variables),
            }
        }
        Operator::Phrases(phrases) => {
            let found = phrases.find(variables.text(value));
            if let Some(found) = found.filter(|_| rule.capture) {
                capture_one(value.part(found.start, found.end), variables);
            }
            Some(found.is_some())
        }
        Operator::Text(test, template) => {
            let argument = expand(template, variables);
            let held = compare(*test, variables.text(value), variables.text(argument));
            if held && rule.capture {
                let shown = if matches!(test, TextTest::Within) { value } else { argument };
                capture_one(shown, variables);
            }
            Some(held)
        }
        Operator::Number(order, template) => {
            let right = expanded_number(template, variables);
            Some(order.holds(number(variables.text(value)), right))
        }
        Operator::Address(networks) => {
            let text = std::str::from_utf8(variables.text(value)).ok();
            let address: Option<IpAddr> = text.and_then(|text| text.trim().parse().ok());
            Some(address.is_some_and(|address| networks.iter().any(|network| network.contains(address))))
        }
        Operator::Sqli => {
            let found = fosse_libinjection::is_sqli(variables.text(value));
            if let Some(fingerprint) = found.filter(|_| rule.capture) {
                let text = variables.values.bytes.push(fingerprint.as_str().as_bytes());
                capture_one(text, variables);
            }
            Some(found.is_some())
        }
        Operator::Xss => {
            let found = fosse_libinjection::is_xss(variables.text(value));
            if found && rule.capture {
                capture_one(value, variables);
            }
            Some(found)
        }
        Operator::ByteRange(allowed) => Some(variables.text(value).iter().any(|byte| !allowed[usize::from(*byte)])),
        Operator::UrlEncoding => Some(has_invalid_encoding(variables.text(value))),
        Operator::Utf8Encoding => Some(std::str::from_utf8(variables.text(value)).is_err()),
        Operator::Digits(kind, regex) => test_digits((*kind, regex, rule.capture), value, variables, budget, scratch),
        Operator::Always => Some(true),
        Operator::Never => Some(false),
    }
}

/// Says by a TX variable that an operator could not be evaluated.
fn give_up(name: &[u8], variables: &mut Variables<'_>) -> Option<bool> {
    variables.set_tx_named(name, TxValue::Number(1));
    None
}

fn test_pattern(
    (regex, capture): (&Regex, bool),
    value: Span,
    variables: &mut Variables<'_>,
    budget: &mut Budget,
    scratch: &mut Scratch,
) -> Option<bool> {
    let text = variables.text(value);
    budget.spend(text.len() * COST_PER_PATTERN_BYTE + COST_PER_PATTERN);
    let found = match regex.is_match(text, &mut scratch.patterns) {
        Ok(true) if capture => regex.captures(text, &mut scratch.patterns, &mut scratch.groups),
        other => other,
    };
    match found {
        Ok(found) => {
            if found && capture {
                capture_groups(value, &scratch.groups, variables);
            }
            Some(found)
        }
        Err(_) => give_up(LIMITS_EXCEEDED, variables),
    }
}

/// Sets TX:0 to TX:9 from the groups of a match.
fn capture_groups(value: Span, groups: &Captures, variables: &mut Variables<'_>) {
    // PCRE counts the groups up to the last one that took part: those before it are empty, those
    // after it are not set. Rules tell one from the other by `&TX:n`.
    let last = groups.iter().rposition(Option::is_some);
    for (slot, (at, group)) in (0u16..).zip(groups.iter().enumerate()) {
        let captured = match group {
            Some(range) => TxValue::Text(value.part(range.start, range.end)),
            None if last.is_some_and(|last| at < last) => TxValue::Text(Span::EMPTY),
            None => TxValue::Unset,
        };
        variables.values.set_tx_slot(slot, captured);
    }
}

fn capture_one(text: Span, variables: &mut Variables<'_>) {
    variables.values.set_tx_slot(0, TxValue::Text(text));
    (1..crate::names::CAPTURES).for_each(|slot| variables.values.set_tx_slot(slot, TxValue::Unset));
}

fn test_digits(
    (kind, regex, capture): (CheckDigit, &Regex, bool),
    value: Span,
    variables: &mut Variables<'_>,
    budget: &mut Budget,
    scratch: &mut Scratch,
) -> Option<bool> {
    let (mut from, mut work) = (0, 0);
    while from < value.len() {
        let text = variables.text(value);
        match regex.captures_from(text, from, &mut scratch.patterns, &mut scratch.groups) {
            Ok(true) if work <= DIGITS_WORK_MAX => {}
            Ok(false) => return Some(false),
            Ok(true) | Err(_) => return give_up(LIMITS_EXCEEDED, variables),
        }
        let range = scratch.groups.first().cloned().flatten()?;
        let cost = range.end - from + DIGITS_WORK_PER_TRY;
        work += cost;
        budget.spend(cost * COST_PER_DIGITS_BYTE);
        let found = value.part(range.start, range.end);
        if kind.holds(variables.text(found)) {
            if capture {
                capture_one(found, variables);
            }
            return Some(true);
        }
        // Not at the end of the match: the number may begin within it.
        from = range.start + 1;
    }
    Some(false)
}

fn compare(test: TextTest, value: &[u8], argument: &[u8]) -> bool {
    match test {
        TextTest::Equal => value == argument,
        TextTest::Contains => contains(value, argument),
        TextTest::ContainsWord => contains_word(value, argument),
        TextTest::BeginsWith => value.starts_with(argument),
        TextTest::EndsWith => value.ends_with(argument),
        TextTest::Within => contains(argument, value),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

fn contains_word(text: &[u8], word: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if word.is_empty() {
        return true;
    }
    memchr::memmem::find_iter(text, word).any(|at| {
        let (before, after) = (text[..at].last(), text.get(at + word.len()));
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Returns whether a `%` is not followed by two hexadecimal digits.
fn has_invalid_encoding(text: &[u8]) -> bool {
    memchr::memchr_iter(b'%', text).any(|at| {
        let digit = |offset: usize| text.get(at + offset).is_some_and(u8::is_ascii_hexdigit);
        !(digit(1) && digit(2))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_compared_as_the_operator_says() {
        for (test, value, argument, expected) in [
            (TextTest::Equal, "a", "a", true),
            (TextTest::Equal, "a", "A", false),
            (TextTest::Contains, "xay", "a", true),
            (TextTest::Contains, "x", "", true),
            (TextTest::ContainsWord, "an apple", "apple", true),
            (TextTest::ContainsWord, "pineapples", "apple", false),
            (TextTest::BeginsWith, "abc", "ab", true),
            (TextTest::EndsWith, "abc", "bc", true),
            (TextTest::Within, "GET", "GET HEAD", true),
            (TextTest::Within, "", "GET HEAD", true),
            (TextTest::Within, "PUT", "GET HEAD", false),
        ] {
            assert_eq!(compare(test, value.as_bytes(), argument.as_bytes()), expected, "{test:?} {value} {argument}");
        }
    }

    #[test]
    fn a_percent_sign_needs_two_digits() {
        assert!(!has_invalid_encoding(b"%41%7a"));
        assert!(has_invalid_encoding(b"%4") && has_invalid_encoding(b"%zz") && has_invalid_encoding(b"%"));
    }
}
