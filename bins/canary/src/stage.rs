//! What the actions act on: made before any wall stands, so that an action that fails fails because
//! of the walls.

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

/// Names in the attacker's directory that only a trial makes.
const MADE_BY_TRIALS: &[&str] = &["new", "directory", "link", "hard", "fifo", "bound"];

/// Things to attack.
#[derive(Debug)]
pub struct Stage {
    /// A directory the attacker owns, with `file`, `spare` and `socket` in it.
    pub directory: PathBuf,
    /// Listens on loopback.
    pub tcp: SocketAddr,
    /// Name of an abstract unix socket that listens.
    pub abstract_name: Vec<u8>,
    /// Another process of the same user, which lets itself be traced by anybody.
    pub sibling: Pid,
    /// A pidfd of it, opened before.
    pub pidfd: OwnedFd,
    /// A user namespace.
    pub namespace: OwnedFd,
    /// This program.
    pub program: CString,
    /// This program, opened.
    pub program_fd: OwnedFd,
    hand: OnceCell<Hand>,
    _listeners: (TcpListener, UnixListener, UnixListener),
}

/// What a trial holds already: a program that cannot make a socket may still be handed one by a
/// neighbour that was taken over, and so may executable files.
#[derive(Debug)]
pub struct Hand {
    /// An unconnected TCP socket.
    pub tcp: OwnedFd,
    /// An unconnected UDP socket.
    pub udp: OwnedFd,
    /// An unconnected unix stream socket.
    pub unix: OwnedFd,
    /// A directory.
    pub root: OwnedFd,
}

impl Hand {
    fn new() -> Result<Hand, Errno> {
        use rustix::net::{AddressFamily, SocketType, socket};
        Ok(Hand {
            tcp: socket(AddressFamily::INET, SocketType::STREAM, None)?,
            udp: socket(AddressFamily::INET, SocketType::DGRAM, None)?,
            unix: socket(AddressFamily::UNIX, SocketType::STREAM, None)?,
            root: rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY, rustix::fs::Mode::empty())?,
        })
    }
}

impl Stage {
    /// Makes everything.
    ///
    /// # Errors
    /// What could not be made.
    pub fn build() -> std::io::Result<Stage> {
        // What trials leave in shared memory and message queues goes with this namespace.
        let _ = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWIPC);
        let directory = make_directory()?;
        let socket = UnixListener::bind(directory.join("socket"))?;
        std::fs::set_permissions(directory.join("socket"), PermissionsExt::from_mode(0o777))?;
        let abstract_name = format!("fosse-canary-{}", std::process::id()).into_bytes();
        let named = UnixListener::bind_addr(&UnixAddr::from_abstract_name(&abstract_name)?)?;
        let tcp = TcpListener::bind("127.0.0.1:0")?;
        let sibling = sibling()?;
        let path = std::env::current_exe()?;
        Ok(Stage {
            tcp: tcp.local_addr()?,
            abstract_name,
            sibling,
            pidfd: fosse_sys::process::pidfd_open(sibling)?,
            namespace: std::fs::File::open("/proc/self/ns/user")?.into(),
            program: CString::new(path.as_os_str().as_bytes())?,
            program_fd: std::fs::File::open(path)?.into(),
            directory,
            hand: OnceCell::new(),
            _listeners: (tcp, socket, named),
        })
    }

    /// Puts fresh sockets into a trial's hand, before its walls stand.
    ///
    /// # Errors
    /// The socket that could not be made.
    pub(crate) fn deal(&self) -> Result<(), Errno> {
        let hand = Hand::new()?;
        self.hand.set(hand).map_err(|_| Errno::EXIST)
    }

    /// What this trial was dealt.
    ///
    /// # Errors
    /// `BADF` outside a trial.
    pub fn hand(&self) -> Result<&Hand, Errno> {
        self.hand.get().ok_or(Errno::BADF)
    }

    /// Takes away what a trial has made, so that the next one finds the stage as it was.
    ///
    /// # Errors
    /// What could not be made again.
    pub fn reset(&self) -> std::io::Result<()> {
        for name in MADE_BY_TRIALS {
            let path = self.path(name);
            let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path));
        }
        prop(&self.path("spare"))
    }

    /// A path in the attacker's directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = kill_process(self.sibling, Signal::KILL);
        let _ = waitpid(Some(self.sibling), WaitOptions::empty());
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn make_directory() -> std::io::Result<PathBuf> {
    let directory = std::env::temp_dir().join(format!("fosse-canary-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    give_away(&directory)?;
    prop(&directory.join("file"))?;
    prop(&directory.join("spare"))?;
    Ok(directory)
}

/// A file to attack.
fn prop(path: &Path) -> std::io::Result<()> {
    std::fs::write(path, "x")?;
    give_away(path)
}

/// To the user the trials run as, if there is a choice.
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
            let _ = set_dumpable_behavior(DumpableBehavior::Dumpable);
            let _ = set_ptracer(PTracer::Any);
            let _ = rustix::io::write(&done, b"x");
            loop {
                std::thread::sleep(std::time::Duration::from_secs(60));
            }
        }
    }
}
