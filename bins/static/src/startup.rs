//! Before the lock: the command line, the directory, the listeners.

use std::net::SocketAddr;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::fs::FileTypeExt as _;
use std::{fs, path::Path};

use fosse_args::{Args, Flag, NO_SANDBOX, Positional, SANDBOX_STRICT, SANDBOX_TRAP, Takes, Usage};
use fosse_inherit::{DIRECTORY, Descriptors, Expected, LINES, MEMORY, MESSAGES};
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
    words: &[Positional::optional(Takes::Path("DIR"))],
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
    /// Takes the program's words from the command line; `None` where there is none, as fosse-start
    /// runs it. Ends the program with exit status 100 where one is wrong or missing.
    #[must_use]
    pub fn take(args: &Args) -> Option<Self> {
        let listen: Vec<Listen> = args.values("--listen").iter().map(|text| address(text, args)).collect();
        let socket_mode = args.value("--mode").map_or(0o660, |text| {
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
            mode.unwrap_or_else(|| args.refuse(format_args!("--mode: '{text}' is not an octal mode like 0660")))
        });
        let owner = args.value("--owner").map(|text| {
            let ids = text.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
            ids.unwrap_or_else(|| args.refuse(format_args!("--owner: '{text}' is not UID:GID in numbers")))
        });
        match args.positional(0) {
            Some(_) if listen.is_empty() => args.refuse("no --listen given"),
            Some(directory) => Some(Self { listen, socket_mode, owner, directory: directory.to_owned() }),
            None if listen.is_empty() => None,
            None => args.refuse("no DIR given"),
        }
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

/// Descriptor of the channel over which fosse-connect sends connections.
const CONNECTIONS_FD: RawFd = 8;
/// Descriptor of the directory that fosse-start has opened.
const ROOT_FD: RawFd = 9;

/// The descriptors that it inherits from start; in a shell the first alone, that of the log.
pub const DESCRIPTORS: [Expected; 6] = [
    Expected::required(2, LINES, "log"),
    Expected::optional(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::optional(7, MESSAGES, "start"),
    Expected::optional(CONNECTIONS_FD, MESSAGES, "connections"),
    Expected::optional(ROOT_FD, DIRECTORY, "the directory"),
];

/// The source of connections.
#[derive(Debug)]
pub enum Source {
    /// Listening sockets of its own.
    Listeners(Vec<OwnedFd>),
    /// The channel of an edge.
    Channel(OwnedFd),
}

/// The descriptors that are there before the lock.
#[derive(Debug)]
pub struct Inputs {
    /// The directory that is served.
    pub root: OwnedFd,
    /// The source of connections.
    pub source: Source,
}

impl Inputs {
    /// Opens the directory and the listeners. Ends the program with exit status 100 where the
    /// directory cannot be served, 111 where an address cannot be listened on.
    #[must_use]
    pub fn open(options: &Options) -> Self {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, &options.directory, flags, FileMode::empty()).unwrap_or_else(|errno| {
            fosse_die::fatal(PROGRAM, format_args!("unable to open the directory {}: {errno}", options.directory))
        });
        // Where the call itself is forbidden (an outer seccomp filter), every request would get
        // 404.
        if let Err(errno) = reach(&root) {
            fosse_die::fatal(
                PROGRAM,
                format_args!("unable to open below the directory {}: {}", options.directory, Openat2Error(errno)),
            );
        }
        let listeners = options.listen.iter().map(|listen| open(listen, options)).collect();
        Self { root, source: Source::Listeners(listeners) }
    }

    /// Takes what fosse-start gives. Ends the program with exit status 100 where it is not there,
    /// which is so in a shell.
    #[must_use]
    pub fn inherited(descriptors: &mut Descriptors) -> Self {
        let Some(channel) = descriptors.optional(CONNECTIONS_FD) else {
            fosse_die::usage(PROGRAM, "no --listen and no DIR given")
        };
        Self { root: descriptors.required(ROOT_FD), source: Source::Channel(channel) }
    }
}

/// Opens the directory through itself, as every file below it is opened.
///
/// # Errors
/// `ACCES` where the user of this process may not enter it, others where the call is not to be had.
pub(crate) fn reach(root: &OwnedFd) -> Result<(), Errno> {
    openat2(root, ".", OFlags::PATH | OFlags::CLOEXEC, FileMode::empty(), ResolveFlags::BENEATH).map(drop)
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
