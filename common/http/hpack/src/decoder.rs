//! Header blocks to fields.

use crate::error::Error;
use crate::static_table::{STATIC, STATIC_COUNT};
use crate::table::Table;
use crate::{TABLE_BYTES_MAX, huffman, integer};

/// The state of one direction of a connection: the dynamic table that its peer fills.
#[derive(Debug, Default)]
pub struct Decoder {
    table: Table,
    /// The name and the value of a field that lie neither in the block nor in a table.
    name: Vec<u8>,
    value: Vec<u8>,
}

/// Memory that a decoder keeps for decoded strings between blocks.
const SCRATCH_KEPT_BYTES: usize = 4096;

impl Decoder {
    /// Decodes a whole header block and shows name and value of each of its fields, in order. What
    /// they may contain is not looked at. A block that decodes to more than `list_bytes_max` is
    /// given up: an index of a byte may be a field of 4 KiB.
    ///
    /// # Errors
    /// The first rule that is broken; fields before it have been shown, and nothing after it can be
    /// decoded.
    pub fn decode(
        &mut self,
        block: &[u8],
        list_bytes_max: usize,
        mut see: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), Error> {
        let mut list_bytes = 0;
        let mut see = |name: &[u8], value: &[u8]| {
            list_bytes += name.len() + value.len();
            see(name, value);
            if list_bytes > list_bytes_max { Err(Error::ListSize) } else { Ok(()) }
        };
        let mut rest = block;
        let mut has_field = false;
        while let [first, ..] = *rest {
            rest = match first {
                0x80.. => self.indexed(rest, &mut see)?,
                0x40..0x80 => self.literal(rest, 6, true, &mut see)?,
                0x20..0x40 if has_field => return Err(Error::LateTableSize),
                0x20..0x40 => self.resize(rest)?,
                0x00..0x20 => self.literal(rest, 4, false, &mut see)?,
            };
            has_field = !(0x20..0x40).contains(&first);
        }
        self.name.shrink_to(SCRATCH_KEPT_BYTES);
        self.value.shrink_to(SCRATCH_KEPT_BYTES);
        Ok(())
    }

    /// Section 6.1.
    #[inline]
    fn indexed<'b>(
        &self,
        bytes: &'b [u8],
        see: &mut impl FnMut(&[u8], &[u8]) -> Result<(), Error>,
    ) -> Result<&'b [u8], Error> {
        let (index, rest) = integer::read(bytes, 7)?;
        let (name, value) = entry(&self.table, index)?;
        see(name, value)?;
        Ok(rest)
    }

    /// Section 6.2.
    fn literal<'b>(
        &mut self,
        bytes: &'b [u8],
        prefix: u32,
        is_kept: bool,
        see: &mut impl FnMut(&[u8], &[u8]) -> Result<(), Error>,
    ) -> Result<&'b [u8], Error> {
        let (index, rest) = integer::read(bytes, prefix)?;
        self.name.clear();
        self.value.clear();
        let (name, rest) = if index == 0 {
            string(rest, &mut self.name)?
        } else if let Some((name, _)) = STATIC.get(index - 1) {
            (*name, rest)
        } else {
            // Its entry may be evicted by the new one (section 4.4).
            self.name.extend_from_slice(entry(&self.table, index)?.0);
            (self.name.as_slice(), rest)
        };
        let (value, rest) = string(rest, &mut self.value)?;
        see(name, value)?;
        if is_kept {
            self.table.insert(0, name, value);
        }
        Ok(rest)
    }

    /// Section 6.3.
    fn resize<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Error> {
        let (max, rest) = integer::read(bytes, 5)?;
        if max > TABLE_BYTES_MAX {
            return Err(Error::TableSize);
        }
        self.table.set_max(max);
        Ok(rest)
    }
}

/// Returns the entry of an index (section 2.3.3).
#[inline]
fn entry(table: &Table, index: usize) -> Result<(&[u8], &[u8]), Error> {
    let place = index.checked_sub(1).ok_or(Error::Index)?;
    match STATIC.get(place) {
        Some(entry) => Ok(*entry),
        None => table.get(place - STATIC_COUNT).ok_or(Error::Index),
    }
}

/// Splits a string off `bytes` (section 5.2), into `scratch` where it is coded.
#[inline]
fn string<'t, 'b: 't>(bytes: &'b [u8], scratch: &'t mut Vec<u8>) -> Result<(&'t [u8], &'b [u8]), Error> {
    let is_coded = bytes.first().is_some_and(|first| *first >= 0x80);
    let (length, rest) = integer::read(bytes, 7)?;
    let (text, rest) = rest.split_at_checked(length).ok_or(Error::Cut)?;
    if !is_coded {
        return Ok((text, rest));
    }
    huffman::decode(text, scratch)?;
    Ok((scratch, rest))
}
