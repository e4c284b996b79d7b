//! One listening socket: a supervisor's, one that is open already, or a new one.

use std::{
    ffi::OsStr,
    fs,
    net::{Ipv6Addr, SocketAddr},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::FileTypeExt},
    },
    path::Path,
    time::Duration,
};

use fosse_plan::{Listener, Place};
use rustix::{
    fs::{FileType, Gid, Mode, OFlags, Uid, chmod, chown, fcntl_getfl, fcntl_setfl, fstat},
    io::Errno,
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, getsockname, listen, socket_with,
        sockopt::{
            set_ip_freebind, set_ipv6_freebind, set_ipv6_v6only, set_socket_keepalive, set_socket_reuseaddr,
            set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl, socket_acceptconn,
        },
    },
};

use crate::{
    limits::BACKLOG,
    sockets::{
        activation::NamedSocket,
        port_finder::{self, PortFinder},
    },
};

/// A socket that listens.
#[derive(Debug)]
pub(crate) struct Open {
    /// Its place, which keeps its socket over reloads.
    pub place: Place,
    pub fd: OwnedFd,
}

/// The reason that a socket was not opened.
#[derive(Debug)]
pub(crate) struct NotOpened {
    /// The step, the place and the error.
    words: String,
    is_in_use: bool,
}

impl NotOpened {
    /// Returns its words, with who has the place where that is in use.
    pub(crate) fn explained(self, finder: Option<&PortFinder>, place: &Place) -> String {
        let holder = if self.is_in_use { port_finder::holder(finder, place) } else { None };
        self.words + &holder.map(|holder| format!(", by {holder}")).unwrap_or_default()
    }
}

/// Opens the socket for a listener: the supervisor's of that name, the one already open at that
/// place, or a new one.
///
/// # Errors
/// The step, the place and the error.
pub(crate) fn open(
    listener: &Listener,
    handed: &[NamedSocket],
    before: &[Open],
    public: bool,
) -> Result<Open, NotOpened> {
    let wrong = |what: &str, errno: Errno| NotOpened {
        words: not_opened(what, &listener.place, errno),
        is_in_use: errno == Errno::ADDRINUSE,
    };
    let unfit = |words: String| NotOpened { words, is_in_use: false };
    let kept = before.iter().find(|open| is_same_socket(&open.place, &listener.place)).map(|open| &open.fd);
    let given = handed.iter().find(|(name, _)| !listener.name.is_empty() && *name == listener.name).map(|(_, fd)| fd);
    if let Some(fd) = given.filter(|fd| !listens_at(fd, &listener.place)) {
        let name = fosse_die::Escaped(&listener.name);
        let found = getsockname(fd).map_or_else(|e| e.to_string(), |a| format!("{a:?}"));
        let place = Where(&listener.place);
        return Err(unfit(format!("socket '{name}' of the supervisor does not listen on {place}: {found}")));
    }
    let fd = match kept.or(given) {
        Some(fd) => ours(fd).map_err(|e| wrong("keep the socket of", e))?,
        None if !public && !is_local(&listener.place) => {
            let place = Where(&listener.place);
            return Err(unfit(format!("{place}: an ordinary user's edge listens on loopback and unix sockets only")));
        }
        None if is_no_socket(&listener.place) => return Err(unfit(no_socket(&listener.place))),
        None => match &listener.place {
            Place::Tcp { addr, port } => tcp(*addr, *port, listener.freebind).map_err(|e| wrong("listen on", e))?,
            Place::Unix { path, owner, group, mode } => {
                unix(path, *owner, *group, *mode).map_err(|e| wrong("listen on", e))?
            }
        },
    };
    // A supervisor has said itself how many may wait.
    if listener.backlog > 0 || given.is_none() {
        listen(&fd, backlog(listener)).map_err(|e| wrong("listen on", e))?;
    }
    if matches!(listener.place, Place::Tcp { .. }) {
        set_keepalive(&fd, listener.keepalive_seconds).map_err(|e| wrong("set keepalive of", e))?;
    }
    Ok(Open { place: listener.place.clone(), fd })
}

/// Checks that [`open`] can succeed, as far as that shows while another edge may listen there: that
/// this machine has the address, that the directory is there, and no file that is not a socket. A
/// listener with a name may come from a supervisor.
///
/// # Errors
/// The words of [`open`].
pub(crate) fn look(listener: &Listener) -> Result<(), String> {
    let found = match &listener.place {
        _ if !listener.name.is_empty() => Ok(()),
        place if is_no_socket(place) => return Err(no_socket(place)),
        Place::Tcp { .. } if listener.freebind => Ok(()),
        Place::Tcp { addr, .. } => is_of_this_machine(*addr),
        Place::Unix { path, .. } => {
            let parent = Path::new(OsStr::from_bytes(path)).parent().unwrap_or_else(|| Path::new("/"));
            rustix::fs::open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map(drop)
        }
    };
    found.map_err(|errno| not_opened("listen on", &listener.place, errno))
}

