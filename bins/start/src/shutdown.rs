//! The end of an edge: nothing new, what is under way finishes, then start exits.

use std::time::Duration;

use fosse_die::{info, warning};
use fosse_eventloop::slab::Key;
use fosse_wire::launch::Program;

use crate::{
    PROGRAM,
    children::Children,
    generation::{Generation, deadline_ms},
    state::State,
    waits,
};

/// The time that whoever ends the edge gives what is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// SIGTERM, SIGINT: as long as `stop_seconds_max`.
    Stop,
    /// SIGQUIT: as long as a generation has after a reload, `drain_seconds_max`.
    Drain,
}

impl Patience {
    const fn time(self, generation: &Generation) -> Duration {
        match self {
            Self::Stop => generation.plan.stop_seconds_max,
            Self::Drain => generation.plan.drain_seconds_max,
        }
    }
}

/// The end that is under way.
#[derive(Debug)]
pub(crate) struct Ending {
    patience: Patience,
    /// The time, in milliseconds of the monotonic clock, at which the rest is killed.
    until_ms: u64,
    /// The rest has been killed.
    killed: bool,
}

impl Ending {
    /// Returns whether it still waits for what is under way.
    pub(crate) const fn waits(&self) -> bool {
        !self.killed
    }
}

/// Begins the end, or hastens the one that is under way.
pub(crate) fn ask(ending: &mut Option<Ending>, state: &mut State, patience: Patience) {
    match ending {
        None => *ending = Some(begin(state, patience)),
        Some(ending) => hasten(ending, state, patience),
    }
    exit_if_done(state);
}

/// Asks accept to go, which all others follow.
fn begin(state: &mut State, patience: Patience) -> Ending {
    let time = patience.time(&state.generation);
    let waits = waits::words(&state.children, &state.lanes, |_| true);
    let seconds = time.as_secs_f64();
    info(PROGRAM, format_args!("event=ending waits=\"{waits}\" seconds_at_most={seconds}"));
    match state.services.accept {
        Some(accept) => state.children.leave(accept),
        None => accept_exited(state),
    }
    Ending { patience, until_ms: deadline_ms(state.event_loop.now_ms(), time), killed: false }
}

/// Hastens an end that is asked for once more: one that drains goes on as a stop, and a stop is
/// over at once.
fn hasten(ending: &mut Ending, state: &mut State, patience: Patience) {
    match (ending.patience, patience) {
        (_, Patience::Drain) => {}
        (Patience::Drain, Patience::Stop) => {
            let time = patience.time(&state.generation);
            ending.patience = patience;
            ending.until_ms = ending.until_ms.min(deadline_ms(state.event_loop.now_ms(), time));
            let seconds = time.as_secs_f64();
            info(PROGRAM, format_args!("event=ending-sooner seconds_at_most={seconds}"));
        }
        (Patience::Stop, Patience::Stop) if !ending.killed => {
            let waits = waits::words(&state.children, &state.lanes, |_| true);
            warning(PROGRAM, format_args!("event=ending-now waits=\"{waits}\" action=kill"));
            kill_all(ending, state);
        }
        (Patience::Stop, Patience::Stop) => {}
    }
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
pub(crate) fn kill_overdue(state: &mut State, ending: Option<&mut Ending>) {
    let now_ms = state.event_loop.now_ms();
    state.lanes.overdue(now_ms).into_iter().for_each(|key| state.children.kill(key));
    if let Some(ending) = ending.filter(|ending| ending.until_ms <= now_ms && !ending.killed) {
        let waits = waits::words(&state.children, &state.lanes, |_| true);
        warning(PROGRAM, format_args!("event=end-overdue waits=\"{waits}\" action=kill"));
        kill_all(ending, state);
    }
}

/// Kills everything but the logger: it reads what the others have written, and has nothing to wait
/// for once they are gone.
fn kill_all(ending: &mut Ending, state: &mut State) {
    ending.killed = true;
    let all = state.children.keys(|process| process.program != Program::Log);
    all.into_iter().for_each(|key| state.children.kill(key));
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
