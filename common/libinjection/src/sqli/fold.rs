//! Folding: tokens that cannot change the verdict are merged or dropped until at most five are left.
//!
//! A window of at most six tokens slides over the input. Rules look at the two tokens at its left edge, then at three;
//! a rule that fires shortens the window and steps back, else the edge moves right. The order of the rules and what
//! each of them forgets are libinjection's: fingerprints were collected with exactly this folding.

use super::token::{Kind, Token, Tokenizer};
use super::words;

/// Tokens of a fingerprint.
pub(super) const TOKENS_MAX: usize = 5;
/// One more than a fingerprint has, because the last token's meaning may depend on the next.
const WINDOW_MAX: usize = TOKENS_MAX + 1;

const NONE: Token<'static> = Token { kind: Kind(0), text: b"", open: 0, close: 0 };

/// The folded tokens of one reading of the input.
pub(super) struct Folded<'a> {
    window: [Token<'a>; WINDOW_MAX],
    len: usize,
}

impl<'a> Folded<'a> {
    pub(super) fn tokens(&self) -> &[Token<'a>] {
        self.window.get(..self.len).unwrap_or_default()
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut Token<'a>> {
        self.window.get_mut(self.len.checked_sub(1)?)
    }
}

/// What a rule makes of the window.
enum Step {
    /// Forget this many tokens at the right end and look again from the place.
    Again(usize, Place),
    /// No rule fired.
    On,
    /// Fired, but the next rules shall look, too, from the start.
    OnFromStart,
    /// Not SQL that anybody writes: stop here.
    Stop,
}

/// Where to look again.
enum Place {
    Here,
    OneBack,
    Start,
}

struct Folder<'a, 't> {
    tokenizer: &'t mut Tokenizer<'a>,
    /// The input is not at its end.
    more: bool,
    window: [Token<'a>; WINDOW_MAX],
    /// Tokens in the window.
    len: usize,
    /// The token at which the rules look; those before it are settled, for now.
    left: usize,
    /// The comment that is the last token read, if it is one.
    comment: Option<Token<'a>>,
}

/// Reads and folds the whole input, or as much as fills a fingerprint.
pub(super) fn fold<'a>(tokenizer: &mut Tokenizer<'a>) -> Folded<'a> {
    let mut folder = Folder { tokenizer, more: true, window: [NONE; WINDOW_MAX], len: 0, left: 0, comment: None };
    folder.skip_opening();
    if folder.more {
        folder.run();
    }
    Folded { window: folder.window, len: folder.len }
}

impl<'a> Folder<'a, '_> {
    /// Comments, opening parentheses, casts and signs at the start say nothing.
    fn skip_opening(&mut self) {
        while let Some(token) = self.tokenizer.next() {
            if !(token.kind.is_in(b"c(t") || token.is_unary_operator()) {
                return self.push(token);
            }
        }
        self.more = false;
    }

    fn run(&mut self) {
        loop {
            self.restart_if_harmless();
            if !self.more || self.left >= TOKENS_MAX {
                break;
            }
            if !self.fill(2) {
                continue;
            }
            match self.pair_rule() {
                Step::Again(count, place) => {
                    self.again(count, place);
                    continue;
                }
                Step::Stop => {
                    self.len = self.left.saturating_add(2);
                    return;
                }
                Step::OnFromStart => self.left = 0,
                Step::On => {}
            }
            if !self.fill(3) {
                continue;
            }
            match self.triple_rule() {
                Step::Again(count, place) => self.again(count, place),
                _ => self.left = self.left.saturating_add(1),
            }
        }
        self.finish();
    }

    /// A comment at the very end counts where there is room; the sixth token was only for looking ahead.
    fn finish(&mut self) {
        self.len = self.len.min(TOKENS_MAX);
        if self.len < TOKENS_MAX
            && let Some(comment) = self.comment
        {
            self.push(comment);
        }
    }

    fn push(&mut self, token: Token<'a>) {
        if let Some(place) = self.window.get_mut(self.len) {
            *place = token;
            self.len = self.len.saturating_add(1);
        }
    }

    /// Reads on until `count` tokens stand at the left edge. If the input or the window ends before that, everything is
    /// settled and the answer is no.
    fn fill(&mut self, count: usize) -> bool {
        while self.more && self.len < WINDOW_MAX && self.len.saturating_sub(self.left) < count {
            match self.tokenizer.next() {
                None => self.more = false,
                Some(token) if token.kind == Kind::COMMENT => self.comment = Some(token),
                Some(token) => {
                    self.comment = None;
                    self.push(token);
                }
            }
        }
        let full = self.len.saturating_sub(self.left) >= count;
        if !full {
            self.left = self.len;
        }
        full
    }

    fn again(&mut self, count: usize, place: Place) {
        self.len = self.len.saturating_sub(count);
        self.left = match place {
            Place::Here => self.left,
            Place::OneBack => self.left.saturating_sub(1),
            Place::Start => 0,
        };
    }

    /// Five tokens of plain arithmetic are one value: start over with it (and with the sixth, if it was read).
    fn restart_if_harmless(&mut self) {
        let [a, b, c, d, e, sixth] = self.window;
        let harmless = match [a.kind.0, b.kind.0, c.kind.0, d.kind.0, e.kind.0] {
            [b'1', b'o' | b',', b'(', b'1', b')'] => true,
            [b'n', b'o', b'(', b'n' | b'1', b')'] => true,
            [b'1', b')', b',', b'(', b'1'] | [b'n', b')', b'o', b'(', b'n'] => true,
            _ => false,
        };
        if self.len < TOKENS_MAX || !harmless {
            return;
        }
        let had_sixth = self.len > TOKENS_MAX;
        self.len = 1;
        self.left = 0;
        if had_sixth {
            self.push(sixth);
        }
    }

    fn pair_rule(&mut self) -> Step {
        match self.window.get_mut(self.left..) {
            Some([a, b, ..]) => pair_rule(a, b),
            _ => Step::On,
        }
    }

    fn triple_rule(&mut self) -> Step {
        match self.window.get_mut(self.left..) {
            Some([a, b, c, ..]) => triple_rule(a, b, c),
            _ => Step::On,
        }
    }
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

