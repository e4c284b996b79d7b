//! The encode of a lane: its sockets, and another in the place of one that is gone. A lane goes on
//! without it, and sends responses as they are meanwhile.

use std::os::fd::{AsFd as _, OwnedFd};

use fosse_wire::{launch::Program, start::ToChild};
use rustix::{io::Errno, net::SocketType};

use crate::{
    children::Children,
    lanes::{
        Lane, Lanes,
        fronts::{SECOND_FROM, SECOND_TO},
    },
    launch::{
        launcher::SpawnContext,
        spawn::{pair, spawn},
        spawn_options::SpawnOptions,
    },
};

/// One end of a socket pair, to read and to write.
type End = (OwnedFd, OwnedFd);

/// The sockets of an encode. It gets its responses from the last program that sees them all: the
/// filter, where it judges responses, else dispatch. Either socket carries frames one way and their
/// credit the other, and each end is two descriptors.
pub(super) struct Sockets {
    /// The end of whoever sends responses.
    pub(super) upstream: End,
    /// That of parse.
    pub(super) parse: End,
    /// That of parse-h2, where there is one.
    pub(super) parse_h2: Option<End>,
    /// Its own ends, with their numbers.
    pub(super) encode: Vec<(u8, OwnedFd)>,
}

impl Sockets {
    /// Makes them.
    ///
    /// # Errors
    /// Those of socketpair(2) and fcntl(2).
    pub(super) fn new(has_http2: bool) -> Result<Self, Errno> {
        let (upstream, (responses, credit)) = both_ways()?;
        let ((from_parse, to_parse), parse) = both_ways()?;
        let mut encode = vec![(0, responses), (1, to_parse), (3, from_parse), (4, credit)];
        let mut parse_h2 = None;
        if has_http2 {
            let ((from_front, to_front), front) = both_ways()?;
            encode.extend([(SECOND_FROM, from_front), (SECOND_TO, to_front)]);
            parse_h2 = Some(front);
        }
        Ok(Self { upstream, parse, parse_h2, encode })
    }
}

/// Makes a socket pair of which each end is two descriptors.
fn both_ways() -> Result<(End, End), Errno> {
    let (one, other) = pair(SocketType::STREAM)?;
    let copy = |fd: &OwnedFd| rustix::io::fcntl_dupfd_cloexec(fd, 3);
    let copies = (copy(&one)?, copy(&other)?);
    Ok(((one, copies.0), (other, copies.1)))
}

/// Starts another encode for a lane of the current generation.
///
/// # Errors
/// The error of the call that failed. Whoever was given an end by then finds it closed.
pub(crate) fn replace(
    lanes: &mut Lanes,
    children: &mut Children,
    cx: SpawnContext<'_>,
    number: u32,
) -> Result<(), Errno> {
    let Some(lane) = lanes.find_mut(number) else { return Ok(()) };
    let Sockets { upstream, parse, parse_h2, encode } = Sockets::new(cx.generation.has_http2())?;
    let sender = if cx.generation.plan.inspect_responses { Program::WafFilter } else { Program::Dispatch };
    // What is sent before parse has its end waits in the socket.
    give(children, lane, Program::Parse, &parse)?;
    parse_h2.iter().try_for_each(|end| give(children, lane, Program::ParseH2, end))?;
    give(children, lane, sender, &upstream)?;
    let options = SpawnOptions { fds: encode, lane: Some((number, lane.core)), ..SpawnOptions::default() };
    lane.processes.push(spawn(children, cx, Program::Encode, options)?);
    Ok(())
}

/// Gives a stage of a lane its end.
fn give(children: &Children, lane: &Lane, program: Program, (reads, writes): &End) -> Result<(), Errno> {
    let mut stages = lane.processes.iter().filter_map(|key| children.get(*key));
    let stage = stages.find(|process| process.program == program).ok_or(Errno::SRCH)?;
    for (fd, writes) in [(reads, false), (writes, true)] {
        let message = ToChild::Encode { lane: lane.number, writes };
        fosse_fdpass::send(&stage.control, &message.encode(), &[fd.as_fd()])?;
    }
    Ok(())
}
