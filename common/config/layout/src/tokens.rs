//! The tokens of a text, one after the other.

use toml_parser::Source;
use toml_parser::lexer::{Token, TokenKind};

/// A text as its lexer cuts it.
pub(crate) struct Tokens<'t> {
    text: &'t str,
    all: Vec<Token>,
    at: usize,
}

impl<'t> Tokens<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        Self { text, all: Source::new(text).lex().into_vec(), at: 0 }
    }

    /// Returns the kind of the next token.
    pub(crate) fn kind(&self) -> TokenKind {
        self.kind_after(0)
    }

    /// Returns the kind of the token that `count` others come before.
    pub(crate) fn kind_after(&self, count: usize) -> TokenKind {
        self.all.get(self.at + count).map_or(TokenKind::Eof, Token::kind)
    }

    /// Takes the next token.
    pub(crate) fn take(&mut self) -> &'t str {
        let text = self.all.get(self.at).and_then(|token| self.text.get(token.span().start()..token.span().end()));
        self.at += 1;
        text.unwrap_or_default()
    }

    /// Takes the next token where it is of this kind.
    pub(crate) fn take_if(&mut self, kind: TokenKind) -> Option<&'t str> {
        (self.kind() == kind).then(|| self.take())
    }

    /// Takes blanks, and a comment after them, which it returns.
    pub(crate) fn take_comment(&mut self) -> Option<&'t str> {
        self.take_if(TokenKind::Whitespace);
        self.take_if(TokenKind::Comment).map(str::trim_end)
    }

    /// Takes a key, whose parts are joined without blanks, and the equals sign after it.
    pub(crate) fn take_key(&mut self) -> Option<String> {
        let mut key = String::new();
        loop {
            match self.kind() {
                TokenKind::Equals => break,
                TokenKind::Whitespace => {
                    self.take();
                }
                TokenKind::Newline | TokenKind::Comment | TokenKind::Eof => return None,
                _ => key.push_str(self.take()),
            }
        }
        self.take();
        Some(key)
    }
}
