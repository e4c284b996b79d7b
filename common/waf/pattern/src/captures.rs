//! The positions of a match and of its groups.

use std::ops::Range;

/// `@rx ... capture` fills TX.0 to TX.9: the whole match and nine groups.
pub const GROUPS_MAX: usize = 10;

/// The byte ranges of the whole match (0) and of groups 1 to 9; `None` where a group took no part.
pub type Captures = [Option<Range<usize>>; GROUPS_MAX];
