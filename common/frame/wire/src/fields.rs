//! Header and trailer fields as both heads carry them: `u16 count`, then
//! `u16 name length | u32 value length | name | value` each, in order, duplicates kept. Names and
//! values are raw bytes: who serialises them checks them.

use crate::{
    WireError,
    cursor::{Cursor, Fixed},
};

/// Fields of one head. More than any honest client sends; the count bounds every loop over fields.
pub const FIELDS_MAX: usize = 256;

/// A validated field list inside a body; iterating cannot fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    count: u16,
    bytes: &'a [u8],
    /// The [`kind`]s of its names: most questions for a name that is not there end here.
    kinds: u64,
}

/// Returns one bit for the length and the first letter of a name, whatever its case. Other names
/// may have the same.
#[inline]
fn kind(name: &[u8]) -> u64 {
    let first = name.first().copied().unwrap_or_default() & 0x1f;
    1 << ((name.len() * 5 + usize::from(first)) & 63)
}

impl<'a> Fields<'a> {
    /// Reads a field list off the cursor, checking every length once.
    ///
    /// # Errors
    /// [`WireError::Short`], or [`WireError::Field`] above [`FIELDS_MAX`].
    pub fn decode(cursor: &mut Cursor<'a>) -> Result<Self, WireError> {
        let count = cursor.u16()?;
        if usize::from(count) > FIELDS_MAX {
            return Err(WireError::Field("field count"));
        }
        let (before, mut kinds) = (cursor.rest(), 0);
        for _ in 0..count {
            let (name, _) = take(cursor)?;
            kinds |= kind(name);
        }
        let used = before.len() - cursor.rest().len();
        Ok(Self { count, bytes: &before[..used], kinds })
    }

    /// Returns the number of fields.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Returns whether there is no field.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the values of all fields of that name, compared without case.
    pub fn all(self, name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
        let looked_through = if self.kinds & kind(name) == 0 { Self::default() } else { self };
        looked_through.into_iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }
}

#[inline]
fn take<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a [u8], &'a [u8]), WireError> {
    let name = usize::from(cursor.u16()?);
    let value = usize::try_from(cursor.u32()?).map_err(|_| WireError::Short)?;
    Ok((cursor.bytes(name)?, cursor.bytes(value)?))
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = FieldsIter<'a>;
    fn into_iter(self) -> FieldsIter<'a> {
        FieldsIter { cursor: Cursor::new(self.bytes) }
    }
}

/// Name and value of each field, in order.
#[derive(Clone, Debug)]
pub struct FieldsIter<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Iterator for FieldsIter<'a> {
    type Item = (&'a [u8], &'a [u8]);
    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // `decode` has checked every length, so it fails at the end of the list alone.
        take(&mut self.cursor).ok()
    }
}

/// Writes a field list whose length need not be known before: reserve, push, finish.
#[derive(Debug)]
pub struct FieldsWriter<'v> {
    out: &'v mut Vec<u8>,
    at: usize,
    count: u16,
}

impl<'v> FieldsWriter<'v> {
    /// Starts a list at the end of `out`.
    pub fn new(out: &'v mut Vec<u8>) -> Self {
        let at = out.len();
        out.extend_from_slice(&[0; 2]);
        Self { out, at, count: 0 }
    }

    /// Adds a field.
    ///
    /// # Errors
    /// [`WireError::Field`] for a name or value too long, or one field too many.
    #[inline]
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), WireError> {
        if usize::from(self.count) >= FIELDS_MAX {
            return Err(WireError::Field("field count"));
        }
        let name_len = u16::try_from(name.len()).map_err(|_| WireError::Field("field name"))?;
        let value_len = u32::try_from(value.len()).map_err(|_| WireError::Field("field value"))?;
        let lengths = Fixed::<6>::new().put(name_len.to_le_bytes()).put(value_len.to_le_bytes()).bytes();
        self.out.extend_from_slice(&lengths);
        self.out.extend_from_slice(name);
        self.out.extend_from_slice(value);
        self.count += 1;
        Ok(())
    }

    /// Writes the count into its place.
    pub fn finish(self) {
        self.out[self.at..self.at + 2].copy_from_slice(&self.count.to_le_bytes());
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
