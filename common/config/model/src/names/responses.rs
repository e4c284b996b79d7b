//! Responses of the configuration: their bodies and types, and the statuses of redirects.

use toml::Spanned;
use toml::de::DeValue;

use super::{checked, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// The body of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyText(pub String);

impl FromValue for BodyText {
    const TAKES: &'static str = "a text";
    const UNIT: &'static str = "bytes";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| Ok(Self(written.to_owned())))
    }

    fn placeholder() -> Self {
        Self(String::new())
    }

    fn magnitude(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }
}

/// A media type, as Content-Type has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType(pub String);

impl MediaType {
    /// Returns that of plain text.
    pub(crate) fn usual() -> Self {
        Self("text/plain; charset=utf-8".to_owned())
    }
}

impl FromValue for MediaType {
    const TAKES: &'static str = "a media type, such as \"text/html; charset=utf-8\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let (kind, _) = written.split_once(';').unwrap_or((written, ""));
            let is_token = |part: &str| {
                !part.is_empty()
                    && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
            };
            let sound = kind.trim_end().split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub));
            if sound && written.len() <= 128 && written.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                return Ok(Self(written.to_owned()));
            }
            wrong(format!("{} is no media type", quoted(written)), "write one such as \"text/plain\"")
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// The status of a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedirectStatus(pub u16);

impl FromValue for RedirectStatus {
    const TAKES: &'static str = "301, 302, 303, 307 or 308";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        match u32::read(key, value, problems)? {
            status @ (301 | 302 | 303 | 307 | 308) => u16::try_from(status).ok().map(Self),
            other => {
                problems.note(&value.span(), format!("{key} takes {}, not {other}", Self::TAKES));
                None
            }
        }
    }

    fn placeholder() -> Self {
        Self(302)
    }
}
