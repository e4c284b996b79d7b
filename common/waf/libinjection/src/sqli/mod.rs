//! SQL injection: read the value in every context it may land in, fold, and look the fingerprint
//! up.

mod fold;
mod judge;
mod kind;
mod lexeme;
mod literal;
#[cfg(test)]
mod published;
mod reading;
mod rules;
mod token;
mod words;

use crate::Fingerprint;
use judge::verdict;
use reading::Reading;
use token::{Context, Dialect};

/// Returns the fingerprint of a value that looks like SQL injection; `None` for one that does not.
///
/// `input` is the decoded value, any bytes, any length. Readings are tried in libinjection's order
/// (as it is, inside single quotes, inside double quotes; standard SQL before MySQL) and the
/// first that convicts gives the fingerprint.
pub fn is_sqli(input: &[u8]) -> Option<Fingerprint> {
    if is_one_token(input) {
        return None;
    }
    convict(input, Context::Bare)
        .or_else(|| convict_in_single_quotes(input))
        .or_else(|| convict_in_double_quotes(input))
}

/// Is the value certainly a single token, like most names and many values? No fingerprint has one
/// token (but the one for evil comments), and without quotes there is no other reading.
fn is_one_token(input: &[u8]) -> bool {
    match input.first() {
        None => true,
        Some(b'0'..=b'9') => input.iter().all(u8::is_ascii_digit),
        Some(_) => input.iter().all(|&byte| byte == b'_' || byte.is_ascii_alphanumeric()),
    }
}

fn convict_in_single_quotes(input: &[u8]) -> Option<Fingerprint> {
    if input.contains(&b'\'') { convict(input, Context::Inside(b'\'')) } else { None }
}

/// Only MySQL takes double quotes for strings.
fn convict_in_double_quotes(input: &[u8]) -> Option<Fingerprint> {
    let quoted = input.contains(&b'"');
    if quoted { verdict(&Reading::new(input, Context::Inside(b'"'), Dialect::MySql)) } else { None }
}

/// Reads as standard SQL, and again as MySQL's if a comment was met that MySQL reads differently.
fn convict(input: &[u8], context: Context) -> Option<Fingerprint> {
    let standard = Reading::new(input, context, Dialect::Standard);
    let found = verdict(&standard);
    if found.is_some() || !standard.dialect_matters {
        return found;
    }
    verdict(&Reading::new(input, context, Dialect::MySql))
}
