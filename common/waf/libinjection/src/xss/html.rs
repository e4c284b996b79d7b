//! HTML cut into the pieces a browser would see, after the tokenizer of the HTML standard (section
//! 13.2.5) with the habits of old browsers added: NUL and vertical tab are white space, ticks
//! quote, `<%` opens a comment.
//!
//! States follow each other in a loop, so that `////` costs no stack.

use super::markup::{self, Cut};
use super::piece::Piece;
use crate::bytes::{self, ByteSet};

/// The place in a page that the value is read at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Start {
    /// Between tags.
    Text,
    /// Inside a tag, outside quotes.
    Tag,
    /// Inside an attribute value opened by this quote.
    Quoted(u8),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Text,
    TagOpen,
    EndTagOpen,
    TagName,
    /// At a `>`.
    TagEnd,
    BeforeAttribute,
    AttributeName,
    AfterAttributeName,
    BeforeValue,
    /// At the first byte of a quoted value.
    Quoted(u8),
    Unquoted,
    AfterQuoted,
    /// After a `/` inside a tag.
    Slash,
    Markup,
    End,
}

/// One piece of the input.
type Found<'a> = (Piece, &'a [u8]);

/// The result of a state: a piece, the next state, or the end.
enum Step<'a> {
    Found(Found<'a>),
    On,
    Over,
}

/// The pieces of one input, read from one start.
pub(super) struct Pieces<'a> {
    input: &'a [u8],
    at: usize,
    state: State,
    /// The tag being read began with `</`. As in libinjection, `</>` leaves this set for the next
    /// tag.
    closing: bool,
}

const WHITE: ByteSet = ByteSet::of(b" \t\n\x0b\x0c\r\0");
/// NUL is part of a tag's name: old browsers ignore it there.
const TAG_NAME_END: ByteSet = ByteSet::of(b" \t\n\x0b\x0c\r/>");
const ATTRIBUTE_NAME_END: ByteSet = ByteSet::of(b" \t\n\x0b\x0c\r\0/=>");
const UNQUOTED_END: ByteSet = ByteSet::of(b" \t\n\x0b\x0c\r\0>");

impl<'a> Pieces<'a> {
    pub(super) fn new(input: &'a [u8], start: Start) -> Self {
        let state = match start {
            Start::Text => State::Text,
            Start::Tag => State::BeforeAttribute,
            Start::Quoted(quote) => State::Quoted(quote),
        };
        Pieces { input, at: 0, state, closing: false }
    }

