//! The files of certificates and keys: opened, looked at from outside, and copied by the kernel
//! into one memory for fosse-certs. start has no byte of them in its own.

use std::os::fd::{AsFd as _, OwnedFd};

use fosse_die::{Escaped, alert};
use fosse_images::FILE_BYTES_MAX;
use fosse_plan::{Plan, SYSTEM_ROOTS, TlsFile};
use rustix::{
    fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2},
    io::Errno,
};

use super::{
    copy::{Copied, length_of},
    store::Store,
};
use crate::{PROGRAM, options::Options};

/// Problems shown at a time.
const PROBLEMS_SHOWN_MAX: usize = 20;
/// Directory below which links are followed: where certbot, and the packages of a system, keep
/// certificates.
const SYSTEM: &str = "/etc";
/// Rights that no other user may have on a key: to read it, and to write it; a group may read it.
const KEY_MODE_FORBIDDEN: u32 = 0o027;
/// Rights that no other user may have on a certificate: to write it.
const CERTIFICATE_MODE_FORBIDDEN: u32 = 0o022;

/// Opens and copies the files of a plan, and then those of the store that its certificates by
/// ACME have; one that has none yet has an empty file.
///
/// # Errors
/// What follows from the problems, which were reported before, or the call that failed.
pub(crate) fn copied(plan: &Plan, options: &Options, store: Option<&Store>) -> Result<Copied, String> {
    let mut opened = Vec::new();
    let mut problems = 0;
    for file in &plan.tls_files {
        match open(file, options) {
            Ok(pair) => opened.push(pair),
            Err(why) => {
                if problems < PROBLEMS_SHOWN_MAX {
                    let (place, path) = (Escaped(&file.place), Escaped(&file.path));
                    alert(PROGRAM, format_args!("{place}: {path}: {why}"));
                }
                problems += 1;
            }
        }
    }
    if problems > 0 {
        return Err("the files of certificates are not as they should be".to_owned());
    }
    let unable = |errno: Errno| format!("unable to copy certificates: {errno}");
    for one in &plan.acme {
        opened.push(match store.map(|store| store.open(one.id)) {
            Some(Ok(Some(pair))) => pair,
            Some(Err(why)) => {
                alert(PROGRAM, format_args!("event=stored-certificate-left-out why=\"{why}\""));
                (fosse_sys::memfd::empty("nothing").map_err(unable)?, 0)
            }
            Some(Ok(None)) | None => (fosse_sys::memfd::empty("nothing").map_err(unable)?, 0),
        });
    }
    Copied::of(&opened).map_err(unable)
}

/// Opens a file and looks at what it is. Returns it with its length.
pub(crate) fn open(file: &TlsFile, options: &Options) -> Result<(OwnedFd, usize), String> {
    let opened = open_first(&file.path, options)?;
    let stat = fstat(&opened).map_err(|errno| errno.to_string())?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err("it is no regular file".to_owned());
    }
    let own = rustix::process::geteuid().as_raw();
    if stat.st_uid != 0 && stat.st_uid != own {
        return Err(format!("it belongs to user {}, who could change it; chown it to root", stat.st_uid));
    }
    let mode = stat.st_mode & 0o777;
    if file.is_key && mode & KEY_MODE_FORBIDDEN != 0 {
        return Err(format!("others may read or write it (mode {mode:04o}); chmod it to 0600"));
    }
    if mode & CERTIFICATE_MODE_FORBIDDEN != 0 {
        return Err(format!("others may write it (mode {mode:04o}); chmod it to 0644"));
    }
    match length_of(&stat) {
        0 => Err("it is empty".to_owned()),
        length if length > FILE_BYTES_MAX => Err(format!("it is longer than {FILE_BYTES_MAX} bytes")),
        length => Ok((opened, length)),
    }
}

/// Opens a path, or of the places where systems keep the authorities that they trust the first that
/// is there.
fn open_first(path: &[u8], options: &Options) -> Result<OwnedFd, String> {
    let opened = open_path(path, options);
    if opened.is_ok() || path != SYSTEM_ROOTS[0].as_bytes() {
        return opened;
    }
    let cure = "install the authorities of the system (ca-certificates), or name a file in ca_file";
    let elsewhere = SYSTEM_ROOTS[1..].iter().find_map(|place| open_path(place.as_bytes(), options).ok());
    elsewhere.ok_or_else(|| format!("{}; {cure}", opened.err().unwrap_or_default()))
}

/// Opens a path. A link may only be followed where nobody but root can have made it: below the
/// directories of the system and of the configuration.
fn open_path(path: &[u8], options: &Options) -> Result<OwnedFd, String> {
    // A FIFO must not keep start waiting.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let direct = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let beside = options.configuration_directory.as_ref();
    let base = match beside {
        Some((_, directory)) => directory.as_fd(),
        None if path.starts_with(b"/") => rustix::fs::CWD,
        None => return Err("a relative path, and the configuration is no file; write the whole path".to_owned()),
    };
    let named = |errno: Errno| match errno {
        Errno::NOENT => "there is no such file".to_owned(),
        Errno::ACCESS => "no right to read it".to_owned(),
        errno => fosse_sys::openat2::Openat2Error(errno).to_string(),
    };
    match openat2(base, path, flags, Mode::empty(), direct) {
        Err(Errno::LOOP) => {}
        other => return other.map_err(named),
    }
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let system = rustix::fs::open(SYSTEM, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok();
    let system = system.iter().map(|directory| (SYSTEM, directory.as_fd()));
    let given = beside.into_iter().chain(&options.directories).map(|(path, fd)| (path.as_str(), fd.as_fd()));
    for (directory, fd) in system.chain(given) {
        let below = match path.strip_prefix(directory.as_bytes()) {
            Some(below) if path.starts_with(b"/") && below.starts_with(b"/") => below.trim_ascii_start(),
            None if !path.starts_with(b"/") => path,
            _ => continue,
        };
        let start = below.iter().position(|byte| *byte != b'/').unwrap_or(below.len());
        match openat2(fd, &below[start..], flags, Mode::empty(), within) {
            Err(Errno::XDEV | Errno::LOOP) => {}
            other => return other.map_err(named),
        }
    }
    let where_to = "links are followed below /etc and the directories of the configuration, and not out of them";
    Err(format!("it is a link, or lies behind one; {where_to}"))
}
