//! Fields to header blocks.

use crate::static_table::{STATIC_COUNT, index_of_name, index_of_status};
use crate::table::Table;
use crate::{ENTRY_BYTES, TABLE_BYTES_MAX, integer};

/// Places for marks of fields that were sent without an entry: those that come a second time get
/// one. Each has the last two, since two in one place would keep each other out.
const SEEN: usize = 64;
/// A field beyond this gets no entry, since it would evict too many.
const KEPT_BYTES_MAX: usize = 512;

/// The state of one direction of a connection: the dynamic table of its peer.
#[derive(Debug)]
pub struct Encoder {
    table: Table,
    /// The smallest size since the last block, and whether it has changed (RFC 7541, section 4.2).
    smallest: Option<usize>,
    seen: Box<[[u16; 2]; SEEN]>,
    /// The name in lower case.
    name: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { table: Table::default(), smallest: None, seen: Box::new([[0; 2]; SEEN]), name: Vec::new() }
    }
}

impl Encoder {
    /// Obeys the size of the table that the peer allows (SETTINGS_HEADER_TABLE_SIZE). More than
    /// [`TABLE_BYTES_MAX`] is never used.
    pub fn allow(&mut self, bytes: u32) {
        let max = usize::try_from(bytes).unwrap_or(TABLE_BYTES_MAX).min(TABLE_BYTES_MAX);
        if max != self.table.max() {
            self.smallest = Some(self.smallest.map_or(max, |smallest| smallest.min(max)));
            self.table.set_max(max);
        }
    }

    /// Begins a block with its status, before all fields.
    pub fn status(&mut self, out: &mut Vec<u8>, status: u16) {
        self.begin(out);
        if let Some(index) = index_of_status(status) {
            integer::write(out, 0x80, 7, index);
        } else {
            // The name of entry 8, without an entry of its own.
            integer::write(out, 0x00, 4, 8);
            let digit = |number: u16| b'0' + u8::try_from(number % 10).unwrap_or(0);
            string(out, &[digit(status / 100), digit(status / 10), digit(status)]);
        }
    }

    /// Begins a block that has no status: trailers.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if let Some(smallest) = self.smallest.take() {
            integer::write(out, 0x20, 5, smallest);
            if smallest != self.table.max() {
                integer::write(out, 0x20, 5, self.table.max());
            }
        }
    }

    /// Appends a field. Its name goes out in lower case (RFC 9113, section 8.2).
    pub fn field(&mut self, out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
        self.name.clear();
        self.name.extend(name.iter().map(u8::to_ascii_lowercase));
        let known = index_of_name(&self.name);
        let usage = Usage::of(&self.name);
        if usage != Usage::Repeats || self.name.len() + value.len() + ENTRY_BYTES > KEPT_BYTES_MAX {
            let kind = if usage == Usage::Secret { 0x10 } else { 0x00 };
            return self.literal(out, kind, 4, known, value);
        }
        let hash = hash(&self.name, value);
        if let Some(place) = self.table.find(hash, &self.name, value) {
            return integer::write(out, 0x80, 7, STATIC_COUNT + 1 + place);
        }
        let [low, high] = [hash & 0xffff, hash >> 16].map(|half| u16::try_from(half).unwrap_or(0));
        let seen = &mut self.seen[usize::from(high) % SEEN];
        if seen.contains(&low) {
            self.literal(out, 0x40, 6, known, value);
            self.table.insert(hash, &self.name, value);
        } else {
            *seen = [low, seen[0]];
            self.literal(out, 0x00, 4, known, value);
        }
    }

    fn literal(&self, out: &mut Vec<u8>, kind: u8, prefix: u32, known: Option<usize>, value: &[u8]) {
        integer::write(out, kind, prefix, known.unwrap_or(0));
        if known.is_none() {
            string(out, &self.name);
        }
        string(out, value);
    }
}

/// Appends a string as it is: coding would cost more than the bytes do, since what repeats is an
/// index.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    integer::write(out, 0x00, 7, text.len());
    out.extend_from_slice(text);
}

/// The use of a field, as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Usage {
    /// It may come again with the same value.
    Repeats,
    /// It belongs to one response.
    Once,
    /// It must not be guessed by what others make of the table (RFC 7541, section 7.1.3).
    Secret,
}

impl Usage {
    #[inline]
    fn of(name: &[u8]) -> Self {
        match name {
            b"set-cookie"
            | b"cookie"
            | b"authorization"
            | b"proxy-authorization"
            | b"www-authenticate"
            | b"authentication-info" => Self::Secret,
            b"content-length" | b"content-range" | b"etag" | b"last-modified" | b"location" | b"age" => Self::Once,
            _ => Self::Repeats,
        }
    }
}

/// Multiplies and folds, eight bytes at a time. The lowest bit is set, so that no mark is 0. What
/// collides costs bytes and no more, since entries are compared.
#[inline]
fn hash(name: &[u8], value: &[u8]) -> u32 {
    let mut all = 0xcbf2_9ce4_8422_2325_u64 ^ u64::try_from(name.len()).unwrap_or(0);
    for part in [name, value] {
        let (eights, rest) = part.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        for eight in eights.iter().chain([&last]) {
            all = (all ^ u64::from_le_bytes(*eight)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            all ^= all >> 29;
        }
    }
    (all >> 32) as u32 | 1
}
