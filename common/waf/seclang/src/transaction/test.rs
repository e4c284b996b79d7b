//! The operators at work.

use super::{Host, Transaction};
use crate::arena::Span;
use crate::macros::Template;
use crate::operator::{CheckDigit, Operator, TextTest};
use crate::rule::Rule;
use crate::transaction::values::TxValue;
use fosse_collections::number;
use fosse_pattern::Regex;
use std::net::IpAddr;

/// The name of the TX variable that says a pattern was given up; modsecurity.conf-recommended denies on it.
pub(super) const LIMITS_EXCEEDED: &[u8] = b"msc_pcre_limits_exceeded";

/// The name of the TX variable that says a pattern's macro had a value no rule gives it.
pub(super) const PATTERN_ERROR: &[u8] = b"msc_pcre_error";

impl Transaction<'_> {
    // Long: one arm an operator.
    /// Whether the operator holds for a value; `None` where that could not be found out.
    pub(super) fn test(&mut self, rule: &Rule, value: Span, host: &mut Host<'_>) -> Option<bool> {
        match &rule.operator {
            Operator::Pattern(regex) => self.test_pattern(regex, rule.capture, value, host),
            Operator::Macros(template, patterns) => {
                let text = self.expand(template);
                let text = self.values.text(self.rules, text);
                match patterns.iter().find(|(known, _)| **known == *text) {
                    Some((_, regex)) => self.test_pattern(regex, rule.capture, value, host),
                    None => {
                        self.values.set_tx_named(self.rules, PATTERN_ERROR, TxValue::Number(1));
                        None
                    }
                }
            }
            Operator::Phrases(phrases) => {
                let found = phrases.find(self.values.text(self.rules, value));
                if let Some(found) = found.filter(|_| rule.capture) {
                    self.capture_one(value.part(found.start, found.end));
                }
                Some(found.is_some())
            }
            Operator::Text(test, template) => {
                let argument = self.expand(template);
                let held = compare(*test, self.values.text(self.rules, value), self.values.text(self.rules, argument));
                if held && rule.capture {
                    let shown = if matches!(test, TextTest::Within) { value } else { argument };
                    self.capture_one(shown);
                }
                Some(held)
            }
            Operator::Number(order, template) => {
                let right = self.template_number(template);
                Some(order.holds(number(self.values.text(self.rules, value)), right))
            }
            Operator::Address(networks) => {
                let text = std::str::from_utf8(self.values.text(self.rules, value)).ok();
                let address: Option<IpAddr> = text.and_then(|text| text.trim().parse().ok());
                Some(address.is_some_and(|address| networks.iter().any(|network| network.contains(address))))
            }
            Operator::Sqli => {
                let found = fosse_libinjection::is_sqli(self.values.text(self.rules, value));
                if let Some(fingerprint) = found.filter(|_| rule.capture) {
                    let text = self.values.bytes.push(fingerprint.as_str().as_bytes());
                    self.capture_one(text);
                }
                Some(found.is_some())
            }
            Operator::Xss => {
                let found = fosse_libinjection::is_xss(self.values.text(self.rules, value));
                if found && rule.capture {
                    self.capture_one(value);
                }
                Some(found)
            }
            Operator::ByteRange(allowed) => {
                let outside = |byte: &u8| !allowed.get(usize::from(*byte)).copied().unwrap_or(false);
                Some(self.values.text(self.rules, value).iter().any(outside))
            }
            Operator::UrlEncoding => Some(has_invalid_encoding(self.values.text(self.rules, value))),
            Operator::Utf8Encoding => Some(std::str::from_utf8(self.values.text(self.rules, value)).is_err()),
            Operator::Digits(kind, regex) => self.test_digits(*kind, regex, rule.capture, value, host),
            Operator::Always => Some(true),
            Operator::Never => Some(false),
        }
    }

    fn test_pattern(&mut self, regex: &Regex, capture: bool, value: Span, host: &mut Host<'_>) -> Option<bool> {
        let text = self.values.bytes.get(&self.rules.constants, value);
        self.cost = self.cost.saturating_add(text.len().saturating_mul(2)).saturating_add(100);
        let found = regex.is_match(text, &mut host.bench.patterns);
        let found = match found {
            Ok(true) if capture => regex.captures(text, &mut host.bench.patterns, &mut host.bench.groups),
            other => other,
        };
        match found {
            Ok(found) => {
                if found && capture {
                    self.capture_groups(value, &host.bench.groups);
                }
                Some(found)
            }
            Err(_) => {
                self.values.set_tx_named(self.rules, LIMITS_EXCEEDED, TxValue::Number(1));
                None
            }
        }
    }

    /// TX:0 to TX:9 from the groups of a match.
    fn capture_groups(&mut self, value: Span, groups: &fosse_pattern::Captures) {
        let last = groups.iter().rposition(Option::is_some);
        for (slot, (at, group)) in (0u16..).zip(groups.iter().enumerate()) {
            let captured = match group {
                Some(range) => TxValue::Text(value.part(range.start, range.end)),
                None if last.is_some_and(|last| at < last) => TxValue::Text(Span::EMPTY),
                None => TxValue::Unset,
            };
            self.values.set_tx_slot(slot, captured);
        }
    }

    fn capture_one(&mut self, text: Span) {
        self.values.set_tx_slot(0, TxValue::Text(text));
        (1..crate::names::CAPTURES).for_each(|slot| self.values.set_tx_slot(slot, TxValue::Unset));
    }

    /// The number a text with macros stands for.
    pub(super) fn template_number(&mut self, template: &Template) -> i64 {
        if let [crate::macros::Part::Reference(crate::macros::Reference::Tx(slot))] = &*template.parts {
            return self.values.tx_number(self.rules, self.values.tx_slot(*slot));
        }
        let text = self.expand(template);
        number(self.values.text(self.rules, text))
    }

    fn test_digits(
        &mut self,
        kind: CheckDigit,
        regex: &Regex,
        capture: bool,
        value: Span,
        host: &mut Host<'_>,
    ) -> Option<bool> {
        let (mut from, mut work) = (0, 0usize);
        while from < value.len() {
            let text = self.values.bytes.get(&self.rules.constants, value);
            match regex.captures_from(text, from, &mut host.bench.patterns, &mut host.bench.groups) {
                Ok(true) if work <= DIGITS_WORK_MAX => {}
                Ok(false) => return Some(false),
                Ok(true) | Err(_) => {
                    self.values.set_tx_named(self.rules, LIMITS_EXCEEDED, TxValue::Number(1));
                    return None;
                }
            }
            let range = host.bench.groups.first().cloned().flatten()?;
            let cost = range.end.saturating_sub(from).saturating_add(DIGITS_WORK_PER_TRY);
            (work, self.cost) = (work.saturating_add(cost), self.cost.saturating_add(cost.saturating_mul(4)));
            let found = value.part(range.start, range.end);
            if kind.holds(self.values.text(self.rules, found)) {
                if capture {
                    self.capture_one(found);
                }
                return Some(true);
            }
            from = range.start.saturating_add(1);
        }
        Some(false)
    }
}

