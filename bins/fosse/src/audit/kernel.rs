//! A process as the kernel shows it in /proc, not as it describes itself.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::process_stat::ProcessStat;

/// Namespaces that are compared.
pub(crate) const NAMESPACES: [&str; 3] = ["net", "mnt", "ipc"];

/// The kind of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// Unix stream socket, connected.
    UnixStream,
    /// Unix seqpacket socket.
    UnixSeqpacket,
    /// Unix datagram socket.
    UnixDatagram,
    /// Unix socket that listens.
    UnixListener,
    /// TCP connection, or a TCP socket that is not connected any more.
    Tcp,
    /// TCP socket that listens.
    TcpListener,
    /// UDP socket.
    Udp,
    /// Pipe.
    Pipe,
    /// Memory file.
    Memory,
    /// epoll.
    Epoll,
    /// /dev/null.
    Null,
    /// Terminal or another device.
    Device,
    /// Any other file or directory.
    File,
    /// eventfd, signalfd, timerfd, pidfd, io_uring and whatever else has no name.
    Anonymous,
}

impl Kind {
    /// Returns its name for people.
    #[must_use]
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::UnixStream => "unix-stream",
            Self::UnixSeqpacket => "unix-seqpacket",
            Self::UnixDatagram => "unix-datagram",
            Self::UnixListener => "unix-listener",
            Self::Tcp => "tcp",
            Self::TcpListener => "tcp-listener",
            Self::Udp => "udp",
            Self::Pipe => "pipe",
            Self::Memory => "memory",
            Self::Epoll => "epoll",
            Self::Null => "null",
            Self::Device => "device",
            Self::File => "file",
            Self::Anonymous => "anonymous",
        }
    }
}

/// A process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its id.
    pub pid: u32,
    /// The base name of the file it was executed from; empty where that cannot be read.
    pub name: String,
    /// Its parent.
    pub parent: u32,
    /// Real, effective, saved and file system UID.
    pub uids: Vec<u32>,
    /// Real, effective, saved and file system GID.
    pub gids: Vec<u32>,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Inheritable, permitted, effective, bounding, ambient.
    pub capabilities: [u64; 5],
    /// no_new_privs
    pub no_new_privs: u32,
    /// 0 none, 1 strict, 2 filter.
    pub seccomp: u32,
    /// Filters in force.
    pub filters: u32,
    /// Threads.
    pub threads: u32,
    /// Its scheduling policy, by its number (sched(7)).
    pub policy: u32,
    /// Its nice value.
    pub nice: i32,
    /// Core dumps, ptrace and /proc/PID/mem are possible.
    pub dumpable: bool,
    /// Its namespaces, in the order of [`NAMESPACES`]; `None` where they cannot be read.
    pub namespaces: Option<[String; 3]>,
    /// Its descriptors; `None` where they cannot be read.
    pub fds: Option<Vec<(u32, Kind)>>,
}

/// Looks at one process; `None` where it is gone.
#[must_use]
pub(crate) fn look(pid: u32, sockets: &HashMap<u64, Kind>) -> Option<Seen> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mut seen = parse_status(&status);
    seen.pid = pid;
    let stat = ProcessStat::read(pid)?;
    // What cannot be read is no policy that may be.
    (seen.policy, seen.nice) = (stat.field(41).unwrap_or(u32::MAX), stat.field(19).unwrap_or(i32::MAX));
    // The kernel gives what is in /proc of a process that is not dumpable to root.
    let owner = fs::metadata(format!("/proc/{pid}/status")).ok()?.uid();
    seen.dumpable = owner != 0 || seen.uids.get(1) == Some(&0);
    seen.name = name(pid);
    seen.namespaces = namespaces(pid);
    seen.fds = descriptors(pid, sockets);
    Some(seen)
}

fn name(pid: u32) -> String {
    let base = |path: &str| path.trim_end_matches(" (deleted)").rsplit('/').next().unwrap_or_default().to_owned();
    if let Ok(exe) = fs::read_link(format!("/proc/{pid}/exe")) {
        return base(&exe.to_string_lossy());
    }
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    base(&String::from_utf8_lossy(line.split(|b| *b == 0).next().unwrap_or_default()))
}

fn namespaces(pid: u32) -> Option<[String; 3]> {
    let one = |name: &str| Some(fs::read_link(format!("/proc/{pid}/ns/{name}")).ok()?.to_string_lossy().into_owned());
    let [net, mnt, ipc] = NAMESPACES;
    Some([one(net)?, one(mnt)?, one(ipc)?])
}