/// Returns whether a file that is not a socket has the path of one, which bind(2) takes for one in
/// use.
fn is_no_socket(place: &Place) -> bool {
    let Place::Unix { path, .. } = place else { return false };
    fs::symlink_metadata(OsStr::from_bytes(path)).is_ok_and(|found| !found.file_type().is_socket())
}

fn no_socket(place: &Place) -> String {
    format!("unable to listen on {}: there is a file that is no socket; remove it, or name another path", Where(place))
}

/// Fails where an address is none of this machine's, as bind(2) to any port of it would.
fn is_of_this_machine(addr: [u8; 16]) -> Result<(), Errno> {
    let address = SocketAddr::new(Ipv6Addr::from(addr).to_canonical(), 0);
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    bind(&socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?, &address)
}

pub(crate) fn not_opened(what: &str, place: &Place, errno: Errno) -> String {
    format!("unable to {what} {}: {errno}", Where(place))
}

/// Returns a copy of a socket for accept, which must never wait in accept4(2).
fn ours(fd: &OwnedFd) -> Result<OwnedFd, Errno> {
    // The flag belongs to the socket, not to the copy: the supervisor's descriptor has it too then.
    let fd = rustix::io::fcntl_dupfd_cloexec(fd, 3)?;
    fcntl_setfl(&fd, fcntl_getfl(&fd)? | OFlags::NONBLOCK)?;
    Ok(fd)
}

/// Returns whether a socket of a supervisor listens at the place of the plan: the explicit words
/// for public addresses count for it too.
fn listens_at(fd: &OwnedFd, place: &Place) -> bool {
    let (Ok(found), Ok(true)) = (getsockname(fd), socket_acceptconn(fd)) else { return false };
    match place {
        Place::Tcp { addr, port } => {
            SocketAddr::try_from(found).is_ok_and(|a| a == SocketAddr::new(Ipv6Addr::from(*addr).to_canonical(), *port))
        }
        Place::Unix { path, .. } => {
            SocketAddrUnix::try_from(found).is_ok_and(|a| a.path_bytes() == Some(path.as_slice()))
        }
    }
}

fn is_local(place: &Place) -> bool {
    match place {
        Place::Unix { .. } => true,
        Place::Tcp { addr, .. } => Ipv6Addr::from(*addr).to_canonical().is_loopback(),
    }
}

/// Returns the connections that may wait to be accepted, as listen(2) is asked.
fn backlog(listener: &Listener) -> i32 {
    if listener.backlog == 0 { BACKLOG } else { i32::try_from(listener.backlog).unwrap_or(i32::MAX) }
}

/// Has the kernel ask clients whether they are there after that idle time, three times; never, with
/// 0. Sockets take it over from the one that they are accepted from (tcp(7)).
fn set_keepalive(fd: &OwnedFd, seconds: u16) -> Result<(), Errno> {
    set_socket_keepalive(fd, seconds > 0)?;
    if seconds > 0 {
        set_tcp_keepidle(fd, Duration::from_secs(seconds.into()))?;
        set_tcp_keepintvl(fd, Duration::from_secs((seconds / 3).max(1).into()))?;
        set_tcp_keepcnt(fd, 3)?;
    }
    Ok(())
}

fn tcp(addr: [u8; 16], port: u16, freebind: bool) -> Result<OwnedFd, Errno> {
    let address = SocketAddr::new(Ipv6Addr::from(addr).to_canonical(), port);
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let fd = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    set_socket_reuseaddr(&fd, true)?;
    if address.is_ipv6() {
        // One listener, one family: what the configuration says is what is open.
        set_ipv6_v6only(&fd, true)?;
    }
    if freebind && address.is_ipv6() {
        set_ipv6_freebind(&fd, true)?;
    } else if freebind {
        set_ip_freebind(&fd, true)?;
    }
    bind(&fd, &address)?;
    Ok(fd)
}

/// Makes a socket file that can be connected to only with its owner and mode in place. A file of a
/// process that is gone is replaced, one that a process listens on is not.
fn unix(path: &[u8], owner: u32, group: u32, mode: u32) -> Result<OwnedFd, Errno> {
    let file = Path::new(OsStr::from_bytes(path));
    let address = SocketAddrUnix::new(path)?;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    // No right for anybody until owner and mode are set, two lines before it listens.
    let mask = rustix::process::umask(Mode::from_raw_mode(0o777));
    let mut bound = bind(&fd, &address);
    if bound == Err(Errno::ADDRINUSE) && is_stale(file, &address) && fs::remove_file(file).is_ok() {
        bound = bind(&fd, &address);
    }
    rustix::process::umask(mask);
    bound?;
    set_rights(file, owner, group, mode)?;
    Ok(fd)
}

