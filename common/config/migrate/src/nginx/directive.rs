//! Directives: their words, and the directives in their blocks. Those that `include` brings stand
//! in its place.

use super::words::{Kind, Token, tokens};
use crate::limits::{BLOCKS_DEPTH_MAX, FILES_COUNT_MAX, TEXT_BYTES_MAX};
use crate::notes::{Notes, Place};
use crate::{File, Mistake, ReadFiles};

/// A directive.
#[derive(Clone, Debug)]
pub(super) struct Directive {
    pub words: Vec<String>,
    pub block: Option<Vec<Directive>>,
    pub place: Place,
}

impl Directive {
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Returns the words after the name.
    pub(super) fn arguments(&self) -> Vec<&str> {
        self.words.iter().skip(1).map(String::as_str).collect()
    }

    /// Notes that it is not carried over, with all that is in its block.
    pub(super) fn left_out(&self, why: &str, notes: &mut Notes) {
        let block = if self.block.is_some() { " {...}" } else { "" };
        notes.left_out(self.place, &format!("{}{block}", self.words.join(" ")), why);
    }
}

/// Files of nginx itself, which say of scripts what fosse tells them anyway.
const OF_NGINX: [&str; 3] = ["fastcgi_params", "fastcgi.conf", "snippets/fastcgi-php.conf"];

/// The files that are still to be taken.
struct Reader<'r, 'n> {
    files: ReadFiles<'r>,
    notes: &'n mut Notes,
    bytes_left: usize,
    files_left: usize,
}

/// Returns the directives of a file with those that it includes.
pub(super) fn directives(file: File, files: ReadFiles<'_>, notes: &mut Notes) -> Result<Vec<Directive>, Mistake> {
    let mut reader = Reader { files, notes, bytes_left: TEXT_BYTES_MAX, files_left: FILES_COUNT_MAX };
    reader.file(file, 0)
}

/// The tokens of a file that are not taken yet.
struct Tokens {
    rest: std::iter::Peekable<std::vec::IntoIter<Token>>,
    file: usize,
    last_line: usize,
}

impl Reader<'_, '_> {
    fn file(&mut self, (name, text): File, depth: usize) -> Result<Vec<Directive>, Mistake> {
        let file = self.notes.file(&name);
        let first = Place { file, line: 1 };
        let left = |left: usize, taken: usize| left.checked_sub(taken);
        self.bytes_left = left(self.bytes_left, text.len()).ok_or_else(|| self.mistake(first, "too many bytes"))?;
        self.files_left = left(self.files_left, 1).ok_or_else(|| self.mistake(first, "too many files"))?;
        let found = tokens(&text).map_err(|(line, what)| self.mistake(Place { file, line }, &what))?;
        let last_line = text.matches('\n').count() + 1;
        let mut tokens = Tokens { rest: found.into_iter().peekable(), file, last_line };
        let all = self.block(&mut tokens, depth)?;
        match tokens.rest.next() {
            Some(close) => Err(self.mistake(Place { file, line: close.line }, "a } that closes nothing")),
            None => Ok(all),
        }
    }

    fn mistake(&self, place: Place, what: &str) -> Mistake {
        Mistake { file: self.notes.name(place.file).to_owned(), line: place.line, what: what.to_owned() }
    }

    /// Takes directives up to the end of their block, or of the file.
    fn block(&mut self, tokens: &mut Tokens, depth: usize) -> Result<Vec<Directive>, Mistake> {
        let mut all = Vec::new();
        while let Some(first) = tokens.rest.next_if(|token| token.kind != Kind::Close) {
            let place = Place { file: tokens.file, line: first.line };
            if depth > BLOCKS_DEPTH_MAX {
                return Err(self.mistake(place, "blocks too deep inside of each other"));
            }
            let directive = self.directive(first, place, tokens, depth)?;
            if directive.name() == "include" && directive.block.is_none() {
                self.include(&directive, depth, &mut all)?;
            } else {
                all.push(directive);
            }
        }
        Ok(all)
    }

    fn directive(
        &mut self,
        first: Token,
        place: Place,
        tokens: &mut Tokens,
        depth: usize,
    ) -> Result<Directive, Mistake> {
        let mut words = Vec::new();
        let mut next = Some(first);
        loop {
            match next.map(|token| token.kind) {
                Some(Kind::Word(word)) => words.push(word),
                Some(Kind::End) if !words.is_empty() => return Ok(Directive { words, block: None, place }),
                Some(Kind::Open) if !words.is_empty() => {
                    let block = Some(self.block(tokens, depth + 1)?);
                    if tokens.rest.next().is_none() {
                        return Err(self.mistake(place, "a block that is not closed"));
                    }
                    return Ok(Directive { words, block, place });
                }
                Some(Kind::Close) | None => return Err(self.mistake(place, "a directive without its ;")),
                Some(_) => return Err(self.mistake(place, "a directive without a name")),
            }
            next = tokens.rest.next();
            if next.is_none() {
                return Err(self.mistake(Place { line: tokens.last_line, ..place }, "a directive without its ;"));
            }
        }
    }

    fn include(&mut self, directive: &Directive, depth: usize, all: &mut Vec<Directive>) -> Result<(), Mistake> {
        for pattern in directive.arguments() {
            match (self.files)(pattern) {
                Ok(files) => {
                    for file in files {
                        all.extend(self.file(file, depth + 1)?);
                    }
                }
                Err(why) if OF_NGINX.iter().any(|name| pattern.ends_with(name)) => {
                    directive.left_out(&format!("{why}; carried over as nginx itself has this file"), self.notes);
                }
                Err(why) => directive.left_out(&why, self.notes),
            }
        }
        Ok(())
    }
}
