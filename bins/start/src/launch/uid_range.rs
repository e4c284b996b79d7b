//! The range of user IDs of an edge, which no other edge of this machine may have.
//!
//! Each block of it is a name of an abstract unix socket that start listens on (unix(7)): a second
//! edge finds the name taken, whatever it sees of other users' processes, and the kernel frees it
//! with its owner. A name that no process of root holds is no sign of an edge: anybody may take
//! one.

use std::os::fd::OwnedFd;

use rustix::{
    io::Errno,
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
        sockopt::socket_peercred,
    },
};

use crate::limits::{SLOTS_MAX, UID_RANGES_MAX};

/// User IDs that one name stands for. Ranges that share a block are taken to overlap.
const BLOCK_UIDS: u32 = 256;
/// The distance from a range that is taken to the next one that is tried.
const RANGE_UIDS: u32 = 5000;
const _: () = assert!(RANGE_UIDS as usize > SLOTS_MAX + BLOCK_UIDS as usize);

/// A range that is this edge's.
#[derive(Debug)]
pub(crate) struct UidRange {
    /// The first of its user IDs.
    pub first: u32,
    /// The sockets whose names others find taken.
    pub sockets: Vec<OwnedFd>,
}

/// The reason for which a range cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is another edge's, whose fosse-start has this process ID; 0 where the kernel does not
    /// say.
    By(i32),
    /// There are not as many user IDs.
    NoSuch,
    /// The kernel made no socket.
    Refused(Errno),
}

impl UidRange {
    /// Takes the range that begins with `first`.
    ///
    /// # Errors
    /// Why it cannot be had. Nothing of it is taken then.
    pub(crate) fn take(first: u32) -> Result<Self, Taken> {
        let uids = u32::try_from(SLOTS_MAX).map_err(|_| Taken::NoSuch)?;
        let last = first.checked_add(uids - 1).ok_or(Taken::NoSuch)?;
        let blocks = first / BLOCK_UIDS..=last / BLOCK_UIDS;
        let sockets = blocks.map(name_of_block).filter_map(|name| hold(&name).transpose()).collect::<Result<_, _>>()?;
        Ok(Self { first, sockets })
    }

    /// Takes the first range that is free, from the one that begins with `first` on, and in which
    /// no process lives: not one of a user of this machine either.
    ///
    /// # Errors
    /// Why the last one could not be had.
    pub(crate) fn next_free(first: u32) -> Result<Self, Taken> {
        let mut taken = Taken::NoSuch;
        let living = living_uids();
        for step in 0..UID_RANGES_MAX {
            let first = step.checked_mul(RANGE_UIDS).and_then(|distance| first.checked_add(distance)).ok_or(taken)?;
            if living.iter().any(|uid| *uid >= first && *uid - first < RANGE_UIDS) {
                taken = Taken::By(0);
                continue;
            }
            match Self::take(first) {
                Err(Taken::By(pid)) => taken = Taken::By(pid),
                range => return range,
            }
        }
        Err(taken)
    }
}

impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::By(0) => f.write_str("are another edge's"),
            Self::By(pid) => write!(f, "are those of another edge (fosse-start, PID {pid})"),
            Self::NoSuch => f.write_str("are not there"),
            Self::Refused(errno) => write!(f, "cannot be told from another edge's: {errno}"),
        }
    }
}

/// Returns the real user IDs of all processes, as far as /proc shows them.
fn living_uids() -> Vec<u32> {
    let uid_of = |status: String| {
        status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().next()?.parse().ok())
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit));
    processes.filter_map(|entry| uid_of(std::fs::read_to_string(entry.path().join("status")).ok()?)).collect()
}

fn name_of_block(block: u32) -> String {
    format!("fosse-uids-{block}")
}

/// Takes a name; `None` where somebody has it who is not root, and so cannot run an edge with these
/// user IDs.
fn hold(name: &str) -> Result<Option<OwnedFd>, Taken> {
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).map_err(Taken::Refused)?;
    let socket = || {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(Taken::Refused)
    };
    let own = socket()?;
    match bind(&own, &address) {
        // Listens, so that others can ask the kernel whose it is.
        Ok(()) => listen(&own, 1).map(|()| Some(own)).map_err(Taken::Refused),
        Err(Errno::ADDRINUSE) => {
            let other = socket()?;
            match connect(&other, &address).and_then(|()| socket_peercred(&other)) {
                Ok(peer) if !peer.uid.is_root() => Ok(None),
                Ok(peer) => Err(Taken::By(peer.pid.as_raw_nonzero().get())),
                // Its queue is full, or it was just freed: another try says more.
                Err(_) => Err(Taken::By(0)),
            }
        }
        Err(errno) => Err(Taken::Refused(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far from the ranges of edges, and from those of this test in another process.
    fn first() -> u32 {
        2_000_000_000 + (std::process::id() % 50_000) * 40_000
    }

    #[test]
    fn a_range_is_had_once_and_the_next_one_is_free() {
        let first = first();
        let range = UidRange::take(first).unwrap();
        if rustix::process::geteuid().is_root() {
            let own = rustix::process::getpid().as_raw_nonzero().get();
            assert_eq!(UidRange::take(first).unwrap_err(), Taken::By(own));
            assert_eq!(UidRange::take(first + 4000).unwrap_err(), Taken::By(own));
            let next = UidRange::next_free(first).unwrap();
            assert_eq!(next.first, first + RANGE_UIDS);
        }
        drop(range);
        assert_eq!(UidRange::take(first).unwrap().first, first);
    }

    #[test]
    fn a_range_beyond_the_last_user_id_is_none() {
        assert_eq!(UidRange::take(u32::MAX - 10).unwrap_err(), Taken::NoSuch);
        assert_eq!(UidRange::next_free(u32::MAX - 10).unwrap_err(), Taken::NoSuch);
    }
}
