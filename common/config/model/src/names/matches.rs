//! What a route matches besides prefixes: whole paths, globs, regular expressions, and named values
//! of a request.

use fosse_cidr::Prefix;
use fosse_routing::pattern;
use fosse_settings::Test;
use toml::Spanned;
use toml::de::DeValue;

use super::paths::path;
use super::{PREFIX_BYTES_MAX, Wrong, checked, wrong};
use crate::address::Source;
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// A path as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExactPath(pub String);

impl FromValue for ExactPath {
    const TAKES: &'static str = "a path, such as \"/robots.txt\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| path(written, PREFIX_BYTES_MAX).map(Self))
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// The shape of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathGlob(pub String);

impl FromValue for PathGlob {
    const TAKES: &'static str = "the shape of a path, such as \"/img/*.png\" or \"/**.php\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let shown = quoted(written);
            if !written.starts_with('/') && !written.starts_with('*') {
                return wrong(format!("{shown} does not begin with a slash"), "begin it with a slash, or with **");
            }
            if written.contains('%') {
                return wrong(format!("{shown} holds an encoded character"), "write it in plain characters");
            }
            if written.len() > pattern::PATTERN_BYTES_MAX || written.chars().any(char::is_control) {
                return wrong(format!("{shown} is too long, or holds a control character"), "");
            }
            Ok(Self(written.to_owned()))
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// A regular expression that is looked for in a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRegex {
    /// The expression.
    pub pattern: String,
    /// Number of its groups.
    pub groups: usize,
}

impl FromValue for PathRegex {
    const TAKES: &'static str = "a regular expression, such as '^/user/([0-9]+)$'";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            regex(written).map(|groups| Self { pattern: written.to_owned(), groups })
        })
    }

    fn placeholder() -> Self {
        Self { pattern: String::new(), groups: 0 }
    }
}

/// Checks a regular expression. Returns the number of its groups.
pub(super) fn regex(written: &str) -> Result<usize, Wrong> {
    if written.len() > pattern::PATTERN_BYTES_MAX {
        return wrong(format!("it is longer than {} bytes", pattern::PATTERN_BYTES_MAX), "");
    }
    pattern::check(written)
        .or_else(|fault| wrong(format!("{} is no regular expression: {}", quoted(written), one_line(&fault)), ""))
}

/// Returns the last line of a message of several, which says what is wrong.
fn one_line(message: &str) -> &str {
    let last = message.trim_end().lines().next_back().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last)
}

/// A test of a header, a parameter of the query or a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueTest(pub Test);

impl FromValue for ValueTest {
    const TAKES: &'static str = "a list of \"NAME\", \"NAME=VALUE\" (in which * is anything) or \"!NAME\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| test(written).map(Self))
    }

    fn placeholder() -> Self {
        Self(Test::default())
    }
}

fn test(written: &str) -> Result<Test, Wrong> {
    let (negated, rest) = written.strip_prefix('!').map_or((false, written), |rest| (true, rest));
    let (name, value) = rest.split_once('=').map_or((rest, None), |(name, value)| (name, Some(value.to_owned())));
    if name.is_empty() || written.len() > PREFIX_BYTES_MAX || written.chars().any(char::is_control) {
        return wrong(format!("{} names nothing", quoted(written)), "write NAME, NAME=VALUE or !NAME");
    }
    Ok(Test { name: name.to_owned(), value, negated })
}

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(pub Prefix);

impl FromValue for Network {
    const TAKES: &'static str = "a list of networks such as \"10.0.0.0/8\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        match Source::read(key, value, problems)? {
            Source::Network(prefix) => Some(Self(prefix)),
            Source::Unix => {
                problems.note(&value.span(), format!("{key} takes networks, and a unix socket has no address"));
                None
            }
        }
    }

    fn placeholder() -> Self {
        Self(Prefix::parse("0.0.0.0/0").unwrap_or_else(|_| unreachable!("it is a network")))
    }
}

/// A listener, as its address is written, or by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerName(pub String);

impl FromValue for ListenerName {
    const TAKES: &'static str = "a list of listeners, by address as written there or by name";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| Ok(Self(written.to_owned())))
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}
