//! fosse-pattern: compiles and matches the WAF's patterns. Bytes in, matches out; no I/O, no clock,
//! no unsafe.
//!
//! Three things, each built once and shared read-only (copy-on-write) by every process forked
//! afterwards:
//!
//! * [`Regex`]: one `@rx` pattern in PCRE syntax, matched in linear time wherever the pattern is
//!   regular.
//! * [`PhraseSet`]: the phrases of one `@pm` or `@pmFromFile`.
//! * [`PatternSet`]: for many patterns at once, which of them *may* match a value. What it rules
//!   out cannot match, so on ordinary values hardly any pattern runs.
//!
//! Everything that changes while matching lives in a [`Scratch`], one per instance, and in the
//! caller's [`CandidateBits`]. Memory for a pattern's lazy automaton is taken the first time that
//! pattern runs, and is bounded.
//!
//! ```
//! use fosse_pattern::{CandidateBits, PatternSet, Regex, Scratch};
//! let select = Regex::new(r"(?i)union\s+select")?;
//! let quote = Regex::new(r#"["'`]\s*--"#)?;
//! let set = PatternSet::new([select.requirement(), quote.requirement()])?;
//! let (mut scratch, mut bits) = (Scratch::new(), CandidateBits::default());
//! assert!(!set.candidates(b"an ordinary value", &mut scratch, &mut bits));
//! assert!(set.candidates(b"1 UNION SELECT 2", &mut scratch, &mut bits));
//! assert!(bits.contains(0) && !bits.contains(1));
//! assert!(select.is_match(b"1 UNION SELECT 2", &mut scratch)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod ast;
mod backtrack;
mod byteset;
mod captures;
mod error;
mod linear;
mod lower;
mod parse;
mod phrase;
mod regex;
mod require;
mod scratch;
mod set;
mod stack;

pub use captures::{Captures, GROUPS_MAX};
pub use error::{CompileError, StepLimit};
pub use phrase::{PhraseMatch, PhraseSet};
pub use regex::Regex;
pub use require::Requirement;
pub use scratch::{STEPS_COUNT_MAX, Scratch};
pub use set::{CandidateBits, PIECE_BYTES, PatternSet, Search};