/// Bytes that the pattern of a `@verify...` operator may pass over on one value before it is given up, the same ones
/// again and again included: a text of digits alone has a candidate at every byte.
const DIGITS_WORK_MAX: usize = 1 << 20;

/// What one candidate costs besides its bytes, in bytes.
const DIGITS_WORK_PER_TRY: usize = 64;

fn compare(test: TextTest, value: &[u8], argument: &[u8]) -> bool {
    match test {
        TextTest::Equal => value == argument,
        TextTest::Contains => contains(value, argument).is_some(),
        TextTest::ContainsWord => contains_word(value, argument),
        TextTest::BeginsWith => value.starts_with(argument),
        TextTest::EndsWith => value.ends_with(argument),
        TextTest::Within => contains(argument, value).is_some(),
    }
}

fn contains(text: &[u8], part: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, part)
}

fn contains_word(text: &[u8], word: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if word.is_empty() {
        return true;
    }
    memchr::memmem::find_iter(text, word).any(|at| {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        let after = text.get(at.saturating_add(word.len()));
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Whether a `%` is not followed by two hexadecimal digits.
fn has_invalid_encoding(text: &[u8]) -> bool {
    memchr::memchr_iter(b'%', text).any(|at| {
        let digit = |offset: usize| text.get(at.saturating_add(offset)).is_some_and(u8::is_ascii_hexdigit);
        !(digit(1) && digit(2))
    })
}

impl CheckDigit {
    fn holds(self, text: &[u8]) -> bool {
        let digits: Vec<u32> =
            text.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte.saturating_sub(b'0'))).collect();
        match self {
            CheckDigit::CreditCard => luhn(&digits),
            CheckDigit::Cpf => cpf(&digits),
            CheckDigit::Ssn => ssn(&digits),
            CheckDigit::Svnr => svnr(&digits),
        }
    }
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u32]) -> bool {
    let doubled =
        |digit: u32| if digit > 4 { digit.saturating_mul(2).saturating_sub(9) } else { digit.saturating_mul(2) };
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(at, digit)| if at % 2 == 1 { doubled(*digit) } else { *digit }).sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// The two check digits of a Brazilian CPF number: weights fall to 2, the sum is taken modulo 11.
fn cpf(digits: &[u32]) -> bool {
    let check = |count: usize| -> Option<u32> {
        let weights = (2..=u32::try_from(count).ok()?.saturating_add(1)).rev();
        let sum: u32 = digits.iter().take(count).zip(weights).map(|(digit, weight)| digit.saturating_mul(weight)).sum();
        Some(if sum % 11 < 2 { 0 } else { 11u32.saturating_sub(sum % 11) })
    };
    let all_same = digits.windows(2).all(|pair| pair.first() == pair.last());
    digits.len() == 11 && !all_same && check(9) == digits.get(9).copied() && check(10) == digits.get(10).copied()
}

