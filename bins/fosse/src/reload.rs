//! `fosse reload`: SIGHUP to the running fosse-start, then a look whether new lanes come.

use std::time::{Duration, Instant};

use fosse_die::{EXIT_TEMPORARY, Word, say};
use rustix::process::{Pid, Signal, kill_process};

use crate::{PROGRAM, edge::Edge, print, words::Words};

/// A configuration compiles in a second, lanes are born in another.
const WAIT_MAX: Duration = Duration::from_secs(15);
const LOOK_EACH: Duration = Duration::from_millis(100);

/// Runs the reload.
pub fn run(words: &Words) -> i32 {
    match reload(words) {
        Ok(line) => print(&line),
        Err(why) => {
            say(PROGRAM, Word::Fatal, why);
            EXIT_TEMPORARY
        }
    }
}

fn reload(words: &Words) -> Result<String, String> {
    let edge = Edge::of(words)?;
    let start = edge.start_pid()?;
    let newest = newest_lane(&edge)?;
    let pid = i32::try_from(start).ok().and_then(Pid::from_raw).ok_or("no process id behind the socket")?;
    kill_process(pid, Signal::HUP).map_err(|errno| format!("unable to signal fosse-start (PID {start}): {errno}"))?;
    let begun = Instant::now();
    while begun.elapsed() < WAIT_MAX {
        std::thread::sleep(LOOK_EACH);
        if newest_lane(&edge)? > newest {
            return Ok("new lanes serve; the old ones finish what is under way\n".to_owned());
        }
    }
    Err("no new lanes came: what served goes on serving; the log says why".to_owned())
}

/// Numbers of lanes only grow.
fn newest_lane(edge: &Edge) -> Result<Option<u32>, String> {
    Ok(edge.rows()?.iter().filter(|row| row.program == "parse" && row.pid.is_some()).filter_map(|row| row.lane).max())
}
