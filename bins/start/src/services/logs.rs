//! Log files: opened below the directory for logs, and never out of it.

use std::os::fd::{BorrowedFd, OwnedFd};

use fosse_die::Escaped;
use fosse_plan::Plan;
use fosse_sys::openat2::Openat2Error;
use fosse_wire::start::Stream;
use rustix::{
    fs::{Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
};

/// The directory for logs where `--log-dir` names none.
pub(crate) const DEFAULT_DIRECTORY: &str = "/var/log/fosse";

const FLAGS: OFlags = OFlags::WRONLY.union(OFlags::APPEND).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Returns whether descriptor 2 is the journal: JOURNAL_STREAM names its device and inode
/// (systemd.exec(5)).
pub(crate) fn stderr_is_journal() -> bool {
    let stat = rustix::fs::fstat(rustix::stdio::stderr());
    let named = std::env::var("JOURNAL_STREAM");
    stat.is_ok_and(|stat| named.is_ok_and(|named| named == format!("{}:{}", stat.st_dev, stat.st_ino)))
}

/// Returns the log file of a stream, where a plan names one.
pub(crate) fn path(plan: &Plan, stream: Stream) -> Option<&[u8]> {
    let path = match stream {
        Stream::Log => return None,
        Stream::Access => &plan.access_log,
        Stream::Audit => &plan.audit_log,
    };
    (!path.is_empty()).then_some(path)
}

/// Opens a log file, which is made if it is not there.
///
/// # Errors
/// The error of openat2(2): a path that leaves the directory is refused.
pub(crate) fn open(directory: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    open_below(directory, path, FLAGS | OFlags::CREATE)
}

/// Returns the fault that an administrator must mend before the log files of a plan can be opened;
/// `None` where none is known. Makes no file. A fault that can pass by itself (a full disk, a lack
/// of memory) is not looked for: it must not keep an edge from serving.
pub(crate) fn hindrance(directory: Option<BorrowedFd<'_>>, plan: &Plan) -> Option<String> {
    let mut named = [&plan.access_log, &plan.audit_log].into_iter().filter(|path| !path.is_empty());
    named.find_map(|path| hindrance_of(directory, path))
}

fn hindrance_of(directory: Option<BorrowedFd<'_>>, path: &[u8]) -> Option<String> {
    let Some(directory) = directory else {
        return Some(format!(
            "log file {}: there is no {DEFAULT_DIRECTORY}; make it, or name another directory for logs with --log-dir DIR",
            Escaped(path)
        ));
    };
    // Without O_CREAT, so that nothing is made, and without waiting for the reader of a FIFO.
    let why = match open_below(directory, path, FLAGS | OFlags::NONBLOCK).err()? {
        Errno::ISDIR => "it is a directory".to_owned(),
        Errno::NXIO => "it is not a regular file".to_owned(),
        Errno::LOOP => "it is a symbolic link".to_owned(),
        errno @ (Errno::ACCESS | Errno::ROFS | Errno::PERM | Errno::NOSYS) => Openat2Error(errno).to_string(),
        _ => return None,
    };
    Some(format!("log file {}: {why}", Escaped(path)))
}

fn open_below(directory: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o640) } else { Mode::empty() };
    openat2(directory, path, flags, mode, resolve)
}
