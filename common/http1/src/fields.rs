//! Field lines: split, checked, and iterated without a copy.

use crate::class::{is_token, is_value, trim};
use crate::limits::HeadLimits;
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
        self.name.eq_ignore_ascii_case(name.as_bytes())
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
        loop {
            let (line, after) = split_line(rest)?;
            if line.is_empty() {
                break if after.is_empty() { Ok(()) } else { Err(Refusal::HeadCutWrong) };
            }
            count = count.saturating_add(1);
            if count > limits.fields {
                return Err(Refusal::TooManyFields);
            }
            see(check_field(line, limits)?)?;
            rest = after;
        }?;
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
        let (line, rest) = split_line(self.rest).ok()?;
        self.rest = rest;
        let (name, value) = split_colon(line)?;
        Some(Field { name, value: trim(value) })
    }
}

/// The first line without its CR LF, and what follows it.
pub(crate) fn split_line(bytes: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let end = memchr::memchr(b'\n', bytes).ok_or(Refusal::HeadCutWrong)?;
    let (line, rest) = bytes.split_at_checked(end).ok_or(Refusal::HeadCutWrong)?;
    let line = line.strip_suffix(b"\r").ok_or(Refusal::BareLineFeed)?;
    Ok((line, rest.split_first().map_or(rest, |(_, after)| after)))
}

fn split_colon(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == b':')?;
    let (name, rest) = line.split_at_checked(at)?;
    Some((name, rest.strip_prefix(b":")?))
}

fn check_field<'a>(line: &'a [u8], limits: &HeadLimits) -> Result<Field<'a>, Refusal> {
    if line.len() > limits.field_bytes {
        return Err(Refusal::FieldTooLong);
    }
    if let [b' ' | b'\t', ..] = line {
        return Err(Refusal::ObsoleteFold);
    }
    let (name, value) = split_colon(line).ok_or(Refusal::NoColon)?;
    if !is_token(name) {
        return Err(Refusal::BadFieldName);
    }
    if !is_value(value) {
        let alone = memchr::memchr(b'\r', value).is_some();
        return Err(if alone { Refusal::BareCarriageReturn } else { Refusal::BadFieldValue });
    }
    Ok(Field { name, value: trim(value) })
}
