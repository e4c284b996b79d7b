//! Header and trailer fields as both heads carry them: `u16 count`, where that is not 0 a text
//! with its length as u32 before it, then `u16 name length | u32 value length` of each. The text
//! has the fields as they stand in HTTP/1.1 (`name: value` CR LF each), in order, duplicates kept:
//! who writes a head copies what passes in one piece. Names and values are raw bytes: who
//! serialises them checks them.

use core::ops::Range;

use crate::{
    WireError,
    cursor::{Cursor, Fixed},
};

/// Fields of one head. More than any honest client sends; the count bounds every loop over fields.
pub const FIELDS_MAX: usize = 256;

/// Bytes of the text between name and value.
const COLON: &[u8] = b": ";
/// Bytes of the text after a value.
const LINE_END: &[u8] = b"\r\n";

/// Bytes of the text that a field has besides its name and its value.
const LINE_MARKS_BYTES: u32 = 4;

/// The lengths of one field, as they are encoded.
type Lengths = [u8; 6];

/// A validated field list inside a body; iterating cannot fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    text: &'a [u8],
    lengths: &'a [Lengths],
    /// The [`kind`]s of its names: most questions for a name that is not there end here.
    kinds: u64,
}

/// Returns one bit for the length and the first and last letter of a name, whatever its case. Other
/// names may have the same.
#[inline]
fn kind(name: &[u8]) -> u64 {
    let letter = |byte: Option<&u8>| usize::from(byte.copied().unwrap_or_default() & 0x1f);
    1 << ((name.len() * 5 + letter(name.first()) + letter(name.last()) * 11) & 63)
}

impl<'a> Fields<'a> {
    /// Reads a field list off the cursor, checking every length and every mark once.
    ///
    /// # Errors
    /// [`WireError::Short`], or [`WireError::Field`] above [`FIELDS_MAX`] and for a text that its
    /// lengths do not fit.
    pub fn decode(cursor: &mut Cursor<'a>) -> Result<Self, WireError> {
        let count = usize::from(cursor.u16()?);
        if count > FIELDS_MAX {
            return Err(WireError::Field("field count"));
        }
        if count == 0 {
            return Ok(Self::default());
        }
        let text = cursor.long_bytes()?;
        let (lengths, _) = cursor.bytes(count * size_of::<Lengths>())?.as_chunks();
        let (mut rest, mut kinds) = (text, 0);
        for lengths in lengths {
            let (name, _, after) = cut(lengths, rest).ok_or(WireError::Field("field text"))?;
            kinds |= kind(name);
            rest = after;
        }
        if rest.is_empty() { Ok(Self { text, lengths, kinds }) } else { Err(WireError::Field("field text")) }
    }

    /// Returns the number of fields.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Returns whether there is no field.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Returns the fields as they stand in HTTP/1.1. What is in a name or a value is not checked.
    #[must_use]
    pub const fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Iterates over the fields with the places of their lines in the text.
    pub fn lines(self) -> impl Iterator<Item = (Range<usize>, &'a [u8], &'a [u8])> {
        let (mut fields, mut at) = (self.into_iter(), 0);
        core::iter::from_fn(move || {
            let (name, value) = fields.next()?;
            let start = core::mem::replace(&mut at, self.text.len() - fields.rest.len());
            Some((start..at, name, value))
        })
    }

    /// Returns whether there is a field of that name, compared without case.
    #[must_use]
    pub fn has(self, name: &[u8]) -> bool {
        self.kinds & kind(name) != 0 && self.into_iter().any(|(field, _)| field.eq_ignore_ascii_case(name))
    }

    /// Returns the values of all fields of that name, compared without case.
    pub fn all(self, name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
        let looked_through = if self.kinds & kind(name) == 0 { Self::default() } else { self };
        looked_through.into_iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }
}

