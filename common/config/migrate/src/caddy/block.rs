//! Directives and their blocks.

use super::words::{WordLine, lines};
use crate::limits::{BLOCKS_DEPTH_MAX, TEXT_BYTES_MAX};
use crate::notes::{Notes, Place};
use crate::{File, Mistake};

/// A line of a Caddyfile, with the block that it opens.
#[derive(Clone, Debug)]
pub(super) struct Directive {
    /// Its words, without the brace.
    pub words: Vec<String>,
    pub block: Option<Vec<Directive>>,
    pub place: Place,
}

impl Directive {
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    pub(super) fn arguments(&self) -> Vec<&str> {
        self.words.iter().skip(1).map(String::as_str).collect()
    }

    /// Returns the directives of its block.
    pub(super) fn inside(&self) -> &[Directive] {
        self.block.as_deref().unwrap_or_default()
    }

    /// Notes that it is not carried over, with all that is in its block.
    pub(super) fn left_out(&self, why: &str, notes: &mut Notes) {
        let block = if self.block.is_some() { " {...}" } else { "" };
        notes.left_out(self.place, &format!("{}{block}", self.words.join(" ")), why);
    }
}

/// Returns the directives of a file.
///
/// # Errors
/// The first line that is not in Caddy's language.
pub(super) fn directives((name, text): File, notes: &mut Notes) -> Result<Vec<Directive>, Mistake> {
    let file = notes.file(&name);
    let mistake = |line: usize, what: &str| Mistake { file: name.clone(), line, what: what.to_owned() };
    if text.len() > TEXT_BYTES_MAX {
        return Err(mistake(1, "too many bytes"));
    }
    let found = lines(&text).map_err(|(line, what)| mistake(line, &what))?;
    let mut rest = found.into_iter().peekable();
    let all = block(&mut rest, file, 0).map_err(|(line, what)| mistake(line, what))?;
    match rest.next() {
        Some(close) => Err(mistake(close.line, "a } that closes nothing")),
        None => Ok(all),
    }
}

type Rest = std::iter::Peekable<std::vec::IntoIter<WordLine>>;

/// Takes directives up to the end of their block, or of the file.
fn block(rest: &mut Rest, file: usize, depth: usize) -> Result<Vec<Directive>, (usize, &'static str)> {
    let mut all = Vec::new();
    while let Some(WordLine { line, mut words }) = rest.next_if(|next| next.words != ["}"]) {
        if depth > BLOCKS_DEPTH_MAX {
            return Err((line, "blocks too deep inside of each other"));
        }
        let opens = words.last().is_some_and(|last| last == "{");
        let inside = if opens {
            words.pop();
            let inside = block(rest, file, depth + 1)?;
            rest.next().ok_or((line, "a block that is not closed"))?;
            Some(inside)
        } else {
            None
        };
        all.push(Directive { words, block: inside, place: Place { file, line } });
    }
    Ok(all)
}
