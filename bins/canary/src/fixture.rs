//! The fixture: the files, sockets and processes that the actions attack. It is made before any
//! layer is on, so that a layer is the reason where an action fails.

use std::cell::OnceCell;
use std::ffi::CString;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::path::{Path, PathBuf};

use fosse_lockdown::identity::{NOBODY, become_user};
use fosse_sys::process::{Fork, exit_now, fork};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, PTracer, Pid, Signal, WaitOptions, kill_process, set_dumpable_behavior, set_ptracer, waitpid,
};

/// Names in the attacker's directory that only an attempt makes.
const MADE_BY_ATTEMPTS: &[&str] = &["new", "directory", "link", "hard", "fifo", "bound"];

/// Targets to attack.
#[derive(Debug)]
pub(crate) struct Fixture {
    /// A directory the attacker owns, with `file`, `spare` and `socket` in it.
    pub directory: PathBuf,
    /// Listens on loopback.
    pub tcp: SocketAddr,
    /// Listens on another port of it.
    pub other_tcp: SocketAddr,
    /// Name of an abstract unix socket that listens.
    pub abstract_name: Vec<u8>,
    /// Another process of the same user, which lets any process trace it.
    pub sibling: Pid,
    /// A pidfd of it, opened before.
    pub pidfd: OwnedFd,
    /// A user namespace.
    pub namespace: OwnedFd,
    /// This program.
    pub program: CString,
    /// This program, opened.
    pub program_fd: OwnedFd,
    given: OnceCell<Given>,
    _listeners: (TcpListener, TcpListener, UnixListener, UnixListener),
}

/// Descriptors that an attempt has already: a program that cannot make a socket may still get one
/// from a peer that was taken over, and so may executable files.
#[derive(Debug)]
pub(crate) struct Given {
    /// An unconnected TCP socket.
    pub tcp: OwnedFd,
    /// An unconnected UDP socket.
    pub udp: OwnedFd,
    /// An unconnected unix stream socket.
    pub unix: OwnedFd,
    /// A directory.
    pub root: OwnedFd,
}

impl Given {
    fn new() -> Result<Given, Errno> {
        use rustix::net::{AddressFamily, SocketType, socket};
        Ok(Given {
            tcp: socket(AddressFamily::INET, SocketType::STREAM, None)?,
            udp: socket(AddressFamily::INET, SocketType::DGRAM, None)?,
            unix: socket(AddressFamily::UNIX, SocketType::STREAM, None)?,
            root: rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY, rustix::fs::Mode::empty())?,
        })
    }
}

impl Fixture {
    /// Makes everything.
    ///
    /// # Errors
    /// The target that could not be made.
    pub(crate) fn build() -> std::io::Result<Fixture> {
        // Shared memory and message queues of attempts go with this namespace. An ordinary user
        // stays in the one there is.
        let _ = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWIPC);
        let directory = make_directory()?;
        let socket = UnixListener::bind(directory.join("socket"))?;
        std::fs::set_permissions(directory.join("socket"), PermissionsExt::from_mode(0o777))?;
        let abstract_name = format!("fosse-canary-{}", std::process::id()).into_bytes();
        let named = UnixListener::bind_addr(&UnixAddr::from_abstract_name(&abstract_name)?)?;
        let (tcp, other) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let sibling = sibling()?;
        let path = std::env::current_exe()?;
        Ok(Fixture {
            tcp: tcp.local_addr()?,
            other_tcp: other.local_addr()?,
            abstract_name,
            sibling,
            pidfd: fosse_sys::process::pidfd_open(sibling)?,
            namespace: std::fs::File::open("/proc/self/ns/user")?.into(),
            program: CString::new(path.as_os_str().as_bytes())?,
            program_fd: std::fs::File::open(path)?.into(),
            directory,
            given: OnceCell::new(),
            _listeners: (tcp, other, socket, named),
        })
    }

    /// Gives an attempt fresh sockets, before its layers are on.
    ///
    /// # Errors
    /// The socket that could not be made.
    pub(crate) fn give(&self) -> Result<(), Errno> {
        let given = Given::new()?;
        self.given.set(given).map_err(|_| Errno::EXIST)
    }

    /// Returns the descriptors that this attempt was given.
    ///
    /// # Errors
    /// `BADF` outside an attempt.
    pub(crate) fn given(&self) -> Result<&Given, Errno> {
        self.given.get().ok_or(Errno::BADF)
    }

    /// Removes everything that an attempt has made, so that the next one finds the fixture as it
    /// was.
    ///
    /// # Errors
    /// The target that could not be made again.
    pub(crate) fn reset(&self) -> std::io::Result<()> {
        for name in MADE_BY_ATTEMPTS {
            let path = self.path(name);
            // Most attempts make nothing.
            let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path));
        }
        make_target(&self.path("spare"))
    }

    /// Returns a path in the attacker's directory.
    #[must_use]
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // Nothing can be done about a failure here, and nothing depends on it.
        let _ = kill_process(self.sibling, Signal::KILL);
        let _ = waitpid(Some(self.sibling), WaitOptions::empty());
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn make_directory() -> std::io::Result<PathBuf> {
    let directory = std::env::temp_dir().join(format!("fosse-canary-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    give_away(&directory)?;
    make_target(&directory.join("file"))?;
    make_target(&directory.join("spare"))?;
    Ok(directory)
}

/// Makes a file to attack.
fn make_target(path: &Path) -> std::io::Result<()> {
    std::fs::write(path, "x")?;
    give_away(path)
}

/// Gives a file to the user that attempts run as, if there is a choice.
fn give_away(path: &Path) -> std::io::Result<()> {
    if rustix::process::geteuid().is_root() { chown(path, Some(NOBODY), Some(NOBODY)) } else { Ok(()) }
}

fn sibling() -> Result<Pid, Errno> {
    let (ready, done) = rustix::pipe::pipe()?;
    match fork()? {
        Fork::Parent(pid) => {
            drop(done);
            rustix::io::read(&ready, &mut [0_u8; 1])?;
            Ok(pid)
        }
        Fork::Child => {
            if rustix::process::geteuid().is_root() && become_user(NOBODY, NOBODY).is_err() {
                exit_now(1);
            }
            // Where one fails, the table without layers shows it: ptrace is allowed there.
            let _ = set_dumpable_behavior(DumpableBehavior::Dumpable);
            let _ = set_ptracer(PTracer::Any);
            let _ = rustix::io::write(&done, b"x");
            loop {
                std::thread::sleep(std::time::Duration::from_secs(60));
            }
        }
    }
}
