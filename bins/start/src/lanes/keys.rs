//! The keys of a lane: its sockets, and another in the place of one that is gone. A lane goes on
//! without it: what is established needs no signature, and new handshakes fail until there is one.

use std::os::fd::{AsFd as _, OwnedFd};

use fosse_wire::{launch::Program, start::ToChild};
use rustix::{
    io::{Errno, fcntl_dupfd_cloexec},
    net::SocketType,
};

use crate::{
    children::Children,
    lanes::Lanes,
    launch::{
        launcher::SpawnContext,
        spawn::{pair, spawn},
        spawn_options::SpawnOptions,
    },
};

/// Returns what a keys is given: its end of the channel with tls, the image of keys, the seed of
/// tickets.
///
/// # Errors
/// `SRCH` where there is no image or no seed, or those of fcntl(2).
pub(super) fn descriptors(lanes: &Lanes, cx: SpawnContext<'_>, end: OwnedFd) -> Result<Vec<(u8, OwnedFd)>, Errno> {
    let images = cx.generation.tls.as_ref().ok_or(Errno::SRCH)?;
    let seed = lanes.ticket_seed.as_ref().ok_or(Errno::SRCH)?;
    Ok(vec![(8, end), (9, fcntl_dupfd_cloexec(&images.keys, 3)?), (10, fcntl_dupfd_cloexec(seed, 3)?)])
}

/// Starts another keys for a lane of the current generation.
///
/// # Errors
/// The error of the call that failed. A tls that was given an end by then finds it closed.
pub(crate) fn replace(
    lanes: &mut Lanes,
    children: &mut Children,
    cx: SpawnContext<'_>,
    number: u32,
) -> Result<(), Errno> {
    let (of_tls, of_keys) = pair(SocketType::SEQPACKET)?;
    let fds = descriptors(lanes, cx, of_keys)?;
    let Some(lane) = lanes.find_mut(number) else { return Ok(()) };
    let mut stages = lane.processes.iter().filter_map(|key| children.get(*key));
    let tls = stages.find(|process| process.program == Program::Tls).ok_or(Errno::SRCH)?;
    // What it asks before the other one runs waits in the socket.
    fosse_fdpass::send(&tls.control, &ToChild::Keys { lane: number }.encode(), &[of_tls.as_fd()])?;
    let options = SpawnOptions { fds, lane: Some((number, lane.core)), ..SpawnOptions::default() };
    lane.processes.push(spawn(children, cx, Program::Keys, options)?);
    Ok(())
}
