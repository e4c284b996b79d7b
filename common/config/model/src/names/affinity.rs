//! The things by which a request finds its server again.

use toml::Spanned;
use toml::de::DeValue;

use super::{checked, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// Longest name of a header or a cookie.
const NAME_BYTES_MAX: usize = 64;

/// The part of a request that chooses its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashBy {
    /// The address of the client.
    Source,
    /// The path.
    Path,
    /// The value of a header.
    Header(String),
    /// The value of a cookie.
    Cookie(String),
}

impl FromValue for HashBy {
    const TAKES: &'static str = "\"source\", \"path\", \"header NAME\" or \"cookie NAME\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| match written.split_once(' ') {
            None if written == "source" => Ok(Self::Source),
            None if written == "path" => Ok(Self::Path),
            Some(("header", name)) if is_token(name) => Ok(Self::Header(name.to_owned())),
            Some(("cookie", name)) if is_token(name) => Ok(Self::Cookie(name.to_owned())),
            _ => wrong(format!("{} is not {}", quoted(written), Self::TAKES), ""),
        })
    }

    fn placeholder() -> Self {
        Self::Source
    }
}

/// The name of a cookie (RFC 6265, section 4.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieName(pub String);

impl FromValue for CookieName {
    const TAKES: &'static str = "the name of a cookie";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            if !is_token(written) {
                return wrong(format!("{} is not the name of a cookie", quoted(written)), "");
            }
            Ok(Self(written.to_owned()))
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// Returns whether a word is a token (RFC 9110, section 5.6.2).
fn is_token(word: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&word.len()) && word.bytes().all(sound)
}

/// A text that derives what cannot be guessed without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed(pub String);

impl FromValue for Seed {
    const TAKES: &'static str = "a text of 16 to 128 characters";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            if (16..=128).contains(&written.len()) {
                return Ok(Self(written.to_owned()));
            }
            wrong(format!("it has {} bytes, and must have 16 to 128", written.len()), "openssl rand -hex 16 writes one")
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}
