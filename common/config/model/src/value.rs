//! The plain types of configuration values and how each is read: truth, numbers, sizes, times,
//! texts, lists, words.

use toml::Spanned;
use toml::de::DeValue;

use crate::foreign;
use crate::problem::Problems;
use crate::section::{At, FromValue, Origin, article, quoted};

/// Notes that `key` got the wrong kind of value.
pub(crate) fn wrong_kind(key: &str, takes: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) {
    problems.note(&value.span(), format!("{key} takes {takes}, this is {}", article(value.get_ref())));
}

/// Returns a text that the environment has given as it would be without quotes: a number, or true
/// or false; `None` for every other value.
fn unquoted<'v>(value: &'v Spanned<DeValue<'_>>, problems: &Problems) -> Option<Spanned<DeValue<'v>>> {
    let text = value.get_ref().as_str().filter(|_| problems.is_expanded(&value.span()))?;
    let bare = DeValue::parse(text.trim()).ok()?.into_inner();
    let is_scalar = matches!(bare, DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_));
    is_scalar.then(|| Spanned::new(value.span(), bare))
}

impl FromValue for bool {
    const TAKES: &'static str = "true or false";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let unquoted = unquoted(value, problems);
        let value = unquoted.as_ref().unwrap_or(value);
        match value.get_ref() {
            DeValue::Boolean(truth) => Some(*truth),
            DeValue::String(text) if matches!(text.as_ref(), "true" | "false") => {
                problems.note_with_cure(
                    &value.span(),
                    format!("{key} takes true or false, this is a string"),
                    "remove the quotes",
                );
                None
            }
            _ => {
                wrong_kind(key, Self::TAKES, value, problems);
                None
            }
        }
    }

    fn placeholder() -> Self {
        false
    }
}

/// The digits of an integer as a number; negative or too large is noted.
fn whole<T: TryFrom<u64>>(key: &str, takes: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<T> {
    let unquoted = unquoted(value, problems);
    let value = unquoted.as_ref().unwrap_or(value);
    match value.get_ref() {
        DeValue::Integer(digits) => {
            let number =
                u64::from_str_radix(digits.as_str(), digits.radix()).ok().and_then(|number| T::try_from(number).ok());
            if number.is_none() {
                let what = if digits.as_str().starts_with('-') { "must not be negative" } else { "is too large" };
                problems.note(&value.span(), format!("{key} {what}"));
            }
            number
        }
        DeValue::String(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            problems.note_with_cure(
                &value.span(),
                format!("{key} takes {takes}, this is a string"),
                "remove the quotes",
            );
            None
        }
        DeValue::String(text) if text.as_ref() == "auto" => {
            problems.note_with_cure(
                &value.span(),
                format!("{key} takes {takes}, not {}", quoted(text)),
                "leave it out for the default",
            );
            None
        }
        _ => {
            wrong_kind(key, takes, value, problems);
            None
        }
    }
}

impl FromValue for u32 {
    const TAKES: &'static str = "a whole number";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        whole(key, Self::TAKES, value, problems)
    }

    fn placeholder() -> Self {
        0
    }

    fn magnitude(&self) -> u64 {
        u64::from(*self)
    }
}

/// A number of bytes: a whole number, or a text like "64 KiB".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl FromValue for Bytes {
    const TAKES: &'static str = "a number of bytes, or a text such as \"64 KiB\" (KiB, MiB, GiB)";
    const UNIT: &'static str = "bytes";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let unquoted = unquoted(value, problems);
        let value = unquoted.as_ref().unwrap_or(value);
        let DeValue::String(text) = value.get_ref() else { return whole(key, Self::TAKES, value, problems).map(Self) };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits)?;
        let scale = match unit.trim_start() {
            "KiB" => Some(1_u64 << 10),
            "MiB" => Some(1_u64 << 20),
            "GiB" => Some(1_u64 << 30),
            _ => None,
        };
        let bytes = number.parse::<u64>().ok().zip(scale).and_then(|(number, scale)| number.checked_mul(scale));
        if bytes.is_none() {
            let cure = foreign::size(number, unit).unwrap_or_default();
            problems.note_with_cure(&value.span(), format!("{key} takes {}, not {}", Self::TAKES, quoted(text)), cure);
        }
        bytes.map(Self)
    }

    fn placeholder() -> Self {
        Self(0)
    }

    fn magnitude(&self) -> u64 {
        self.0
    }
}

/// A length of time, kept in milliseconds; written in seconds, with a fraction if wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds {
    /// Milliseconds.
    pub milliseconds: u32,
}

impl Seconds {
    /// Returns it as a duration.
    pub(crate) fn duration(self) -> core::time::Duration {
        core::time::Duration::from_millis(u64::from(self.milliseconds))
    }
}

