//! fosse-spawn: how processes are made at start's command, by those who make them.
//!
//! start asks over a SEQPACKET pair ([`ask`]), the maker listens ([`attend`]) and clones; the new process is start's child,
//! not the maker's (CLONE_PARENT). The nursery's children then execute a program ([`execute`]); a template's children go on
//! as instances of what the template has loaded ([`Newborn::go_on`]).

#![forbid(unsafe_code)]

mod attend;
mod newborn;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use fosse_fdpass::{MESSAGE_FDS_MAX, Received};
use fosse_lockdown::Mode;
use fosse_wire::{
    launch::{LAUNCH_FDS_MAX, LAUNCH_WORDS_BYTES_MAX, Launch},
    start::{MESSAGE_BYTES, ToStart},
};
use rustix::io::Errno;

pub use attend::attend;
pub use newborn::{Newborn, execute};

/// UID that says: keep the one we have.
pub const UID_KEPT: u32 = u32::MAX;
/// Core that says: any.
pub const CORE_ANY: u32 = u32::MAX;

/// Bytes of the longest launch: its words and the little around them.
const LAUNCH_BYTES_MAX: usize = LAUNCH_WORDS_BYTES_MAX + 64;
const _: () = assert!(LAUNCH_FDS_MAX < MESSAGE_FDS_MAX);

/// How a mode travels in a launch.
#[must_use]
pub const fn mode_to_byte(mode: Mode) -> u8 {
    match mode {
        Mode::Default => 0,
        Mode::Strict => 1,
        Mode::Off => 2,
        Mode::Trap => 3,
    }
}

/// The mode of a launch; what nobody sends is strict.
#[must_use]
pub(crate) const fn mode_of_byte(byte: u8) -> Mode {
    match byte {
        0 => Mode::Default,
        2 => Mode::Off,
        3 => Mode::Trap,
        _ => Mode::Strict,
    }
}

/// Asks a maker for a process. `fds` are its descriptors in the order of the launch's targets; for the nursery the program
/// comes before them.
///
/// # Errors
/// What sendmsg(2) says; a maker always reads, so this means that it is gone.
pub fn ask(channel: &OwnedFd, launch: &Launch<'_>, fds: &[&OwnedFd]) -> Result<(), Errno> {
    let bytes = launch.encode().map_err(|_| Errno::INVAL)?;
    let fds: Vec<BorrowedFd<'_>> = fds.iter().map(|fd| fd.as_fd()).collect();
    fosse_fdpass::send(channel, &bytes, &fds)
}

/// The maker's next answer, if one is waiting.
///
/// # Errors
/// `CONNRESET` where the maker is gone.
pub fn answer(channel: &OwnedFd) -> Result<Option<ToStart>, Errno> {
    let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
    match fosse_fdpass::receive(channel, &mut bytes, &mut fds)? {
        Received::Nothing => Ok(None),
        Received::End => Err(Errno::CONNRESET),
        Received::Message(count) => {
            ToStart::decode(bytes.get(..count).unwrap_or_default()).map(Some).map_err(|_| Errno::PROTO)
        }
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
