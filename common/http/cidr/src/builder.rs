//! Entries in, image out. The layout is described in `image.rs`.

use std::fmt;
use std::net::IpAddr;

use crate::image::{MAGIC, split};
use crate::prefix::Prefix;
use crate::ranges::{Boundary, Span, flatten};
use crate::text::{self, Reason, TextError};
use crate::{ENTRY_COUNT_MAX, Verdict, tags, tree};

/// Gathers entries; [`Builder::image`] writes them.
#[derive(Debug, Default)]
pub struct Builder {
    v4: Vec<Span>,
    v6: Vec<Span>,
    allowed: usize,
    denied: usize,
}

/// There are [`ENTRY_COUNT_MAX`] entries of that word already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "more than {ENTRY_COUNT_MAX} entries")
    }
}

impl std::error::Error for Full {}

/// Returns one image of an allow text and a deny text; either may be empty.
///
/// # Errors
/// The first error of either text, and which one it is in.
pub fn compile(allow: &[u8], deny: &[u8]) -> Result<Vec<u8>, (Verdict, TextError)> {
    let mut builder = Builder::default();
    builder.text(Verdict::Allowed, allow).map_err(|error| (Verdict::Allowed, error))?;
    builder.text(Verdict::Denied, deny).map_err(|error| (Verdict::Denied, error))?;
    Ok(builder.image())
}

impl Builder {
    /// Adds every entry of a text.
    ///
    /// # Errors
    /// The first entry that cannot be added; the builder is to be thrown away then.
    pub fn text(&mut self, verdict: Verdict, text: &[u8]) -> Result<(), TextError> {
        text::each(text, |prefix| self.entry(verdict, prefix).map_err(|Full| Reason::Full))
    }

    /// Adds one entry. `Verdict::Unlisted` cuts a hole: its addresses are as if no wider entry held
    /// them.
    ///
    /// # Errors
    /// [`Full`].
    pub fn entry(&mut self, verdict: Verdict, prefix: Prefix) -> Result<(), Full> {
        let count = if verdict == Verdict::Allowed { &mut self.allowed } else { &mut self.denied };
        *count = count.checked_add(1).filter(|count| *count <= ENTRY_COUNT_MAX).ok_or(Full)?;
        let bits = u32::from(prefix.bits());
        match prefix.address() {
            IpAddr::V4(address) => {
                let first = u128::from(address.to_bits());
                let last = first | u128::from(u32::MAX.checked_shr(bits).unwrap_or(0));
                self.v4.push(Span { first, last, verdict });
            }
            IpAddr::V6(address) => {
                let first = address.to_bits();
                let last = first | u128::MAX.checked_shr(bits).unwrap_or(0);
                self.v6.push(Span { first, last, verdict });
            }
        }
        Ok(())
    }

    /// Returns the number of entries so far.
    pub fn len(&self) -> usize {
        self.allowed + self.denied
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the image, in bytes that [`crate::List::open`] takes.
    pub fn image(self) -> Vec<u8> {
        let entries = self.len();
        let v4 = flatten(self.v4, u128::from(u32::MAX));
        let v6 = Wide::new(&flatten(self.v6, u128::MAX));
        let mut out = MAGIC.to_vec();
        for count in [entries, v4.len(), v6.keys.len(), v6.fine.len()] {
            out.extend_from_slice(&count32(count).to_le_bytes());
        }
        let v4: Vec<(u32, Verdict)> = v4.iter().map(|boundary| (low32(boundary.start), boundary.verdict)).collect();
        tree::write(&mut out, &v4, |verdict, out| out.push(tags::number(*verdict)));
        v6.write(&mut out);
        out
    }
}

/// The IPv6 half, keyed by the upper 64 bits.
#[derive(Default)]
struct Wide {
    /// Each with its run: offset in `fine`, verdict before it, verdict after this key.
    keys: Vec<(u64, u32)>,
    fine: Vec<(u64, Verdict)>,
}

impl Wide {
    fn new(boundaries: &[Boundary]) -> Self {
        let mut wide = Self::default();
        let mut before = Verdict::Unlisted;
        for group in boundaries.chunk_by(|a, b| a.start >> 64 == b.start >> 64) {
            let offset = wide.fine.len();
            let mut first = before;
            for boundary in group {
                wide.take(boundary, &mut first);
                before = boundary.verdict;
            }
            let run = split::join(count32(offset), first, before);
            wide.keys.extend(group.first().map(|boundary| (high64(boundary.start), run)));
        }
        wide
    }

    fn take(&mut self, boundary: &Boundary, first: &mut Verdict) {
        match low64(boundary.start) {
            0 => *first = boundary.verdict,
            low => self.fine.push((low, boundary.verdict)),
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        tree::write(out, &self.keys, |run, out| out.extend_from_slice(&run.to_le_bytes()));
        for (low, verdict) in self.fine {
            out.extend_from_slice(&low.to_le_bytes());
            out.push(tags::number(verdict));
        }
    }
}

/// Returns a count as the image has it. Boundaries are at most two an entry, entries at most two
/// million: far inside 28 bits.
fn count32(count: usize) -> u32 {
    const { assert!(ENTRY_COUNT_MAX * 4 < 1 << split::OFFSET_BITS) };
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn low32(value: u128) -> u32 {
    u32::try_from(value & u128::from(u32::MAX)).unwrap_or(u32::MAX)
}

fn low64(value: u128) -> u64 {
    u64::try_from(value & u128::from(u64::MAX)).unwrap_or(u64::MAX)
}

fn high64(value: u128) -> u64 {
    low64(value >> 64)
}
