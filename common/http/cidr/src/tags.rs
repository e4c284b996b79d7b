//! A verdict as a number of two bits.

use crate::Verdict;

/// Returns a verdict as 0, 1 or 2.
pub(crate) fn number(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Unlisted => 0,
        Verdict::Allowed => 1,
        Verdict::Denied => 2,
    }
}

/// Returns the verdict of a number; `None` for 3 and more.
#[inline]
pub(crate) fn verdict(number: u8) -> Option<Verdict> {
    match number {
        0 => Some(Verdict::Unlisted),
        1 => Some(Verdict::Allowed),
        2 => Some(Verdict::Denied),
        _ => None,
    }
}
