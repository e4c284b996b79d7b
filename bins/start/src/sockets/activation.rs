//! Socket activation: listening sockets that a supervisor has opened (sd_listen_fds(3)).

use std::{
    collections::HashMap,
    io,
    os::fd::{OwnedFd, RawFd},
};

use fosse_sys::fd::{INHERITED_FDS_MAX, take};

/// A socket with the name that the supervisor gives it.
pub(crate) type NamedSocket = (Vec<u8>, OwnedFd);

/// Takes the sockets that the supervisor has opened for this process, and closes every other
/// descriptor that came through exec and that no option has named: under its number a child would
/// take it for its own.
///
/// # Errors
/// The variable or the descriptor that is wrong.
pub(crate) fn take_sockets() -> Result<Vec<NamedSocket>, String> {
    // Before sd-notify looks at them: it sets close-on-exec, and a descriptor with that flag counts
    // as one that this process has opened itself.
    let mut inherited: HashMap<RawFd, OwnedFd> =
        open_numbers().filter(|number| *number >= 3).filter_map(|number| Some((number, take(number)?))).collect();
    let wrong = |error: io::Error| error.to_string();
    // Variables for another process, which this one has inherited, say nothing about its
    // descriptors; listen_fds_with_names alone would miss those for the names.
    if sd_notify::listen_fds().map_err(wrong)?.len() == 0 {
        return Ok(Vec::new());
    }
    let named = sd_notify::listen_fds_with_names().map_err(wrong)?;
    named
        .map(|(number, name)| {
            let fd = inherited.remove(&number).ok_or_else(|| not_handed_over(number))?;
            Ok((name.into_bytes(), fd))
        })
        .collect()
}

/// Returns the numbers of all descriptors of this process; without /proc, all that there may be.
fn open_numbers() -> impl Iterator<Item = RawFd> {
    let entries = std::fs::read_dir("/proc/self/fd").ok();
    let without = if entries.is_none() { 0..INHERITED_FDS_MAX } else { 0..0 };
    let listed: Vec<RawFd> =
        entries.into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    listed.into_iter().chain(without)
}

fn not_handed_over(number: RawFd) -> String {
    format!("descriptor {number} of LISTEN_FDS was not handed over, or is that of an option")
}
