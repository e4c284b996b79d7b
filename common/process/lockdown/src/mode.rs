//! The strictness of the lock-down, and the options that ask for it.

use std::ffi::OsStr;

/// The environment variable that says for all programs started from here what the options say for
/// one.
pub(crate) const MODE_VARIABLE: &str = "FOSSE_SANDBOX";

/// Strictness of the lock-down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `--sandbox-strict`: the full set or no start.
    Strict,
    /// Landlock and namespaces may be missing on this kernel (with a warning); nothing else may.
    #[default]
    Default,
    /// `--sandbox-trap`, for development: a forbidden call prints its name before the process ends.
    Trap,
    /// `--no-sandbox`, for debugging: no lock at all.
    Off,
}

impl Mode {
    /// Returns the mode named by FOSSE_SANDBOX (strict, trap, off), or the default. Anything else
    /// there is taken as strict: a misspelt word must not loosen.
    pub fn from_environment() -> Mode {
        match std::env::var_os(MODE_VARIABLE) {
            None => Mode::Default,
            Some(value) => Mode::from_word(&value),
        }
    }

    /// Returns the mode of the first option that `flag` finds, from the strictest on; without any,
    /// that of the environment.
    pub fn from_options(mut flag: impl FnMut(&'static str) -> bool) -> Mode {
        let modes = [Mode::Strict, Mode::Trap, Mode::Off];
        let asked = modes.into_iter().find(|mode| mode.option().is_some_and(&mut flag));
        asked.unwrap_or_else(Mode::from_environment)
    }

    /// Returns the option that asks for this mode, to hand it on to another program.
    pub fn option(self) -> Option<&'static str> {
        match self {
            Mode::Strict => Some("--sandbox-strict"),
            Mode::Default => None,
            Mode::Trap => Some("--sandbox-trap"),
            Mode::Off => Some("--no-sandbox"),
        }
    }

    fn from_word(word: &OsStr) -> Mode {
        match word.to_str() {
            Some("" | "default") => Mode::Default,
            Some("trap") => Mode::Trap,
            Some("off") => Mode::Off,
            _ => Mode::Strict,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_option_counts() {
        let of = |given: &[&str]| Mode::from_options(|option| given.contains(&option));
        assert_eq!(of(&["--no-sandbox"]), Mode::Off);
        assert_eq!(of(&["--no-sandbox", "--sandbox-trap"]), Mode::Trap);
        assert_eq!(of(&["--no-sandbox", "--sandbox-trap", "--sandbox-strict"]), Mode::Strict);
    }

    #[test]
    fn a_misspelt_word_does_not_loosen() {
        for word in ["Off", "of", "none", "0", "no"] {
            assert_eq!(Mode::from_word(OsStr::new(word)), Mode::Strict);
        }
        assert_eq!(Mode::from_word(OsStr::new("off")), Mode::Off);
    }
}
