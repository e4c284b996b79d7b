//! fosse-arena: records in shared memory, which one process writes and any number of others read
//! without asking it.
//!
//! The memory is `header | index | ring`, all of 64-bit words. Records lie in the ring one after
//! the other, each in one piece, and have a place that only grows: the ring's words are used again,
//! places are not. Room for a new record is made at the oldest ones: the header says which place is
//! the first that still holds, and says so before its bytes are written over. So a reader copies a
//! record first and asks afterwards whether it still held: what it was told then is true of the
//! whole copy. So is what a reader takes hold of without a copy, as splice(2) does with pages: the
//! ring gets new memory before it is written again, so a page that has left it never changes. The
//! index has a row of eight cells for each value of some bits of a record's hash.
//!
//! Readers take nothing in it for granted: whatever the memory holds, a read ends, stays inside,
//! and copies no more than a record may have.

#![forbid(unsafe_code)]

mod layout;
mod reader;
mod writer;

pub use layout::{ARENA_BYTES_MAX, ARENA_BYTES_MIN, RECORD_BYTES_MAX};
pub use reader::{Found, Reader};
pub use writer::{Record, Writer, key_of};
