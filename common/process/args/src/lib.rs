//! fosse-args: command lines as the programs of the suite read them: long options, `--name value`
//! or `--name=value`, words in between, `--` before words that begin with a dash.
//!
//! A program has one table, its [`Usage`]; by it everything is read before anything is done, so
//! that no word is passed over in silence. `--help` and `--version` need no row.

#![forbid(unsafe_code)]

mod help;
mod read;
mod table;

use std::{collections::BTreeMap, ffi::OsString, io::Write as _, str::FromStr};

pub use help::help;
pub use read::{Request, read};
pub use table::{Flag, HELP, NO_SANDBOX, Positional, SANDBOX_STRICT, SANDBOX_TRAP, Takes, Usage, VERSION};

/// The options and words of a command line, all of them known to its table.
#[derive(Clone, Debug)]
pub struct Args {
    usage: &'static Usage,
    path: String,
    values: BTreeMap<&'static str, Vec<String>>,
    positional: Vec<String>,
}

impl Args {
    /// Reads the command line of this process. Ends the program with exit status 0 where help or
    /// the version is asked for, and with 100 where a word is wrong.
    #[must_use]
    pub fn of_process(usage: &'static Usage) -> Self {
        let words = std::env::args_os().skip(1).map(OsString::into_string).collect::<Result<Vec<_>, _>>();
        let words = words.map_err(|word| format!("not UTF-8: {}", fosse_die::Escaped(word.as_encoded_bytes())));
        match words.and_then(|words| read(usage, &words)) {
            Ok(Request::Run(args)) => args,
            Ok(Request::Show(text)) => {
                // A reader that has seen enough (head, less) is no error.
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
                std::process::exit(0)
            }
            Err(why) => fosse_die::usage(usage.name, &why),
        }
    }

    /// Returns the name of the command: of the program, where it has none.
    #[must_use]
    pub const fn command(&self) -> &'static str {
        self.usage.name
    }

    /// Returns the word before the command: the program, or the command that groups others.
    #[must_use]
    pub fn group(&self) -> &str {
        self.path.rsplit(' ').nth(1).unwrap_or_default()
    }

    /// Ends the program with a line that says what is wrong and where more is shown. Exit status
    /// 100.
    pub fn refuse(&self, wrong: impl std::fmt::Display) -> ! {
        let program = self.path.split(' ').next().unwrap_or_default();
        fosse_die::usage(program, &format!("{wrong}; {} --help shows more", self.path))
    }

    /// Returns whether the command has an option of that name.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        self.usage.flag(name).is_some()
    }

    /// Returns whether an option is given.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        !self.values(name).is_empty()
    }

    /// Returns the value of an option.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values(name).first().map(String::as_str)
    }

    /// Returns the values of an option, in order.
    #[must_use]
    pub fn values(&self, name: &str) -> &[String] {
        debug_assert!(self.takes(name), "{name} is no row of {}", self.path);
        self.values.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the value of an option as a number, an address, or whatever else reads itself from
    /// text.
    #[must_use]
    pub fn parsed<T: FromStr>(&self, name: &str, what: &str) -> Option<T> {
        let text = self.value(name)?;
        Some(text.parse().unwrap_or_else(|_| self.refuse(format_args!("{name}: '{text}' is not {what}"))))
    }

    /// Returns a word that is not an option, by its number from 0.
    #[must_use]
    pub fn positional(&self, at: usize) -> Option<&str> {
        self.positional.get(at).map(String::as_str)
    }

    /// Returns the words that are not options, from a number on.
    #[must_use]
    pub fn rest(&self, at: usize) -> &[String] {
        self.positional.get(at..).unwrap_or_default()
    }
}
