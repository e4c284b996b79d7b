//! The keys of a lane: its sockets, and another in the place of one that is gone or of another set
//! of certificates. A lane goes on without it: what is established needs no signature, and new
//! handshakes wait until there is one.

use std::os::fd::{AsFd as _, OwnedFd};

use fosse_eventloop::slab::Key;
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

/// Starts another keys for a lane of the current generation. Where the set of certificates is
/// another than that of the lane, tls is given the chains of it, and the keys of before finishes:
/// tls ends the conversation with that once the last handshake with it is over.
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
    let stages = || lane.processes.iter().filter_map(|key| Some((*key, children.get(*key)?)));
    let (_, tls) = stages().find(|(_, process)| process.program == Program::Tls).ok_or(Errno::SRCH)?;
    let images = cx.generation.tls.as_ref().ok_or(Errno::SRCH)?;
    // Until tls has said so it may be without them, whoever else has come to an end meanwhile.
    if lane.adopted != images.set {
        let chains = ToChild::Chains { lane: number, set: images.set };
        fosse_fdpass::send(&tls.control, &chains.encode(), &[images.chains.as_fd()])?;
    }
    // What it asks before the other one runs waits in the socket.
    fosse_fdpass::send(&tls.control, &ToChild::Keys { lane: number }.encode(), &[of_tls.as_fd()])?;
    let options = SpawnOptions { fds, lane: Some((number, lane.core)), ..SpawnOptions::default() };
    let before: Vec<Key> =
        stages().filter(|(_, process)| process.program == Program::Keys).map(|(key, _)| key).collect();
    lane.processes.push(spawn(children, cx, Program::Keys, options)?);
    lane.set = images.set;
    before.into_iter().for_each(|key| children.leave(key));
    Ok(())
}
