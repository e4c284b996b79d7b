//! Users: their lines, and what is said of them to others.

use fosse_passwords::User;
use toml::Spanned;
use toml::de::DeValue;

use super::{CopiedField, FieldName, checked, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// Longest realm: browsers show it in one line.
const REALM_BYTES_MAX: usize = 64;

/// A line with the name of a user and the hash of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserLine {
    /// As it was written.
    pub line: String,
    /// The name.
    pub name: String,
}

impl FromValue for UserLine {
    const TAKES: &'static str = "a list of users, each as \"NAME:HASH\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| match User::parse(written) {
            Ok(user) => Ok(Self { line: written.to_owned(), name: user.name }),
            // What is wrong may be a password in plain text: it is not shown again.
            Err(fault) => wrong(fault.to_string(), ""),
        })
    }

    fn placeholder() -> Self {
        Self { line: String::new(), name: String::new() }
    }
}

/// A text that stands in quotes in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotedText(pub String);

impl FromValue for QuotedText {
    const TAKES: &'static str = "a text without quotes";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let sound = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && !b"\"\\".contains(&byte);
            if (1..=REALM_BYTES_MAX).contains(&written.len()) && written.bytes().all(sound) {
                return Ok(Self(written.to_owned()));
            }
            let cure = format!("write up to {REALM_BYTES_MAX} ASCII characters without quotes and backslashes");
            wrong(format!("{} cannot be shown by every browser", quoted(written)), &cure)
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// The request header with the name of a user, which no client sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserField(pub String);

impl FromValue for UserField {
    const TAKES: &'static str = "the name of a header";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let name = CopiedField::read(key, value, problems)?.0;
        if name.eq_ignore_ascii_case("authorization") {
            let what = format!("{key}: {} is what clients send the password in", quoted(&name));
            problems.note_with_cure(&value.span(), what, "write another name, or keep_authorization = true");
            return None;
        }
        Some(Self(name))
    }

    fn placeholder() -> Self {
        Self(FieldName::placeholder().0)
    }
}
