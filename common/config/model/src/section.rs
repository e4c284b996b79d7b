//! One row per key: name, type, default, limits and sentence. The row makes the field, the reader,
//! the check of its limits and the line in the manual page, so that none of them can contradict the
//! others.

use std::ops::Deref;

use fosse_nearest::nearest;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::foreign;
use crate::problem::{Problems, Span};

/// The meaning of a key that is not written.
#[derive(Clone, Copy, Debug)]
pub enum Presence {
    /// It must be written.
    Required,
    /// This value, in TOML, holds.
    Default(&'static str),
    /// There is no value; the words say what that means.
    Absent(&'static str),
}

/// Everything documented about one key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name as written in the file.
    pub name: &'static str,
    /// The values it takes, in words.
    pub takes: &'static str,
    /// Its meaning where it is not written.
    pub presence: Presence,
    /// Smallest and largest value: of a number in its own unit, of a text in bytes, of a list in
    /// entries.
    pub limits: Option<(u64, u64)>,
    /// Unit of the limits; empty for plain numbers.
    pub unit: &'static str,
    /// Its purpose, in whole sentences.
    pub doc: &'static str,
}

/// A table of the configuration: how it is written and its keys.
#[derive(Clone, Copy, Debug)]
pub struct SectionDoc {
    /// As a person writes it, for example `[[listen]]`.
    pub title: &'static str,
    /// Its purpose, in whole sentences.
    pub doc: &'static str,
    /// Its keys, in the order of the manual page.
    pub keys: &'static [Key],
}

impl SectionDoc {
    /// Returns the row of a key. The macro that calls this has made the row from the same name.
    pub fn key(&self, name: &str) -> &'static Key {
        self.keys.iter().find(|key| key.name == name).unwrap_or(&NO_KEY)
    }
}

static NO_KEY: Key = Key { name: "", takes: "", presence: Presence::Required, limits: None, unit: "", doc: "" };

/// A value and its place in the file.
#[derive(Clone, Debug)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its place, or for a default that of the table it belongs to.
    pub span: Span,
    /// Its origin.
    pub origin: Origin,
}

/// The origin of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was written.
    Written,
    /// It was not written.
    Default,
    /// A problem with it is noted already, so that no further check reports it again.
    Broken,
}

impl<T> At<T> {
    /// Returns the value if it was written and is sound.
    pub fn written(&self) -> Option<&T> {
        (self.origin == Origin::Written).then_some(&self.value)
    }

    /// Returns the value unless a problem with it is noted.
    pub fn sound(&self) -> Option<&T> {
        (self.origin != Origin::Broken).then_some(&self.value)
    }
}

impl<T> Deref for At<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// A type that a TOML value can be read into.
pub(crate) trait FromValue: Sized {
    /// The values it takes, in words: "a whole number", "true or false".
    const TAKES: &'static str;

    /// Unit of limits: "bytes", "seconds", "entries"; empty for plain numbers.
    const UNIT: &'static str = "";

    /// Reads the value, or notes the problem. `key` is the name for messages.
    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self>;

    /// Returns the value used where it is missing or wrong; never compiled.
    fn placeholder() -> Self;

    /// Returns the magnitude that limits apply to.
    fn magnitude(&self) -> u64 {
        0
    }

    /// Returns the value of "not written", for types that have one.
    fn absent() -> Option<Self> {
        None
    }
}

/// A table read key by key.
pub(crate) struct TableReader<'a, 'i> {
    title: &'static str,
    span: Span,
    table: &'a DeTable<'i>,
    problems: &'a mut Problems,
}

impl<'a, 'i> TableReader<'a, 'i> {
    /// Begins to read `table`; every key that `doc` does not have is noted.
    pub(crate) fn new(doc: &SectionDoc, span: Span, table: &'a DeTable<'i>, problems: &'a mut Problems) -> Self {
        for name in table.keys() {
            if !doc.keys.iter().any(|key| key.name == name.get_ref().as_ref()) {
                unknown_key(doc, name, problems);
            }
        }
        Self { title: doc.title, span, table, problems }
    }

    /// Returns the place of the table's beginning.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Returns the value of `key`, its default, or a placeholder with the problem noted.
    pub(crate) fn take<T: FromValue>(&mut self, key: &Key) -> At<T> {
        let Some(value) = self.table.get(key.name) else { return self.not_written(key) };
        let span = value.span();
        match T::read(key.name, value, self.problems) {
            Some(read) if self.within(key, &read, &span) => At { value: read, span, origin: Origin::Written },
            _ => At { value: T::placeholder(), span, origin: Origin::Broken },
        }
    }

    fn not_written<T: FromValue>(&mut self, key: &Key) -> At<T> {
        let span = self.span.clone();
        let value = match key.presence {
            Presence::Default(text) => default_value(key, text),
            Presence::Absent(_) => T::absent(),
            Presence::Required => {
                self.missing(key);
                None
            }
        };
        match value {
            Some(value) => At { value, span, origin: Origin::Default },
            None => At { value: T::placeholder(), span, origin: Origin::Broken },
        }
    }

