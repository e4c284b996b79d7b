//! What an input reached that no other did. Without counters nothing is ever new, and mutation starts from the seeds alone.

/// The counts that were seen of each branch, as bits: 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more.
#[derive(Debug, Default)]
pub struct Guide {
    seen: Vec<u8>,
    #[cfg(feature = "coverage")]
    now: Vec<u8>,
}

/// Counters looked at together: most are zero.
#[cfg(feature = "coverage")]
const BLOCK: usize = 64;

#[cfg(feature = "coverage")]
impl Guide {
    /// Forgets what was counted since the last look.
    pub fn begin(&self) {
        fosse_sys::coverage::reset();
    }

    /// Whether the counts since [`Guide::begin`] hold one that is new; takes note of it.
    pub fn is_new(&mut self) -> bool {
        fosse_sys::coverage::copy(&mut self.now);
        self.seen.resize(self.now.len(), 0);
        let mut new = false;
        for (now, seen) in self.now.chunks(BLOCK).zip(self.seen.chunks_mut(BLOCK)) {
            if now.iter().fold(0, |all, count| all | count) == 0 {
                continue;
            }
            for (count, seen) in now.iter().zip(seen) {
                let bit = bucket(*count);
                new |= bit & !*seen != 0;
                *seen |= bit;
            }
        }
        new
    }
}

#[cfg(not(feature = "coverage"))]
impl Guide {
    /// Nothing is counted.
    pub fn begin(&self) {}

    /// Nothing is new.
    pub fn is_new(&mut self) -> bool {
        false
    }
}

impl Guide {
    /// Branches reached so far.
    #[must_use]
    pub fn reached(&self) -> usize {
        self.seen.iter().filter(|seen| **seen != 0).count()
    }
}

#[cfg_attr(not(feature = "coverage"), allow(dead_code, reason = "used with counters"))]
const fn bucket(count: u8) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        4..=7 => 8,
        8..=15 => 16,
        16..=31 => 32,
        32..=127 => 64,
        _ => 128,
    }
}
