//! `fosse reopen`: SIGUSR1 to the running fosse-start, which opens the log files again.

use fosse_args::Args;
use fosse_die::{EXIT_TEMPORARY, Severity, say};
use rustix::process::{Pid, Signal, kill_process};

use crate::{PROGRAM, edge::Edge, output::print};

/// Runs the command.
pub(crate) fn run(words: &Args) -> i32 {
    match reopen(words) {
        Ok(()) => print("the log files are opened again\n"),
        Err(why) => {
            say(PROGRAM, Severity::Fatal, why);
            EXIT_TEMPORARY
        }
    }
}

fn reopen(words: &Args) -> Result<(), String> {
    let start = Edge::of(words)?.start_pid()?;
    let pid = i32::try_from(start).ok().and_then(Pid::from_raw).ok_or("no process id for the socket")?;
    kill_process(pid, Signal::USR1).map_err(|errno| format!("unable to signal fosse-start (PID {start}): {errno}"))
}
