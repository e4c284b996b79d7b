//! The disk of the cache: two files of a directory, an index and the responses. start makes and
//! opens them, since a cache has another user each time, and no right to open anything. A cache has
//! them for itself as long as it lives, this edge's or another one's.

use std::os::fd::OwnedFd;

use fosse_die::{Escaped, alert};
use fosse_plan::{CacheDiskPlan, Plan};
use rustix::{
    fs::{FileType, FlockOperation, Mode, OFlags, flock, fstat, ftruncate, open, openat},
    io::Errno,
    process::geteuid,
};

use crate::{PROGRAM, services::spool};

/// The names of the files, with the descriptors that they get.
const FILES: [(u8, &str); 2] = [(9, "index"), (10, "responses")];
/// Bytes of the disk for each slot of the index, which has room for that many responses.
const RESPONSE_BYTES: u64 = 8 * 1024;
/// Bytes of the header of the index, and of a slot.
const INDEX_BYTES: (u64, u64) = (4096, 72);
/// Rights of all but the owner.
const OTHERS: u32 = 0o077;
/// Rights of all but the owner to change what is in a directory.
const OTHERS_WRITE: u32 = 0o022;

/// Returns the reason why the directory of a plan cannot be used as it is, in words for people who
/// can change that. Nothing is made.
pub(crate) fn hindrance(plan: &Plan) -> Option<String> {
    let CacheDiskPlan { cache_directory, .. } = plan.cache_disk.as_ref()?;
    let why = directory(cache_directory).err()?;
    Some(format!("cache_directory {}: {why}", Escaped(cache_directory)))
}

/// Opens the files of a plan. Where that is not possible it is reported, and responses are kept in
/// memory alone until the next cache.
pub(crate) fn open_files(plan: &Plan) -> Vec<(u8, OwnedFd)> {
    let Some(disk) = &plan.cache_disk else { return Vec::new() };
    files(disk).unwrap_or_else(|why| {
        let directory = Escaped(&disk.cache_directory);
        alert(PROGRAM, format_args!("event=no-cache-disk directory={directory} error=\"{why}\""));
        Vec::new()
    })
}

fn files(disk: &CacheDiskPlan) -> Result<Vec<(u8, OwnedFd)>, String> {
    let directory = directory(&disk.cache_directory)?;
    let slots = (disk.cache_disk_bytes_max / RESPONSE_BYTES).max(1);
    let index_bytes = INDEX_BYTES.0 + INDEX_BYTES.1 * slots;
    let lengths = [index_bytes, disk.cache_disk_bytes_max.max(index_bytes) - index_bytes];
    let opened = FILES.into_iter().zip(lengths).map(|((number, name), length)| {
        let file = file(&directory, name, length).map_err(|why| format!("{name}: {why}"))?;
        Ok((number, file))
    });
    opened.collect()
}

/// Opens a directory that nobody else can put files into.
fn directory(path: &[u8]) -> Result<OwnedFd, String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT => {
            format!("it is not there; make it with install -d -m 0700 {}", Escaped(path))
        }
        Errno::NOTDIR => "it is not a directory".to_owned(),
        errno => errno.to_string(),
    })?;
    let stat = fstat(&directory).map_err(|errno| errno.to_string())?;
    let own = geteuid().as_raw();
    if stat.st_uid != own {
        return Err(format!("it belongs to the user {}; give it to {own} with chown", stat.st_uid));
    }
    if stat.st_mode & OTHERS_WRITE != 0 {
        return Err(format!(
            "others may write to it (mode {:04o}); forbid that with chmod 0700",
            stat.st_mode & 0o7777
        ));
    }
    if spool::is_in_memory(&directory).map_err(|errno| errno.to_string())? {
        return Err("it is memory (tmpfs), and gone with the machine".to_owned());
    }
    Ok(directory)
}

/// Opens a file of a length, and makes it where there is none. A link, a directory or a file of
/// others that has its name is left alone.
fn file(directory: &OwnedFd, name: &str, length: u64) -> Result<OwnedFd, String> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(directory, name, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| match errno {
        Errno::LOOP => "it is a symbolic link".to_owned(),
        Errno::ISDIR => "it is a directory".to_owned(),
        errno => errno.to_string(),
    })?;
    let as_text = |errno: Errno| errno.to_string();
    let stat = fstat(&file).map_err(as_text)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink != 1 {
        return Err("it is not a file of its own".to_owned());
    }
    if stat.st_uid != geteuid().as_raw() || stat.st_mode & OTHERS != 0 {
        return Err("others may read or write it; remove it".to_owned());
    }
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|errno| match errno {
        Errno::WOULDBLOCK => "another edge has it; give each a directory of its own".to_owned(),
        errno => errno.to_string(),
    })?;
    if u64::try_from(stat.st_size) != Ok(length) {
        // What is in it is for another length.
        ftruncate(&file, 0).and_then(|()| ftruncate(&file, length)).map_err(as_text)?;
    }
    Ok(file)
}
