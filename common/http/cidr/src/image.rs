//! The image and its lookup. All numbers are little-endian, nothing is aligned, the length is
//! exact.
//!
//! | part | bytes |
//! |---|---|
//! | magic `fossecid` | 8 |
//! | entries, v4 keys, v6 keys, fine keys | 4 each |
//! | v4 search tree: range start (u32), verdict | 5 a key, plus 4/15 |
//! | v6 search tree: upper 64 bits of range start, run | 12 a key, plus 8/15 |
//! | fine keys: lower 64 bits of a range start inside one upper key, verdict | 9 a key |
//!
//! A run is 28 bits offset of this upper key's fine keys, 2 bits verdict below the first of them, 2
//! bits verdict above this upper key.
//!
//! [`List::open`] looks at all of it once (some 5 ms for a million entries), so a lookup cannot
//! meet a flaw; were there one all the same, the lookup says denied and does not panic.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::tree::Shape;
use crate::{Verdict, tags};

pub(crate) const MAGIC: [u8; 8] = *b"fossecid";
/// Magic and four counts.
const HEADER_BYTES: usize = 24;
/// After a v4 key.
const VERDICT_BYTES: usize = 1;
/// After a v6 key.
const RUN_BYTES: usize = 4;
/// A fine key and its verdict.
const FINE_BYTES: usize = 9;

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
    /// Opens an image. Checks every part, in time proportional to the image.
    ///
    /// # Errors
    /// [`BadImage`].
    pub fn open(bytes: B) -> Result<Self, BadImage> {
        let layout = Layout::read(bytes.as_ref()).ok_or(BadImage)?;
        let list = Self { bytes, layout };
        if list.parts().is_some_and(|parts| parts.sound(&list.layout)) { Ok(list) } else { Err(BadImage) }
    }

    /// Returns the verdict of the most specific entry.
    #[inline]
    pub fn judge(&self, address: IpAddr) -> Verdict {
        let found = match address.to_canonical() {
            IpAddr::V4(v4) => self.judge_v4(v4),
            IpAddr::V6(v6) => self.judge_v6(v6),
        };
        // No image that `open` has taken leads here: a fault of ours denies.
        found.unwrap_or(Verdict::Denied)
    }

    /// Returns the number of entries it was made of.
    pub fn len(&self) -> usize {
        self.layout.entries
    }

    /// Returns whether it was made of none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn judge_v4(&self, address: Ipv4Addr) -> Option<Verdict> {
        let parts = self.parts()?;
        match self.layout.v4.rank(parts.v4, address.to_bits())?.checked_sub(1) {
            Some(at) => tags::verdict(*self.layout.v4.record(parts.v4, at)?.last()?),
            None => Some(Verdict::Unlisted),
        }
    }

    #[inline]
    fn judge_v6(&self, address: Ipv6Addr) -> Option<Verdict> {
        let parts = self.parts()?;
        let bits = address.to_bits();
        let high = u64::try_from(bits >> 64).ok()?;
        let Some(at) = self.layout.v6.rank(parts.v6, high)?.checked_sub(1) else {
            return Some(Verdict::Unlisted);
        };
        let (key, run) = parts.upper(&self.layout, at)?;
        if key < high {
            return run.after();
        }
        let end = parts.run_end(&self.layout, at);
        let low = u64::try_from(bits & u128::from(u64::MAX)).ok()?;
        match parts.last_fine(run.offset(), end, low)? {
            Some(at) => parts.fine(at)?.1,
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

    /// Packs a run. The offset must fit its bits.
    pub(crate) fn join(offset: u32, first: Verdict, after: Verdict) -> u32 {
        offset | u32::from(tags::number(first)) << OFFSET_BITS | u32::from(tags::number(after)) << (OFFSET_BITS + 2)
    }

    impl Run {
        /// Returns the number of its first fine key.
        pub(crate) fn offset(self) -> usize {
            usize::try_from(self.0 & ((1 << OFFSET_BITS) - 1)).unwrap_or(usize::MAX)
        }

        /// Returns the verdict for this key below its first fine key.
        pub(crate) fn first(self) -> Option<Verdict> {
            tag(self.0 >> OFFSET_BITS)
        }

        /// Returns the verdict above this key, up to the next one.
        pub(crate) fn after(self) -> Option<Verdict> {
            tag(self.0 >> (OFFSET_BITS + 2))
        }
    }

    fn tag(bits: u32) -> Option<Verdict> {
        u8::try_from(bits & 3).ok().and_then(tags::verdict)
    }
}

/// The contents of the header.
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
            v4: Shape::new::<u32>(count(4)?, VERDICT_BYTES)?,
            v4_keys: size(4)?,
            v6: Shape::new::<u64>(count(8)?, RUN_BYTES)?,
            v6_keys: size(8)?,
            fine: size(12)?,
        })
    }
}

