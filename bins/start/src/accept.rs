//! The things that accept is given: lanes, address lists, the strikes that those before it have
//! remembered, and listeners.

use fosse_die::alert;
use fosse_eventloop::slab::Key;
use fosse_wire::start::ToChild;

use crate::{
    PROGRAM,
    children::Children,
    generation::Generation,
    lane::{Lane, LaneState, Lanes},
    listeners::Open,
    penalties::Penalties,
};

/// Gives an accept that is ready all it serves with.
pub(crate) fn give_all(
    children: &Children,
    accept: Key,
    lanes: &Lanes,
    generation: &Generation,
    penalties: &Penalties,
    listeners: &[Open],
) {
    for (listener, fd) in &generation.addresses {
        let message = ToChild::Addresses { listener: *listener, generation: generation.number };
        children.tell(accept, message, Some(fd));
    }
    give_penalties(children, accept, penalties);
    // After the lists, so that no connection is accepted before those that may refuse it are there.
    for (listener, open) in (0..=u16::MAX).zip(listeners) {
        children.tell(accept, ToChild::Listen { listener, generation: generation.number }, Some(&open.fd));
    }
    for lane in lanes.iter().filter(|lane| lane.state != LaneState::Starting) {
        give_lane(children, accept, lane, generation, true);
    }
}

/// Gives accept a lane. `known`: it was there before this accept.
pub(crate) fn give_lane(children: &Children, accept: Key, lane: &Lane, generation: &Generation, known: bool) {
    let Some(fd) = &lane.accept_end else { return };
    let connections_max = generation.lane_connections_max();
    children.tell(accept, ToChild::LaneAdd { lane: lane.number, connections_max, known }, Some(fd));
    if lane.state != LaneState::Live {
        children.tell(accept, ToChild::LaneDrain { lane: lane.number }, None);
    }
}

fn give_penalties(children: &Children, accept: Key, penalties: &Penalties) {
    if penalties.is_empty() {
        return;
    }
    match fosse_sys::memfd::sealed("strikes", &penalties.encode()) {
        Ok(fd) => children.tell(accept, ToChild::Strikes, Some(&fd)),
        Err(errno) => alert(PROGRAM, format_args!("event=penalties-lost error=\"{errno}\"")),
    }
}
