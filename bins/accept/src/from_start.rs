//! The orders of start. It sends address lists before listeners, so that no client is let in that
//! an address list denies.

use std::os::fd::OwnedFd;

use fosse_counters::accept as count;
use fosse_service::{ExitReason, Order, Process};
use fosse_source::Source;
use fosse_wire::start::{MESSAGE_BYTES, ToChild, ToStart};

use crate::PROGRAM;
use crate::announce;
use crate::from_lanes;
use crate::lane_channels::Gone;
use crate::limits::{CRASHES_COUNT_MAX, LEAVE_MS};
use crate::state::State;
use crate::way::Way;

/// Follows an order; [`ToChild`] says what each means.
pub(crate) fn follow(state: &mut State, process: &Process, order: Order) -> Result<(), ExitReason> {
    match order {
        Order::Drain => drain(state, process),
        Order::End => return Err(ExitReason::Failed("start is gone".to_owned())),
        Order::Tell(ToChild::LaneDrain { lane }) => state.lanes.drain(lane),
        Order::Give(ToChild::LaneRest { lane, door }, fd) => take_rest(state, process, Way { lane, door }, fd),
        Order::Tell(ToChild::Penalise { connection }) => penalise(state, process, connection),
        Order::Tell(ToChild::PenaliseSource { source }) => penalise_source(state, process, source),
        Order::Give(ToChild::LaneAdd { lane, door, connections_max, known }, fd) => {
            add_lane(state, process, Way { lane, door }, connections_max, known, fd)?;
        }
        Order::Give(ToChild::Listen { listener, generation }, fd) => listen(state, process, listener, generation, fd),
        Order::Give(ToChild::Addresses { listener, generation }, fd) => {
            replace_list(state, process, listener, generation, fd);
        }
        Order::Give(ToChild::Strikes, fd) => restore_strikes(state, process, fd),
        Order::Tell(_) | Order::Give(..) => return Err(ExitReason::broken_protocol("start")),
    }
    Ok(())
}

/// Takes no connection any more. Lanes and listening sockets live on in start, which gives them to
/// the next accept.
fn drain(state: &mut State, process: &Process) {
    state.leaving_until_ms = Some(process.event_loop.now_ms().saturating_add(LEAVE_MS));
    process.counters.set(fosse_counters::DRAINING, 1);
    state.listeners.close(&process.event_loop);
}

fn add_lane(
    state: &mut State,
    process: &Process,
    way: Way,
    connections_max: u32,
    known: bool,
    fd: OwnedFd,
) -> Result<(), ExitReason> {
    if !state.lanes.add(way, connections_max) {
        return Err(ExitReason::Failed(format!("start sent {way}, which is known or one too many")));
    }
    if let Err(errno) = state.channels.add(&process.event_loop, way, fd) {
        state.lanes.remove(way, 0);
        fosse_die::alert(PROGRAM, format_args!("{way} unusable: {errno}"));
        return Ok(());
    }
    state.brief(way);
    if known && state.channels.request_list(way) {
        state.listing.add(way, process.event_loop.now_ms());
    }
    Ok(())
}

/// Takes back what a lane that is gone has not read: nothing was read from those clients, and
/// another lane serves them as if nothing had been.
fn take_rest(state: &mut State, process: &Process, way: Way, fd: OwnedFd) {
    for (connection, client) in state.channels.receive_rest(&fd) {
        if state.take_unread(connection, client, way, process.event_loop.now_ms()) {
            process.counters.add(count::RETURNED, 1);
        }
    }
    // What it has said before it went still counts.
    from_lanes::hear(state, process, way, true);
    state.lose(&process.event_loop, way, Gone::Ended);
}

fn listen(state: &mut State, process: &Process, listener: u16, generation: u32, fd: OwnedFd) {
    let known = state.leaving_until_ms.is_none() && state.admission.listener(listener).is_some();
    if !known || !state.listeners.add(&process.event_loop, fd, listener, generation) {
        fosse_die::alert(PROGRAM, format_args!("listener={listener} generation={generation} unusable"));
    }
}

/// Replaces a list. One that cannot be read changes nothing: the old one stays in force.
fn replace_list(state: &mut State, process: &Process, listener: u16, generation: u32, fd: OwnedFd) {
    let now_ms = process.event_loop.now_ms();
    let image = fosse_sys::blob::map(fd, fosse_cidr::IMAGE_BYTES_MAX).map_err(|error| error.to_string());
    let replaced = image.and_then(|image| {
        state.admission.replace(listener, generation, image, now_ms).map_err(|error| error.to_string())
    });
    if let Err(error) = replaced {
        fosse_die::alert(PROGRAM, format_args!("addresses listener={listener} generation={generation}: {error}"));
    }
}

fn penalise(state: &mut State, process: &Process, id: u64) {
    let Some(connection) = state.connections.find(id) else { return };
    let strike = state.admission.penalise(&connection, process.event_loop.now_ms());
    strike
        .into_iter()
        .for_each(|strike| announce::strike(state, process, strike, "programs crashed over its requests"));
}

fn penalise_source(state: &mut State, process: &Process, word: u64) {
    let Some(source) = Source::of_word(word) else { return };
    let strike = state.admission.penalise_source(source, process.event_loop.now_ms());
    strike
        .into_iter()
        .for_each(|strike| announce::strike(state, process, strike, "programs crashed over its requests"));
}

/// Takes over what earlier accepts remembered of sources.
fn restore_strikes(state: &mut State, process: &Process, fd: OwnedFd) {
    let bytes = match fosse_sys::blob::read(fd, CRASHES_COUNT_MAX * MESSAGE_BYTES) {
        Ok(bytes) => bytes,
        Err(error) => return fosse_die::alert(PROGRAM, format_args!("strikes: {error}")),
    };
    for message in bytes.chunks(MESSAGE_BYTES) {
        if let Ok(ToStart::Strike(strike)) = ToStart::decode(message) {
            state.admission.restore(strike, process.event_loop.now_ms());
        }
    }
    state.channels.ways().into_iter().for_each(|way| state.brief(way));
}
