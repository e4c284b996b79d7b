//! Field lines: split, checked, and iterated without a copy.

use crate::class::{first, is_token, token_len, trim, value_len};
use crate::limits::HeadLimits;
use crate::names::same_name;
use crate::refusal::Refusal;

/// One field line: name as sent, value without the spaces around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// A token, in the case it was sent in.
    pub name: &'a [u8],
    /// No control byte but the tab.
    pub value: &'a [u8],
}

impl Field<'_> {
    /// Whether the name is `name`, which is given in lower case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        same_name(self.name, name.as_bytes())
    }
}

/// The checked field lines of a head or a trailer section, in order, duplicates kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fields<'a> {
    /// Lines with their CR LF, without the empty one.
    lines: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Checks a block of field lines that ends in an empty line and nothing after it, and shows each line to `see`.
    pub(crate) fn check(
        block: &'a [u8],
        limits: &HeadLimits,
        mut see: impl FnMut(Field<'a>) -> Result<(), Refusal>,
    ) -> Result<Self, Refusal> {
        let mut rest = block;
        let mut count = 0usize;
        while rest != b"\r\n" {
            count = count.saturating_add(1);
            let Some((field, after)) = usual_line(rest) else { return Err(fault(rest, count, limits)) };
            if count > limits.fields {
                return Err(Refusal::TooManyFields);
            }
            if rest.len().saturating_sub(after.len()).saturating_sub(2) > limits.field_bytes {
                return Err(Refusal::FieldTooLong);
            }
            see(field)?;
            rest = after;
        }
        let lines = block.get(..block.len().saturating_sub(2)).unwrap_or_default();
        Ok(Self { lines })
    }

    /// The lines as they came, each with its CR LF.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.lines
    }

    /// The fields in order.
    #[must_use]
    pub fn iter(&self) -> FieldsIter<'a> {
        FieldsIter { rest: self.lines }
    }

    /// The first value under a name given in lower case.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.iter().find(|field| field.is(name)).map(|field| field.value)
    }
}

impl<'a> IntoIterator for &Fields<'a> {
    type Item = Field<'a>;
    type IntoIter = FieldsIter<'a>;

    fn into_iter(self) -> FieldsIter<'a> {
        self.iter()
    }
}

/// Iterator over checked field lines.
#[derive(Debug, Clone)]
pub struct FieldsIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for FieldsIter<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let (name, rest) = self.rest.split_at_checked(first(self.rest, |byte| byte == b':'))?;
        let (value, rest) = rest.split_at_checked(first(rest, |byte| byte == b'\r'))?;
        self.rest = rest.strip_prefix(b"\r\n")?;
        Some(Field { name, value: trim(value.strip_prefix(b":")?) })
    }
}

/// The first line without its CR LF, and what follows it.
pub(crate) fn split_line(bytes: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let end = memchr::memchr(b'\n', bytes).ok_or(Refusal::HeadCutWrong)?;
    let (line, rest) = bytes.split_at_checked(end).ok_or(Refusal::HeadCutWrong)?;
    let line = line.strip_suffix(b"\r").ok_or(Refusal::BareLineFeed)?;
    Ok((line, rest.split_first().map_or(rest, |(_, after)| after)))
}

/// Splits off a line that breaks no rule but perhaps one of its length, looking at each byte once. Of any other line [`fault`]
/// tells what is wrong with it.
#[inline]
fn usual_line(bytes: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let (name, rest) = bytes.split_at_checked(token_len(bytes))?;
    let rest = rest.strip_prefix(b":")?;
    let (value, end) = rest.split_at_checked(value_len(rest))?;
    let after = end.strip_prefix(b"\r\n")?;
    if name.is_empty() { None } else { Some((Field { name, value: trim(value) }, after)) }
}

/// The first rule that the line broke which is no usual one.
#[cold]
fn fault(block: &[u8], count: usize, limits: &HeadLimits) -> Refusal {
    let line = match split_line(block) {
        Ok(([], _)) => return Refusal::HeadCutWrong,
        Ok((line, _)) => line,
        Err(why) => return why,
    };
    if count > limits.fields {
        return Refusal::TooManyFields;
    }
    if line.len() > limits.field_bytes {
        return Refusal::FieldTooLong;
    }
    if let [b' ' | b'\t', ..] = line {
        return Refusal::ObsoleteFold;
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return Refusal::NoColon };
    let (name, value) = line.split_at(colon);
    if !is_token(name) {
        return Refusal::BadFieldName;
    }
    if value.contains(&b'\r') { Refusal::BareCarriageReturn } else { Refusal::BadFieldValue }
}