/// What no United States social security number is: area 000, 666 or 900 and above, group 00, serial 0000.
fn ssn(digits: &[u32]) -> bool {
    let number = |from: usize, to: usize| {
        digits
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .fold(0u32, |value, digit| value.saturating_mul(10).saturating_add(*digit))
    };
    let area = number(0, 3);
    digits.len() == 9 && area != 0 && area != 666 && area < 900 && number(3, 5) != 0 && number(5, 9) != 0
}

/// An Austrian social insurance number: the fourth digit is the weighted sum of the others modulo 11.
fn svnr(digits: &[u32]) -> bool {
    const WEIGHTS: [u32; 10] = [3, 7, 9, 0, 5, 8, 4, 2, 1, 6];
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit.saturating_mul(weight)).sum();
    digits.len() == 10 && digits.get(3) == Some(&(sum % 11))
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
    fn check_digits_are_checked() {
        assert!(CheckDigit::CreditCard.holds(b"4111-1111-1111-1111"));
        assert!(!CheckDigit::CreditCard.holds(b"4111-1111-1111-1112"));
        assert!(CheckDigit::Cpf.holds(b"529.982.247-25") && !CheckDigit::Cpf.holds(b"529.982.247-26"));
        assert!(CheckDigit::Ssn.holds(b"078-05-1120") && !CheckDigit::Ssn.holds(b"666-05-1120"));
        assert!(CheckDigit::Svnr.holds(b"1237010180") && !CheckDigit::Svnr.holds(b"1238010180"));
    }

    #[test]
    fn a_percent_sign_needs_two_digits() {
        assert!(!has_invalid_encoding(b"%41%7a"));
        assert!(has_invalid_encoding(b"%4") && has_invalid_encoding(b"%zz") && has_invalid_encoding(b"%"));
    }
}
