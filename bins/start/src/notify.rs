//! Word to the supervisor: systemd's notification socket (sd_notify(3)) and the newline on a
//! numbered descriptor that s6 waits for.

use std::{
    fs::File,
    io::Write,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
};

use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with};

/// Who is told.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    socket: Option<OwnedFd>,
    ready: Option<OwnedFd>,
    watchdog: bool,
}

impl Notify {
    /// Connects to NOTIFY_SOCKET, where there is one, and takes over the `--ready-fd`.
    pub(crate) fn open(ready_fd: Option<i32>) -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET").and_then(|path| {
            let bytes = path.as_bytes();
            let address = match bytes.strip_prefix(b"@") {
                Some(name) => SocketAddrUnix::new_abstract_name(name).ok()?,
                None => SocketAddrUnix::new(bytes).ok()?,
            };
            let fd = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None).ok()?;
            connect(&fd, &address).ok()?;
            Some(fd)
        });
        let watchdog = socket.is_some() && std::env::var_os("WATCHDOG_USEC").is_some();
        Self { socket, ready: ready_fd.and_then(fosse_sys::fd::take), watchdog }
    }

    fn tell(&self, text: &str) {
        if let Some(socket) = &self.socket {
            let _ = send(socket, text.as_bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        }
    }

    /// Everything serves.
    pub(crate) fn ready(&mut self) {
        self.tell("READY=1\nSTATUS=serving\n");
        if let Some(fd) = self.ready.take() {
            let _ = File::from(fd).write_all(b"\n");
        }
    }

    /// A new generation is being made.
    pub(crate) fn reloading(&self) {
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}\n", fosse_eventloop::clock_us()));
    }

    /// The end has begun.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\n");
    }

    /// Something people should see in the unit's status.
    pub(crate) fn status(&self, text: &str) {
        self.tell(&format!("STATUS={}\n", text.replace('\n', " ")));
    }

    /// A sign of life.
    pub(crate) fn alive(&self) {
        if self.watchdog {
            self.tell("WATCHDOG=1\n");
        }
    }
}
