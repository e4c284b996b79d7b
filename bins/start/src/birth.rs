//! The moments between fork and exec: descriptors onto their numbers, a core, a UID, and then another program.

use std::{
    ffi::CString,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use fosse_lockdown::{Mode, identity};
use fosse_wire::launch::Launch;

use crate::PROGRAM;

/// UID that says: keep the one we have (start was run by an ordinary user).
pub const UID_KEPT: u32 = u32::MAX;
/// Core that says: any.
pub const CORE_ANY: u32 = u32::MAX;

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

const fn mode_word(mode: u8) -> &'static str {
    match mode {
        0 => "default",
        2 => "off",
        3 => "trap",
        _ => "strict",
    }
}

/// Becomes the program. Returns only to exit: whatever fails is said on descriptor 2 and ends this process.
pub fn be_born(launch: &Launch<'_>, program: &OwnedFd, fds: &[OwnedFd]) -> ! {
    let borrowed: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
    let give_up = |what: &str, why: &dyn std::fmt::Display| -> ! {
        fosse_die::say(
            PROGRAM,
            fosse_die::Word::Fatal,
            format_args!("unable to {what} for {}: {why}", launch.program.name()),
        );
        fosse_sys::process::exit_now(fosse_die::EXIT_TEMPORARY)
    };
    if let Err(errno) = fosse_sys::signal::unblock_all() {
        give_up("unblock signals", &errno);
    }
    if launch.cpu != CORE_ANY
        && let Err(errno) = fosse_sys::process::pin(None, usize::try_from(launch.cpu).unwrap_or(usize::MAX))
    {
        // A core that has gone away since is no reason not to serve.
        fosse_die::warning(
            PROGRAM,
            format_args!("unable to pin {} to core {}: {errno}", launch.program.name(), launch.cpu),
        );
    }
    if let Err(errno) = fosse_sys::place::place(&borrowed, launch.targets) {
        give_up("place descriptors", &errno);
    }
    if launch.uid != UID_KEPT
        && let Err(refusal) = identity::become_user(launch.uid, launch.gid)
    {
        give_up("drop privileges", &refusal);
    }
    let name = format!("fosse-{}", launch.program.name());
    let text = |s: &str| CString::new(s).unwrap_or_default();
    let words =
        launch.words.split_inclusive(|b| *b == 0).map(|w| CString::from_vec_with_nul(w.to_vec()).unwrap_or_default());
    let argv: Vec<CString> = std::iter::once(text(&name)).chain(words).collect();
    let envp = [text(&format!("FOSSE_SANDBOX={}", mode_word(launch.mode)))];
    let errno = fosse_sys::process::execveat(program.as_fd(), &argv, &envp);
    give_up("execute", &errno)
}
