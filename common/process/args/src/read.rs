//! From words to options, by the table.

use std::collections::BTreeMap;

use fosse_nearest::nearest;

use crate::Args;
use crate::table::{Flag, HELP, Takes, Usage, VERSION};

/// The meaning of a command line.
#[derive(Clone, Debug)]
pub enum Request {
    /// The job, with these options and words.
    Run(Args),
    /// A text for the standard output: help or the version.
    Show(String),
}

/// Reads the words after the program's name.
///
/// # Errors
/// One line: the problem, and the command that shows more.
pub fn read(program: &'static Usage, words: &[String]) -> Result<Request, String> {
    let before = words.iter().take_while(|word| *word != "--");
    let asks = |flag: Flag, short: &str| before.clone().any(|word| word == flag.name || word == short);
    let (wants_help, wants_version) = (asks(HELP, "-h"), asks(VERSION, "-V"));
    let (mut usage, mut path, mut rest) = (program, program.name.to_owned(), words);
    while !usage.commands.is_empty() {
        let Some((name, after)) = rest.split_first().filter(|(name, _)| !name.starts_with('-')) else { break };
        usage = command(usage, &path, name)?;
        (path, rest) = (format!("{path} {name}"), after);
    }
    if wants_help {
        return Ok(Request::Show(crate::help(usage, &path)));
    }
    if wants_version {
        return Ok(Request::Show(format!("{} {}\n", program.name, env!("CARGO_PKG_VERSION"))));
    }
    if !usage.commands.is_empty() {
        return match rest.first() {
            None if std::ptr::eq(usage, program) => Ok(Request::Show(crate::help(usage, &path))),
            None => Err(format!("{} is missing; {path} --help shows them", names(usage).join(", "))),
            Some(word) => {
                let near = nearest(word, [HELP.name, VERSION.name]).map(|near| format!(" did you mean {near}?"));
                Err(format!("unknown option {word};{} {path} --help shows more", near.unwrap_or_default()))
            }
        };
    }
    let mut args = Args { usage, path, values: BTreeMap::new(), positional: Vec::new() };
    args.take(rest)?;
    Ok(Request::Run(args))
}

fn names(usage: &Usage) -> Vec<&'static str> {
    usage.commands.iter().map(|command| command.name).collect()
}

/// Finds the command that a word names.
fn command(usage: &'static Usage, path: &str, name: &str) -> Result<&'static Usage, String> {
    usage.command(name).ok_or_else(|| {
        let elsewhere = usage.elsewhere.iter().find(|(tried, _)| *tried == name).map(|(_, does)| (*does).to_owned());
        let near = || nearest(name, names(usage)).map(|near| format!("did you mean {near}?"));
        let cure = elsewhere.or_else(near).unwrap_or_else(|| format!("{path} --help shows them"));
        format!("no command '{name}'; {cure}")
    })
}

impl Args {
    fn wrong(&self, what: impl std::fmt::Display) -> String {
        let what = what.to_string();
        let mark = if what.ends_with('?') { "" } else { ";" };
        format!("{what}{mark} {} --help shows what it takes", self.path)
    }

    fn take(&mut self, words: &[String]) -> Result<(), String> {
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                "--" => self.positional.extend(rest.by_ref().cloned()),
                option if option.len() > 1 && option.starts_with('-') => self.option(option, &mut rest)?,
                _ => self.positional.push(word.clone()),
            }
        }
        self.count_words()?;
        self.words_that_are_options()
    }

    fn option<'a>(&mut self, word: &str, rest: &mut (impl Iterator<Item = &'a String> + Clone)) -> Result<(), String> {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value.to_owned())));
        let flag = self.usage.flag(name).ok_or_else(|| self.unknown(name))?;
        let value = match (flag.takes, value) {
            (Takes::Nothing, None) => String::new(),
            (Takes::Nothing, Some(_)) => return Err(self.wrong(format_args!("{name} takes no value"))),
            (_, Some(value)) => value,
            (takes, None) => {
                // An option is no value: --backend --waf lacks the one of --backend.
                let next = rest.clone().next().filter(|next| !next.starts_with("--"));
                let value = next.cloned();
                rest.next();
                value.ok_or_else(|| self.wrong(format_args!("{name} needs a value: {name} {}", takes.shown())))?
            }
        };
        self.keep(flag, value)
    }

    fn unknown(&self, name: &str) -> String {
        let known = self.usage.flags.iter().map(|flag| flag.name).chain([HELP.name, VERSION.name]);
        match nearest(name, known) {
            Some(near) => self.wrong(format_args!("unknown option {name}; did you mean {near}?")),
            None => self.wrong(format_args!("unknown option {name}")),
        }
    }

    fn keep(&mut self, flag: &'static Flag, value: String) -> Result<(), String> {
        if let Takes::Word(words) = flag.takes
            && !words.contains(&value.as_str())
        {
            let near = nearest(&value, words.iter().copied());
            let near = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
            let what = format!("{}: '{value}' is none of {}{near}", flag.name, words.join(", "));
            return Err(self.wrong(what));
        }
        if self.values.contains_key(flag.name) && !flag.takes.repeats() {
            return Err(self.wrong(format_args!("{} given twice", flag.name)));
        }
        self.values.entry(flag.name).or_default().push(value);
        Ok(())
    }

    fn count_words(&self) -> Result<(), String> {
        let repeats = self.usage.words.last().is_some_and(|last| last.takes.repeats());
        if let Some(more) = self.positional.get(self.usage.words.len()).filter(|_| !repeats) {
            return Err(self.wrong(format_args!("unknown word '{more}'")));
        }
        match self.usage.words.get(self.positional.len()) {
            Some(missing) if missing.needed => {
                Err(self.wrong(format_args!("{} is missing", missing.takes.shown().trim_end_matches('.'))))
            }
            _ => Ok(()),
        }
    }

    /// Moves words that are another way to write an option to its values.
    fn words_that_are_options(&mut self) -> Result<(), String> {
        let Some(at) = self.usage.words.iter().position(|word| word.same_as.is_some()) else { return Ok(()) };
        let Some(flag) = self.usage.words[at].same_as.and_then(|name| self.usage.flag(name)) else { return Ok(()) };
        if at < self.positional.len() {
            for word in self.positional.split_off(at) {
                if self.values.contains_key(flag.name) && !flag.takes.repeats() {
                    return Err(self.wrong(format_args!("'{word}' and {}: the file is named twice", flag.name)));
                }
                self.keep(flag, word)?;
            }
        }
        Ok(())
    }
}