    fn missing(&mut self, key: &Key) {
        let (what, cure) = match key.takes.strip_prefix("a table ") {
            Some(table) => (format!("there is no {table}"), "add one".to_owned()),
            None => (format!("{} needs {}", self.title, key.name), format!("it takes {}", key.takes)),
        };
        self.problems.note_with_cure(&self.span, what, cure);
    }

    fn within<T: FromValue>(&mut self, key: &Key, value: &T, span: &Span) -> bool {
        let Some((low, high)) = key.limits else { return true };
        // Times are written in seconds and read in milliseconds.
        let scale = if key.unit == "seconds" { 1000 } else { 1 };
        let bounds = low.checked_mul(scale).zip(high.checked_mul(scale));
        if bounds.is_some_and(|(low, high)| (low..=high).contains(&value.magnitude())) {
            return true;
        }
        let what = match key.unit {
            "" => format!("{} must be between {low} and {high}", key.name),
            "entries" => format!("{} must have between {low} and {high} entries", key.name),
            unit => format!("{} must be between {low} and {high} {unit}", key.name),
        };
        self.problems.note(span, what);
        false
    }
}

/// Reads the documented default as a written value is read.
fn default_value<T: FromValue>(key: &Key, text: &str) -> Option<T> {
    let value = DeValue::parse(text).ok()?;
    T::read(key.name, &value, &mut Problems::default())
}

fn unknown_key(doc: &SectionDoc, name: &Spanned<DeString<'_>>, problems: &mut Problems) {
    let written = name.get_ref().as_ref();
    let what = format!("unknown key {} in {}", quoted(written), doc.title);
    if problems.are_many() {
        return problems.note(&name.span(), what);
    }
    if let Some(cure) = foreign::cure(doc.title, written) {
        return problems.note_with_cure(&name.span(), what, cure);
    }
    let cure = match (nearest(written, doc.keys.iter().map(|key| key.name)), problems.table_of(written)) {
        (_, Some(other)) => format!("it belongs in {other}"),
        (Some(near), None) => format!("did you mean {near}?"),
        (None, None) => {
            let known: Vec<&str> = doc.keys.iter().map(|key| key.name).collect();
            format!("known are {}", known.join(", "))
        }
    };
    problems.note_with_cure(&name.span(), what, cure);
}

/// Returns the kind of a value with its article, for messages: "a string", "a number".
pub(crate) fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Returns a word for a message: quoted, escaped and cut.
pub fn quoted(word: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 60;
    let short: String = word.chars().take(SHOWN_CHARS_MAX).collect();
    let dots = if short.len() < word.len() { "..." } else { "" };
    format!("\"{}{dots}\"", short.escape_debug().to_string().replace("\\'", "'"))
}

/// Declares a table: its struct, its documentation and its reader, from one row per key.
macro_rules! section {
    ($(#[doc = $about:literal])+ $name:ident $title:literal {
        $( $(#[doc = $doc:literal])+ $field:ident : $type:ty, $presence:expr $(, $low:literal ..= $high:literal)? ; )+
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        pub struct $name {
            /// Place of the table's beginning.
            pub span: $crate::problem::Span,
            $( $(#[doc = $doc])+ pub $field: $crate::section::At<$type>, )+
        }

        impl $name {
            /// The table's title and its keys.
            pub(crate) const DOC: $crate::section::SectionDoc = $crate::section::SectionDoc {
                title: $title,
                doc: concat!($($about, "\n"),+),
                keys: &[ $( $crate::section::Key {
                    name: stringify!($field),
                    takes: <$type as $crate::section::FromValue>::TAKES,
                    presence: $presence,
                    limits: section!(@limits $($low, $high)?),
                    unit: <$type as $crate::section::FromValue>::UNIT,
                    doc: concat!($($doc, "\n"),+),
                } ),+ ],
            };

            /// Reads the table; a value that is wrong is noted and becomes a placeholder.
            pub fn read_table(span: $crate::problem::Span, table: &toml::de::DeTable<'_>, problems: &mut $crate::problem::Problems) -> Self {
                let mut reader = $crate::section::TableReader::new(&Self::DOC, span, table, problems);
                Self {
                    span: reader.span(),
                    $( $field: reader.take(Self::DOC.key(stringify!($field))) ),+
                }
            }
        }

        impl $crate::section::FromValue for $name {
            const TAKES: &'static str = concat!("a table ", $title);

            fn read(key: &str, value: &toml::Spanned<toml::de::DeValue<'_>>, problems: &mut $crate::problem::Problems) -> Option<Self> {
                match value.get_ref() {
                    toml::de::DeValue::Table(table) => Some(Self::read_table(value.span(), table, problems)),
                    other => {
                        let what = format!("{key} is {}", $crate::section::article(other));
                        problems.note_with_cure(&value.span(), what, concat!("write it as a table ", $title));
                        None
                    }
                }
            }

            fn placeholder() -> Self {
                Self::read_table(0..0, &toml::de::DeTable::new(), &mut $crate::problem::Problems::default())
            }
        }
    };
    (@limits) => { None };
    (@limits $low:literal, $high:literal) => { Some(($low, $high)) };
}
pub(crate) use section;
