//! The word about a source that is remembered: to start, which keeps it for the next accept, and
//! where a penalty begins to the lanes and to people.

use fosse_service::Process;
use fosse_source::Source;
use fosse_wire::start::{Strike, ToStart};

use crate::PROGRAM;
use crate::limits::PENALTY_MS;
use crate::state::State;

/// Says what is remembered of a source from now on.
pub(crate) fn strike(state: &mut State, process: &Process, strike: Strike, why: &str) {
    process.tell_start(ToStart::Strike(strike));
    if !strike.penalised {
        return;
    }
    let source = Source::of_parts(strike.wide, strike.source);
    state.penalise_everywhere(source, u64::from(strike.seconds) * 1000);
    let seconds = PENALTY_MS / 1000;
    fosse_die::warning(PROGRAM, format_args!("event=penalised client={source} why=\"{why}\" seconds={seconds}"));
}
