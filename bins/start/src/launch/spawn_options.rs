//! The options of a spawn.

use std::os::fd::OwnedFd;

use fosse_wire::start::Stream;

use crate::children::delivered::Delivered;

/// The options of a spawn, beyond what every process gets.
#[derive(Debug, Default)]
pub(crate) struct SpawnOptions {
    /// Number and descriptor.
    pub fds: Vec<(u8, OwnedFd)>,
    /// Number of the pipe for access or audit lines, if it writes any.
    pub lines: Option<(u8, Stream)>,
    /// Its lane, and the core it is pinned to.
    pub lane: Option<(u32, u32)>,
    /// Its command line after the name.
    pub args: Vec<String>,
    /// Its log lines go to start's own descriptor 2.
    pub own_stderr: bool,
    /// The orders that it needs no more, from its start.
    pub delivered: Delivered,
    /// The group that it has in place of one of its own, where start may give it one; 0 for none.
    pub group: u32,
    /// Its column of the page of the limits that lanes share.
    pub column: Option<u16>,
    /// It keeps start's user ID and makes processes itself.
    pub zygote: bool,
}

impl SpawnOptions {
    /// Returns whether a descriptor has this number.
    pub(crate) fn gives(&self, number: u8) -> bool {
        self.fds.iter().any(|(given, _)| *given == number)
    }
}