/// Sets owner, group and mode of a socket file.
///
/// # Errors
/// `ENOTSOCK` for anything else: whoever may write the directory may have put a link there to a
/// file that only root may change. So what was looked at is what is changed.
pub(crate) fn set_rights(file: &Path, owner: u32, group: u32, mode: u32) -> Result<(), Errno> {
    let id = |raw: u32| (raw != u32::MAX).then_some(raw);
    let socket = rustix::fs::open(file, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    if FileType::from_raw_mode(fstat(&socket)?.st_mode) != FileType::Socket {
        return Err(Errno::NOTSOCK);
    }
    // fchmod(2) takes no such descriptor.
    let socket = format!("/proc/self/fd/{}", socket.as_raw_fd());
    chown(&socket, id(owner).map(Uid::from_raw), id(group).map(Gid::from_raw))?;
    chmod(&socket, Mode::from_raw_mode(mode))
}

/// Returns whether a socket may go on at another place: only its owner or its mode is another.
pub(crate) fn is_same_socket(one: &Place, other: &Place) -> bool {
    match (one, other) {
        (Place::Unix { path, .. }, Place::Unix { path: other, .. }) => path == other,
        _ => one == other,
    }
}

fn is_stale(file: &Path, address: &SocketAddrUnix) -> bool {
    let is_socket = fs::symlink_metadata(file).is_ok_and(|m| m.file_type().is_socket());
    let probe =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None);
    is_socket && probe.is_ok_and(|fd| connect(&fd, address) == Err(Errno::CONNREFUSED))
}

/// Removes the socket files of listeners that are not used any more.
pub(crate) fn remove_files(open: &[Open], kept: &[Open]) {
    for gone in open.iter().filter(|o| !kept.iter().any(|k| is_same_socket(&k.place, &o.place))) {
        if let Place::Unix { path, .. } = &gone.place {
            // It may have been removed by hand; nothing depends on it.
            let _ = fs::remove_file(OsStr::from_bytes(path));
        }
    }
}

/// A place as people write it.
#[derive(Debug)]
pub(crate) struct Where<'a>(pub &'a Place);

impl std::fmt::Display for Where<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Place::Tcp { addr, port } => write!(f, "{}", SocketAddr::new(Ipv6Addr::from(*addr).to_canonical(), *port)),
            Place::Unix { path, .. } => write!(f, "unix:{}", fosse_die::Escaped(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn handed(socket: OwnedFd, port: u16) -> Result<Open, NotOpened> {
        let addr = std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets();
        let listener = Listener { name: b"web".to_vec(), ..Listener::at(Place::Tcp { addr, port }) };
        open(&listener, &[(b"web".to_vec(), socket)], &[], false)
    }

    #[test]
    fn a_socket_that_a_supervisor_made_to_wait_does_not_wait_here() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(!fcntl_getfl(&socket).unwrap().contains(OFlags::NONBLOCK));
        let open = handed(socket.into(), port).unwrap();
        assert!(fcntl_getfl(&open.fd).unwrap().contains(OFlags::NONBLOCK));
    }

    #[test]
    fn a_link_in_the_place_of_a_socket_changes_no_rights_of_what_it_names() {
        use std::os::unix::{fs::PermissionsExt as _, net::UnixListener};
        let name = |what: &str| std::env::temp_dir().join(format!("fosse-socket-{}-{what}", std::process::id()));
        let (socket, link, file) = (name("socket"), name("link"), name("file"));
        let _listener = UnixListener::bind(&socket).unwrap();
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for named in [&file, &socket] {
            let before = mode(named);
            std::os::unix::fs::symlink(named, &link).unwrap();
            assert_eq!(set_rights(&link, u32::MAX, u32::MAX, 0o666), Err(Errno::NOTSOCK));
            assert_eq!(mode(named), before);
            fs::remove_file(&link).unwrap();
        }
        assert_eq!(set_rights(&file, u32::MAX, u32::MAX, 0o666), Err(Errno::NOTSOCK));
        set_rights(&socket, u32::MAX, u32::MAX, 0o606).unwrap();
        assert_eq!((mode(&socket), mode(&file)), (0o606, 0o600));
        fs::remove_file(&socket).unwrap();
        fs::remove_file(&file).unwrap();
    }

    #[test]
    fn a_socket_that_is_elsewhere_or_does_not_listen_is_refused() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(handed(socket.into(), 1).unwrap_err().words.contains("does not listen on"));
        let silent = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        bind(&silent, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let port = SocketAddr::try_from(getsockname(&silent).unwrap()).unwrap().port();
        assert!(handed(silent, port).unwrap_err().words.contains("does not listen on"));
    }
}
