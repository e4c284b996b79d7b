//! The rules of folding. Their order and what each of them forgets are libinjection's: fingerprints
//! were collected with exactly this folding.

use super::kind::Kind;
use super::lexeme::Token;
use super::words;

/// The effect of a rule on the window.
pub(super) enum Step {
    /// Drops this many tokens at the right end and looks again from the position.
    Again(usize, Restart),
    /// No rule fired.
    On,
    /// Fired, but the next rules shall look, too, from the start.
    OnFromStart,
    /// Not SQL that anybody writes: stop here.
    Stop,
}

/// The position to look again from.
pub(super) enum Restart {
    Here,
    OneBack,
    Start,
}

/// Names that are functions when a parenthesis follows, and values otherwise.
const NAMES_OF_FUNCTIONS: [&[u8]; 11] = [
    b"USER_ID",
    b"USER_NAME",
    b"DATABASE",
    b"PASSWORD",
    b"USER",
    b"CURRENT_USER",
    b"CURRENT_DATE",
    b"CURRENT_TIME",
    b"CURRENT_TIMESTAMP",
    b"LOCALTIME",
    b"LOCALTIMESTAMP",
];

/// Applies the rules for two tokens, in order.
#[expect(clippy::too_many_lines, reason = "the order of the rules is their meaning")]
pub(super) fn pair<'a>(a: &mut Token<'a>, b: &mut Token<'a>) -> Step {
    if (a.kind.0 == b's' && b.kind.0 == b's') || (a.kind.0 == b';' && b.kind.0 == b';') {
        return Step::Again(1, Restart::Here);
    }
    if a.kind.is_in(b"o&") && (b.is_unary_operator() || b.kind == Kind::SQL_TYPE) {
        return Step::Again(1, Restart::Start);
    }
    if (a.kind.0 == b'(' && b.is_unary_operator()) || merge(a, b) {
        return Step::Again(1, Restart::OneBack);
    }
    if a.kind.0 == b';' && b.kind == Kind::FUNCTION && b.starts_with_word(b"IF") {
        b.kind = Kind::TSQL;
        return Step::Again(0, Restart::Here);
    }
    if a.kind.is_in(b"nv") && b.kind.0 == b'(' && NAMES_OF_FUNCTIONS.iter().any(|name| a.is_word(name)) {
        a.kind = Kind::FUNCTION;
        return Step::Again(0, Restart::Here);
    }
    if a.kind == Kind::KEYWORD && (a.is_word(b"IN") || a.is_word(b"NOT IN")) {
        a.kind = if b.kind.0 == b'(' { Kind::OPERATOR } else { Kind::BAREWORD };
        return Step::Again(0, Restart::Here);
    }
    match (a.kind.0, b.kind.0) {
        (b'o', _) if a.is_word(b"LIKE") || a.is_word(b"NOT LIKE") => {
            if b.kind.0 == b'(' {
                a.kind = Kind::FUNCTION;
            }
            Step::On
        }
        (b't', b'n' | b'1' | b't' | b'(' | b'f' | b'v' | b's') => replace(a, b),
        (b'A', b'n') => {
            // There are too many collations to list; they have an underscore in common.
            let text = b.text.split(|&byte| byte == 0).next().unwrap_or_default();
            if !text.contains(&b'_') {
                return Step::On;
            }
            b.kind = Kind::SQL_TYPE;
            Step::OnFromStart
        }
        (b'\\', _) if b.is_arithmetic_operator() => {
            // Transact-SQL reads `\%1` as `0 % 1`.
            a.kind = Kind::NUMBER;
            Step::Again(0, Restart::Start)
        }
        (b'\\', _) => replace(a, b),
        (b'(', b'(') | (b')', b')') => Step::Again(1, Restart::Start),
        (b'{', b'n') if b.text.is_empty() => {
            // MySQL accepts {``.``.id}, nobody writes that.
            b.kind = Kind::EVIL;
            Step::Stop
        }
        // ODBC's {name expression} is the expression.
        (b'{', b'n') => Step::Again(2, Restart::Start),
        (_, b'}') => Step::Again(1, Restart::Start),
        _ => Step::On,
    }
}

/// Puts the second token in the place of the first.
fn replace<'a>(a: &mut Token<'a>, b: &Token<'a>) -> Step {
    *a = *b;
    Step::Again(1, Restart::Start)
}

/// Merges two words of a known phrase into one token: `UNION` `ALL`.
fn merge<'a>(a: &mut Token<'a>, b: &Token<'a>) -> bool {
    if !a.kind.is_in(b"knoUfETt") || !b.kind.is_in(b"knoUfETt&") {
        return false;
    }
    let Some(phrase) = words::phrase(a.text, b.text) else {
        return false;
    };
    // A word quoted in ticks keeps its quotes.
    *a = Token { kind: phrase.kind, text: phrase.text, ..*a };
    true
}

/// Applies the rules for three tokens, in order.
pub(super) fn triple<'a>(a: &mut Token<'a>, b: &mut Token<'a>, c: &mut Token<'a>) -> Step {
    let settled = match (a.kind.0, b.kind.0, c.kind.0) {
        (b'1', b'o', b'1') | (b'&', _, b'&') => true,
        (b'o', middle, b'o') => middle != b'(',
        (b'v', b'o', b'v' | b'1' | b'n') | (b'n' | b'1', b'o', b'1' | b'n') => true,
        (b'n' | b'1' | b'v' | b's', b'o', b't') => b.text == b"::",
        (b'n' | b'1' | b's' | b'v', b',', b'1' | b'n' | b's' | b'v') => true,
        _ => false,
    };
    if settled {
        return Step::Again(2, Restart::Start);
    }
    let sign = b.is_unary_operator();
    match (a.kind.0, b.kind.0, c.kind.0) {
        (b'E' | b'B' | b',', _, b'(') | (b'k' | b'E' | b'B', _, b'1' | b'n' | b'v' | b's' | b'f') if sign => {
            replace(b, c)
        }
        (b',', _, b'1' | b'n' | b'v' | b's') if sign => Step::Again(3, Restart::Start),
        (b',', _, b'f') if sign => replace(b, c),
        (b'n', b'.', b'n') => Step::Again(2, Restart::Start),
        (b'E', b'.', b'n') => replace(b, c),
        (b'f', b'(', next) => {
            if next != b')' && a.is_word(b"USER") {
                a.kind = Kind::BAREWORD;
            }
            Step::On
        }
        _ => Step::On,
    }
}
