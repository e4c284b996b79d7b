//! A process that has just been made: descriptors onto their numbers, a core, a UID; then another
//! program, or an instance of the zygote.

use std::{
    ffi::CString,
    fmt::Display,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use fosse_lockdown::{Mode, identity};
use fosse_wire::launch::Launch;

use crate::{CORE_ANY, UID_KEPT, mode_of_byte};

/// A new process, with its launch and its descriptors.
#[derive(Debug)]
pub struct Child {
    program: &'static str,
    message: Vec<u8>,
    /// Its descriptors, those without a target first.
    pub fds: Vec<OwnedFd>,
}

impl Child {
    pub(crate) fn new(program: &'static str, message: &[u8], fds: Vec<OwnedFd>) -> Self {
        Self { program, message: message.to_vec(), fds }
    }

    /// Returns the launch. Ends the process where that cannot be read; the maker has read it
    /// before.
    #[must_use]
    pub fn launch(&self) -> Launch<'_> {
        Launch::decode(&self.message).unwrap_or_else(|error| fosse_die::temporary(self.program, error))
    }

    /// Becomes an instance of the zygote, with the descriptors and the identity of the launch;
    /// `fosse_inherit` then finds the same as in a program that was executed. No descriptor of the
    /// zygote may have an owner any more: they are closed by then, or overwritten.
    #[must_use]
    pub fn specialize(self) -> Mode {
        let launch = self.launch();
        settle(self.program, &launch, &self.fds);
        let mode = mode_of_byte(launch.mode);
        // Their numbers may be those of placed ones by now, and what is left over is closed by
        // fosse_inherit.
        self.fds.into_iter().for_each(std::mem::forget);
        fosse_sys::fd::forget_taken();
        mode
    }
}

/// Becomes the program. A step that fails is reported on descriptor 2 and ends this process.
pub fn execute(maker: &'static str, launch: &Launch<'_>, program: &OwnedFd, fds: &[OwnedFd]) -> ! {
    settle(maker, launch, fds);
    let name = format!("fosse-{}", launch.program.name());
    // Neither has a NUL byte: the names are constants.
    let text = |s: &str| CString::new(s).unwrap_or_default();
    let words =
        launch.words.split_inclusive(|b| *b == 0).map(|w| CString::from_vec_with_nul(w.to_vec()).unwrap_or_default());
    let argv: Vec<CString> = std::iter::once(text(&name)).chain(words).collect();
    // Nothing of start's own environment: LISTEN_FDS, NOTIFY_SOCKET and whatever a person has set
    // are not for programs that strangers reach.
    let mut envp = vec![text(&format!("FOSSE_SANDBOX={}", mode_word(launch.mode)))];
    if !rustix::process::geteuid().is_root() && launch.uid == UID_KEPT {
        envp.push(text(&format!("{}=1", fosse_lockdown::ORDINARY_USER_SAID)));
    }
    let errno = fosse_sys::process::execveat(program.as_fd(), &argv, &envp);
    give_up(maker, launch, "execute", &errno)
}

const fn mode_word(mode: u8) -> &'static str {
    match mode {
        0 => "default",
        2 => "off",
        3 => "trap",
        _ => "strict",
    }
}

/// Settles signals, core, descriptors and identity: in that order, as the last takes the right to
/// do the others.
fn settle(maker: &'static str, launch: &Launch<'_>, fds: &[OwnedFd]) {
    let borrowed: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
    // Whoever types Control-C means start, which asks the others to go when their work is done.
    if let Err(errno) = fosse_sys::signal::ignore_terminal() {
        give_up(maker, launch, "ignore a terminal's signals", &errno);
    }
    if let Err(errno) = fosse_sys::signal::unblock_all() {
        give_up(maker, launch, "unblock signals", &errno);
    }
    if launch.cpu != CORE_ANY
        && let Err(errno) = fosse_sys::process::pin(None, usize::try_from(launch.cpu).unwrap_or(usize::MAX))
    {
        // A core that has gone offline since is no reason not to serve.
        let (name, core) = (launch.program.name(), launch.cpu);
        fosse_die::warning(maker, format_args!("unable to pin {name} to core {core}: {errno}"));
    }
    if let Err(errno) = fosse_sys::place::place(&borrowed, launch.targets) {
        give_up(maker, launch, "place descriptors", &errno);
    }
    if launch.uid != UID_KEPT
        && let Err(refusal) = identity::become_user(launch.uid, launch.gid)
    {
        give_up(maker, launch, "drop privileges", &refusal);
    }
}

fn give_up(maker: &'static str, launch: &Launch<'_>, what: &str, why: &dyn Display) -> ! {
    let name = launch.program.name();
    fosse_die::say(maker, fosse_die::Severity::Fatal, format_args!("unable to {what} for {name}: {why}"));
    fosse_sys::process::exit_now(fosse_die::EXIT_TEMPORARY)
}
