//! Kinds of event tokens.

pub(crate) const SIGNALS: u8 = 1;
pub(crate) const FORK_SERVER: u8 = 2;
pub(crate) const CONTROL: u8 = 3;
pub(crate) const OUTPUT: u8 = 4;

/// Returns the token of the one descriptor of a kind.
pub(crate) const fn of(kind: u8) -> u64 {
    (kind as u64) << fosse_eventloop::slab::KEY_BITS
}
