//! Words of certain bytes: methods, names, protocols, headers, and what names rules.

use toml::Spanned;
use toml::de::DeValue;

use super::{checked, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// Longest method: parse takes no longer ones.
pub const METHOD_BYTES_MAX: usize = 32;
/// Longest name of a backend, which counters and log lines repeat.
pub const NAME_BYTES_MAX: usize = 32;

/// A request method that a site allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method(pub String);

impl FromValue for Method {
    const TAKES: &'static str = "a list of methods such as \"GET\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| match written {
            "TRACE" => wrong("TRACE gives request headers back to scripts and is never served".into(), "remove it"),
            "CONNECT" => wrong("CONNECT would make the edge an open proxy and is never served".into(), "remove it"),
            lower if lower.bytes().any(|byte| byte.is_ascii_lowercase()) => wrong(
                format!("{} is in lower case, and methods are compared exactly", quoted(lower)),
                "write capital letters",
            ),
            name if is_method(name) => Ok(Self(name.to_owned())),
            other => wrong(format!("{} is not a method", quoted(other)), ""),
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// Returns whether a word can be a method.
pub(super) fn is_method(name: &str) -> bool {
    (1..=METHOD_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
}

/// The name of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(pub String);

impl FromValue for Name {
    const TAKES: &'static str = "a name of small letters, digits, - and _";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
            if (1..=NAME_BYTES_MAX).contains(&written.len()) && written.bytes().all(sound) {
                return Ok(Self(written.to_owned()));
            }
            let cure = format!("use up to {NAME_BYTES_MAX} small letters, digits, - and _");
            wrong(format!("{} is not a name", quoted(written)), &cure)
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// A token of an Upgrade header that a backend may switch to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeToken(pub String);

impl FromValue for UpgradeToken {
    const TAKES: &'static str = "a list of protocols such as \"websocket\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let lower = written.to_ascii_lowercase();
            if matches!(lower.as_str(), "h2c" | "h2" | "http" | "tls")
                || lower.starts_with("http/")
                || lower.starts_with("tls/")
            {
                return wrong(
                    format!("{} would carry requests past every check and is never served", quoted(written)),
                    "remove it",
                );
            }
            let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
            if (1..=NAME_BYTES_MAX).contains(&lower.len()) && lower.bytes().all(sound) {
                return Ok(Self(lower));
            }
            wrong(format!("{} is not a protocol", quoted(written)), "")
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// Declares a type that holds a text of certain bytes.
macro_rules! token {
    ($(#[doc = $about:literal])+ $name:ident, $takes:literal, $what:literal, $bytes_max:literal, $sound:expr) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub String);

        impl FromValue for $name {
            const TAKES: &'static str = $takes;

            fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
                checked(key, Self::TAKES, value, problems, |written| {
                    let sound: fn(u8) -> bool = $sound;
                    if (1..=$bytes_max).contains(&written.len()) && written.bytes().all(sound) {
                        return Ok(Self(written.to_owned()));
                    }
                    wrong(format!("{} is not {}", quoted(written), $what), "")
                })
            }

            fn placeholder() -> Self {
                Self(String::new())
            }
        }
    };
}

token! {
    /// The name a supervisor gives a socket (sd_listen_fds_with_names(3)).
    SocketName, "the name of a socket", "the name of a socket", 255, |byte| byte.is_ascii_graphic() && byte != b':'
}
token! {
    /// The name of a header (RFC 9110 section 5.6.2).
    FieldName, "a list of header names", "the name of a header", 64, |byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
token! {
    /// A tag of rules. Only bytes that mean themselves in SecLang and in its patterns, but the dot.
    RuleTag, "the tag of rules", "a tag", 100, |byte| byte.is_ascii_alphanumeric() || b"-_/.".contains(&byte)
}
token! {
    /// The name of an argument. Only bytes that mean themselves in SecLang.
    ArgumentName, "the name of an argument", "a name that can stand in an exclusion", 100, |byte| byte.is_ascii_alphanumeric() || b"-_.[]".contains(&byte)
}
token! {
    /// The name of a parameter of a query, as it is written there.
    ParameterName, "a list of names of parameters", "the name of a parameter", 64, |byte| byte.is_ascii_alphanumeric() || b"-_.[]%~".contains(&byte)
}

token! {
    /// The name of an argument of a query that needs no escape there.
    QueryArgument, "the name of an argument", "the name of an argument in letters, digits, - and _", 32, |byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)
}

impl QueryArgument {
    /// Returns its letters, in small, and its digits: applications may see nothing else of it.
    pub(crate) fn letters(&self) -> String {
        self.0.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
    }
}

/// Numbers of rules, first to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleRange {
    /// First number.
    pub first: u32,
    /// Last number.
    pub last: u32,
}

impl FromValue for RuleRange {
    const TAKES: &'static str = "a list of rule numbers such as 942100 or \"942100-942190\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        if let DeValue::Integer(_) = value.get_ref() {
            return u32::read(key, value, problems).map(|number| Self { first: number, last: number });
        }
        checked(key, Self::TAKES, value, problems, |written| {
            let (first, last) = written.split_once('-').unwrap_or((written, written));
            let number =
                |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
            match (number(first), number(last)) {
                (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
                _ => wrong(format!("{} is not the number of a rule or a range of numbers", quoted(written)), ""),
            }
        })
    }

    fn placeholder() -> Self {
        Self { first: 0, last: 0 }
    }
}
