//! Limits of what is read.

/// Bytes of all files together: as many as fosse.toml may have.
pub const TEXT_BYTES_MAX: usize = 4 << 20;
/// Blocks inside of each other; five are usual.
pub const BLOCKS_DEPTH_MAX: usize = 32;
/// Files that are included, those of files twice; what includes itself comes to an end here.
pub const FILES_COUNT_MAX: usize = 10_000;
