//! fosse-lane-model: the ring as a small machine whose every interleaving can be walked: parse, a
//! filter, dispatch, a bounded socket between each two, clients and backends that may be stuck.
//!
//! A unit is some bytes of a body. Windows do not grow here (growth is more credit for a
//! reader that empties its window, and changes no rule). A stage flushes whenever there is room: as
//! outbox and socket are two queues in a row, a later flush is no more than a later read. What may
//! follow what is not modelled but taken from fosse_wire itself.

#![forbid(unsafe_code)]

pub mod dispatch;
pub mod filter;
pub mod parse;
pub mod walk;
pub mod world;
