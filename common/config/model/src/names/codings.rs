//! Codings of responses, and the types that they are for.

use fosse_nearest::nearest;
use fosse_settings::Coding;
use toml::Spanned;
use toml::de::DeValue;

use super::{Wrong, checked, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};
use crate::value::wrong_kind;

/// Longest pattern of a type.
const TYPE_BYTES_MAX: usize = 100;

/// The codings by name, with their usual level and the highest. Those above take memory or time out
/// of all proportion for what is encoded as it goes by.
const CODINGS: [(&str, Coding, u8, u8); 3] =
    [("zstd", Coding::Zstd, 3, 9), ("br", Coding::Brotli, 4, 6), ("gzip", Coding::Gzip, 5, 9)];

/// Codings with their levels, the better ones first; none where responses stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codings(pub Vec<(Coding, u8)>);

impl FromValue for Codings {
    const TAKES: &'static str = "true, false, or a list of \"zstd\", \"br\" and \"gzip\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let array = match value.get_ref() {
            DeValue::Boolean(true) => {
                return Some(Self(CODINGS.iter().map(|(_, coding, level, _)| (*coding, *level)).collect()));
            }
            DeValue::Boolean(false) => return Some(Self(Vec::new())),
            DeValue::Array(array) => array,
            DeValue::String(_) => {
                let what = format!("{key} takes {}, this is a string", Self::TAKES);
                problems.note_with_cure(&value.span(), what, "put it in square brackets");
                return None;
            }
            _ => {
                wrong_kind(key, Self::TAKES, value, problems);
                return None;
            }
        };
        let mut all: Vec<(Coding, u8)> = Vec::new();
        for entry in array.iter() {
            let coding = checked(key, Self::TAKES, entry, problems, coding)?;
            if all.iter().any(|(other, _)| *other == coding.0) {
                problems.note_with_cure(&entry.span(), format!("{key} names a coding twice"), "remove one");
                return None;
            }
            all.push(coding);
        }
        Some(Self(all))
    }

    fn placeholder() -> Self {
        Self(Vec::new())
    }
}

/// Reads "gzip" or "gzip 6".
fn coding(written: &str) -> Result<(Coding, u8), Wrong> {
    let (name, level) = written.split_once(' ').map_or((written, None), |(name, level)| (name, Some(level)));
    let Some((name, coding, usual, most)) = CODINGS.iter().find(|(known, ..)| *known == name) else {
        let near = nearest(name, CODINGS.iter().map(|(known, ..)| *known)).or((name == "brotli").then_some("br"));
        let cure =
            near.map_or_else(|| "known are zstd, br and gzip".to_owned(), |near| format!("did you mean \"{near}\"?"));
        return wrong(format!("there is no coding {}", quoted(name)), &cure);
    };
    let level = match level {
        None => Some(*usual),
        Some(level) => level.parse().ok().filter(|level| (1..=*most).contains(level)),
    };
    match level {
        Some(level) => Ok((*coding, level)),
        None => wrong(
            format!("{} is no level of {name}", quoted(written)),
            &format!("it has 1 to {most}: \"{name} {usual}\""),
        ),
    }
}

/// A pattern of media types, in lower case: one, all of a kind, or all of a syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypePattern(pub String);

impl FromValue for TypePattern {
    const TAKES: &'static str = "a media type such as \"text/html\", \"text/*\" or \"*+json\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let is_token = |part: &str| !part.is_empty() && part.bytes().all(is_type_byte);
            let is_pattern = match (written.strip_prefix("*+"), written.split_once('/')) {
                (Some(syntax), _) => is_token(syntax),
                (None, Some((kind, "*"))) => is_token(kind),
                (None, Some((kind, name))) => is_token(kind) && is_token(name),
                (None, None) => false,
            };
            if written.len() > TYPE_BYTES_MAX || !is_pattern {
                let cure = if written.contains(';') { "leave parameters out" } else { "" };
                return wrong(format!("{} is not {}", quoted(written), Self::TAKES), cure);
            }
            Ok(Self(written.to_ascii_lowercase()))
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// Bytes of the parts of a media type (RFC 6838, section 4.2).
const fn is_type_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'!' | b'#' | b'$' | b'&' | b'-' | b'^' | b'_' | b'.' | b'+')
}