/// The image, cut into its parts.
struct Parts<'a> {
    v4: &'a [u8],
    v6: &'a [u8],
    fine: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    #[inline]
    fn cut(bytes: &'a [u8], layout: &Layout) -> Option<Self> {
        let rest = bytes.get(HEADER_BYTES..)?;
        let (v4, rest) = rest.split_at_checked(layout.v4.bytes)?;
        let (v6, rest) = rest.split_at_checked(layout.v6.bytes)?;
        let (fine, rest) = rest.split_at_checked(layout.fine.checked_mul(FINE_BYTES)?)?;
        Some(Self { v4, v6, fine, rest })
    }

    fn sound(&self, layout: &Layout) -> bool {
        let tag = |at| layout.v4.record(self.v4, at).and_then(|record| tags::verdict(*record.last()?));
        self.rest.is_empty()
            && layout.v4.sound::<u32>(self.v4)
            && (0..layout.v4_keys).all(|at| tag(at).is_some())
            && layout.v6.sound::<u64>(self.v6)
            && (0..layout.fine).all(|at| self.fine(at).is_some_and(|(_, verdict)| verdict.is_some()))
            && self.runs_sound(layout)
    }

    /// Returns whether runs follow each other without a gap, and the fine keys of each rise from
    /// above zero.
    fn runs_sound(&self, layout: &Layout) -> bool {
        let low = |at: usize| self.fine(at).map(|(low, _)| low);
        let run_sound = |at: usize| {
            let Some((_, run)) = self.upper(layout, at) else { return false };
            let (start, end) = (run.offset(), self.run_end(layout, at));
            run.first().is_some()
                && run.after().is_some()
                && start <= end
                && end <= layout.fine
                && (start == end || low(start) > Some(0))
                && (start + 1..end).all(|at| low(at) > low(at - 1))
        };
        let begin = self.upper(layout, 0).map_or(layout.fine, |(_, run)| run.offset());
        begin == 0 && (0..layout.v6_keys).all(run_sound)
    }

    /// Returns upper key number `at`, with its run.
    #[inline]
    fn upper(&self, layout: &Layout, at: usize) -> Option<(u64, split::Run)> {
        let (key, run) = layout.v6.record(self.v6, at)?.split_first_chunk()?;
        Some((u64::from_le_bytes(*key), split::Run(u32::from_le_bytes(run.try_into().ok()?))))
    }

    /// Returns the end of the run of upper key number `at`, which is the beginning of the next.
    #[inline]
    fn run_end(&self, layout: &Layout, at: usize) -> usize {
        let next = at.checked_add(1).and_then(|next| self.upper(layout, next));
        next.map_or(layout.fine, |(_, run)| run.offset())
    }

    /// Returns fine key number `at`, with its verdict if that is one.
    #[inline]
    fn fine(&self, at: usize) -> Option<(u64, Option<Verdict>)> {
        let start = at.checked_mul(FINE_BYTES)?;
        let (low, tag) = self.fine.get(start..start.checked_add(FINE_BYTES)?)?.split_first_chunk()?;
        Some((u64::from_le_bytes(*low), tags::verdict(*tag.first()?)))
    }

    /// Finds the last fine key of a run at or below `low`, by halving: runs are short, unless
    /// a list is written to make them long.
    #[inline]
    fn last_fine(&self, start: usize, end: usize, low: u64) -> Option<Option<usize>> {
        let (mut from, mut to) = (start, end);
        while from < to {
            let middle = from.midpoint(to);
            if self.fine(middle)?.0 <= low {
                from = middle.checked_add(1)?;
            } else {
                to = middle;
            }
        }
        Some(from.checked_sub(1).filter(|at| *at >= start))
    }
}
