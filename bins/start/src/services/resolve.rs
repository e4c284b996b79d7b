//! The program that follows names: one for the whole edge, as long as a backend has a server with a
//! name. The addresses lie in a page that outlives it, and that every connect and dispatch reads.
//!
//! A configuration does not change inside a process, so each one has a resolve of its own, which
//! goes on in the same page. There is one at a time: the next one is started when the last has
//! exited.

use std::os::fd::OwnedFd;

use fosse_counters::ADDRESSES_PAGE_BYTES;
use fosse_die::alert;
use fosse_wire::launch::Program;
use rustix::{
    fs::{Mode, OFlags, open},
    io::{Errno, fcntl_dupfd_cloexec},
};

use crate::{
    PROGRAM,
    children::Children,
    generation::Generation,
    lanes::Lanes,
    launch::{
        launcher::SpawnContext,
        spawn::{read_only, spawn},
        spawn_options::SpawnOptions,
    },
    services::Services,
};

/// The files that say which name servers to ask, and which names have their addresses on this
/// machine, with the descriptors that they get.
const FILES: [(u8, &str); 2] = [(10, "/etc/resolv.conf"), (11, "/etc/hosts")];

/// Returns whether a configuration has names.
pub(crate) fn is_wanted(generation: &Generation) -> bool {
    generation.blobs.contains_key(&Program::Resolve)
}

/// Makes the page of addresses, before the first lane that reads it.
pub(crate) fn make_page(lanes: &mut Lanes, generation: &Generation) {
    if !is_wanted(generation) || lanes.addresses.is_some() {
        return;
    }
    match fosse_sys::memfd::page("addresses", ADDRESSES_PAGE_BYTES) {
        Ok(page) => lanes.addresses = Some(page),
        // Servers that have names are down.
        Err(errno) => alert(PROGRAM, format_args!("event=no-names error=\"{errno}\"")),
    }
}

/// Returns the page for a dispatch or a connect, which may read it alone.
pub(crate) fn page_for_reader(lanes: &Lanes, generation: &Generation) -> Option<OwnedFd> {
    let page = lanes.addresses.as_ref().filter(|_| is_wanted(generation))?;
    read_only(page).ok()
}

/// Starts it. Where that fails it is reported, and it is missing until the next try.
pub(crate) fn start(services: &mut Services, children: &mut Children, lanes: &Lanes, cx: SpawnContext<'_>) {
    let started = lanes.addresses.as_ref().ok_or(Errno::NOENT).and_then(|page| {
        let mut fds = vec![(9, fcntl_dupfd_cloexec(page, 3)?)];
        // Without them it asks this machine, and knows no names by itself.
        fds.extend(FILES.into_iter().filter_map(|(number, path)| Some((number, read(path)?))));
        spawn(children, cx, Program::Resolve, SpawnOptions { fds, ..SpawnOptions::default() })
    });
    match started {
        Ok(key) => services.resolve = Some(key),
        Err(errno) => children.not_started(Program::Resolve, errno, cx.event_loop.now_ms()),
    }
}

/// Opens a file for who reads it: not one that would wait for a writer (a FIFO).
fn read(path: &str) -> Option<OwnedFd> {
    open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).ok()
}