/// Cuts the first field off a text. Returns its name and value, and what follows it.
#[inline]
fn cut<'a>(&[n0, n1, v0, v1, v2, v3]: &Lengths, text: &'a [u8]) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
    let (name, rest) = text.split_at_checked(usize::from(u16::from_le_bytes([n0, n1])))?;
    let value_bytes = usize::try_from(u32::from_le_bytes([v0, v1, v2, v3])).ok()?;
    let (value, rest) = rest.strip_prefix(COLON)?.split_at_checked(value_bytes)?;
    Some((name, value, rest.strip_prefix(LINE_END)?))
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = FieldsIter<'a>;
    fn into_iter(self) -> FieldsIter<'a> {
        FieldsIter { rest: self.text, lengths: self.lengths.iter() }
    }
}

/// Name and value of each field, in order.
#[derive(Clone, Debug)]
pub struct FieldsIter<'a> {
    rest: &'a [u8],
    lengths: core::slice::Iter<'a, Lengths>,
}

impl<'a> Iterator for FieldsIter<'a> {
    type Item = (&'a [u8], &'a [u8]);
    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // `decode` has checked every length, so it fails at the end of the list alone.
        let (name, value, rest) = cut(self.lengths.next()?, self.rest)?;
        self.rest = rest;
        Some((name, value))
    }
}

/// Fields whose lengths a list in the making has room for without an allocation: more than most
/// heads have.
const USUAL_FIELDS: usize = 24;

/// Writes a field list whose length need not be known before: reserve, push, finish.
#[derive(Debug)]
pub struct FieldsWriter<'v> {
    out: &'v mut Vec<u8>,
    at: usize,
    text_bytes: u32,
    count: usize,
    lengths: [Lengths; USUAL_FIELDS],
    more: Vec<Lengths>,
}

/// Bytes of the count of a list.
const COUNT: usize = 2;
/// Bytes before the text of a list: its count and length.
const BEFORE_TEXT: usize = COUNT + 4;

impl<'v> FieldsWriter<'v> {
    /// Starts a list at the end of `out`.
    #[inline]
    pub fn new(out: &'v mut Vec<u8>) -> Self {
        let at = out.len();
        out.extend_from_slice(&[0; BEFORE_TEXT]);
        Self { out, at, text_bytes: 0, count: 0, lengths: [[0; 6]; USUAL_FIELDS], more: Vec::new() }
    }

    /// Adds a field.
    ///
    /// # Errors
    /// [`WireError::Field`] for a name or value too long, or one field too many.
    #[inline]
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), WireError> {
        self.note(name.len(), value.len())?;
        // Room once: the marks are then stores, not calls.
        self.out.reserve(name.len() + COLON.len() + value.len() + LINE_END.len());
        self.out.extend_from_slice(name);
        self.out.extend_from_slice(COLON);
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(LINE_END);
        Ok(())
    }

    /// Adds fields that stand in a text as they would here, by the lengths of their names and
    /// values. Who reads the list refuses it where they do not fit.
    ///
    /// # Errors
    /// As [`FieldsWriter::push`].
    #[inline]
    pub fn push_text(
        &mut self,
        text: &[u8],
        mut lengths: impl Iterator<Item = (usize, usize)>,
    ) -> Result<(), WireError> {
        lengths.try_for_each(|(name, value)| self.note(name, value))?;
        self.out.extend_from_slice(text);
        Ok(())
    }

    #[inline]
    fn note(&mut self, name: usize, value: usize) -> Result<(), WireError> {
        if self.count >= FIELDS_MAX {
            return Err(WireError::Field("field count"));
        }
        let name = u16::try_from(name).map_err(|_| WireError::Field("field name"))?;
        let value = u32::try_from(value).map_err(|_| WireError::Field("field value"))?;
        let text_bytes = [value, LINE_MARKS_BYTES].into_iter().try_fold(u32::from(name), u32::checked_add);
        let text_bytes = text_bytes.and_then(|line| self.text_bytes.checked_add(line));
        self.text_bytes = text_bytes.ok_or(WireError::Field("field text"))?;
        let lengths = Fixed::<6>::new().put(name.to_le_bytes()).put(value.to_le_bytes()).bytes();
        match self.lengths.get_mut(self.count) {
            Some(place) => *place = lengths,
            None => self.more.push(lengths),
        }
        self.count += 1;
        Ok(())
    }

    /// Writes the lengths after the text, and the count before it.
    #[inline]
    pub fn finish(self) {
        let Self { out, at, text_bytes, count, lengths, more } = self;
        if count == 0 {
            return out.truncate(at + COUNT);
        }
        // No more than FIELDS_MAX were noted.
        let counted = u16::try_from(count).unwrap_or(0);
        let before = Fixed::<BEFORE_TEXT>::new().put(counted.to_le_bytes()).put(text_bytes.to_le_bytes()).bytes();
        out[at..at + BEFORE_TEXT].copy_from_slice(&before);
        out.extend_from_slice(lengths.get(..count).unwrap_or(&lengths).as_flattened());
        out.extend_from_slice(more.as_flattened());
    }
}

