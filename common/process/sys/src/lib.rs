//! The only crate of the suite with `unsafe` in it.
//!
//! Everything here is safe from the outside. What rustix or nix already offer safely is used where
//! it is needed and not wrapped here; this crate holds what neither has (inherited descriptors,
//! shared pages, fork, `close_range`, `_exit`) and the few helpers that are built directly on
//! those.

pub mod blob;
pub mod fd;
pub mod file;
pub mod memfd;
pub mod memory;
pub mod openat2;
pub mod page;
pub mod panic;
pub mod place;
pub mod port;
pub mod probe;
pub mod process;
pub mod random;
pub mod signal;
pub mod socket;
pub mod text;

pub use panic::panic_hook;
