//! The end of an edge: nothing new, what is under way finishes, then start exits.

pub(crate) mod ending;

use std::collections::BTreeSet;

use fosse_die::{info, warning};
use fosse_wire::launch::Program;

use self::ending::{Ending, Patience, Shutdown};
use crate::{PROGRAM, generation::deadline_ms, lanes::connections, state::State};

/// Begins the end, or hastens the one that is under way.
pub(crate) fn ask(state: &mut State, patience: Patience) {
    let shutdown = match state.shutdown.take() {
        None => begin(state, patience),
        Some(shutdown) => hasten(shutdown, state, patience),
    };
    state.shutdown = Some(shutdown);
}

fn begin(state: &State, patience: Patience) -> Shutdown {
    let time = patience.time(&state.generation);
    let waits = connections::open(&state.children, &state.lanes, |_| true);
    let seconds = time.as_secs_f64();
    info(PROGRAM, format_args!("event=ending waits=\"{waits}\" seconds_at_most={seconds}"));
    Shutdown { patience, until_ms: deadline_ms(state.event_loop.now_ms(), time), ending: Ending::InOrder }
}

/// Hastens an end that is asked for once more: one that drains goes on as a stop, and a stop is
/// over at once.
fn hasten(mut shutdown: Shutdown, state: &State, patience: Patience) -> Shutdown {
    match (shutdown.patience, patience) {
        (_, Patience::Drain) => {}
        (Patience::Drain, Patience::Stop) => {
            let time = patience.time(&state.generation);
            shutdown.patience = patience;
            shutdown.until_ms = shutdown.until_ms.min(deadline_ms(state.event_loop.now_ms(), time));
            let seconds = time.as_secs_f64();
            info(PROGRAM, format_args!("event=ending-sooner seconds_at_most={seconds}"));
        }
        (Patience::Stop, Patience::Stop) if shutdown.ending == Ending::InOrder => {
            let waits = waits_for(state);
            warning(PROGRAM, format_args!("event=ending-now waits=\"{waits}\" action=kill"));
            shutdown.ending = Ending::Now;
        }
        (Patience::Stop, Patience::Stop) => {}
    }
    shutdown
}

/// Gives up what is under way once its time is over. Returns whether the end still waits for it.
pub(crate) fn waits(state: &mut State) -> bool {
    let now_ms = state.event_loop.now_ms();
    let Some(shutdown) = state.shutdown.as_mut().filter(|shutdown| shutdown.ending == Ending::InOrder) else {
        return false;
    };
    if shutdown.until_ms > now_ms {
        return true;
    }
    shutdown.ending = Ending::Now;
    let patience = shutdown.patience;
    let (waits, limit, seconds) = (waits_for(state), patience.key(), patience.time(&state.generation).as_secs_f64());
    warning(PROGRAM, format_args!("event=end-overdue waits=\"{waits}\" limit={limit} seconds={seconds} action=kill"));
    false
}

/// Returns what an end still waits for, in words: connections, and where there is none the programs
/// that have not ended.
fn waits_for(state: &State) -> String {
    let open = connections::open(&state.children, &state.lanes, |_| true);
    // The logger goes last, when the others are gone.
    let others = state.children.iter().map(|(_, process)| process.program).filter(|program| *program != Program::Log);
    let programs: BTreeSet<String> = others.map(|program| format!("fosse-{}", program.name())).collect();
    if !open.is_empty() || programs.is_empty() {
        return open.to_string();
    }
    programs.into_iter().collect::<Vec<_>>().join(", ")
}

/// Exits, as every process is gone.
pub(crate) fn exit(state: &State) -> ! {
    state.listeners.remove_all_files();
    info(PROGRAM, "event=ended");
    std::process::exit(0)
}
