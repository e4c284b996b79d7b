//! The table of a command line: one row for each option, from which the reader, the help and the
//! completions of shells are made, so that none of them can contradict the others.

/// The value of an option, or a word that is not an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: the option is there or not.
    Nothing,
    /// Any text; the help shows the name.
    Text(&'static str),
    /// A path.
    Path(&'static str),
    /// One of these words.
    Word(&'static [&'static str]),
}

impl Takes {
    /// Returns its form in the help.
    #[must_use]
    pub fn shown(self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(name) | Self::Path(name) => name.to_owned(),
            Self::Word(words) => words.join("|"),
        }
    }

    /// Returns whether it may be given several times: its name ends with three dots.
    #[must_use]
    pub const fn repeats(self) -> bool {
        match self {
            Self::Text(name) | Self::Path(name) => matches!(name.as_bytes(), [.., b'.', b'.', b'.']),
            Self::Nothing | Self::Word(_) => false,
        }
    }
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// With its dashes.
    pub name: &'static str,
    /// Its value.
    pub takes: Takes,
    /// One line.
    pub help: &'static str,
}

/// One word that is not an option.
#[derive(Clone, Copy, Debug)]
pub struct Positional {
    /// Its value.
    pub takes: Takes,
    /// The command cannot do without.
    pub needed: bool,
    /// The option that means the same: the word becomes its value, so that whoever confuses them
    /// gets what was asked for.
    pub same_as: Option<&'static str>,
}

impl Positional {
    /// Makes a word that must be there.
    #[must_use]
    pub const fn needed(takes: Takes) -> Self {
        Self { takes, needed: true, same_as: None }
    }

    /// Makes a word that may be there.
    #[must_use]
    pub const fn optional(takes: Takes) -> Self {
        Self { takes, needed: false, same_as: None }
    }

    /// Makes a word that is another way to write an option.
    #[must_use]
    pub const fn same_as(flag: &Flag) -> Self {
        Self { takes: flag.takes, needed: false, same_as: Some(flag.name) }
    }
}

/// A program's command line, or that of one of its commands.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Name of the program or the command.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Words that are not options, in order.
    pub words: &'static [Positional],
    /// The options.
    pub flags: &'static [Flag],
    /// Commands; where there are any, the first word names one.
    pub commands: &'static [Usage],
    /// Words that people try in place of a command, each with what does that.
    pub elsewhere: &'static [(&'static str, &'static str)],
    /// Further help; whole lines.
    pub about: &'static str,
}

impl Usage {
    /// The command line of a program that takes nothing.
    pub const NOTHING: Self =
        Self { name: "", summary: "", words: &[], flags: &[], commands: &[], elsewhere: &[], about: "" };

    /// Makes the command line of a program that fosse-start runs, with no options but those of the
    /// sandbox.
    #[must_use]
    pub const fn of_stage(name: &'static str, summary: &'static str) -> Self {
        let about = "fosse-start runs it; the page of its name in section 8 is the manual.\n";
        Self { name, summary, flags: SANDBOX, about, ..Self::NOTHING }
    }

    /// Returns its option of that name.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<&'static Flag> {
        self.flags.iter().find(|flag| flag.name == name)
    }

    /// Returns its command of that name.
    #[must_use]
    pub fn command(&self, name: &str) -> Option<&'static Self> {
        self.commands.iter().find(|command| command.name == name)
    }
}

/// The option of every program that shows its help.
pub const HELP: Flag = Flag { name: "--help", takes: Takes::Nothing, help: "show this help" };
/// The option of every program that shows its version.
pub const VERSION: Flag = Flag { name: "--version", takes: Takes::Nothing, help: "show the version" };
/// The full set of the sandbox or no start.
pub const SANDBOX_STRICT: Flag = Flag {
    name: "--sandbox-strict",
    takes: Takes::Nothing,
    help: "refuse to run on a kernel that lacks a part of the sandbox",
};
/// A forbidden call prints its name before the process ends.
pub const SANDBOX_TRAP: Flag = Flag {
    name: "--sandbox-trap",
    takes: Takes::Nothing,
    help: "for development: print the name of a forbidden system call",
};
/// No lock at all.
pub const NO_SANDBOX: Flag =
    Flag { name: "--no-sandbox", takes: Takes::Nothing, help: "for debugging: no sandbox at all" };
/// The options of a program that takes no others.
const SANDBOX: &[Flag] = &[SANDBOX_STRICT, SANDBOX_TRAP, NO_SANDBOX];
