//! Starting and draining a lane: a pipeline of stages, each pinned to the lane's core.

use std::os::fd::{AsFd as _, OwnedFd};

use fosse_die::info;
use fosse_eventloop::slab::Key;
use fosse_wire::{
    launch::Program,
    start::{Door, Stream, ToChild},
};
use rustix::{io::Errno, net::SocketType};

use crate::{
    PROGRAM,
    children::{Children, process::Process},
    generation::{Generation, TlsImages},
    lanes::{
        Lane, LaneState, Lanes, beside,
        doors::DoorEnds,
        encode::Sockets,
        fronts::{self, SECOND_FROM, SECOND_TO},
        keys,
    },
    launch::{
        launcher::SpawnContext,
        spawn::{pair, spawn},
        spawn_options::SpawnOptions,
    },
    services::{bound::BoundServices, cache, prober, questions, resolve, server_states, shares, source_rates},
};

/// The channels of a lane's stages, by the stage that has the end.
struct Channels {
    parse: Vec<(u8, OwnedFd)>,
    /// `None` where nobody is offered HTTP/2.
    parse_h2: Option<Vec<(u8, OwnedFd)>>,
    /// `None` where a lane has no filter.
    filter: Option<Vec<(u8, OwnedFd)>>,
    dispatch: Vec<(u8, OwnedFd)>,
    /// `None` where no response is encoded.
    encode: Option<Vec<(u8, OwnedFd)>>,
    connect: Vec<(u8, OwnedFd)>,
    /// The programs beside connect.
    beside: Vec<beside::Start>,
    /// Those of tls and keys; `None` where no listener has TLS.
    tls: Option<(Vec<(u8, OwnedFd)>, OwnedFd)>,
}

impl Channels {
    /// Makes the channels, and the doors.
    fn new(generation: &Generation) -> Result<(Self, Vec<DoorEnds>), Errno> {
        let (door, channel) = DoorEnds::of(Door::Parse, pair(SocketType::SEQPACKET)?)?;
        let (parse_out, first_in) = pair(SocketType::STREAM)?;
        let (dispatch_out, responses) = pair(SocketType::STREAM)?;
        let (direct_out, direct_in) = pair(SocketType::SEQPACKET)?;
        let (requests, replies) = pair(SocketType::SEQPACKET)?;
        let replies_copy = rustix::io::fcntl_dupfd_cloexec(&replies, 3)?;
        let (filter, parse_in, dispatch_in) = filter_channels(generation, first_in, responses)?;
        let mut channels = Self {
            parse: vec![(0, parse_in), (1, parse_out), (8, channel), (9, direct_out)],
            parse_h2: None,
            filter,
            dispatch: vec![(0, dispatch_in), (1, dispatch_out), (8, direct_in), (9, requests)],
            encode: None,
            connect: vec![(0, replies), (1, replies_copy)],
            beside: Vec::new(),
            tls: None,
        };
        channels.beside = beside::channels(generation, &mut channels.connect)?;
        let mut doors = vec![door];
        if generation.has_http2() {
            doors.push(channels.add_http2(generation.plan.inspect_responses)?);
        }
        if generation.has_encode() {
            channels.add_encode(generation.plan.inspect_responses)?;
        }
        if let Some(images) = generation.tls.as_ref().filter(|_| generation.has_tls()) {
            doors.push(channels.add_tls(images)?);
        }
        Ok((channels, doors))
    }

    /// Gives tls its place before parse, and keys beside it. Returns its door.
    fn add_tls(&mut self, images: &TlsImages) -> Result<DoorEnds, Errno> {
        let (door, connections) = DoorEnds::of(Door::Tls, pair(SocketType::SEQPACKET)?)?;
        let (to_parse, from_tls) = pair(SocketType::SEQPACKET)?;
        let (to_keys, of_keys) = pair(SocketType::SEQPACKET)?;
        let chains = rustix::io::fcntl_dupfd_cloexec(&images.chains, 3)?;
        self.parse.push((16, from_tls));
        let mut tls = vec![(8, connections), (9, to_parse), (10, to_keys), (11, chains)];
        if let Some(parse_h2) = &mut self.parse_h2 {
            let (to_front, from_tls) = pair(SocketType::SEQPACKET)?;
            parse_h2.push((16, from_tls));
            tls.push((12, to_front));
        }
        self.tls = Some((tls, of_keys));
        Ok(door)
    }

    /// Gives parse-h2 its place on the ring beside parse: whoever reads requests from one reads
    /// them from both, and so with responses. Returns its door.
    fn add_http2(&mut self, inspect_responses: bool) -> Result<DoorEnds, Errno> {
        let (door, connections) = DoorEnds::of(Door::Http2, pair(SocketType::SEQPACKET)?)?;
        let (out, requests) = pair(SocketType::STREAM)?;
        let (to_front, responses) = pair(SocketType::STREAM)?;
        let reader = self.filter.as_mut().unwrap_or(&mut self.dispatch);
        reader.push((SECOND_FROM, requests));
        let writer = self.filter.as_mut().filter(|_| inspect_responses).unwrap_or(&mut self.dispatch);
        writer.push((SECOND_TO, to_front));
        self.parse_h2 = Some(vec![(0, responses), (1, out), (8, connections)]);
        Ok(door)
    }

