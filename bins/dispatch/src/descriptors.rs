//! The descriptors that dispatch inherits.

use fosse_inherit::{Expected, MEMORY, MESSAGES, STREAM};
use fosse_stage::fronts::FURTHER;

/// The purpose of each.
pub const DESCRIPTORS: &[Expected] = &[
    Expected::required(0, STREAM, "request frames"),
    Expected::required(1, STREAM, "response frames"),
    Expected::required(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::optional(7, MESSAGES, "start"),
    Expected::optional(8, MESSAGES, "client sockets from parse"),
    Expected::required(9, MESSAGES, "backend sockets from connect"),
    Expected::optional(10, MEMORY, "counter page of another lane's dispatch"),
    Expected::optional(11, MEMORY, "results of health checks"),
    Expected::optional(12, MEMORY, "states of servers that people give"),
    Expected::optional(13, MEMORY, "addresses of servers that have names"),
    Expected::optional(14, MEMORY, "keys of signed links"),
    Expected::optional(15, MEMORY, "responses that are kept"),
    Expected::optional(16, STREAM, "credit from encode"),
    Expected::optional(17, STREAM, "response frames for encode"),
    Expected::optional(18, MEMORY, "what lanes have of limits that they share"),
    FURTHER[0],
    FURTHER[1],
    FURTHER[2],
    FURTHER[3],
    FURTHER[4],
    FURTHER[5],
];
