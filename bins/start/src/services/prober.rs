//! The prober: one for the whole edge, as long as a backend has health checks, with a connect of
//! its own. What it finds out lies in a page that outlives it, and that every lane reads.
//!
//! A configuration does not change inside a process, so each one has a prober of its own, which
//! goes on in the same page. There is one at a time: the next one is started when the last has
//! exited.

use std::os::fd::OwnedFd;

use fosse_counters::HEALTH_PAGE_BYTES;
use fosse_die::alert;
use fosse_wire::launch::Program;
use rustix::{
    io::{Errno, fcntl_dupfd_cloexec},
    net::SocketType,
};

use crate::{
    PROGRAM,
    children::{
        Children,
        process::{End, Process},
    },
    generation::Generation,
    lanes::{Lanes, beside},
    launch::{
        launcher::SpawnContext,
        spawn::{pair, read_only, spawn},
        spawn_options::SpawnOptions,
    },
    services::{Services, resolve},
};

/// Returns whether a configuration has health checks.
pub(crate) fn is_wanted(generation: &Generation) -> bool {
    generation.blobs.contains_key(&Program::Prober)
}

/// Returns whether a process that has exited is a prober's connect that followed it, or what is
/// beside that.
pub(crate) fn has_followed(process: &Process, end: End) -> bool {
    (process.program == Program::Connect || beside::is_one(process.program))
        && process.lane.is_none()
        && end.follows_another()
}

/// Makes the page of results, before the first lane that reads it.
pub(crate) fn make_page(lanes: &mut Lanes, generation: &Generation) {
    if !is_wanted(generation) || lanes.checks.is_some() {
        return;
    }
    match fosse_sys::memfd::page("checks", HEALTH_PAGE_BYTES) {
        Ok(page) => lanes.checks = Some(page),
        // Lanes find out by requests which servers are out.
        Err(errno) => alert(PROGRAM, format_args!("event=no-health-checks error=\"{errno}\"")),
    }
}

/// Returns the page of results for a lane, which may read it alone.
pub(crate) fn page_for_lane(lanes: &Lanes, generation: &Generation) -> Option<OwnedFd> {
    let page = lanes.checks.as_ref().filter(|_| is_wanted(generation))?;
    read_only(page).ok()
}

/// Starts the prober and its connect. Where that fails it is reported, and both are missing until
/// the next try: the one that was begun has no place, and goes.
pub(crate) fn start(services: &mut Services, children: &mut Children, lanes: &Lanes, cx: SpawnContext<'_>) {
    let started =
        lanes.checks.as_ref().ok_or(Errno::NOENT).and_then(|page| start_both(services, children, page, lanes, cx));
    if let Err(errno) = started {
        children.not_started(Program::Prober, errno, cx.event_loop.now_ms());
    }
}

fn start_both(
    services: &mut Services,
    children: &mut Children,
    page: &OwnedFd,
    lanes: &Lanes,
    cx: SpawnContext<'_>,
) -> Result<(), Errno> {
    let (requests, replies) = pair(SocketType::SEQPACKET)?;
    let fds = vec![(8, requests), (9, fcntl_dupfd_cloexec(page, 3)?)];
    let prober = spawn(children, cx, Program::Prober, SpawnOptions { fds, ..SpawnOptions::default() })?;
    // None to those that serve files, which have no checks.
    let mut fds = vec![(0, fcntl_dupfd_cloexec(&replies, 3)?), (1, replies)];
    fds.extend(resolve::page_for_reader(lanes, cx.generation).map(|page| (8, page)));
    let starts = beside::channels(cx.generation, &mut fds)?;
    let beside = beside::start(children, cx, starts)?;
    let connect = spawn(children, cx, Program::Connect, SpawnOptions { fds, ..SpawnOptions::default() })?;
    (services.prober, services.prober_connect, services.beside_prober) = (Some(prober), Some(connect), beside);
    Ok(())
}
