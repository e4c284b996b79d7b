//! The result of a transformation.

use std::ops::Range;

/// The result of a transformation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The value is the input, byte for byte; nothing was written.
    Same,
    /// The value is this range of the input (trims); nothing was written.
    Part(Range<usize>),
    /// The value was appended to the output buffer.
    Written,
}
