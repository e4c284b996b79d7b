//! The nursery: a process in empty namespaces that starts, at start's command, the programs that need no network, no
//! files and no IPC of the host. Its children are start's children (CLONE_PARENT).
//!
//! One unshare serves all of them: a network namespace for each would cost milliseconds and memory a lane cannot spare.

use std::os::fd::OwnedFd;

use fosse_die::{fatal, temporary, warning};
use fosse_fdpass::{MESSAGE_FDS_MAX, Received};
use fosse_lockdown::{Mode, launcher::forbid_for_launcher};
use fosse_sys::process::Fork;
use fosse_wire::{
    launch::{LAUNCH_FDS_MAX, LAUNCH_WORDS_BYTES_MAX, Launch},
    start::ToStart,
};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    process::{Pid, Signal},
};

use crate::{PROGRAM, birth, namespaces};

/// Bytes of the longest launch: its words and the little around them.
const LAUNCH_BYTES_MAX: usize = LAUNCH_WORDS_BYTES_MAX + 64;
const _: () = assert!(LAUNCH_FDS_MAX < MESSAGE_FDS_MAX);

/// start's end of the nursery.
#[derive(Debug)]
pub struct Nursery {
    /// Its process.
    pub pid: Pid,
    /// Launches go out, answers come in.
    pub channel: OwnedFd,
}

impl Nursery {
    /// A place for one that is taken over.
    ///
    /// # Errors
    /// What socketpair(2) says.
    pub fn none() -> Result<Self, Errno> {
        let (channel, _) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok(Self { pid: rustix::process::getpid(), channel })
    }

    /// Forks the nursery. It empties its namespaces (where the kernel lets it) and waits.
    ///
    /// # Errors
    /// What socketpair(2) or fork(2) say.
    pub fn open(privileged: bool, mode: Mode) -> Result<Self, Errno> {
        let (channel, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        match fosse_sys::process::fork()? {
            Fork::Parent(pid) => Ok(Self { pid, channel }),
            Fork::Child => {
                drop(channel);
                be(&other, privileged, mode)
            }
        }
    }

    /// Asks for a process; `fds` are its descriptors in the order of the launch's targets.
    ///
    /// # Errors
    /// What sendmsg(2) says; the nursery always reads, so this means that it is gone.
    pub fn launch(&self, launch: &Launch<'_>, program: &OwnedFd, fds: &[&OwnedFd]) -> Result<(), Errno> {
        use std::os::fd::AsFd;
        let bytes = launch.encode().map_err(|_| Errno::INVAL)?;
        let all: Vec<_> = std::iter::once(program).chain(fds.iter().copied()).map(AsFd::as_fd).collect();
        fosse_fdpass::send(&self.channel, &bytes, &all)
    }

    /// The next answer, if one is waiting.
    ///
    /// # Errors
    /// `CONNRESET` where the nursery is gone.
    pub fn answer(&self) -> Result<Option<ToStart>, Errno> {
        let (mut bytes, mut fds) = ([0; 16], Vec::new());
        match fosse_fdpass::receive(&self.channel, &mut bytes, &mut fds)? {
            Received::Nothing => Ok(None),
            Received::End => Err(Errno::CONNRESET),
            Received::Message(count) => {
                ToStart::decode(bytes.get(..count).unwrap_or_default()).map(Some).map_err(|_| Errno::PROTO)
            }
        }
    }
}

/// The nursery's life.
fn be(channel: &OwnedFd, privileged: bool, mode: Mode) -> ! {
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let _ = rustix::thread::set_name(c"fosse-nursery");
    if privileged {
        if let Err(errno) = namespaces::empty() {
            warning(PROGRAM, format_args!("namespaces are not available on this system ({errno}): without them"));
        }
        namespaces::keep_birth_capabilities();
    }
    if mode != Mode::Off {
        forbid_for_launcher().unwrap_or_else(|refusal| fatal(PROGRAM, refusal));
    }
    let _ = fosse_fdpass::send(channel, &ToStart::Ready.encode(), &[]);
    let mut bytes = [0; LAUNCH_BYTES_MAX];
    loop {
        let mut fds = Vec::new();
        match receive_waiting(channel, &mut bytes, &mut fds) {
            Ok(Some(count)) => launch(channel, bytes.get(..count).unwrap_or_default(), fds),
            Ok(None) => fosse_sys::process::exit_now(0),
            Err(errno) => temporary(PROGRAM, format_args!("nursery: unable to read: {errno}")),
        }
    }
}

fn receive_waiting(channel: &OwnedFd, bytes: &mut [u8], fds: &mut Vec<OwnedFd>) -> Result<Option<usize>, Errno> {
    use rustix::event::{PollFd, PollFlags, poll};
    loop {
        match fosse_fdpass::receive(channel, bytes, fds)? {
            Received::Message(count) => return Ok(Some(count)),
            Received::End => return Ok(None),
            Received::Nothing => match poll(&mut [PollFd::new(channel, PollFlags::IN)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            },
        }
    }
}

fn launch(channel: &OwnedFd, bytes: &[u8], mut fds: Vec<OwnedFd>) {
    let Ok(launch) = Launch::decode(bytes) else { temporary(PROGRAM, "nursery: malformed launch") };
    if fds.len() != launch.targets.len().saturating_add(1) {
        temporary(PROGRAM, "nursery: launch with the wrong number of descriptors");
    }
    let program = fds.remove(0);
    let answer = match fosse_sys::process::clone_parent() {
        Ok(Fork::Child) => birth::be_born(&launch, &program, &fds),
        Ok(Fork::Parent(pid)) => {
            ToStart::Started { token: launch.token, pid: pid.as_raw_nonzero().get().unsigned_abs(), errno: 0 }
        }
        Err(errno) => ToStart::Started {
            token: launch.token,
            pid: 0,
            errno: u16::try_from(errno.raw_os_error()).unwrap_or(u16::MAX),
        },
    };
    if fosse_fdpass::send(channel, &answer.encode(), &[]).is_err() {
        fosse_sys::process::exit_now(0);
    }
}