fn descriptors(pid: u32, sockets: &HashMap<u64, Kind>) -> Option<Vec<(u32, Kind)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A descriptor that is closed meanwhile is none.
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let path = entry.path();
        let is_device = || fs::metadata(entry.path()).is_ok_and(|m| m.mode() & 0o170_000 == 0o020_000);
        let protocol = || protocol(&path);
        all.push((number, kind(&target.to_string_lossy(), is_device, protocol, sockets)));
    }
    all.sort_unstable();
    Some(all)
}

/// Returns the protocol of a socket, from the extended attribute that lsof(8) reads too.
fn protocol(path: &Path) -> String {
    let mut bytes = [0; 32];
    let length = rustix::fs::getxattr(path, "system.sockprotoname", bytes.as_mut_slice()).unwrap_or(0);
    let name = &bytes[..length];
    String::from_utf8_lossy(name).trim_end_matches('\0').to_owned()
}

fn kind(
    target: &str,
    is_device: impl Fn() -> bool,
    protocol: impl Fn() -> String,
    sockets: &HashMap<u64, Kind>,
) -> Kind {
    if let Some(rest) = target.strip_prefix("socket:[") {
        let inode = rest.trim_end_matches(']').parse().unwrap_or(0);
        return sockets.get(&inode).copied().unwrap_or_else(|| match protocol().as_str() {
            // A TCP socket that is closed by both sides is in no table any more.
            "TCP" | "TCPv6" => Kind::Tcp,
            // No table of theirs is read.
            "UDP" | "UDPv6" => Kind::Udp,
            // One that came after the tables were read; a busy edge always has some.
            "UNIX-STREAM" => Kind::UnixStream,
            _ => Kind::Anonymous,
        });
    }
    match target {
        pipe if pipe.starts_with("pipe:[") => Kind::Pipe,
        memory if memory.starts_with("/memfd:") => Kind::Memory,
        "anon_inode:[eventpoll]" => Kind::Epoll,
        anonymous if anonymous.starts_with("anon_inode:") => Kind::Anonymous,
        // From an empty root it is "/null", wherever it was opened.
        "/dev/null" | "/null" => Kind::Null,
        _ if is_device() => Kind::Device,
        _ => Kind::File,
    }
}

/// Returns all sockets of the network namespace of `pid`, by inode.
#[must_use]
pub(crate) fn sockets(pid: u32) -> HashMap<u64, Kind> {
    let table = |name: &str| fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap_or_default();
    let mut all = HashMap::new();
    all.extend(table("unix").lines().skip(1).filter_map(unix_line));
    for name in ["tcp", "tcp6"] {
        all.extend(table(name).lines().skip(1).filter_map(tcp_line));
    }
    for name in ["udp", "udp6", "raw", "raw6", "netlink", "packet"] {
        // None of these belongs anywhere: they count as something without a name.
        let inode = |line: &str| line.split_whitespace().filter_map(|word| word.parse::<u64>().ok()).next_back();
        all.extend(table(name).lines().skip(1).filter_map(inode).map(|inode| (inode, Kind::Anonymous)));
    }
    all
}

/// `Num: RefCount Protocol Flags Type St Inode Path`; Flags 00010000 is a listener (proc(5),
/// net/unix).
fn unix_line(line: &str) -> Option<(u64, Kind)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (flags, kind, inode) = (*words.get(3)?, *words.get(4)?, words.get(6)?.parse().ok()?);
    let kind = match (flags, kind) {
        ("00010000", _) => Kind::UnixListener,
        (_, "0001") => Kind::UnixStream,
        (_, "0005") => Kind::UnixSeqpacket,
        _ => Kind::UnixDatagram,
    };
    Some((inode, kind))
}

/// `sl local remote st queues timer retransmits uid timeout inode`; state 0A is LISTEN (proc(5),
/// net/tcp).
fn tcp_line(line: &str) -> Option<(u64, Kind)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let kind = if *words.get(3)? == "0A" { Kind::TcpListener } else { Kind::Tcp };
    Some((words.get(9)?.parse().ok()?, kind))
}

