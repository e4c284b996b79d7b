//! One reading of a value: its tokens, folded, and their fingerprint.

use super::fold::{self, Folded};
use super::kind::Kind;
use super::token::{Context, Dialect, Tokenizer};
use crate::Fingerprint;

/// One reading of the input: its folded tokens, and what was seen on the way.
pub(super) struct Reading<'a> {
    pub(super) input: &'a [u8],
    pub(super) folded: Folded<'a>,
    pub(super) fingerprint: Fingerprint,
    pub(super) tokens_read: usize,
    pub(super) dialect_matters: bool,
}

impl<'a> Reading<'a> {
    pub(super) fn new(input: &'a [u8], context: Context, dialect: Dialect) -> Self {
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
