//! Files below the directory: opened so that no name leads out of it, with what a client may know
//! of them.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fosse_conditional::Validators;
use fosse_settings::Coding;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2};
use rustix::io::Errno;

use crate::encoding;
use crate::limits::STRONG_NS_MIN;

/// The last second that has a date in HTTP: years have four digits.
const SECONDS_MAX: i64 = 253_402_300_799;
const NS_PER_SECOND: i128 = 1_000_000_000;

/// Below the directory, no symbolic link in any part of the path, none of the kernel's own links,
/// no other file system's tricks of the same kind (openat2(2)).
const RESOLVE: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// The outcome of opening a path.
#[derive(Debug)]
pub enum Found {
    /// A regular file.
    File(File),
    /// A directory.
    Directory,
    /// Nothing that is served: no such file, a symbolic link, a device, a socket, a pipe. 404.
    Nothing,
    /// A file that this program may not read. 403.
    Forbidden,
    /// The kernel has no descriptor or memory for it now. 503.
    Exhausted,
}

/// An open regular file.
#[derive(Clone, Debug)]
pub struct File {
    /// Descriptor, read with explicit offsets; the parts of a multipart response share it.
    pub fd: Rc<OwnedFd>,
    /// Its metadata.
    pub facts: Facts,
}

/// The metadata of a file that responses repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Bytes.
    pub length: u64,
    /// The entity tag with its quotes, without `W/`: length, time of change of the bytes, time of
    /// change of anything. The kernel alone sets the last one, so that no tool can give two
    /// contents one tag.
    pub tag: String,
    /// The last change is long enough ago for the tag to name these bytes and no others.
    pub strong: bool,
    /// Last-Modified, in whole seconds; never in the future (RFC 9110, section 8.8.2.1).
    pub modified: SystemTime,
}

impl File {
    /// Returns the same as a coded form of another: a tag names one form alone (RFC 9110, section
    /// 8.8.3.3).
    #[must_use]
    pub(crate) fn coded(mut self, coding: Coding) -> Self {
        let ending = encoding::name(coding);
        let quoted = self.facts.tag.trim_end_matches('"');
        self.facts.tag = format!("{quoted}-{ending}\"");
        self
    }
}

impl Facts {
    /// Returns the value of the ETag field.
    #[must_use]
    pub(crate) fn etag(&self) -> String {
        if self.strong { self.tag.clone() } else { format!("W/{}", self.tag) }
    }

    /// Returns what conditions are compared with.
    pub(crate) fn validators(&self) -> Validators<'_> {
        Validators { tag: self.tag.as_bytes(), strong: self.strong, modified: Some(self.modified) }
    }

    fn of(stat: &Stat, length: u64, now: SystemTime) -> Self {
        let modified_ns = nanoseconds(stat.st_mtime, stat.st_mtime_nsec);
        let changed_ns = nanoseconds(stat.st_ctime, stat.st_ctime_nsec);
        let now_ns = now.duration_since(UNIX_EPOCH).map_or(0, |since| i128::try_from(since.as_nanos()).unwrap_or(0));
        let tag = format!("\"{length:x}-{modified_ns:x}-{changed_ns:x}\"");
        let strong = now_ns - changed_ns.max(modified_ns) >= STRONG_NS_MIN;
        Self { length, tag, strong, modified: date(stat.st_mtime).min(whole_seconds(now)) }
    }
}

fn nanoseconds(seconds: i64, rest: impl TryInto<i128>) -> i128 {
    // Both are 64 bits wide at most: 128 have room for any time.
    i128::from(seconds) * NS_PER_SECOND + rest.try_into().unwrap_or(0)
}

/// Returns the nearest time that HTTP has a date for.
fn date(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(u64::try_from(seconds.clamp(0, SECONDS_MAX)).unwrap_or(0));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// Returns the time without its fraction, which dates in HTTP do not have.
#[must_use]
pub(crate) fn whole_seconds(time: SystemTime) -> SystemTime {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0));
    date(seconds)
}

/// Opens `path` below `root`. It never waits: a pipe is opened without its other end, and then
/// refused.
#[must_use]
pub fn open(root: &OwnedFd, path: &[u8], now: SystemTime) -> Found {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
    match openat2(root, path, flags, Mode::empty(), RESOLVE) {
        Ok(fd) => look(fd, now),
        Err(Errno::ACCESS | Errno::PERM) => Found::Forbidden,
        Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Found::Exhausted,
        Err(_) => Found::Nothing,
    }
}

fn look(fd: OwnedFd, now: SystemTime) -> Found {
    let Ok(stat) = fstat(&fd) else { return Found::Nothing };
    match (FileType::from_raw_mode(stat.st_mode), u64::try_from(stat.st_size)) {
        (FileType::RegularFile, Ok(length)) => {
            Found::File(File { fd: Rc::new(fd), facts: Facts::of(&stat, length, now) })
        }
        (FileType::Directory, _) => Found::Directory,
        _ => Found::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_a_date() {
        for seconds in [i64::MIN, -1, 0, 1, 1_700_000_000, SECONDS_MAX, SECONDS_MAX + 1, i64::MAX] {
            assert!(httpdate::fmt_http_date(date(seconds)).ends_with(" GMT"));
        }
    }
}