fn parse_status(text: &str) -> Seen {
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or("").trim();
    let numbers = |name: &str| field(name).split_whitespace().filter_map(|n| n.parse().ok()).collect::<Vec<u32>>();
    // A line that is missing must not look like a layer that holds: an unreadable capability set
    // counts as full.
    let mask = |name: &str| u64::from_str_radix(field(name), 16).unwrap_or(u64::MAX);
    Seen {
        parent: field("PPid").parse().unwrap_or(0),
        uids: numbers("Uid"),
        gids: numbers("Gid"),
        groups: numbers("Groups"),
        capabilities: [mask("CapInh"), mask("CapPrm"), mask("CapEff"), mask("CapBnd"), mask("CapAmb")],
        no_new_privs: field("NoNewPrivs").parse().unwrap_or(0),
        seccomp: field("Seccomp").parse().unwrap_or(0),
        filters: field("Seccomp_filters").parse().unwrap_or(0),
        threads: field("Threads").parse().unwrap_or(0),
        ..Seen::default()
    }
}

/// Returns every process of this machine that is none of `family`, with its name and its UIDs
/// alone.
#[must_use]
pub(crate) fn others(family: &[u32]) -> Vec<Seen> {
    let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| !family.contains(pid))
        .filter_map(|pid| {
            let uids = parse_status(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?).uids;
            Some(Seen { pid, name: name(pid), uids, ..Seen::default() })
        })
        .collect()
}

/// Returns every process below `start`, itself first.
#[must_use]
pub(crate) fn family(start: u32) -> Vec<u32> {
    let ids = || fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = ids().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = |pid: u32| Some(parse_status(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?).parent);
    let mut parents: Vec<(u32, u32)> = pids.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    parents.sort_unstable();
    let mut found = vec![start];
    let mut at = 0;
    while let Some(one) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, parent)| *parent == one).map(|(pid, _)| *pid));
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_without_its_lines_looks_like_no_layer_at_all() {
        let seen = parse_status("Name:\tx\n");
        assert_eq!((seen.seccomp, seen.no_new_privs, seen.capabilities), (0, 0, [u64::MAX; 5]));
        let seen = parse_status(
            "PPid:\t7\nUid:\t1\t2\t3\t4\nGroups:\t5 6 \nCapEff:\t00000000000000c0\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n",
        );
        assert_eq!((seen.parent, seen.uids, seen.groups), (7, vec![1, 2, 3, 4], vec![5, 6]));
        assert_eq!((seen.capabilities[2], seen.no_new_privs, seen.seccomp, seen.filters), (0xc0, 1, 2, 1));
    }

    #[test]
    fn sockets_are_distinguished_by_the_kernels_tables() {
        let unix = "0000000000000000: 00000003 00000000 00000000 0005 03 4242";
        assert_eq!(unix_line(unix), Some((4242, Kind::UnixSeqpacket)));
        let unix = "0000000000000000: 00000002 00000000 00010000 0001 01 4243 /run/x";
        assert_eq!(unix_line(unix), Some((4243, Kind::UnixListener)));
        let tcp = "0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 55 1 0 100 0 0 10 0";
        assert_eq!(tcp_line(tcp), Some((55, Kind::TcpListener)));
    }

    #[test]
    fn a_socket_in_no_table_is_of_the_protocol_that_its_attribute_names() {
        use rustix::net::{AddressFamily, SocketType, socket};
        let of = |family| {
            let fd = socket(family, SocketType::STREAM, None).unwrap();
            let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
            kind("socket:[0]", || false, || protocol(Path::new(&path)), &HashMap::new())
        };
        assert_eq!((of(AddressFamily::INET), of(AddressFamily::INET6)), (Kind::Tcp, Kind::Tcp));
        assert_ne!(of(AddressFamily::UNIX), Kind::Tcp);
        let udp = socket(AddressFamily::INET, SocketType::DGRAM, None).unwrap();
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&udp));
        assert_eq!(kind("socket:[0]", || false, || protocol(Path::new(&path)), &HashMap::new()), Kind::Udp);
    }

    #[test]
    fn this_process_is_seen_as_it_is() {
        let pid = std::process::id();
        let seen = look(pid, &sockets(pid)).unwrap();
        assert_eq!(seen.seccomp, parse_status(&fs::read_to_string("/proc/self/status").unwrap()).seccomp);
        assert!(seen.name.starts_with("fosse-") && seen.fds.is_some(), "{seen:?}");
        assert_eq!(family(pid).first(), Some(&pid));
    }
}
