//! Before the lock: the command line, the directory, the listeners.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt as _;
use std::{fs, path::Path};

use fosse_args::{Args, Flag, NO_SANDBOX, Positional, SANDBOX_STRICT, SANDBOX_TRAP, Takes, Usage};
use fosse_sys::openat2::Openat2Error;
use rustix::fs::{CWD, Gid, Mode as FileMode, OFlags, ResolveFlags, Uid, chmod, chown, openat, openat2};
use rustix::io::Errno;
use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr, set_tcp_nodelay};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with};

use crate::PROGRAM;

/// Connections the kernel holds until they are accepted; it cuts this to net.core.somaxconn.
const BACKLOG: i32 = 4096;

/// The command line.
pub const USAGE: Usage = Usage {
    name: PROGRAM,
    summary: "serves the files of one directory",
    words: &[Positional::needed(Takes::Path("DIR"))],
    flags: &[
        Flag { name: "--listen", takes: Takes::Text("ADDR..."), help: "unix:PATH, or a loopback ADDR:PORT" },
        Flag { name: "--mode", takes: Takes::Text("MODE"), help: "mode of socket files [0660]" },
        Flag { name: "--owner", takes: Takes::Text("UID:GID"), help: "owner of socket files [who starts it]" },
        SANDBOX_STRICT,
        SANDBOX_TRAP,
        NO_SANDBOX,
    ],
    ..Usage::NOTHING
};

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A socket file.
    Unix(String),
    /// A loopback address: public ones belong to fosse-accept.
    Tcp(SocketAddr),
}

/// The command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// Addresses to listen on; one at least.
    pub listen: Vec<Listen>,
    /// Mode of socket files.
    pub socket_mode: u32,
    /// Owner of socket files (UID, GID); `None` leaves them to the user who starts the program.
    pub owner: Option<(u32, u32)>,
    /// The directory.
    pub directory: String,
}

impl Options {
    /// Takes the program's words from the command line. Ends the program with exit status 100 where
    /// one is wrong or missing.
    #[must_use]
    pub fn take(args: &Args) -> Self {
        let listen: Vec<Listen> = args.values("--listen").iter().map(|text| address(text, args)).collect();
        let socket_mode = args.value("--mode").map_or(0o660, |text| {
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
            mode.unwrap_or_else(|| args.refuse(format_args!("--mode: '{text}' is not an octal mode like 0660")))
        });
        let owner = args.value("--owner").map(|text| {
            let ids = text.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
            ids.unwrap_or_else(|| args.refuse(format_args!("--owner: '{text}' is not UID:GID in numbers")))
        });
        let directory = args.positional(0).unwrap_or_default().to_owned();
        if listen.is_empty() {
            args.refuse("no --listen given");
        }
        Self { listen, socket_mode, owner, directory }
    }
}

fn address(text: &str, args: &Args) -> Listen {
    if let Some(path) = text.strip_prefix("unix:") {
        return Listen::Unix(path.to_owned());
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().to_canonical().is_loopback() => Listen::Tcp(address),
        Ok(_) => {
            args.refuse(format_args!("--listen: {text} is not loopback; put the edge in front of public addresses"))
        }
        Err(_) => args.refuse(format_args!("--listen: '{text}' is neither unix:PATH nor ADDR:PORT")),
    }
}

/// The descriptors that are opened before the lock.
#[derive(Debug)]
pub struct Inputs {
    /// The directory that is served.
    pub root: OwnedFd,
    /// Its listening sockets.
    pub listeners: Vec<OwnedFd>,
}

/// Opens the directory and the listeners. Ends the program with exit status 100 where the directory
/// cannot be served, 111 where an address cannot be listened on.
#[must_use]
pub fn inputs(options: &Options) -> Inputs {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, &options.directory, flags, FileMode::empty()).unwrap_or_else(|errno| {
        fosse_die::fatal(PROGRAM, format_args!("unable to open the directory {}: {errno}", options.directory))
    });
    // Where the call itself is forbidden (an outer seccomp filter), every request would get 404.
    if let Err(errno) = openat2(&root, ".", OFlags::PATH | OFlags::CLOEXEC, FileMode::empty(), ResolveFlags::BENEATH) {
        fosse_die::fatal(
            PROGRAM,
            format_args!("unable to open below the directory {}: {}", options.directory, Openat2Error(errno)),
        );
    }
    Inputs { root, listeners: options.listen.iter().map(|listen| open(listen, options)).collect() }
}

fn open(listen: &Listen, options: &Options) -> OwnedFd {
    let (opened, name) = match listen {
        Listen::Unix(path) => (unix(path, options), format!("unix:{path}")),
        Listen::Tcp(address) => (tcp(*address), address.to_string()),
    };
    opened.unwrap_or_else(|errno| fosse_die::temporary(PROGRAM, format_args!("unable to listen on {name}: {errno}")))
}

const NEW: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);

/// Opens a TCP listener. Accepted sockets inherit its options, so that none has to be set after the
/// lock.
fn tcp(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let fd = socket_with(family, SocketType::STREAM, NEW, None)?;
    set_socket_reuseaddr(&fd, true)?;
    set_tcp_nodelay(&fd, true)?;
    if address.is_ipv6() {
        set_ipv6_v6only(&fd, true)?;
    }
    bind(&fd, &address)?;
    listen(&fd, BACKLOG)?;
    Ok(fd)
}

/// Makes a socket file that cannot be connected to until it has its owner and mode. A file that a
/// dead process left is replaced, one that a process listens on is not.
fn unix(path: &str, options: &Options) -> Result<OwnedFd, Errno> {
    let address = SocketAddrUnix::new(path)?;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, NEW, None)?;
    let mask = rustix::process::umask(FileMode::from_raw_mode(0o777));
    let mut bound = bind(&fd, &address);
    if bound == Err(Errno::ADDRINUSE) && is_left_behind(Path::new(path), &address) && fs::remove_file(path).is_ok() {
        bound = bind(&fd, &address);
    }
    rustix::process::umask(mask);
    bound?;
    if let Some((uid, gid)) = options.owner {
        chown(path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    chmod(path, FileMode::from_raw_mode(options.socket_mode))?;
    listen(&fd, BACKLOG)?;
    Ok(fd)
}

fn is_left_behind(file: &Path, address: &SocketAddrUnix) -> bool {
    let is_socket = fs::symlink_metadata(file).is_ok_and(|facts| facts.file_type().is_socket());
    let probe = socket_with(AddressFamily::UNIX, SocketType::STREAM, NEW, None);
    is_socket && probe.is_ok_and(|fd| connect(&fd, address) == Err(Errno::CONNREFUSED))
}
