//! The spool: one process for the whole edge, with a file that start makes for it. It is there as
//! long as the configuration has a place for it, and outlives generations of lanes; each filter has
//! a session with it. Where it exits the next one begins with an empty file. One whose place has
//! changed finishes with the filters that have their bodies there.

use std::os::fd::OwnedFd;

use fosse_die::{Escaped, alert};
use fosse_plan::SpoolPlan;
use fosse_wire::launch::Program;
use rustix::{
    fs::{Mode, OFlags, fstatfs, ftruncate},
    io::Errno,
};

use crate::{
    PROGRAM,
    children::Children,
    launch::{launcher::SpawnContext, spawn_options::SpawnOptions},
    services::{self, Services},
};

/// The magic numbers of file systems that are memory, tmpfs and ramfs (statfs(2)).
const MEMORY_FILE_SYSTEMS: [i64; 2] = [0x0102_1994, 0x8584_58f6];

/// Starts the spool that the plan of the current generation asks for. Where its file cannot be made
/// it is reported, and missing until the next try.
pub(crate) fn start(services: &mut Services, children: &mut Children, cx: SpawnContext<'_>) {
    let Some(place) = &cx.generation.plan.spool else { return };
    match open(place) {
        Ok(file) => {
            let options = SpawnOptions { fds: vec![(8, file)], ..SpawnOptions::default() };
            services.spool = services::start(children, cx, Program::Spool, options);
            services.spool_place = Some(place.clone());
        }
        Err(why) => {
            let directory = Escaped(&place.spool_directory);
            alert(PROGRAM, format_args!("event=no-spool directory={directory} error=\"{why}\""));
            children.not_now(Program::Spool, cx.event_loop.now_ms());
        }
    }
}

/// Makes the file: without a name, of its whole length, and without a block on the disk.
fn open(place: &SpoolPlan) -> Result<OwnedFd, String> {
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::EXCL | OFlags::CLOEXEC;
    let as_text = |errno: Errno| errno.to_string();
    let file = rustix::fs::open(place.spool_directory.as_slice(), flags, Mode::RUSR | Mode::WUSR).map_err(as_text)?;
    if is_in_memory(&file).map_err(as_text)? {
        return Err("it is memory (tmpfs), which a spool is to save".to_owned());
    }
    ftruncate(&file, place.spool_bytes_max).map_err(as_text)?;
    Ok(file)
}

/// Returns whether a file or directory lies in memory.
pub(super) fn is_in_memory(file: &OwnedFd) -> Result<bool, Errno> {
    Ok(MEMORY_FILE_SYSTEMS.contains(&fstatfs(file)?.f_type))
}
