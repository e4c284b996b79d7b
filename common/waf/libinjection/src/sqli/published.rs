//! libinjection's own cases for the tokenizer and for folding (tests/data/tokens.txt and
//! folding.txt).

use super::fold;
use super::kind::Kind;
use super::lexeme::Token;
use super::token::{Context, Dialect, Tokenizer};
use crate::support;

fn push(line: &mut Vec<u8>, quote: u8) {
    if quote != 0 {
        line.push(quote);
    }
}

/// A token as the cases write it: kind, space, text. Strings and variables are written with their
/// quotes.
fn show(token: &Token<'_>) -> Vec<u8> {
    let quoted = token.kind == Kind::STRING || token.kind == Kind::VARIABLE;
    let mut line = vec![token.kind.0, b' '];
    push(&mut line, if quoted { token.open } else { 0 });
    line.extend(token.text);
    push(&mut line, if quoted { token.close } else { 0 });
    line
}

/// The signs before a variable are not kept, nor is the case of the words of a phrase.
fn expected(line: &[u8]) -> Vec<u8> {
    let name = line.strip_prefix(b"v ").map(|name| name.trim_ascii_start().split(|&byte| byte == b'@').next_back());
    let line = name.flatten().map_or(line.to_vec(), |name| [b"v ", name].concat());
    line.trim_ascii_end().to_ascii_uppercase()
}

fn check(file: &str, count: usize, tokens: impl Fn(&[u8]) -> Vec<Vec<u8>>) {
    let cases = support::cases(file);
    assert_eq!(cases.len(), count);
    for case in cases {
        let shown = tokens(&case.input).join(&b'\n');
        let shown: Vec<_> =
            shown.split(|&byte| byte == b'\n').map(|line| line.trim_ascii_end().to_ascii_uppercase()).collect();
        let expected: Vec<_> = case.expected.split(|&byte| byte == b'\n').map(expected).collect();
        let texts = |lines: &[Vec<u8>]| lines.join(&b'\n').escape_ascii().to_string();
        assert_eq!(texts(&shown), texts(&expected), "{}", case.name);
    }
}

#[test]
fn reads_tokens_as_published() {
    check("tokens.txt", 249, |input| {
        let mut tokenizer = Tokenizer::new(input, Context::Bare, Dialect::Standard);
        std::iter::from_fn(|| tokenizer.next()).map(|token| show(&token)).collect()
    });
}

#[test]
fn folds_as_published() {
    check("folding.txt", 118, |input| {
        let folded = fold::fold(&mut Tokenizer::new(input, Context::Bare, Dialect::Standard));
        folded.tokens().iter().map(show).collect()
    });
}
