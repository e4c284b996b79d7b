//! Conditions of routes besides the path.

use std::borrow::Cow;

use fosse_http1::{percent, trim};
use fosse_settings::{Condition, Test};

use crate::facts::Facts;

/// Returns whether a condition holds for a request; `query` is that of its target.
pub(crate) fn holds(condition: &Condition, facts: &Facts<'_>, query: &[u8]) -> bool {
    match condition {
        Condition::Method(methods) => methods.iter().any(|method| method.as_bytes() == facts.method),
        Condition::Listener(listeners) => listeners.contains(&facts.listener),
        Condition::Network(nets) => nets.iter().any(|net| net.contains(&facts.client_bytes)),
        Condition::Header(test) => {
            facts.headers.any(test.name.as_bytes(), &mut |value| takes(test, value)) != test.negated
        }
        Condition::Cookie(test) => facts.headers.any(b"cookie", &mut |value| cookie(test, value)) != test.negated,
        Condition::Query(test) => parameter(test, query) != test.negated,
    }
}

fn takes(test: &Test, value: &[u8]) -> bool {
    test.value.as_ref().is_none_or(|wanted| is_like(wanted.as_bytes(), value))
}

/// Returns whether one of the cookies in a field passes (RFC 6265, section 4.2.1).
fn cookie(test: &Test, value: &[u8]) -> bool {
    value.split(|byte| *byte == b';').map(trim).any(|pair| {
        let (name, value) = halves(pair);
        name == test.name.as_bytes() && takes(test, value)
    })
}

/// Returns whether one of the parameters of a query passes, decoded as forms are.
fn parameter(test: &Test, query: &[u8]) -> bool {
    query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).any(|pair| {
        let (name, value) = halves(pair);
        decoded(name) == test.name.as_bytes() && takes(test, &decoded(value))
    })
}

fn halves(pair: &[u8]) -> (&[u8], &[u8]) {
    match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => (&pair[..at], &pair[at + 1..]),
        None => (pair, b""),
    }
}

fn decoded(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(raw);
    }
    let spaced: Vec<u8> = raw.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Cow::Owned(percent::decode(&spaced).to_vec())
}

/// Returns whether a value is like a text in which `*` is anything.
fn is_like(wanted: &[u8], value: &[u8]) -> bool {
    let mut parts = wanted.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = value.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    // The earliest place of each part leaves most to the parts after it.
    for part in parts.filter(|part| !part.is_empty()) {
        let Some(at) = memchr::memmem::find(rest, part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_anything() {
        for (wanted, value, like) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*a", "a", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*", "", true),
            ("*b*", "abc", true),
        ] {
            assert_eq!(is_like(wanted.as_bytes(), value.as_bytes()), like, "{wanted} {value}");
        }
    }

    #[test]
    fn cookies_and_parameters_are_found_by_name() {
        let test =
            |name: &str, value: Option<&str>| Test { name: name.into(), value: value.map(Into::into), negated: false };
        assert!(cookie(&test("a", Some("1")), b"b=2; a=1"));
        assert!(!cookie(&test("a", Some("1")), b"aa=1; b=a=1"));
        assert!(cookie(&test("a", None), b"a"));
        assert!(parameter(&test("a b", Some("c d")), b"x&a+b=c%20d"));
        assert!(!parameter(&test("a", None), b"b=a&aa=1"));
        assert!(!parameter(&test("", None), b""));
    }
}
