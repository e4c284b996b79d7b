//! SQL injection: read the value in every context it may land in, fold, and look the fingerprint up.

mod fold;
mod judge;
mod literal;
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
    let readings = |context| convict(input, context, Dialect::Standard);
    let single = || if input.contains(&b'\'') { readings(Context::Inside(b'\'')) } else { None };
    let double = || {
        let quoted = input.contains(&b'"');
        if quoted { Reading::new(input, Context::Inside(b'"'), Dialect::MySql).verdict() } else { None }
    };
    readings(Context::Bare).or_else(single).or_else(double)
}

/// Reads in one dialect, and again in MySQL's if the first reading met a comment that MySQL reads differently.
fn convict(input: &[u8], context: Context, dialect: Dialect) -> Option<Fingerprint> {
    let reading = Reading::new(input, context, dialect);
    let again = || {
        let other = reading.dialect_matters.then(|| Reading::new(input, context, Dialect::MySql));
        other.and_then(|reading| reading.verdict())
    };
    reading.verdict().or_else(again)
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
