//! The port finder: a process that says who has a port which start needs.

use std::{
    fs,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use fosse_lockdown::{
    Mode,
    capabilities::{Capability, keep},
    launcher::lock_launcher,
};
use fosse_plan::Place;
use fosse_sys::process::Fork;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send, socket_with,
        sockopt::socket_peercred,
    },
    process::{Pid, Signal, WaitOptions, waitpid},
};

use crate::launch::spawn::pair;

/// To look into the processes of all users, of which start itself sees none.
const CAPABILITIES: &[Capability] = &[Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH];

/// Bytes of a response: a name of 16 bytes and a number.
const RESPONSE_BYTES_MAX: usize = 256;

/// Time a response may take: it is looked for in all descriptors of all processes.
const RESPONSE_TIME_MAX: Duration = Duration::from_secs(5);

/// start's end of the port finder, which ends with it.
#[derive(Debug)]
pub(crate) struct PortFinder {
    pid: Pid,
    /// `None` at its end.
    channel: Option<OwnedFd>,
}

impl PortFinder {
    /// Forks the port finder. It has two capabilities and reads nothing but port numbers of start.
    ///
    /// # Errors
    /// The error of socketpair(2) or fork(2).
    pub(crate) fn open(mode: Mode) -> Result<Self, Errno> {
        let (channel, other) = pair(SocketType::SEQPACKET)?;
        match fosse_sys::process::fork()? {
            Fork::Parent(pid) => Ok(Self { pid, channel: Some(channel) }),
            Fork::Child => run(&other, mode),
        }
    }

    /// Returns who listens on a port; `None` where that is not known.
    pub(crate) fn ask(&self, port: u16) -> Option<String> {
        let channel = self.channel.as_ref()?;
        send(channel, &port.to_le_bytes(), SendFlags::NOSIGNAL).ok()?;
        let time = Timespec::try_from(RESPONSE_TIME_MAX).ok()?;
        poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&time)).ok()?;
        let mut response = [0; RESPONSE_BYTES_MAX];
        let (length, _) = recv(channel, response.as_mut_slice(), RecvFlags::DONTWAIT).ok()?;
        let text = String::from_utf8_lossy(&response[..length]).into_owned();
        (!text.is_empty()).then_some(text)
    }
}

/// Returns who has a place that is in use, as far as that can be known.
pub(crate) fn holder(finder: Option<&PortFinder>, place: &Place) -> Option<String> {
    match (place, finder) {
        (Place::Unix { path, .. }, _) => listener_of(path),
        (Place::Tcp { port, .. }, Some(finder)) => finder.ask(*port),
        (Place::Tcp { port, .. }, None) => fosse_sys::port::holder(*port).map(|holder| holder.to_string()),
    }
}

/// Returns the process that listens on a unix socket: the kernel keeps who it was (unix(7),
/// SO_PEERCRED).
fn listener_of(path: &[u8]) -> Option<String> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
    connect(&probe, &SocketAddrUnix::new(path).ok()?).ok()?;
    let pid = socket_peercred(&probe).ok()?.pid.as_raw_nonzero();
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(format!("{} (PID {pid})", name.trim()))
}

impl Drop for PortFinder {
    fn drop(&mut self) {
        self.channel = None;
        // It ends with that. Fails where it was reaped before.
        let _ = waitpid(Some(self.pid), WaitOptions::empty());
    }
}

/// Runs the port finder; does not return.
fn run(channel: &OwnedFd, mode: Mode) -> ! {
    // Neither can fail with these arguments (prctl(2)).
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let _ = rustix::thread::set_name(c"fosse-ports");
    // The sockets of start are not its own: it would keep them open, and its own channel too.
    let is_alone = fosse_sys::fd::close_all_but(channel.as_fd()).is_ok();
    let is_locked = is_alone && keep(CAPABILITIES).is_ok() && (mode == Mode::Off || lock_launcher(mode).is_ok());
    let mut port = [0; 2];
    while is_locked && matches!(recv(channel, port.as_mut_slice(), RecvFlags::empty()), Ok((2, _))) {
        let holder = fosse_sys::port::holder(u16::from_le_bytes(port)).map(|holder| holder.to_string());
        // start is gone where this fails, and so is this process at the next turn.
        let _ = send(channel, holder.unwrap_or_default().as_bytes(), SendFlags::NOSIGNAL);
    }
    fosse_sys::process::exit_now(0)
}
