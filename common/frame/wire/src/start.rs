//! start and its children: messages of exactly 16 bytes, `u8 kind | u8 a | u16 b | u32 c | u64 d`,
//! at most one descriptor.
//!
//! start parses nothing else that a child sends.

mod to_child;
mod to_start;

pub use crate::{door::Door, message::MESSAGE_BYTES, pipe::Stream, reload::ReloadProgress, strike::Strike};
pub use to_child::ToChild;
pub use to_start::ToStart;

/// The lane, in messages, of a program that is in none.
pub const LANE_NONE: u32 = u32::MAX;
