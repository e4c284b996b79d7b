//! What a health check asks, and what it wants to hear.

use toml::Spanned;
use toml::de::DeValue;

use super::{checked, tokens::is_method, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// Longest text that a check looks for: it stands in a short response.
pub const CHECK_TEXT_BYTES_MAX: usize = 256;

/// Method of a health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckMethod(pub String);

impl FromValue for CheckMethod {
    const TAKES: &'static str = "a method without effect, such as \"GET\", \"HEAD\" or \"OPTIONS\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| match written {
            "CONNECT" | "POST" | "PUT" | "PATCH" => {
                wrong(format!("{} is no method for a check, which has no body", quoted(written)), "write \"GET\"")
            }
            name if is_method(name) => Ok(Self(name.to_owned())),
            other => wrong(format!("{} is not a method", quoted(other)), "write capital letters"),
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// Statuses, first to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    /// First status.
    pub first: u16,
    /// Last status.
    pub last: u16,
}

impl FromValue for StatusRange {
    const TAKES: &'static str = "a list of statuses such as 204, \"200-399\" or \"2xx\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        statuses(key, Self::TAKES, 200, value, problems)
    }

    fn placeholder() -> Self {
        Self { first: 200, last: 399 }
    }
}

/// Statuses of errors, first to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorStatus(pub StatusRange);

impl FromValue for ErrorStatus {
    const TAKES: &'static str = "a list of statuses such as 404, \"502-504\" or \"5xx\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        statuses(key, Self::TAKES, 400, value, problems).map(Self)
    }

    fn placeholder() -> Self {
        Self(StatusRange { first: 400, last: 599 })
    }
}

/// Reads a status of `lowest` to 599, or a range of them.
fn statuses(
    key: &str,
    takes: &str,
    lowest: u16,
    value: &Spanned<DeValue<'_>>,
    problems: &mut Problems,
) -> Option<StatusRange> {
    let range = |written: &str, first: Option<u16>, last: Option<u16>| match (first, last) {
        (Some(first), Some(last)) if first <= last && (lowest..=599).contains(&first) && last <= 599 => {
            Ok(StatusRange { first, last })
        }
        _ => wrong(format!("{} is neither a status of {lowest} to 599 nor a range of them", quoted(written)), ""),
    };
    if let DeValue::Integer(_) = value.get_ref() {
        let number = u32::read(key, value, problems)?;
        let status = u16::try_from(number).ok();
        let read = range(&number.to_string(), status, status);
        return read.map_err(|(what, _)| problems.note(&value.span(), format!("{key}: {what}"))).ok();
    }
    checked(key, takes, value, problems, |written| {
        if let Some(class) = written.strip_suffix("xx").and_then(status) {
            return range(written, class.checked_mul(100), class.checked_mul(100).map(|first| first + 99));
        }
        let (first, last) = written.split_once('-').unwrap_or((written, written));
        range(written, status(first), status(last))
    })
}

fn status(text: &str) -> Option<u16> {
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Text that the response to a health check holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckText(pub String);

impl FromValue for CheckText {
    const TAKES: &'static str = "a text";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            if (1..=CHECK_TEXT_BYTES_MAX).contains(&written.len()) {
                Ok(Self(written.to_owned()))
            } else {
                let what = format!("a check looks for 1 to {CHECK_TEXT_BYTES_MAX} bytes, not {}", written.len());
                wrong(what, "")
            }
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}
