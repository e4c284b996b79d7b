//! From the files of a configuration to one table: the included files beside the main one, the
//! environment's values in its texts, templates in its sites.
//!
//! Each file is parsed alone, so that a mistake of one cannot change what another says, and the
//! environment's values are put in after that, so that they are never structure.

mod environment;
mod gathered;
mod included;
mod rewrite;
mod template;

use toml::de::DeTable;

pub use environment::{ENVIRONMENT_BYTES_MAX, Environment};
pub use gathered::Gathered;

use crate::CONFIGURATION_BYTES_MAX;
use crate::names::FilePattern;
use crate::problem::{Problems, Report};
use crate::section::{At, FromValue};
use crate::texts::Texts;
use rewrite::Rewrite;

/// One file of a configuration.
#[derive(Clone, Copy, Debug)]
pub struct Source<'s> {
    /// Its name in messages.
    pub name: &'s str,
    /// Its content.
    pub bytes: &'s [u8],
}

/// A configuration as it was read.
#[derive(Clone, Debug)]
pub struct Sources<'s> {
    /// The file that a person names.
    pub main: Source<'s>,
    /// The files that it includes, in their order.
    pub included: Vec<Source<'s>>,
    /// The variables that its texts may name.
    pub environment: &'s Environment,
}

impl<'s> Sources<'s> {
    /// Returns a configuration of one file, in an environment without variables.
    #[must_use]
    pub fn one(name: &'s str, bytes: &'s [u8]) -> Self {
        Self { main: Source { name, bytes }, included: Vec::new(), environment: Environment::none() }
    }

    /// Returns the texts of all files.
    ///
    /// # Errors
    /// A file that is no text, or files that are longer than [`CONFIGURATION_BYTES_MAX`] together.
    pub(crate) fn texts(&self) -> Result<Texts<'s>, Report> {
        let mut texts = Texts::default();
        let mut left = CONFIGURATION_BYTES_MAX;
        for source in std::iter::once(&self.main).chain(&self.included) {
            left = left.checked_sub(source.bytes.len()).ok_or_else(|| too_long(source, self.included.is_empty()))?;
            let text = std::str::from_utf8(source.bytes).map_err(|error| not_utf8(source, error.valid_up_to()))?;
            texts.push(source.name, text);
        }
        Ok(texts)
    }
}

/// Returns the names that the main file includes: files and patterns, as written, with the values
/// of the environment.
///
/// # Errors
/// All that is wrong with the file as a text, and with its `include`.
pub fn includes(main: Source<'_>, environment: &Environment) -> Result<Vec<String>, Report> {
    let sources = Sources { main, included: Vec::new(), environment };
    let texts = sources.texts()?;
    let mut problems = Problems::default();
    let tables = tables(&texts, environment, &mut problems);
    let names = tables.iter().flatten().next().map(|main| match main.get("include") {
        Some(value) => Vec::<At<FilePattern>>::read("include", value, &mut problems).unwrap_or_default(),
        None => Vec::new(),
    });
    match names {
        // What else is wrong is found again, with all that follows, by who reads the whole.
        Some(names) if names.is_empty() || problems.is_empty() => {
            Ok(names.into_iter().map(|name| name.value.0).collect())
        }
        _ => Err(problems.report(&texts)),
    }
}

/// Returns all texts as one table, or `None` where one is not TOML or there is too much of them;
/// what is wrong is noted.
pub(crate) fn document<'s>(
    texts: &Texts<'s>,
    environment: &Environment,
    problems: &mut Problems,
) -> Option<DeTable<'s>> {
    let mut tables = tables(texts, environment, problems)?.into_iter();
    let mut document = tables.next()?;
    included::merge(&mut document, tables, problems);
    template::apply(&mut document, problems)?;
    Some(document)
}

/// Returns the table of each text, with the values of the environment; `None` where one is not
/// TOML.
fn tables<'s>(texts: &Texts<'s>, environment: &Environment, problems: &mut Problems) -> Option<Vec<DeTable<'s>>> {
    let parsed = parsed(texts, problems)?;
    let mut rewrite = Rewrite::new(environment, problems);
    Some(parsed.into_iter().map(|(table, text, base)| rewrite.file(table, text, base)).collect())
}

/// Returns the table of each text as it is written, with the text and the place of its first byte;
/// `None` where one is not TOML.
pub(crate) fn parsed<'s>(texts: &Texts<'s>, problems: &mut Problems) -> Option<Vec<(DeTable<'s>, &'s str, usize)>> {
    let mut parsed = Vec::new();
    for (text, base) in texts.with_bases() {
        let (table, mistakes) = DeTable::parse_recoverable(text);
        for mistake in &mistakes {
            let span = mistake.span().unwrap_or(text.len()..text.len());
            problems.note(&(base + span.start..base + span.end), mistake.message());
        }
        parsed.push((table.into_inner(), text, base));
    }
    problems.is_empty().then_some(parsed)
}

fn too_long(source: &Source<'_>, is_alone: bool) -> Report {
    let what = if is_alone { "the configuration is" } else { "the files of the configuration are together" };
    Report::whole_file(source.name, &format!("{what} longer than {CONFIGURATION_BYTES_MAX} bytes"))
}

fn not_utf8(source: &Source<'_>, at: usize) -> Report {
    let text = String::from_utf8_lossy(source.bytes);
    let mut problems = Problems::default();
    problems.note_with_cure(&(at..at), "a byte that is not UTF-8", "save the file as UTF-8");
    problems.report(&Texts::one(source.name, &text))
}
