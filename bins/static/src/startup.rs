//! Before the lock: the command line, the directory, the listeners.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::{fs, path::Path};

use fosse_args::Args;
use fosse_eventloop::Turn;
use fosse_inherit::{Expected, LINES, inherit};
use fosse_lockdown::Mode;
use fosse_sys::openat2::Openat2Error;
use rustix::fs::{CWD, Gid, Mode as FileMode, OFlags, ResolveFlags, Uid, chmod, chown, openat, openat2};
use rustix::io::Errno;
use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr, set_tcp_nodelay};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with};

use crate::PROGRAM;

/// Connections the kernel holds until they are accepted; it cuts this to net.core.somaxconn.
const BACKLOG: i32 = 4096;

const DESCRIPTORS: &[Expected] = &[Expected::required(2, LINES, "log")];

/// Where to listen.
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
    /// Where to listen; one place at least.
    pub listen: Vec<Listen>,
    /// Mode of socket files.
    pub socket_mode: u32,
    /// Owner of socket files; `None` leaves them to who starts the program.
    pub owner: Option<(u32, u32)>,
    /// The directory.
    pub directory: String,
    /// How strictly to lock down.
    pub mode: Mode,
}

impl Options {
    /// Reads the command line of this process; ends it (100) with the usage where that is wrong.
    #[must_use]
    pub fn of_process(usage: &'static str) -> Self {
        let mut args = Args::of_process(PROGRAM, usage);
        let listen: Vec<Listen> = args.values("--listen").iter().map(|text| place(text, &args)).collect();
        let socket_mode = args.value("--mode").map_or(0o660, |text| {
            let mode = u32::from_str_radix(&text, 8).ok().filter(|mode| *mode <= 0o777);
            mode.unwrap_or_else(|| args.refuse(format_args!("--mode: '{text}' is not an octal mode like 0660")))
        });
        let owner = args.value("--owner").map(|text| {
            let ids = text.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
            ids.unwrap_or_else(|| args.refuse(format_args!("--owner: '{text}' is not UID:GID in numbers")))
        });
        let modes = [Mode::Strict, Mode::Trap, Mode::Off];
        let asked = modes.into_iter().find(|mode| mode.option().is_some_and(|option| args.flag(option)));
        let Some(directory) = args.word() else { args.refuse("no directory given") };
        args.end();
        if listen.is_empty() {
            args.refuse("no --listen given");
        }
        Self { listen, socket_mode, owner, directory, mode: asked.unwrap_or_else(Mode::from_environment) }
    }
}

fn place(text: &str, args: &Args) -> Listen {
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

/// What the program works with, opened before the lock.
#[derive(Debug)]
pub struct Inputs {
    /// The directory that is served.
    pub root: OwnedFd,
    /// Its listening sockets.
    pub listeners: Vec<OwnedFd>,
    /// Its event loop.
    pub turn: Turn,
}

impl Inputs {
    /// What Landlock leaves readable.
    #[must_use]
    pub fn grant(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

/// Opens everything, or ends the program with one line: 100 where the words are wrong, 111 where
/// the kernel refuses.
#[must_use]
pub fn inputs(options: &Options) -> Inputs {
    let _ = inherit(PROGRAM, DESCRIPTORS);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, &options.directory, flags, FileMode::empty()).unwrap_or_else(|errno| {
        fosse_die::fatal(PROGRAM, format_args!("unable to open the directory {}: {errno}", options.directory))
    });
    // Every request would be answered 404 where the call itself is forbidden.
    if let Err(errno) = openat2(&root, ".", OFlags::PATH | OFlags::CLOEXEC, FileMode::empty(), ResolveFlags::BENEATH) {
        fosse_die::fatal(
            PROGRAM,
            format_args!("unable to open below the directory {}: {}", options.directory, Openat2Error(errno)),
        );
    }
    let listeners = options.listen.iter().map(|place| open(place, options)).collect();
    let turn = Turn::new()
        .unwrap_or_else(|errno| fosse_die::temporary(PROGRAM, format_args!("unable to make epoll: {errno}")));
    Inputs { root, listeners, turn: turn.without_linger() }
}

fn open(place: &Listen, options: &Options) -> OwnedFd {
    let (opened, name) = match place {
        Listen::Unix(path) => (unix(path, options), format!("unix:{path}")),
        Listen::Tcp(address) => (tcp(*address), address.to_string()),
    };
    opened.unwrap_or_else(|errno| fosse_die::temporary(PROGRAM, format_args!("unable to listen on {name}: {errno}")))
}

const NEW: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);

/// Options set here pass on to every accepted socket, so that none has to be set after the lock.
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

/// A socket file nobody can connect to until it has its owner and mode. One that a process left
/// behind is replaced, one that somebody listens on is not.
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
