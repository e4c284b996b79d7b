//! From the queue of those that wait to the lanes.

use fosse_counters::accept as count;
use fosse_service::Process;
use fosse_source::Source;
use fosse_wire::channel::Connection;

use crate::lane_channels::{Gone, Pending, Undelivered};
use crate::state::State;
use crate::way::Way;

/// Gives a connection to the lane that is to have it; where none takes it, it waits.
pub(crate) fn enqueue(state: &mut State, pending: Pending) {
    let Connection { id, listener, trusted, peer, .. } = pending.connection;
    let door = state.admission.door(listener);
    let lane = state.lanes.choose(door, Source::of_address(&peer.addr).filter(|_| !trusted));
    let Some(way) = lane.map(|lane| Way { lane, door }) else { return state.waiting.push_back(pending) };
    match state.channels.enqueue(way, pending) {
        Ok(()) => {
            state.connections.give(id, way);
            state.lanes.opened(way.lane);
        }
        Err(pending) => state.waiting.push_back(pending),
    }
}

/// Sends every batch; what a lane does not take is offered to the others. Returns the number of
/// connections that have gone.
pub(crate) fn deliver(state: &mut State, process: &Process) -> usize {
    let mut gone = 0;
    // It ends, as each failure costs a lane or stops everything.
    while !state.congested {
        std::mem::take(&mut state.waiting).into_iter().for_each(|pending| enqueue(state, pending));
        let mut failed = false;
        for way in state.channels.ways() {
            let (sent, failure) = state.channels.flush(way);
            gone += sent;
            if let Some((why, rest)) = failure {
                failed = true;
                take_back(state, process, way, why, rest);
            }
        }
        if !failed {
            break;
        }
    }
    gone
}

fn take_back(state: &mut State, process: &Process, way: Way, why: Undelivered, rest: Vec<Pending>) {
    for pending in rest {
        state.connections.give(pending.connection.id, Way::NONE);
        state.lanes.closed(way.lane);
        state.waiting.push_back(pending);
    }
    match why {
        Undelivered::Full => state.lanes.block(way, true),
        Undelivered::Exhausted => {
            state.congested = true;
            process.counters.add(count::EXHAUSTED, 1);
        }
        Undelivered::Gone => state.lose(&process.event_loop, way, Gone::Ended),
    }
}