/// The rules for two tokens, in order.
fn pair_rule<'a>(a: &mut Token<'a>, b: &mut Token<'a>) -> Step {
    if (a.kind.0 == b's' && b.kind.0 == b's') || (a.kind.0 == b';' && b.kind.0 == b';') {
        return Step::Again(1, Place::Here);
    }
    if a.kind.is_in(b"o&") && (b.is_unary_operator() || b.kind == Kind::SQL_TYPE) {
        return Step::Again(1, Place::Start);
    }
    if (a.kind.0 == b'(' && b.is_unary_operator()) || merge(a, b) {
        return Step::Again(1, Place::OneBack);
    }
    if a.kind.0 == b';' && b.kind == Kind::FUNCTION && b.starts_with_word(b"IF") {
        b.kind = Kind::TSQL;
        return Step::Again(0, Place::Here);
    }
    if a.kind.is_in(b"nv") && b.kind.0 == b'(' && NAMES_OF_FUNCTIONS.iter().any(|name| a.is_word(name)) {
        a.kind = Kind::FUNCTION;
        return Step::Again(0, Place::Here);
    }
    if a.kind == Kind::KEYWORD && (a.is_word(b"IN") || a.is_word(b"NOT IN")) {
        a.kind = if b.kind.0 == b'(' { Kind::OPERATOR } else { Kind::BAREWORD };
        return Step::Again(0, Place::Here);
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
            Step::Again(0, Place::Start)
        }
        (b'\\', _) => replace(a, b),
        (b'(', b'(') | (b')', b')') => Step::Again(1, Place::Start),
        (b'{', b'n') if b.text.is_empty() => {
            // MySQL accepts {``.``.id}, nobody writes it.
            b.kind = Kind::EVIL;
            Step::Stop
        }
        // ODBC's {name expression} is the expression.
        (b'{', b'n') => Step::Again(2, Place::Start),
        (_, b'}') => Step::Again(1, Place::Start),
        _ => Step::On,
    }
}

/// The second token takes the place of the first.
fn replace<'a>(a: &mut Token<'a>, b: &Token<'a>) -> Step {
    *a = *b;
    Step::Again(1, Place::Start)
}

/// Words that make a known phrase become one token: `UNION` `ALL`.
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

/// The rules for three tokens, in order.
fn triple_rule<'a>(a: &mut Token<'a>, b: &mut Token<'a>, c: &mut Token<'a>) -> Step {
    let settled = match (a.kind.0, b.kind.0, c.kind.0) {
        (b'1', b'o', b'1') | (b'&', _, b'&') => true,
        (b'o', middle, b'o') => middle != b'(',
        (b'v', b'o', b'v' | b'1' | b'n') | (b'n' | b'1', b'o', b'1' | b'n') => true,
        (b'n' | b'1' | b'v' | b's', b'o', b't') => b.text == b"::",
        (b'n' | b'1' | b's' | b'v', b',', b'1' | b'n' | b's' | b'v') => true,
        _ => false,
    };
    if settled {
        return Step::Again(2, Place::Start);
    }
    let sign = b.is_unary_operator();
    match (a.kind.0, b.kind.0, c.kind.0) {
        (b'E' | b'B' | b',', _, b'(') | (b'k' | b'E' | b'B', _, b'1' | b'n' | b'v' | b's' | b'f') if sign => {
            replace(b, c)
        }
        (b',', _, b'1' | b'n' | b'v' | b's') if sign => Step::Again(3, Place::Start),
        (b',', _, b'f') if sign => replace(b, c),
        (b'n', b'.', b'n') => Step::Again(2, Place::Start),
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
