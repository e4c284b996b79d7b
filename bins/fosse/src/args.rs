//! The command line, read by the table of commands.

use std::collections::BTreeMap;

use crate::commands::{self, Command, Takes};

/// A command with its flags and words, all of them known.
#[derive(Clone, Debug)]
pub(crate) struct Args {
    /// The command.
    pub command: &'static Command,
    values: BTreeMap<&'static str, Vec<String>>,
    positional: Vec<String>,
}

/// Reads the words after the program's name.
///
/// # Errors
/// One line: the problem, and the command that shows more.
pub(crate) fn read(words: &[String]) -> Result<Args, String> {
    let name = match words.first().map(String::as_str) {
        None | Some("-h" | "--help") => "help",
        Some("-V" | "--version") => "version",
        Some(name) => name,
    };
    let command = commands::find(name).ok_or_else(|| format!("no command '{name}'; fosse help shows them"))?;
    let mut read = Args { command, values: BTreeMap::new(), positional: Vec::new() };
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        if word == "-h" {
            read.values.insert("--help", vec![String::new()]);
        } else if word.starts_with("--") {
            read.flag(word, &mut rest)?;
        } else {
            read.positional.push(word.clone());
        }
    }
    if !read.has("--help") {
        read.count_positional()?;
    }
    Ok(read)
}

impl Args {
    fn flag<'a>(&mut self, word: &str, rest: &mut impl Iterator<Item = &'a String>) -> Result<(), String> {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value.to_owned())));
        let wrong = |what: String| format!("{what}; fosse help {} shows what it takes", self.command.name);
        let flag = self.command.flag(name).ok_or_else(|| wrong(format!("unknown option {name}")))?;
        let value = match (flag.takes, value) {
            (Takes::Nothing, None) => String::new(),
            (Takes::Nothing, Some(_)) => return Err(wrong(format!("{name} takes no value"))),
            (_, Some(value)) => value,
            (_, None) => rest.next().cloned().ok_or_else(|| wrong(format!("{name} needs a value")))?,
        };
        if let Takes::Word(words) = flag.takes
            && !words.contains(&value.as_str())
        {
            return Err(wrong(format!("{name}: '{value}' is none of {}", words.join(", "))));
        }
        let values = self.values.entry(flag.name).or_default();
        if !values.is_empty() && !flag.takes.repeats() {
            return Err(wrong(format!("{name} given twice")));
        }
        values.push(value);
        Ok(())
    }

    fn count_positional(&self) -> Result<(), String> {
        let wrong = |what: String| Err(format!("{what}; fosse help {} shows what it takes", self.command.name));
        let repeats = self.command.words.last().is_some_and(|last| last.takes.repeats());
        if let Some(more) = self.positional.get(self.command.words.len()).filter(|_| !repeats) {
            return wrong(format!("unknown word '{more}'"));
        }
        match self.command.words.get(self.positional.len()) {
            Some(missing) if missing.needed => wrong(format!("{} is missing", missing.takes.shown())),
            _ => Ok(()),
        }
    }

    /// Returns whether a flag is given.
    #[must_use]
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Returns the value of a flag.
    #[must_use]
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values(name).first().map(String::as_str)
    }

    /// Returns the values of a flag, in order.
    #[must_use]
    pub(crate) fn values(&self, name: &str) -> &[String] {
        self.values.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns a word that is not a flag, by its number from 0.
    #[must_use]
    pub(crate) fn positional(&self, at: usize) -> Option<&str> {
        self.positional.get(at).map(String::as_str)
    }

    /// Returns the words that are not flags, from a number on.
    #[must_use]
    pub(crate) fn rest(&self, at: usize) -> &[String] {
        self.positional.get(at..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Args, String> {
        read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn flags_are_taken_in_both_spellings_in_any_order() {
        let words = of("up --listen=127.0.0.1:1 --backend unix:/x --no-sandbox --waf off").unwrap();
        assert_eq!(words.value("--listen"), Some("127.0.0.1:1"));
        assert_eq!(words.value("--backend"), Some("unix:/x"));
        assert!(words.has("--no-sandbox") && !words.has("--sandbox-trap"));
    }

    #[test]
    fn a_flag_that_may_be_repeated_keeps_every_value_in_order() {
        let words = of("check --dir a --dir=b x.toml").unwrap();
        assert_eq!(
            (words.values("--dir"), words.positional(0)),
            (&["a".to_owned(), "b".to_owned()][..], Some("x.toml"))
        );
    }

    #[test]
    fn what_no_row_knows_is_refused_with_a_line_that_helps() {
        for (line, expected) in [
            ("upp", "no command 'upp'; fosse help shows them"),
            ("up --listn x", "unknown option --listn; fosse help up shows what it takes"),
            ("up --waf loud", "--waf: 'loud' is none of off, detect, block; fosse help up shows what it takes"),
            ("up --listen", "--listen needs a value; fosse help up shows what it takes"),
            ("up --no-sandbox=1", "--no-sandbox takes no value; fosse help up shows what it takes"),
            ("check --log-dir a --log-dir b", "--log-dir given twice; fosse help check shows what it takes"),
            ("up --lanes 1 --lanes 2", "--lanes given twice; fosse help up shows what it takes"),
            ("check a b", "unknown word 'b'; fosse help check shows what it takes"),
            ("explain a", "PATH is missing; fosse help explain shows what it takes"),
        ] {
            assert_eq!(of(line).unwrap_err(), expected);
        }
    }

    #[test]
    fn help_needs_no_words_and_an_empty_line_asks_for_it() {
        assert!(of("explain --help").unwrap().has("--help"));
        assert!(of("up -h").unwrap().has("--help"));
        assert_eq!(of("").unwrap().command.name, "help");
        assert_eq!(of("--version").unwrap().command.name, "version");
    }
}
