//! fosse-spawn: makes processes at start's command.
//!
//! start sends a launch over a SEQPACKET pair ([`send_launch`]); the fork server or a zygote serves
//! it ([`serve`]): it clones, and the new process is start's child, not its own (CLONE_PARENT). A
//! child of the fork server then executes a program ([`execute`]); a child of a zygote becomes an
//! instance of what the zygote has loaded ([`Child::specialize`]).

#![forbid(unsafe_code)]

mod child;
mod serve;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use fosse_fdpass::{MESSAGE_FDS_MAX, Received};
use fosse_lockdown::Mode;
use fosse_wire::{
    launch::{LAUNCH_FDS_MAX, LAUNCH_WORDS_BYTES_MAX, Launch},
    start::{MESSAGE_BYTES, ToStart},
};
use rustix::io::Errno;

pub use child::{Child, execute};
pub use serve::serve;

/// The UID in a launch that leaves the one of the maker.
pub const UID_KEPT: u32 = u32::MAX;
/// The core in a launch that pins to none.
pub const CORE_ANY: u32 = u32::MAX;

/// Bytes of the longest launch: its words and the little around them.
const LAUNCH_BYTES_MAX: usize = LAUNCH_WORDS_BYTES_MAX + 64;
const _: () = assert!(LAUNCH_FDS_MAX < MESSAGE_FDS_MAX);

/// Returns a mode as a launch has it.
#[must_use]
pub const fn mode_to_byte(mode: Mode) -> u8 {
    match mode {
        Mode::Default => 0,
        Mode::Strict => 1,
        Mode::Off => 2,
        Mode::Trap => 3,
    }
}

/// Returns the mode of a launch; a byte that is none is strict.
#[must_use]
pub(crate) const fn mode_of_byte(byte: u8) -> Mode {
    match byte {
        0 => Mode::Default,
        2 => Mode::Off,
        3 => Mode::Trap,
        _ => Mode::Strict,
    }
}

/// Sends a launch to the fork server or a zygote. `fds` are the child's descriptors in the order of
/// the launch's targets; for the fork server the program comes before them.
///
/// # Errors
/// The error of sendmsg(2). A server of launches always reads, so this means that it is gone.
pub fn send_launch(channel: &OwnedFd, launch: &Launch<'_>, fds: &[&OwnedFd]) -> Result<(), Errno> {
    let bytes = launch.encode().map_err(|_| Errno::INVAL)?;
    let fds: Vec<BorrowedFd<'_>> = fds.iter().map(|fd| fd.as_fd()).collect();
    fosse_fdpass::send(channel, &bytes, &fds)
}

/// Returns the next reply to a launch, if one is waiting.
///
/// # Errors
/// `CONNRESET` where the server of launches is gone.
pub fn next_reply(channel: &OwnedFd) -> Result<Option<ToStart>, Errno> {
    let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
    match fosse_fdpass::receive(channel, &mut bytes, &mut fds)? {
        Received::Nothing => Ok(None),
        Received::End => Err(Errno::CONNRESET),
        Received::Message(count) => ToStart::decode(&bytes[..count]).map(Some).map_err(|_| Errno::PROTO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_come_back_and_an_unknown_one_is_strict() {
        for mode in [Mode::Default, Mode::Strict, Mode::Off, Mode::Trap] {
            assert_eq!(mode_of_byte(mode_to_byte(mode)), mode);
        }
        assert_eq!(mode_of_byte(9), Mode::Strict);
    }
}