    /// Gives connect and tls the channels to the services of their generation.
    fn add_bound(&mut self, bound: &BoundServices, generation: u32) -> Result<(), Errno> {
        self.connect.extend(bound.channels(generation)?);
        if let Some((tls, _)) = &mut self.tls {
            tls.extend(bound.challenges_over_tls(generation)?.map(|to| (13, to)));
        }
        Ok(())
    }

    /// Gives encode its place beside the way that responses take which are not encoded.
    fn add_encode(&mut self, inspect_responses: bool) -> Result<(), Errno> {
        let Sockets { upstream: (from_encode, to_encode), parse: (encoded, credit), parse_h2, encode } =
            Sockets::new(self.parse_h2.is_some())?;
        let (channels, from, to) = match &mut self.filter {
            Some(filter) if inspect_responses => (filter, 10, 11),
            _ => (&mut self.dispatch, 16, 17),
        };
        channels.extend([(from, from_encode), (to, to_encode)]);
        self.parse.extend([(12, encoded), (13, credit)]);
        if let (Some(front), Some((encoded, credit))) = (&mut self.parse_h2, parse_h2) {
            front.extend([(12, encoded), (13, credit)]);
        }
        self.encode = Some(encode);
        Ok(())
    }
}

type FilterChannels = (Option<Vec<(u8, OwnedFd)>>, OwnedFd, OwnedFd);

/// Puts the filter, where there is one, between parse and dispatch. Returns its descriptors, then
/// the ones that parse and dispatch read from. Without a site that has its responses inspected
/// dispatch writes to parse itself.
fn filter_channels(generation: &Generation, first_in: OwnedFd, responses: OwnedFd) -> Result<FilterChannels, Errno> {
    if !generation.has_filter() {
        return Ok((None, responses, first_in));
    }
    let (filter_out, dispatch_in) = pair(SocketType::STREAM)?;
    let mut filter = vec![(0, first_in), (1, filter_out)];
    if !generation.plan.inspect_responses {
        return Ok((Some(filter), responses, dispatch_in));
    }
    let (response_out, parse_in) = pair(SocketType::STREAM)?;
    filter.extend([(3, responses), (4, response_out)]);
    Ok((Some(filter), parse_in, dispatch_in))
}

/// Starts a lane of the current generation. Where that fails midway it is no lane.
///
/// # Errors
/// The program that could not be started, with the error of the call that failed.
pub(crate) fn start(
    lanes: &mut Lanes,
    children: &mut Children,
    bound: &BoundServices,
    cx: SpawnContext<'_>,
    core: u32,
) -> Result<(), (Program, Errno)> {
    let before = |errno| (Program::Parse, errno);
    let number = lanes.take_number().map_err(before)?;
    let (mut channels, doors) = Channels::new(cx.generation).map_err(before)?;
    for front in std::iter::once(&mut channels.parse).chain(&mut channels.parse_h2) {
        if let Some(pages) = &cx.generation.pages {
            front.push((11, rustix::io::fcntl_dupfd_cloexec(pages, 3).map_err(before)?));
        }
        front.extend(source_rates::page_for_lane(lanes).map(|page| (14, page)));
        front.extend(questions::page_for_lane(lanes).map(|page| (15, page)));
    }
    channels.dispatch.extend(health(lanes, children).map(|page| (10, page)));
    channels.dispatch.extend(prober::page_for_lane(lanes, cx.generation).map(|page| (11, page)));
    channels.dispatch.extend(server_states::page_for_lane(lanes).map(|page| (12, page)));
    channels.dispatch.extend(resolve::page_for_reader(lanes, cx.generation).map(|page| (13, page)));
    channels.connect.extend(resolve::page_for_reader(lanes, cx.generation).map(|page| (8, page)));
    let keys = cx.generation.keys.as_ref().map(|keys| rustix::io::fcntl_dupfd_cloexec(keys, 3));
    // Without its keys it would refuse every link.
    channels.dispatch.extend(keys.transpose().map_err(|errno| (Program::Dispatch, errno))?.map(|keys| (14, keys)));
    channels.dispatch.extend(cache::memory_for_lane(lanes, cx.generation).map(|page| (15, page)));
    channels.add_bound(bound, cx.generation.number).map_err(before)?;
    let mut processes = Vec::with_capacity(8);
    let started = start_stages(&mut processes, children, (lanes, cx), channels, (number, core));
    // Without a lane those that were begun are killed.
    started?;
    lanes.push(Lane {
        number,
        generation: cx.generation.number,
        core,
        processes,
        doors,
        state: LaneState::Starting,
        set: cx.generation.set().unwrap_or_default(),
        adopted: cx.generation.set().unwrap_or_default(),
        suspect: None,
        is_torn: false,
    });
    Ok(())
}

