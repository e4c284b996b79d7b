//! Every limit of fosse-prober that the configuration does not set.

/// Bytes of a response to a health check that are looked at, head and framing included: what a
/// check looks for in a body stands in a short one.
pub(crate) const CHECK_BYTES_MAX: usize = 64 * 1024;

/// Bytes read at once: most responses to checks are a few hundred.
pub(crate) const READ_BYTES: usize = 16 * 1024;
