//! Accounts and permission bits, which belong to unix sockets.

use toml::Spanned;
use toml::de::DeValue;

use super::{checked, wrong};
use crate::problem::Problems;
use crate::section::article;
use crate::section::{FromValue, quoted};

/// Longest user or group name (LOGIN_NAME_MAX without the closing NUL).
pub const ACCOUNT_BYTES_MAX: usize = 255;

/// A user or group: by number, or by a name that is looked up before anything is locked down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// A UID or GID.
    Id(u32),
    /// A name.
    Name(String),
}

impl FromValue for Account {
    const TAKES: &'static str = "a name or a number";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        if let DeValue::Integer(_) = value.get_ref() {
            return u32::read(key, value, problems).and_then(|id| {
                if id == u32::MAX {
                    problems.note(&value.span(), format!("{key}: {id} is the number of no account"));
                }
                (id != u32::MAX).then_some(Self::Id(id))
            });
        }
        checked(key, Self::TAKES, value, problems, |written| {
            if !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_digit()) {
                return wrong(format!("{} is a number in quotes", quoted(written)), "remove the quotes");
            }
            let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"._-$@".contains(&byte);
            let first = written.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
            if first && written.len() <= ACCOUNT_BYTES_MAX && written.bytes().all(sound) {
                return Ok(Self::Name(written.to_owned()));
            }
            wrong(format!("{} is not the name of an account", quoted(written)), "")
        })
    }

    fn placeholder() -> Self {
        Self::Id(u32::MAX)
    }
}

/// Permission bits of a unix socket, written in octal as a text: "0660".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl FromValue for Mode {
    const TAKES: &'static str = "an octal mode in quotes, such as \"0660\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let written = match value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            other => {
                let what = format!("{key} takes {}, this is {}", Self::TAKES, article(other));
                problems.note_with_cure(&value.span(), what, "write \"0660\"");
                return None;
            }
        };
        let octal = (3..=4).contains(&written.len()) && written.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        let mode = if octal { u32::from_str_radix(written, 8).ok().filter(|mode| *mode <= 0o777) } else { None };
        if mode.is_none() {
            problems.note(&value.span(), format!("{key} takes {}, not {}", Self::TAKES, quoted(written)));
        }
        mode.map(Self)
    }

    fn placeholder() -> Self {
        Self(0)
    }
}
