//! The cache: one for the whole edge, as long as a route has its responses kept, with a dispatch
//! and a connect of its own, over which it asks applications. What it keeps lies in a memory that
//! outlives it, and an upgrade, and that every lane reads; and on a disk where there is one.
//!
//! A configuration does not change inside a process, so each one has a cache of its own, which goes
//! on in the same memory. There is one at a time: the next one is started when the last has exited.

use std::os::fd::OwnedFd;

use fosse_die::alert;
use fosse_eventloop::slab::Key;
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
    services::{Services, cache_disk, resolve, shares},
};

/// Returns whether a process that has exited is a cache's dispatch or connect that followed it.
pub(crate) fn has_followed(process: &Process, end: End) -> bool {
    process.program == Program::Dispatch && process.lane.is_none() && end.follows_another()
}

/// Makes the memory, before the first lane that reads it. One of another size begins empty: lanes
/// that have the one before read it for as long as they live.
pub(crate) fn make_memory(lanes: &mut Lanes, generation: &Generation) {
    let bytes = generation.plan.cache_bytes;
    if !generation.keeps_responses() || lanes.kept.as_ref().is_some_and(|(_, before)| *before == bytes) {
        return;
    }
    match fosse_sys::memfd::page("kept-responses", bytes) {
        Ok(memory) => lanes.kept = Some((memory, bytes)),
        // Requests pass the cache by.
        Err(errno) => alert(PROGRAM, format_args!("event=no-cache error=\"{errno}\"")),
    }
}

/// Returns the memory for a lane, which may read it alone.
pub(crate) fn memory_for_lane(lanes: &Lanes, generation: &Generation) -> Option<OwnedFd> {
    let (memory, _) = lanes.kept.as_ref().filter(|_| generation.keeps_responses())?;
    read_only(memory).ok()
}

/// Starts the cache with its dispatch and connect. Where that fails it is reported, and all are
/// missing until the next try: those that were begun have no place, and go.
pub(crate) fn start(services: &mut Services, children: &mut Children, lanes: &Lanes, cx: SpawnContext<'_>) {
    let memory = lanes.kept.as_ref().map(|(memory, _)| memory).ok_or(Errno::NOENT);
    match memory.and_then(|memory| start_all(services, children, (lanes, memory), cx)) {
        Ok((cache, fill_lane, beside)) => {
            (services.cache, services.fill_lane, services.beside_fill) = (Some(cache), Some(fill_lane), beside);
        }
        Err(errno) => children.not_started(Program::Cache, errno, cx.event_loop.now_ms()),
    }
}

fn start_all(
    services: &Services,
    children: &mut Children,
    (lanes, memory): (&Lanes, &OwnedFd),
    cx: SpawnContext<'_>,
) -> Result<(Key, [Key; 2], Vec<Key>), Errno> {
    let (fills, dispatch_in) = pair(SocketType::STREAM)?;
    let (dispatch_out, responses) = pair(SocketType::STREAM)?;
    let (requests, replies) = pair(SocketType::SEQPACKET)?;
    let mut fds = vec![(0, responses), (1, fills), (8, fcntl_dupfd_cloexec(memory, 3)?)];
    fds.extend(cache_disk::open_files(&cx.generation.plan));
    let cache = spawn(children, cx, Program::Cache, SpawnOptions { fds, ..SpawnOptions::default() })?;
    let mut fds = vec![(0, dispatch_in), (1, dispatch_out), (9, requests)];
    fds.extend(resolve::page_for_reader(lanes, cx.generation).map(|page| (13, page)));
    let mut options = SpawnOptions { fds, args: vec!["--fill".to_owned()], ..SpawnOptions::default() };
    shares::give(lanes, children, &mut options);
    let dispatch = spawn(children, cx, Program::Dispatch, options)?;
    let mut fds = vec![(0, fcntl_dupfd_cloexec(&replies, 3)?), (1, replies)];
    fds.extend(resolve::page_for_reader(lanes, cx.generation).map(|page| (8, page)));
    fds.extend(services.bound.channels(cx.generation.number)?);
    let starts = beside::channels(cx.generation, &mut fds)?;
    let beside = beside::start(children, cx, starts)?;
    let connect = spawn(children, cx, Program::Connect, SpawnOptions { fds, ..SpawnOptions::default() })?;
    Ok((cache, [dispatch, connect], beside))
}
