//! Folding: tokens that cannot change the verdict are merged or dropped until at most five are
//! left.
//!
//! A window of at most six tokens slides over the input. Rules look at the two tokens at its left
//! edge, then at three; a rule that fires shortens the window and steps back, else the edge moves
//! right.

use super::kind::Kind;
use super::lexeme::Token;
use super::rules::{self, Restart, Step};
use super::token::Tokenizer;

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
        &self.window[..self.len]
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut Token<'a>> {
        self.window.get_mut(self.len.checked_sub(1)?)
    }
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
    /// Skips comments, opening parentheses, casts and signs at the start, which say nothing.
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
                    self.len = self.left + 2;
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
                _ => self.left += 1,
            }
        }
        self.finish();
    }

    /// Appends a comment at the very end where there is room; the sixth token was only for looking
    /// ahead.
    fn finish(&mut self) {
        self.len = self.len.min(TOKENS_MAX);
        if self.len < TOKENS_MAX
            && let Some(comment) = self.comment
        {
            self.push(comment);
        }
    }

    fn push(&mut self, token: Token<'a>) {
        self.window[self.len] = token;
        self.len += 1;
    }

    /// Reads on until `count` tokens are at the left edge; returns whether they are. If the input
    /// or the window ends before that, everything is settled.
    fn fill(&mut self, count: usize) -> bool {
        while self.more && self.len < WINDOW_MAX && self.len - self.left < count {
            match self.tokenizer.next() {
                None => self.more = false,
                Some(token) if token.kind == Kind::COMMENT => self.comment = Some(token),
                Some(token) => {
                    self.comment = None;
                    self.push(token);
                }
            }
        }
        let full = self.len - self.left >= count;
        if !full {
            self.left = self.len;
        }
        full
    }

    fn again(&mut self, count: usize, place: Restart) {
        self.len -= count;
        self.left = match place {
            Restart::Here => self.left,
            // At the left edge of the input there is nothing to go back to.
            Restart::OneBack => self.left.saturating_sub(1),
            Restart::Start => 0,
        };
    }

    /// Starts over where five tokens are plain arithmetic: they are one value, which is kept with
    /// the sixth token, if that was read.
    fn restart_if_harmless(&mut self) {
        let [a, b, c, d, e, sixth] = self.window;
        let harmless = matches!(
            [a.kind.0, b.kind.0, c.kind.0, d.kind.0, e.kind.0],
            [b'1', b'o' | b',', b'(', b'1', b')']
                | [b'n', b'o', b'(', b'n' | b'1', b')']
                | [b'1', b')', b',', b'(', b'1']
                | [b'n', b')', b'o', b'(', b'n']
        );
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
            Some([a, b, ..]) => rules::pair(a, b),
            _ => Step::On,
        }
    }

    fn triple_rule(&mut self) -> Step {
        match self.window.get_mut(self.left..) {
            Some([a, b, c, ..]) => rules::triple(a, b, c),
            _ => Step::On,
        }
    }
}