fn start_stages(
    processes: &mut Vec<Key>,
    children: &mut Children,
    (lanes, cx): (&Lanes, SpawnContext<'_>),
    channels: Channels,
    lane: (u32, u32),
) -> Result<(), (Program, Errno)> {
    let mut stage = |children: &mut Children, program, fds, lines| {
        let args = fronts::args(program, cx.generation);
        let mut options = SpawnOptions { fds, lines, args, lane: Some(lane), ..SpawnOptions::default() };
        if program == Program::Dispatch {
            shares::give(lanes, children, &mut options);
        }
        let key = spawn(children, cx, program, options).map_err(|errno| (program, errno))?;
        processes.push(key);
        Ok(key)
    };
    let plan = &cx.generation.plan;
    let access = (!plan.access_log.is_empty()).then_some((10, Stream::Access));
    let audit = (!plan.audit_log.is_empty()).then_some((9, Stream::Audit));
    let parse = stage(children, Program::Parse, channels.parse, access)?;
    give_lists(children, parse, cx.generation).map_err(|errno| (Program::Parse, errno))?;
    if let Some(fds) = channels.parse_h2 {
        let front = stage(children, Program::ParseH2, fds, access)?;
        give_lists(children, front, cx.generation).map_err(|errno| (Program::ParseH2, errno))?;
    }
    if let Some((fds, of_keys)) = channels.tls {
        let tls = stage(children, Program::Tls, fds, None)?;
        give_lists(children, tls, cx.generation).map_err(|errno| (Program::Tls, errno))?;
        let fds = keys::descriptors(lanes, cx, of_keys).map_err(|errno| (Program::Keys, errno))?;
        stage(children, Program::Keys, fds, None)?;
    }
    if let Some(fds) = channels.filter {
        stage(children, Program::WafFilter, fds, audit)?;
    }
    stage(children, Program::Dispatch, channels.dispatch, None)?;
    if let Some(fds) = channels.encode {
        stage(children, Program::Encode, fds, None)?;
    }
    for (program, fds) in channels.beside {
        stage(children, program, fds, None)?;
    }
    stage(children, Program::Connect, channels.connect, None).map(drop)
}

/// Gives a front or tls the address lists of its generation, by which it judges the clients that
/// trusted proxies name. Its channel is new and has room for them.
fn give_lists(children: &Children, front: Key, generation: &Generation) -> Result<(), Errno> {
    let Some(process) = children.get(front) else { return Ok(()) };
    for (listener, fd) in &generation.addresses {
        let message = ToChild::Addresses { listener: *listener, generation: generation.number };
        fosse_fdpass::send(&process.control, &message.encode(), &[fd.as_fd()])?;
    }
    Ok(())
}

/// Returns the page of the dispatch that knows best which servers are out, dead or alive; one that
/// a predecessor has started where none was ready since.
fn health(lanes: &Lanes, children: &Children) -> Option<OwnedFd> {
    let ready = |process: &&Process| process.program == Program::Dispatch && process.ready;
    let adopted = || children.iter().map(|(_, process)| process).filter(ready).last().map(|process| &process.page_fd);
    // Without it the lane serves all the same.
    lanes.health.as_ref().or_else(adopted).and_then(|page| rustix::io::fcntl_dupfd_cloexec(page, 3).ok())
}

/// Makes a lane live that the last of its stages makes ready.
pub(crate) fn stage_ready(lanes: &mut Lanes, children: &mut Children, stage: Key) {
    let Some(number) = children.get(stage).and_then(|process| process.lane) else { return };
    let is_suspected = |lane: &Lane| matches!(lane.state, LaneState::Dying(_)) && lane.suspect.is_some();
    let is_early = lanes.iter().any(is_suspected);
    let Some(lane) = lanes.find_mut(number) else { return };
    let is_whole = lane.processes.iter().all(|stage| children.is_ready(*stage));
    if !is_whole || lane.state != LaneState::Starting {
        return;
    }
    lane.state = LaneState::Live;
    if let Some(lost) = children.losses.take_lane() {
        info(PROGRAM, format_args!("event=replaced lane={lost} by={}", lane.number));
    } else if is_early {
        children.losses.note_early(lane.number);
    }
    let dispatch = lane.processes.iter().filter_map(|key| children.get(*key)).find(|p| p.program == Program::Dispatch);
    if let Some(page) = dispatch.and_then(|process| rustix::io::fcntl_dupfd_cloexec(&process.page_fd, 3).ok()) {
        lanes.health = Some(page);
    }
}