    fn step(&mut self) -> Step<'a> {
        match self.state {
            State::Text => self.text(),
            State::TagOpen => self.tag_open(),
            State::EndTagOpen => self.end_tag_open(),
            State::TagName => self.tag_name(),
            State::TagEnd => self.tag_end(),
            State::BeforeAttribute => self.before_attribute(),
            State::AttributeName => self.attribute_name(),
            State::AfterAttributeName => self.after_attribute_name(),
            State::BeforeValue => self.before_value(),
            State::Quoted(quote) => self.quoted(quote),
            State::Unquoted => self.unquoted(),
            State::AfterQuoted => self.after_quoted(),
            State::Slash => self.slash(),
            State::Markup => self.markup(),
            State::End => Step::Over,
        }
    }

    fn rest(&self) -> &'a [u8] {
        bytes::from(self.input, self.at)
    }

    /// Goes on in `state`, `skip` bytes on.
    fn go(&mut self, skip: usize, state: State) -> Step<'a> {
        self.at += skip;
        self.state = state;
        Step::On
    }

    /// Returns a piece of the next `len` bytes, going on in `state` after `skip` more; without a
    /// `len` it is all the rest.
    fn found(&mut self, piece: Piece, len: Option<usize>, skip: usize, state: State) -> Step<'a> {
        let text = len.map_or(self.rest(), |len| bytes::upto(self.rest(), len));
        self.at = self.at + text.len() + skip;
        self.state = if len.is_some() { state } else { State::End };
        Step::Found((piece, text))
    }

    fn text(&mut self) -> Step<'a> {
        match bytes::find(self.rest(), 0, b'<') {
            Some(0) => self.go(1, State::TagOpen),
            None if self.rest().is_empty() => Step::Over,
            len => self.found(Piece::Text, len, 1, State::TagOpen),
        }
    }

    fn tag_open(&mut self) -> Step<'a> {
        match self.rest() {
            [] => Step::Over,
            [b'!', ..] => self.go(1, State::Markup),
            [b'/', ..] => {
                self.closing = true;
                self.go(1, State::EndTagOpen)
            }
            [b'?', ..] => {
                self.at += 1;
                self.bogus_comment()
            }
            [b'%', ..] => {
                self.at += 1;
                let cut = markup::percent_comment(self.rest());
                self.cut(&cut)
            }
            [0, ..] => self.go(0, State::TagName),
            [byte, ..] if byte.is_ascii_alphabetic() => self.go(0, State::TagName),
            _ => {
                self.state = State::Text;
                Step::Found((Piece::Text, b"<"))
            }
        }
    }

    fn end_tag_open(&mut self) -> Step<'a> {
        match self.rest() {
            [] => Step::Over,
            [b'>', ..] => self.go(0, State::Text),
            [byte, ..] if byte.is_ascii_alphabetic() => self.go(0, State::TagName),
            _ => {
                self.closing = false;
                self.bogus_comment()
            }
        }
    }

    fn tag_name(&mut self) -> Step<'a> {
        let rest = self.rest();
        let len = TAG_NAME_END.span_outside(rest);
        match rest.get(len) {
            None => self.found(Piece::TagName, None, 0, State::End),
            Some(b'/') => self.found(Piece::TagName, Some(len), 1, State::Slash),
            Some(b'>') if self.closing => {
                self.closing = false;
                self.found(Piece::TagClose, Some(len), 1, State::Text)
            }
            Some(b'>') => self.found(Piece::TagName, Some(len), 0, State::TagEnd),
            Some(_) => self.found(Piece::TagName, Some(len), 1, State::BeforeAttribute),
        }
    }

    fn tag_end(&mut self) -> Step<'a> {
        self.closing = false;
        self.found(Piece::TagEnd, Some(1), 0, State::Text)
    }

    fn skip_white(&mut self) -> Option<u8> {
        self.at += WHITE.span(self.rest());
        self.rest().first().copied()
    }

    fn before_attribute(&mut self) -> Step<'a> {
        match self.skip_white() {
            None => Step::Over,
            Some(b'/') => self.go(1, State::Slash),
            Some(b'>') => self.found(Piece::TagEnd, Some(1), 0, State::Text),
            Some(_) => self.go(0, State::AttributeName),
        }
    }

    /// The first byte is part of the name whatever it is.
    fn attribute_name(&mut self) -> Step<'a> {
        let rest = self.rest();
        let len = ATTRIBUTE_NAME_END.span_outside(bytes::from(rest, 1)) + 1;
        match rest.get(len) {
            None => self.found(Piece::AttributeName, None, 0, State::End),
            Some(b'/') => self.found(Piece::AttributeName, Some(len), 1, State::Slash),
            Some(b'=') => self.found(Piece::AttributeName, Some(len), 1, State::BeforeValue),
            Some(b'>') => self.found(Piece::AttributeName, Some(len), 0, State::TagEnd),
            Some(_) => self.found(Piece::AttributeName, Some(len), 1, State::AfterAttributeName),
        }
    }

    fn after_attribute_name(&mut self) -> Step<'a> {
        match self.skip_white() {
            None => Step::Over,
            Some(b'/') => self.go(1, State::Slash),
            Some(b'=') => self.go(1, State::BeforeValue),
            Some(b'>') => self.go(0, State::TagEnd),
            Some(_) => self.go(0, State::AttributeName),
        }
    }

    fn before_value(&mut self) -> Step<'a> {
        match self.skip_white() {
            None => Step::Over,
            Some(quote @ (b'"' | b'\'' | b'`')) => self.go(1, State::Quoted(quote)),
            Some(_) => self.go(0, State::Unquoted),
        }
    }

    fn quoted(&mut self, quote: u8) -> Step<'a> {
        let end = bytes::find(self.rest(), 0, quote);
        self.found(Piece::AttributeValue, end, 1, State::AfterQuoted)
    }

    fn unquoted(&mut self) -> Step<'a> {
        let rest = self.rest();
        let len = UNQUOTED_END.span_outside(rest);
        match rest.get(len) {
            None => self.found(Piece::AttributeValue, None, 0, State::End),
            Some(b'>') => self.found(Piece::AttributeValue, Some(len), 0, State::TagEnd),
            Some(_) => self.found(Piece::AttributeValue, Some(len), 1, State::BeforeAttribute),
        }
    }

    fn after_quoted(&mut self) -> Step<'a> {
        match self.rest() {
            [] => Step::Over,
            [b'/', ..] => self.go(1, State::Slash),
            _ => self.go(0, State::BeforeAttribute),
        }
    }

    fn slash(&mut self) -> Step<'a> {
        match self.rest() {
            [] => Step::Over,
            [b'>', ..] => {
                let found = Step::Found((Piece::TagSelfEnd, b"/>".as_slice()));
                self.go(1, State::Text);
                found
            }
            _ => self.go(0, State::BeforeAttribute),
        }
    }

    /// Reads markup after `<!`.
    fn markup(&mut self) -> Step<'a> {
        let cut = markup::declaration(self.rest());
        self.cut(&cut)
    }

    fn bogus_comment(&mut self) -> Step<'a> {
        let cut = markup::bogus_comment(self.rest());
        self.cut(&cut)
    }

    fn cut(&mut self, cut: &Cut) -> Step<'a> {
        self.at += cut.start;
        self.found(cut.piece, cut.len, cut.skip, State::Text)
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        loop {
            match self.step() {
                Step::Found(found) => return Some(found),
                Step::On => {}
                Step::Over => return None,
            }
        }
    }
}