/// Writes a whole list at once.
///
/// # Errors
/// As [`FieldsWriter::push`].
pub fn put<'f>(out: &mut Vec<u8>, fields: impl IntoIterator<Item = (&'f [u8], &'f [u8])>) -> Result<(), WireError> {
    let mut writer = FieldsWriter::new(out);
    for (name, value) in fields {
        writer.push(name, value)?;
    }
    writer.finish();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut out = b"before".to_vec();
        put(&mut out, fields.iter().copied()).unwrap();
        out.split_off(6)
    }

    fn decoded(bytes: &[u8]) -> Result<Fields<'_>, WireError> {
        let mut cursor = Cursor::new(bytes);
        let fields = Fields::decode(&mut cursor)?;
        cursor.end()?;
        Ok(fields)
    }

    #[test]
    fn fields_come_back_in_order_and_stand_in_the_text_as_they_are_sent() {
        let some: [(&[u8], &[u8]); 4] = [(b"Host", b"a"), (b"X", b""), (b"x", b"2"), (b"", b"\r\n: ")];
        let bytes = list(&some);
        let fields = decoded(&bytes).unwrap();
        assert!(fields.into_iter().eq(some) && fields.len() == 4 && !fields.is_empty());
        assert_eq!(fields.text(), b"Host: a\r\nX: \r\nx: 2\r\n: \r\n: \r\n");
        assert!(fields.all(b"x").eq([&b""[..], b"2"]) && fields.all(b"y").next().is_none());
        assert!(fields.has(b"HOST") && fields.has(b"") && !fields.has(b"hos") && !fields.has(b"y"));
        let mut out = Vec::new();
        let mut writer = FieldsWriter::new(&mut out);
        writer.push_text(fields.text(), some.iter().map(|(name, value)| (name.len(), value.len()))).unwrap();
        writer.finish();
        assert_eq!(out, bytes);
    }

    #[test]
    fn as_many_as_a_head_may_have_come_back_and_one_more_does_not_go_out() {
        for count in [0, 1, USUAL_FIELDS - 1, USUAL_FIELDS, USUAL_FIELDS + 1, FIELDS_MAX] {
            let names: Vec<_> = (0..count).map(|number| format!("n{number}")).collect();
            let all: Vec<_> = names.iter().map(|name| (name.as_bytes(), name.as_bytes())).collect();
            let bytes = list(&all);
            assert!(decoded(&bytes).unwrap().into_iter().eq(all.iter().copied()), "{count}");
        }
        let too_many = [(&b"a"[..], &b"b"[..]); FIELDS_MAX + 1];
        assert_eq!(put(&mut Vec::new(), too_many), Err(WireError::Field("field count")));
        assert!(put(&mut Vec::new(), [(&[b'n'; 1 << 16][..], &b""[..])]).is_err());
    }

    #[test]
    fn a_list_whose_lengths_do_not_fit_its_text_is_refused() {
        let whole = list(&[(b"Host", b"a.example"), (b"X", b"1")]);
        for cut in 0..whole.len() {
            assert!(decoded(&whole[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut other = whole.clone();
                other[at] ^= 1 << bit;
                // What is still a list has its names and values where they were.
                if let Ok(fields) = decoded(&other) {
                    assert_eq!(
                        fields.into_iter().map(|(n, v)| (n.len(), v.len())).collect::<Vec<_>>(),
                        [(4, 9), (1, 1)]
                    );
                }
            }
        }
    }
}
