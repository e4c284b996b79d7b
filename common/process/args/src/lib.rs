//! fosse-args: command lines as the programs of the suite read them: long options, `--name value`
//! or `--name=value`, words in between, nothing left over.

#![forbid(unsafe_code)]

use std::{ffi::OsString, str::FromStr};

/// The words after the program's name, taken one by one. A word that is left at [`Args::end`] is an
/// error.
#[derive(Clone, Debug)]
pub struct Args {
    program: &'static str,
    usage: &'static str,
    words: Vec<String>,
}

impl Args {
    /// Reads the command line of this process. A word that is not UTF-8 ends the program with its
    /// usage.
    #[must_use]
    pub fn of_process(program: &'static str, usage: &'static str) -> Self {
        let words = std::env::args_os().skip(1).map(OsString::into_string).collect::<Result<_, _>>();
        match words {
            Ok(words) => Self { program, usage, words },
            Err(word) => fosse_die::usage(program, &format!("not UTF-8: {}", word.display())),
        }
    }

    /// Takes given words, for tests and for sub-commands.
    #[must_use]
    pub const fn of(program: &'static str, usage: &'static str, words: Vec<String>) -> Self {
        Self { program, usage, words }
    }

    /// Ends the program with a line that says what is wrong, then the usage. Exit status 100.
    pub fn refuse(&self, wrong: impl std::fmt::Display) -> ! {
        fosse_die::usage(self.program, &format!("{wrong}; usage: {}", self.usage))
    }

    /// Takes `--name`. Returns whether it was there.
    pub fn flag(&mut self, name: &str) -> bool {
        let found = self.words.iter().position(|w| w == name);
        found.inspect(|at| drop(self.words.remove(*at))).is_some()
    }

    /// Takes `--name VALUE` or `--name=VALUE`; given twice it is refused.
    pub fn value(&mut self, name: &str) -> Option<String> {
        let value = self.one(name)?;
        if self.one(name).is_some() {
            self.refuse(format_args!("{name} given twice"));
        }
        Some(value)
    }

    /// Takes every `--name VALUE`, in order.
    pub fn values(&mut self, name: &str) -> Vec<String> {
        std::iter::from_fn(|| self.one(name)).collect()
    }

    /// Takes `--name VALUE` as a number, an address, or whatever else reads itself from text.
    pub fn parsed<T: FromStr>(&mut self, name: &str, what: &str) -> Option<T> {
        let text = self.value(name)?;
        Some(text.parse().unwrap_or_else(|_| self.refuse(format_args!("{name}: '{text}' is not {what}"))))
    }

    /// Takes the next word that is not an option.
    pub fn word(&mut self) -> Option<String> {
        let at = self.words.iter().position(|w| !w.starts_with("--"))?;
        Some(self.words.remove(at))
    }

    /// Ends the reading: a word that is left is refused.
    pub fn end(&self) {
        if let Some(word) = self.words.first() {
            self.refuse(format_args!("unknown word '{word}'"));
        }
    }

    fn one(&mut self, name: &str) -> Option<String> {
        let is = |w: &String| w == name || w.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
        let at = self.words.iter().position(is)?;
        let word = self.words.remove(at);
        if let Some((_, value)) = word.split_once('=') {
            return Some(value.to_owned());
        }
        if at >= self.words.len() {
            self.refuse(format_args!("{name} needs a value"));
        }
        Some(self.words.remove(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args::of("test", "test", words.iter().map(|w| (*w).to_owned()).collect())
    }

    #[test]
    fn options_are_taken_in_both_spellings_and_words_stay() {
        let mut a = args(&["--a=1", "word", "--b", "2", "--c", "--b=3"]);
        assert_eq!(a.parsed::<u8>("--a", "a number"), Some(1));
        assert!(a.flag("--c") && !a.flag("--c"));
        assert_eq!(a.values("--b"), ["2", "3"]);
        assert_eq!(a.word().as_deref(), Some("word"));
        a.end();
    }
}
