//! SQL injection: read the value in every context it may land in, fold, and look the fingerprint up.

mod fold;
mod judge;
mod literal;
#[cfg(test)]
mod published;
mod rules;
mod token;
mod words;

use crate::Fingerprint;
use fold::Folded;
use token::{Context, Dialect, Kind, Tokenizer};

/// The fingerprint of a value that looks like SQL injection, none for one that does not.
///
/// `input` is the decoded value, any bytes, any length. Readings are tried in libinjection's order (as it stands, inside
/// single quotes, inside double quotes; standard SQL before MySQL) and the first that convicts gives the fingerprint.
pub fn is_sqli(input: &[u8]) -> Option<Fingerprint> {
    if is_one_token(input) {
        return None;
    }
    convict(input, Context::Bare)
        .or_else(|| convict_in_single_quotes(input))
        .or_else(|| convict_in_double_quotes(input))
}

/// Is the value certainly a single token, like most names and many values? No fingerprint has one token (but the one for
/// evil comments), and without quotes there is no other reading.
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
    if quoted { Reading::new(input, Context::Inside(b'"'), Dialect::MySql).verdict() } else { None }
}

/// Reads as standard SQL, and again as MySQL's if a comment was met that MySQL reads differently.
fn convict(input: &[u8], context: Context) -> Option<Fingerprint> {
    let standard = Reading::new(input, context, Dialect::Standard);
    let verdict = standard.verdict();
    if verdict.is_some() || !standard.dialect_matters {
        return verdict;
    }
    Reading::new(input, context, Dialect::MySql).verdict()
}

/// One reading of the input: its folded tokens, and what was seen on the way.
struct Reading<'a> {
    input: &'a [u8],
    folded: Folded<'a>,
    fingerprint: Fingerprint,
    tokens_read: usize,
    dialect_matters: bool,
}

impl<'a> Reading<'a> {
    fn new(input: &'a [u8], context: Context, dialect: Dialect) -> Self {
        let mut tokenizer = Tokenizer::new(input, context, dialect);
        let mut folded = fold::fold(&mut tokenizer);
        tick_comment(&mut folded);
        let evil = folded.tokens().iter().any(|token| token.kind == Kind::EVIL);
        let fingerprint = if evil {
            Fingerprint::from_kinds([Kind::EVIL.0].into_iter())
        } else {
            Fingerprint::from_kinds(folded.tokens().iter().map(|token| token.kind.0))
        };
        let (tokens_read, dialect_matters) = (tokenizer.count, tokenizer.dialect_matters);
        Reading { input, folded, fingerprint, tokens_read, dialect_matters }
    }

    fn verdict(&self) -> Option<Fingerprint> {
        let known = words::is_fingerprint(self.fingerprint.as_bytes());
        (known && !judge::is_harmless(self)).then_some(self.fingerprint)
    }
}

/// PHP's MySQL driver takes an empty, unclosed tick at the end for a comment.
fn tick_comment(folded: &mut Folded<'_>) {
    let long = folded.tokens().len() > 2;
    if let Some(last) = folded.last_mut().filter(|_| long)
        && last.kind == Kind::BAREWORD
        && (last.open, last.close) == (b'`', 0)
        && last.text.is_empty()
    {
        last.kind = Kind::COMMENT;
    }
}
