//! Reports to the supervisor: systemd's notification socket (sd_notify(3)), and the newline on a
//! numbered descriptor that s6 waits for.
//!
//! The crate sd-notify reads LISTEN_FDS ([`crate::activation`]) and WATCHDOG_USEC, and writes the
//! states. What it does not do for start is done here:
//!
//! - It sends each state over a new socket, and waits where the supervisor does not read. start
//!   would hang with it, and would need socket(2) and connect(2) for as long as it lives. Here one
//!   socket is connected at the beginning, and nothing waits.
//! - It takes NOTIFY_SOCKET for a path. An abstract address (`@name`), as containers have it, is
//!   understood here.
//! - It removes variables by `std::env::remove_var`, which is unsafe. start removes none: a child
//!   gets an environment that `fosse_spawn` makes from nothing, a successor one without LISTEN_*.
//! - It holds the names of LISTEN_FDNAMES against no descriptors where LISTEN_PID is another
//!   process, and calls that an error. start leaves variables for another process alone.

use std::{
    ffi::OsStr,
    fs::File,
    io::Write,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
};

use fosse_die::{alert, warning};
use rustix::{
    io::Errno,
    net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with},
};
use sd_notify::NotifyState;

use crate::PROGRAM;

/// Microseconds that one report of an end that goes on is good for: the next comes half a second
/// later.
const STOPPING_US: u32 = 5_000_000;

/// The descriptors that states are reported on.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    socket: Option<OwnedFd>,
    ready: Option<OwnedFd>,
    watchdog: bool,
}

impl Notify {
    /// Connects to NOTIFY_SOCKET, where there is one. `ready` is the descriptor of `--ready-fd`.
    pub(crate) fn open(ready: Option<OwnedFd>) -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET").and_then(|address| {
            let fd = connected(&address);
            fd.inspect_err(|errno| warning(PROGRAM, format_args!("unable to reach NOTIFY_SOCKET: {errno}"))).ok()
        });
        let watchdog = socket.is_some() && sd_notify::watchdog_enabled().is_some();
        Self { socket, ready, watchdog }
    }

    /// Reports that everything serves.
    pub(crate) fn ready(&mut self) {
        self.report(&[NotifyState::Ready, NotifyState::Status("serving")]);
        if let Some(fd) = self.ready.take()
            && let Err(error) = File::from(fd).write_all(b"\n")
        {
            alert(PROGRAM, format_args!("event=not-reported to=ready-fd error=\"{error}\""));
        }
    }

    /// Reports that a new generation is being made.
    pub(crate) fn reloading(&self) {
        let now_us = i128::from(fosse_eventloop::clock_us());
        self.report(&[NotifyState::Reloading, NotifyState::MonotonicUsec(now_us)]);
    }

    /// Reports that the end has begun.
    pub(crate) fn stopping(&self) {
        self.report(&[NotifyState::Stopping]);
    }

    /// Reports that the end goes on, where `stop_seconds_max` may be longer than the supervisor
    /// waits by itself (systemd.service(5), TimeoutStopSec).
    pub(crate) fn still_stopping(&self) {
        let _ = self.send(&[NotifyState::ExtendTimeoutUsec(STOPPING_US)]);
    }

    /// Reports something that people should see in the unit's status.
    pub(crate) fn status(&self, text: &str) {
        // A newline would begin another state.
        self.report(&[NotifyState::Status(&text.replace('\n', " "))]);
    }

    /// Reports a sign of life, where the supervisor waits for one.
    pub(crate) fn alive(&self) {
        if self.watchdog {
            // One that is lost is followed by the next, half a second later.
            let _ = self.send(&[NotifyState::Watchdog]);
        }
    }

    fn report(&self, states: &[NotifyState<'_>]) {
        if let Err(errno) = self.send(states) {
            alert(PROGRAM, format_args!("event=not-reported to=NOTIFY_SOCKET error=\"{errno}\""));
        }
    }

    fn send(&self, states: &[NotifyState<'_>]) -> Result<(), Errno> {
        let Some(socket) = &self.socket else { return Ok(()) };
        let text: String = states.iter().map(|state| format!("{state}\n")).collect();
        send(socket, text.as_bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL).map(drop)
    }
}

fn connected(address: &OsStr) -> Result<OwnedFd, Errno> {
    let bytes = address.as_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddrUnix::new_abstract_name(name)?,
        None => SocketAddrUnix::new(bytes)?,
    };
    let fd = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    connect(&fd, &address)?;
    Ok(fd)
}
