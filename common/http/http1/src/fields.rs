//! Field lines: split, checked, and iterated without a copy.

use crate::class::{is_token, token_len, trim_end, trim_start, value_len};
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
    /// Returns whether the name is `name`, which is given in lower case.
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
    shapes: Shapes,
    /// All shapes are known, and each line is as it would be written.
    is_canonical: bool,
}

/// Lines whose colons and ends need not be searched again. A browser's request has no more.
const SHAPES: usize = 24;

/// The shapes of the first lines.
type Shapes = [Shape; SHAPES];

/// The lengths of the parts of a line, in bytes; `line` is 0 where they are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Shape {
    line: u16,
    name: u8,
    /// The colon and the spaces after it.
    between: u8,
    value: u16,
}

impl Shape {
    /// Makes the shape of a line of that length; `None` where a part is too long for one.
    #[inline]
    fn of(field: &Field<'_>, between: usize, line: usize) -> Option<Self> {
        Some(Self {
            line: line.try_into().ok()?,
            name: field.name.len().try_into().ok()?,
            between: between.try_into().ok()?,
            value: field.value.len().try_into().ok()?,
        })
    }

    /// Returns whether a line of this shape, which is known, has one space after its colon and none
    /// at its end.
    #[inline]
    fn is_canonical(self, line: &[u8]) -> bool {
        let (name, value) = (usize::from(self.name), usize::from(self.value));
        self.line > 0 && usize::from(self.line) == name + value + 4 && line.get(name + 1) == Some(&b' ')
    }

    /// Cuts the line of this shape off. Returns it with what follows it.
    #[inline]
    fn cut(self, bytes: &[u8]) -> (Field<'_>, &[u8]) {
        let (line, rest) = bytes.split_at(usize::from(self.line));
        let (name, line) = line.split_at(usize::from(self.name));
        (Field { name, value: &line[usize::from(self.between)..][..usize::from(self.value)] }, rest)
    }
}

impl<'a> Fields<'a> {
    /// Checks a block of field lines that ends in an empty line and nothing after it, and shows
    /// each line to `see`.
    pub(crate) fn check(
        block: &'a [u8],
        limits: &HeadLimits,
        mut see: impl FnMut(Field<'a>) -> Result<(), Refusal>,
    ) -> Result<Self, Refusal> {
        let mut rest = block;
        let mut count = 0usize;
        let mut shapes = Shapes::default();
        let mut places = shapes.iter_mut();
        let mut is_canonical = true;
        while rest != b"\r\n" {
            count += 1;
            let Some((field, between, after)) = usual_line(rest) else { return Err(fault(rest, count, limits)) };
            if count > limits.fields {
                return Err(Refusal::TooManyFields);
            }
            let line = rest.len() - after.len();
            // A usual line has a CR LF, which the limit does not count.
            if line - 2 > limits.field_bytes {
                return Err(Refusal::FieldTooLong);
            }
            let shape = Shape::of(&field, between, line).unwrap_or_default();
            match places.next() {
                Some(place) => *place = shape,
                None => is_canonical = false,
            }
            is_canonical &= shape.is_canonical(rest);
            see(field)?;
            rest = after;
        }
        // The loop ends at the empty line alone.
        Ok(Self { lines: &block[..block.len() - 2], shapes, is_canonical })
    }

    /// Checks the number and the lengths of the lines by narrower limits.
    pub(crate) fn check_limits(&self, limits: &HeadLimits) -> Result<(), Refusal> {
        let lines = self.lines.split_inclusive(|byte| *byte == b'\n');
        for (count, line) in (1..).zip(lines) {
            if count > limits.fields {
                return Err(Refusal::TooManyFields);
            }
            if line.len() - 2 > limits.field_bytes {
                return Err(Refusal::FieldTooLong);
            }
        }
        Ok(())
    }

    /// Returns the lengths of name and value of each line where all are known, and each line is
    /// `name: value` without another space.
    #[must_use]
    pub fn canonical_lengths(&self) -> Option<impl Iterator<Item = (usize, usize)> + '_> {
        self.is_canonical.then(|| {
            let known = self.shapes.iter().take_while(|shape| shape.line > 0);
            known.map(|shape| (usize::from(shape.name), usize::from(shape.value)))
        })
    }

    /// Returns the lines as they came, each with its CR LF.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.lines
    }

    /// Iterates over the fields in order.
    #[must_use]
    pub fn iter(&self) -> FieldsIter<'a> {
        FieldsIter { rest: self.lines, shapes: self.shapes.into_iter() }
    }

    /// Returns the first value under a name given in lower case.
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
    shapes: core::array::IntoIter<Shape, SHAPES>,
}

impl<'a> Iterator for FieldsIter<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let known = self.shapes.next().filter(|shape| shape.line > 0);
        let (field, rest) = match known {
            Some(shape) => shape.cut(self.rest),
            None => usual_line(self.rest).map(|(field, _, rest)| (field, rest))?,
        };
        self.rest = rest;
        Some(field)
    }
}

/// Splits off the first line, without its CR LF, from what follows it.
pub(crate) fn split_line(bytes: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let end = memchr::memchr(b'\n', bytes).ok_or(Refusal::HeadCutWrong)?;
    let (line, rest) = bytes.split_at_checked(end).ok_or(Refusal::HeadCutWrong)?;
    let line = line.strip_suffix(b"\r").ok_or(Refusal::BareLineFeed)?;
    Ok((line, rest.split_first().map_or(rest, |(_, after)| after)))
}

/// Splits off a line that breaks no rule but perhaps one of its length, looking at each byte once.
/// Returns the field, the number of bytes between name and value, and what follows. Of any other
/// line [`fault`] says what is wrong with it.
#[inline]
fn usual_line(bytes: &[u8]) -> Option<(Field<'_>, usize, &[u8])> {
    let (name, rest) = bytes.split_at_checked(token_len(bytes))?;
    if name.is_empty() || !rest.starts_with(b":") {
        return None;
    }
    let (tail, end) = rest.split_at_checked(value_len(rest))?;
    let after = end.strip_prefix(b"\r\n")?;
    let begun = trim_start(tail.strip_prefix(b":")?);
    let between = tail.len() - begun.len();
    Some((Field { name, value: trim_end(begun) }, between, after))
}

/// Returns the first rule that a line broke which is no usual one.
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
