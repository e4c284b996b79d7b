//! The reports of lanes: connections over, connections held, connections given back. What a lane
//! says of others' connections is ignored.

use std::os::fd::OwnedFd;

use fosse_counters::accept as count;
use fosse_service::Process;
use fosse_source::Network;
use fosse_wire::channel::{Connection, Kind, Message, Tally};
use fosse_wire::request::Endpoint;
use rustix::net::{AddressFamily, SocketType, getpeername, sockopt};

use crate::announce;
use crate::lane_channels::{Heard, Pending};
use crate::limits::{LANE_NETWORKS_FACTOR, LAST_MESSAGES_MAX, READ_TURN_MAX, WAITING_COUNT_MAX};
use crate::state::State;
use crate::way::Way;

/// Reads what a lane has sent, as far as one turn goes; one that is `gone` to its end, as the
/// kernel reports that for ever.
pub(crate) fn hear(state: &mut State, process: &Process, way: Way, gone: bool) {
    let most = if gone { LAST_MESSAGES_MAX } else { READ_TURN_MAX };
    for _ in 0..most {
        // What comes back takes descriptors, so it stays with its lane while too many wait.
        if !gone && state.waiting.len() >= WAITING_COUNT_MAX {
            return;
        }
        match state.channels.receive(way) {
            Heard::Message(message, fds) => follow(state, process, way, message, fds),
            Heard::Nothing => return,
            Heard::Gone(why) => return state.lose(&process.event_loop, way, why),
        }
    }
}

fn follow(state: &mut State, process: &Process, way: Way, message: Message, fds: Vec<OwnedFd>) {
    match message.kind {
        Kind::Closed => message.connections.iter().for_each(|connection| close(state, connection.id, way)),
        Kind::Open if message.connections.is_empty() => state.listing.remove(way),
        Kind::Open => message.connections.into_iter().for_each(|connection| learn(state, connection, way)),
        Kind::Return => {
            // Those that there was no descriptor for are closed.
            let lost = message.connections.iter().skip(fds.len());
            lost.for_each(|connection| close(state, connection.id, way));
            message.connections.iter().zip(fds).for_each(|(one, fd)| take_back(state, process, one, fd, way));
        }
        Kind::Shares if way.door.is_front() => {
            message.tallies.iter().for_each(|tally| share(state, way, tally));
        }
        Kind::Offences => message.tallies.iter().for_each(|tally| overran(state, process, tally)),
        Kind::Connections
        | Kind::List
        | Kind::Relieve
        | Kind::Elsewhere
        | Kind::Penalised
        // fosse-tls counts nobody: the clients that it passes on are counted by fronts.
        | Kind::Shares => {}
    }
}

fn close(state: &mut State, id: u64, way: Way) {
    if state.connections.close(id, way) {
        state.lanes.closed(way.lane);
    }
}

/// Takes what a front has of a network, which is no more than the connections that its lane may
/// hold.
fn share(state: &mut State, front: Way, tally: &Tally) {
    let (Some(network), Some(max)) = (Network::of_parts(&tally.address, tally.bits), state.lanes.room(front.lane))
    else {
        return;
    };
    let networks_max = usize::try_from(max).unwrap_or(usize::MAX) * LANE_NETWORKS_FACTOR;
    state.admission.shares.set(front, network, tally.number.min(u64::from(max)), networks_max);
}

/// Takes that requests of a source used up the rules' time, or that it flooded a connection of
/// HTTP/2.
fn overran(state: &mut State, process: &Process, tally: &Tally) {
    let source = Network::of_parts(&tally.address, tally.bits).and_then(Network::source);
    let now_ms = process.event_loop.now_ms();
    let strike = source.and_then(|source| state.admission.overran(source, tally.number, now_ms));
    strike.into_iter().for_each(|strike| {
        announce::strike(state, process, strike, "its requests used up the rules' time, or it flooded a connection")
    });
}

/// Adds a connection from before this process's time: no more than the lane may hold, and trusted
/// only where this process's own settings say so.
fn learn(state: &mut State, reported: Connection, way: Way) {
    if !state.listing.contains(way) || !state.lanes.has_room(way.lane) {
        return;
    }
    let known = state.admission.reconsider(reported);
    if known.is_some_and(|connection| state.connections.add(connection, way)) {
        state.lanes.opened(way.lane);
    }
}

/// Takes an idle connection back for another lane. What counts is what accept wrote down about it,
/// and the socket must be the one that was sent.
fn take_back(state: &mut State, process: &Process, record: &Connection, fd: OwnedFd, way: Way) {
    learn(state, *record, way);
    let Some(connection) = state.connections.held(record.id, way) else { return };
    if !is_same(&fd, &connection) {
        return close(state, connection.id, way);
    }
    state.connections.give(connection.id, Way::NONE);
    state.lanes.closed(way.lane);
    process.counters.add(count::RETURNED, 1);
    state.waiting.push_back(Pending { connection, fd });
}

/// Returns whether a descriptor is a connected stream socket with that peer. A client that has gone
/// has none.
fn is_same(fd: &OwnedFd, connection: &Connection) -> bool {
    let stream = sockopt::socket_type(fd) == Ok(SocketType::STREAM);
    let unix = sockopt::socket_domain(fd) == Ok(AddressFamily::UNIX);
    let peer = match getpeername(fd) {
        Ok(_) if unix => Endpoint::default(),
        Ok(Some(address)) => std::net::SocketAddr::try_from(address).map(Endpoint::from_socket).unwrap_or_default(),
        _ => return false,
    };
    stream && unix == connection.unix && peer == connection.peer
}
