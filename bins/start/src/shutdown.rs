//! The end of an edge: nothing new, what is under way finishes, then start exits.

use fosse_die::{info, warning};
use fosse_eventloop::slab::Key;
use fosse_wire::launch::Program;

use crate::{PROGRAM, children::Children, state::State};

/// Asks accept to go, which all others follow. Returns the end of their time, in milliseconds of
/// the monotonic clock.
pub(crate) fn begin(state: &mut State) -> u64 {
    info(PROGRAM, "event=ending");
    match state.services.accept {
        Some(accept) => state.children.leave(accept),
        None => accept_exited(state),
    }
    state.generation.drain_deadline_ms(state.event_loop.now_ms())
}

/// Drains all lanes once accept is gone: what its channels hold is final, and idle connections have
/// nowhere to go.
pub(crate) fn accept_exited(state: &mut State) {
    state.lanes.iter_mut().for_each(|lane| lane.accept_end = None);
    let all = state.lanes.processes(|_| true).into_iter().chain(state.generation.zygote);
    all.for_each(|key| state.children.leave(key));
}

/// Kills lanes whose time to finish is over, and everything once the time of the whole edge is, if
/// it is ending.
pub(crate) fn kill_overdue(state: &mut State, ending: Option<u64>) {
    let now_ms = state.event_loop.now_ms();
    state.lanes.overdue(now_ms).into_iter().for_each(|key| state.children.kill(key));
    if ending.is_some_and(|until_ms| until_ms <= now_ms) {
        warning(PROGRAM, "event=end-overdue action=kill");
        state.children.keys(|_| true).into_iter().for_each(|key| state.children.kill(key));
    }
}

/// Exits once every process is gone: accept and the lanes first, then what served them, last the
/// logger, which reads every pipe to its end.
pub(crate) fn exit_if_done(state: &mut State) {
    if state.services.accept.is_some() || !state.lanes.is_empty() {
        return;
    }
    let served = state.children.keys(|process| process.program != Program::Log);
    if !served.is_empty() {
        return served.into_iter().for_each(|key| dismiss(&mut state.children, key));
    }
    if let Some(log) = state.services.log {
        return state.children.leave(log);
    }
    state.listeners.remove_all_files();
    info(PROGRAM, "event=ended");
    std::process::exit(0)
}

/// Has a process go that nothing needs any more. One that is not ready (a zygote that compiles, a
/// one-shot) has nothing to finish, and may read its orders only later.
fn dismiss(children: &mut Children, key: Key) {
    if children.is_ready(key) {
        children.leave(key);
    } else {
        children.kill(key);
    }
}