impl FromValue for Seconds {
    const TAKES: &'static str = "a number of seconds";
    const UNIT: &'static str = "seconds";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let unquoted = unquoted(value, problems);
        let value = unquoted.as_ref().unwrap_or(value);
        let milliseconds = match value.get_ref() {
            DeValue::Float(float) => thousandths(float.as_str()),
            DeValue::String(text) if text.starts_with(|first: char| first.is_ascii_digit()) => {
                problems.note_with_cure(
                    &value.span(),
                    format!("{key} takes {}, this is a string", Self::TAKES),
                    "write the bare number",
                );
                return None;
            }
            _ => whole::<u32>(key, Self::TAKES, value, problems)?.checked_mul(1000),
        };
        if milliseconds.is_none() {
            problems.note(&value.span(), format!("{key} takes {}, at most three digits after the point", Self::TAKES));
        }
        milliseconds.map(|milliseconds| Self { milliseconds })
    }

    fn placeholder() -> Self {
        Self { milliseconds: 0 }
    }

    fn magnitude(&self) -> u64 {
        u64::from(self.milliseconds)
    }
}

/// Reads "1.25" as 1250, in decimal arithmetic: nothing is rounded.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.')?;
    if fraction.is_empty() || fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole = whole.strip_prefix('+').unwrap_or(whole).parse::<u32>().ok()?;
    format!("{fraction:0<3}").parse::<u32>().ok()?.checked_add(whole.checked_mul(1000)?)
}

/// Notes true or false where one of some words is wanted. Of words that begin with "off", false
/// means that one and true the last, which is the most.
pub(crate) fn note_truth(
    key: &str,
    takes: &str,
    truth: bool,
    words: &[&str],
    span: &crate::problem::Span,
    problems: &mut Problems,
) {
    let meant = if truth { words.last() } else { words.first() };
    let meant = meant.filter(|_| words.first() == Some(&"off"));
    let cure = meant.map(|word| format!("write {key} = \"{word}\"")).unwrap_or_default();
    problems.note_with_cure(span, format!("{key} takes {takes}, this is true or false"), cure);
}

/// Reads a string value, or notes that it is none.
pub fn text<'a>(key: &str, takes: &str, value: &'a Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<&'a str> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.as_ref()),
        _ => {
            wrong_kind(key, takes, value, problems);
            None
        }
    }
}

impl<T: FromValue> FromValue for Vec<At<T>> {
    const TAKES: &'static str = T::TAKES;
    const UNIT: &'static str = "entries";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let DeValue::Array(array) = value.get_ref() else {
            let cure = match value.get_ref() {
                DeValue::Table(_) => format!("write [[{key}]] instead of [{key}]"),
                _ => "put it in square brackets".to_owned(),
            };
            problems.note_with_cure(
                &value.span(),
                format!("{key} takes a list, this is {}", article(value.get_ref())),
                cure,
            );
            return None;
        };
        let read = |entry: &Spanned<DeValue<'_>>| match T::read(key, entry, problems) {
            Some(value) => At { value, span: entry.span(), origin: Origin::Written },
            None => At { value: T::placeholder(), span: entry.span(), origin: Origin::Broken },
        };
        Some(array.iter().map(read).collect())
    }

    fn placeholder() -> Self {
        Vec::new()
    }

    fn magnitude(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const TAKES: &'static str = T::TAKES;
    const UNIT: &'static str = T::UNIT;

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        T::read(key, value, problems).map(Some)
    }

    fn placeholder() -> Self {
        None
    }

    fn magnitude(&self) -> u64 {
        self.as_ref().map_or(0, FromValue::magnitude)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// Declares an enum whose variants are words of the configuration.
macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident { $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal ),+ $(,)? } $takes:literal) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $( $(#[doc = $doc])+ $variant ),+ }

        impl $name {
            /// The word as written.
            pub fn word(self) -> &'static str {
                match self { $( Self::$variant => $word ),+ }
            }
        }

        impl $crate::section::FromValue for $name {
            const TAKES: &'static str = $takes;

            fn read(key: &str, value: &toml::Spanned<toml::de::DeValue<'_>>, problems: &mut $crate::problem::Problems) -> Option<Self> {
                if let toml::de::DeValue::Boolean(truth) = value.get_ref() {
                    $crate::value::note_truth(key, Self::TAKES, *truth, &[$($word),+], &value.span(), problems);
                    return None;
                }
                let word = $crate::value::text(key, Self::TAKES, value, problems)?;
                match word {
                    $( $word => Some(Self::$variant), )+
                    _ => {
                        let cure = fosse_nearest::nearest(word, [$($word),+]);
                        let cure = cure.map(|near| format!("did you mean \"{near}\"?")).unwrap_or_default();
                        let what = format!("{key} takes {}, not {}", Self::TAKES, $crate::section::quoted(word));
                        problems.note_with_cure(&value.span(), what, cure);
                        None
                    }
                }
            }

            fn placeholder() -> Self {
                let [first, ..] = [$( Self::$variant ),+];
                first
            }
        }
    };
}
pub(crate) use words;
