//! The image and its lookup. All numbers are little-endian, nothing is aligned, the length is exact.
//!
//! | part | bytes |
//! |---|---|
//! | magic `fossecid` | 8 |
//! | entries, v4 keys, v6 keys, fine keys | 4 each |
//! | v4 search tree of range starts (u32) | 4 a key, plus 1/15 |
//! | v4 verdicts | 2 bits a key |
//! | v6 search tree of the upper 64 bits of range starts | 8 a key, plus 1/15 |
//! | v6 runs: 28 bits offset into the fine keys, 2 bits verdict before the run, 2 bits verdict after this key | 4 a key |
//! | fine keys: lower 64 bits of range starts inside one upper key | 8 a key |
//! | fine verdicts | 2 bits a key |
//!
//! [`List::open`] looks at all of it once (some 5 ms for a million entries), so a lookup cannot meet a flaw; were there
//! one all the same, the lookup says denied and does not panic.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::tree::Shape;
use crate::{Verdict, tags};

pub(crate) const MAGIC: [u8; 8] = *b"fossecid";

/// The bytes are no address list image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadImage;

impl fmt::Display for BadImage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "not an address list image")
    }
}

impl std::error::Error for BadImage {}

/// An opened image. `B` is whatever holds the bytes: a slice, a vector, a mapping.
#[derive(Clone, Debug)]
pub struct List<B> {
    bytes: B,
    layout: Layout,
}

impl<B: AsRef<[u8]>> List<B> {
    /// Checks every part, in time proportional to the image.
    pub fn open(bytes: B) -> Result<Self, BadImage> {
        let layout = Layout::read(bytes.as_ref()).ok_or(BadImage)?;
        let list = Self { bytes, layout };
        if list.parts().is_some_and(|parts| parts.sound(&list.layout)) { Ok(list) } else { Err(BadImage) }
    }

    /// What the most specific entry says.
    #[inline]
    pub fn judge(&self, address: IpAddr) -> Verdict {
        let found = match address.to_canonical() {
            IpAddr::V4(v4) => self.judge_v4(v4),
            IpAddr::V6(v6) => self.judge_v6(v6),
        };
        found.unwrap_or(Verdict::Denied)
    }

    /// Entries it was made of.
    pub fn len(&self) -> usize {
        self.layout.entries
    }

    /// Whether it was made of none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn judge_v4(&self, address: Ipv4Addr) -> Option<Verdict> {
        let parts = self.parts()?;
        match self.layout.v4.rank(parts.v4_tree, address.to_bits())?.checked_sub(1) {
            Some(at) => tags::get(parts.v4_tags, at),
            None => Some(Verdict::Unlisted),
        }
    }

    #[inline]
    fn judge_v6(&self, address: Ipv6Addr) -> Option<Verdict> {
        let parts = self.parts()?;
        let bits = address.to_bits();
        let high = u64::try_from(bits >> 64).ok()?;
        let Some(at) = self.layout.v6.rank(parts.v6_tree, high)?.checked_sub(1) else {
            return Some(Verdict::Unlisted);
        };
        let run = parts.run(at)?;
        if parts.v6_key(at)? < high {
            return run.after();
        }
        let end = parts.run(at.checked_add(1)?).map_or(self.layout.fine, |next| next.offset());
        let low = u64::try_from(bits & u128::from(u64::MAX)).ok()?;
        match parts.last_fine(run.offset(), end, low)? {
            Some(at) => tags::get(parts.fine_tags, at),
            None => run.first(),
        }
    }

    #[inline]
    fn parts(&self) -> Option<Parts<'_>> {
        Parts::cut(self.bytes.as_ref(), &self.layout)
    }
}

/// One number a v6 key, three facts in it.
pub(crate) mod split {
    use crate::{Verdict, tags};

    /// Bits for the offset; the top four hold two tags.
    pub(crate) const OFFSET_BITS: u32 = 28;

    #[derive(Clone, Copy)]
    pub(crate) struct Run(pub u32);

    /// Packs a run; the offset must fit its bits.
    pub(crate) fn join(offset: u32, first: Verdict, after: Verdict) -> u32 {
        offset | u32::from(tags::bits(first)) << OFFSET_BITS | u32::from(tags::bits(after)) << (OFFSET_BITS + 2)
    }

    impl Run {
        /// Where its fine keys begin.
        pub(crate) fn offset(self) -> usize {
            usize::try_from(self.0 & ((1 << OFFSET_BITS) - 1)).unwrap_or(usize::MAX)
        }

        /// Verdict for this key below its first fine key.
        pub(crate) fn first(self) -> Option<Verdict> {
            tag(self.0 >> OFFSET_BITS)
        }

