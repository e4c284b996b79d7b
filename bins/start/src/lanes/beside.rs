//! The programs beside a connect (fosse_wire::beside), of a lane or of a service: their sockets,
//! and another in the place of one that is gone. A lane goes on without one: what is connected
//! stays so, and new connections wait for the next.

use std::os::fd::{AsFd as _, OwnedFd};

use fosse_eventloop::slab::Key;
use fosse_wire::{beside::Beside, launch::Program, start::ToChild};
use rustix::{
    io::{Errno, fcntl_dupfd_cloexec},
    net::SocketType,
};

use crate::{
    children::Children,
    generation::Generation,
    lanes::Lanes,
    launch::{
        launcher::SpawnContext,
        spawn::{pair, spawn},
        spawn_options::SpawnOptions,
    },
};

/// The programs, each with its place beside connect.
const PROGRAMS: [(Program, Beside); 2] = [(Program::ConnectTls, Beside::Tls), (Program::DispatchH2, Beside::Http2)];

/// A program that is to be started, with its descriptors.
pub(crate) type Start = (Program, Vec<(u8, OwnedFd)>);

/// Returns whether a program is one of those.
pub(crate) fn is_one(program: Program) -> bool {
    PROGRAMS.iter().any(|(one, _)| *one == program)
}

/// Returns those that a generation has.
pub(crate) fn wanted(generation: &Generation) -> impl Iterator<Item = Program> {
    let all = PROGRAMS.into_iter().map(|(program, _)| program);
    all.filter(|program| generation.blobs.contains_key(program))
}

/// Makes the channels between a connect and the programs beside it. connect's ends go into
/// `connect`; returns what is to be started.
///
/// # Errors
/// Those of socketpair(2).
pub(crate) fn channels(generation: &Generation, connect: &mut Vec<(u8, OwnedFd)>) -> Result<Vec<Start>, Errno> {
    let mut starts = Vec::new();
    for (program, beside) in PROGRAMS.into_iter().filter(|(program, _)| generation.blobs.contains_key(program)) {
        let (near_end, far_end) = pair(SocketType::SEQPACKET)?;
        connect.push((beside.fd(), near_end));
        starts.push((program, descriptors(generation, program, far_end)?));
    }
    Ok(starts)
}

/// Returns what a program is given: its end of the channel with connect; that which speaks TLS the
/// certificates as well.
fn descriptors(generation: &Generation, program: Program, end: OwnedFd) -> Result<Vec<(u8, OwnedFd)>, Errno> {
    let images = generation.tls.as_ref().filter(|_| program == Program::ConnectTls);
    let chains = images.map(|images| fcntl_dupfd_cloexec(&images.chains, 3)).transpose()?;
    Ok([(8, end)].into_iter().chain(chains.map(|chains| (9, chains))).collect())
}

/// Starts the programs beside the connect of a service.
///
/// # Errors
/// The error of the call that failed.
pub(crate) fn start(children: &mut Children, cx: SpawnContext<'_>, starts: Vec<Start>) -> Result<Vec<Key>, Errno> {
    let mut one = |(program, fds)| spawn(children, cx, program, SpawnOptions { fds, ..SpawnOptions::default() });
    starts.into_iter().map(&mut one).collect()
}

/// Starts another one of a program for a lane of the current generation.
///
/// # Errors
/// The error of the call that failed. A connect that was given an end by then finds it closed.
pub(crate) fn replace(
    lanes: &mut Lanes,
    children: &mut Children,
    cx: SpawnContext<'_>,
    (number, program): (u32, Program),
) -> Result<(), Errno> {
    let (_, which) = PROGRAMS.into_iter().find(|(one, _)| *one == program).ok_or(Errno::SRCH)?;
    let (near_end, far_end) = pair(SocketType::SEQPACKET)?;
    let Some(lane) = lanes.find_mut(number) else { return Ok(()) };
    let mut stages = lane.processes.iter().filter_map(|key| children.get(*key));
    let connect = stages.find(|process| process.program == Program::Connect).ok_or(Errno::SRCH)?;
    // What it asks before the other one runs waits in the socket.
    let message = ToChild::Beside { which, lane: number };
    fosse_fdpass::send(&connect.control, &message.encode(), &[near_end.as_fd()])?;
    let fds = descriptors(cx.generation, program, far_end)?;
    let options = SpawnOptions { fds, lane: Some((number, lane.core)), ..SpawnOptions::default() };
    lane.processes.push(spawn(children, cx, program, options)?);
    Ok(())
}
