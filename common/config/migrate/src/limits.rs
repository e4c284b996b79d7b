//! Limits of what is read.

/// Bytes of all files together: as many as fosse.toml may have.
pub const TEXT_BYTES_MAX: usize = 4 << 20;
/// Blocks inside of each other; five are usual.
pub const BLOCKS_DEPTH_MAX: usize = 32;
/// Files that are included, those of files twice; what includes itself comes to an end here.
pub const FILES_COUNT_MAX: usize = 10_000;
/// Snippets of a Caddyfile that are imported inside of each other.
pub(crate) const IMPORTS_DEPTH_MAX: usize = 8;
/// Directives of a Caddyfile that its imports bring: each may bring many others.
pub(crate) const IMPORTED_COUNT_MAX: usize = 100_000;
/// Places of a Caddyfile that blocks inside of each other are for: of each path of the outer one
/// each of the inner one's.
pub(crate) const PLACES_COUNT_MAX: usize = 1000;