        /// Verdict above this key, up to the next one.
        pub(crate) fn after(self) -> Option<Verdict> {
            tag(self.0 >> (OFFSET_BITS + 2))
        }
    }

    fn tag(bits: u32) -> Option<Verdict> {
        u8::try_from(bits & 3).ok().and_then(tags::verdict)
    }
}

/// What the header says.
#[derive(Clone, Debug)]
struct Layout {
    entries: usize,
    v4: Shape,
    v4_keys: usize,
    v6: Shape,
    v6_keys: usize,
    fine: usize,
}

impl Layout {
    fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let count = |at: usize| Some(u32::from_le_bytes(*rest.get(at..)?.first_chunk()?));
        let size = |at: usize| usize::try_from(count(at)?).ok();
        Some(Self {
            entries: size(0)?,
            v4: Shape::new(count(4)?)?,
            v4_keys: size(4)?,
            v6: Shape::new(count(8)?)?,
            v6_keys: size(8)?,
            fine: size(12)?,
        })
    }
}

/// The image cut at the layout's seams.
struct Parts<'a> {
    v4_tree: &'a [u8],
    v4_tags: &'a [u8],
    v6_tree: &'a [u8],
    runs: &'a [u8],
    fine: &'a [u8],
    fine_tags: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    #[inline]
    fn cut(bytes: &'a [u8], layout: &Layout) -> Option<Self> {
        let rest = bytes.get(MAGIC.len().checked_add(16)?..)?;
        let (v4_tree, rest) = rest.split_at_checked(layout.v4.total.checked_mul(4)?)?;
        let (v4_tags, rest) = rest.split_at_checked(tags::bytes(layout.v4_keys))?;
        let (v6_tree, rest) = rest.split_at_checked(layout.v6.total.checked_mul(8)?)?;
        let (runs, rest) = rest.split_at_checked(layout.v6_keys.checked_mul(4)?)?;
        let (fine, rest) = rest.split_at_checked(layout.fine.checked_mul(8)?)?;
        let (fine_tags, rest) = rest.split_at_checked(tags::bytes(layout.fine))?;
        Some(Self { v4_tree, v4_tags, v6_tree, runs, fine, fine_tags, rest })
    }

    fn sound(&self, layout: &Layout) -> bool {
        self.rest.is_empty()
            && layout.v4.sound::<u32>(self.v4_tree)
            && tags::sound(self.v4_tags, layout.v4_keys)
            && layout.v6.sound::<u64>(self.v6_tree)
            && tags::sound(self.fine_tags, layout.fine)
            && self.runs_sound(layout)
    }

    /// Runs follow each other without gap, and the fine keys of each rise from above zero.
    fn runs_sound(&self, layout: &Layout) -> bool {
        let starts_at_zero = self.run(0).map_or(layout.fine, |run| run.offset()) == 0;
        starts_at_zero
            && (0..layout.v6_keys).all(|at| {
                let Some(run) = self.run(at) else { return false };
                let end = self.run(at + 1).map_or(layout.fine, |next| next.offset());
                let rises = |at: usize| self.fine_key(at) > at.checked_sub(1).and_then(|before| self.fine_key(before));
                run.first().is_some()
                    && run.after().is_some()
                    && run.offset() <= end
                    && end <= layout.fine
                    && (run.offset() == end || self.fine_key(run.offset()) > Some(0))
                    && (run.offset().saturating_add(1)..end).all(rises)
            })
    }

    #[inline]
    fn run(&self, at: usize) -> Option<split::Run> {
        Some(split::Run(u32::from_le_bytes(*self.runs.get(at.checked_mul(4)?..)?.first_chunk()?)))
    }

    #[inline]
    fn v6_key(&self, at: usize) -> Option<u64> {
        Some(u64::from_le_bytes(*self.v6_tree.get(at.checked_mul(8)?..)?.first_chunk()?))
    }

    #[inline]
    fn fine_key(&self, at: usize) -> Option<u64> {
        Some(u64::from_le_bytes(*self.fine.get(at.checked_mul(8)?..)?.first_chunk()?))
    }

    /// The last fine key of a run at or below `low`, by halving; runs are short outside of attacks on oneself.
    #[inline]
    fn last_fine(&self, start: usize, end: usize, low: u64) -> Option<Option<usize>> {
        let (mut from, mut to) = (start, end);
        while from < to {
            let middle = from.midpoint(to);
            if self.fine_key(middle)? <= low {
                from = middle.checked_add(1)?;
            } else {
                to = middle;
            }
        }
        Some(from.checked_sub(1).filter(|at| *at >= start))
    }
}
