//! Reports about requests: event lines, audit lines, counters.

pub(crate) mod audit;
pub(crate) mod events;
pub(crate) mod redact;
mod rule_rows;
pub(crate) mod summary;
