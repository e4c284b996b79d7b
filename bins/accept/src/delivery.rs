//! From the queue of those that wait to the lanes.

use fosse_counters::accept as count;
use fosse_service::Process;
use fosse_source::Source;
use fosse_wire::channel::Connection;

use crate::connections::NO_LANE;
use crate::lane_channels::{Gone, Pending, Undelivered};
use crate::state::State;

/// Gives a connection to the lane that is to have it; where none takes it, it waits.
pub(crate) fn enqueue(state: &mut State, pending: Pending) {
    let Connection { id, trusted, peer, .. } = pending.connection;
    let lane = state.lanes.choose(Source::of_address(&peer.addr).filter(|_| !trusted));
    let Some(lane) = lane else { return state.waiting.push_back(pending) };
    match state.channels.enqueue(lane, pending) {
        Ok(()) => {
            state.connections.give(id, lane);
            state.lanes.opened(lane);
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
        for lane in state.channels.numbers() {
            let (sent, failure) = state.channels.flush(lane);
            gone += sent;
            if let Some((why, rest)) = failure {
                failed = true;
                take_back(state, process, lane, why, rest);
            }
        }
        if !failed {
            break;
        }
    }
    gone
}

fn take_back(state: &mut State, process: &Process, lane: u32, why: Undelivered, rest: Vec<Pending>) {
    for pending in rest {
        state.connections.give(pending.connection.id, NO_LANE);
        state.lanes.closed(lane);
        state.waiting.push_back(pending);
    }
    match why {
        Undelivered::Full => state.lanes.block(lane, true),
        Undelivered::Exhausted => {
            state.congested = true;
            process.counters.add(count::EXHAUSTED, 1);
        }
        Undelivered::Gone => state.lose_lane(&process.event_loop, lane, Gone::Ended),
    }
}
