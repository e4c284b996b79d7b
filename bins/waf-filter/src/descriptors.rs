//! The descriptors that the filter inherits.

use fosse_inherit::{Expected, LINES, MEMORY, MESSAGES, STREAM};
use fosse_stage::fronts::FURTHER;

/// The purpose of each.
pub const DESCRIPTORS: &[Expected] = &[
    Expected::required(0, STREAM, "request frames"),
    Expected::required(1, STREAM, "request frames"),
    Expected::optional(3, STREAM, "response frames"),
    Expected::optional(4, STREAM, "response frames"),
    Expected::optional(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::optional(7, MESSAGES, "start"),
    Expected::optional(8, MEMORY, "rules"),
    Expected::optional(9, LINES, "audit log"),
    Expected::optional(10, STREAM, "credit from encode"),
    Expected::optional(11, STREAM, "response frames for encode"),
    FURTHER[0],
    FURTHER[1],
    FURTHER[2],
    FURTHER[3],
    FURTHER[4],
    FURTHER[5],
];
