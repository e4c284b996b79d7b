//! The descriptors that dispatch-h2 inherits.

use fosse_inherit::{Expected, MEMORY, MESSAGES};

/// The conversation with connect, and what every program has.
pub const DESCRIPTORS: [Expected; 4] = [
    Expected::required(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::optional(7, MESSAGES, "start"),
    Expected::required(8, MESSAGES, "connect"),
];
