//! `fosse reload`: SIGHUP to the running fosse-start, then a look whether new lanes come.

use std::time::{Duration, Instant};

use fosse_die::{EXIT_TEMPORARY, Severity, say};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    PROGRAM,
    args::Args,
    edge::{Edge, Row},
    output::print,
};

/// Longest wait: a configuration compiles in a second, lanes are spawned in another.
const WAIT_MAX: Duration = Duration::from_secs(15);
const LOOK_EACH: Duration = Duration::from_millis(100);

/// Runs the reload.
pub(crate) fn run(words: &Args) -> i32 {
    match reload(words) {
        Ok(line) => print(&line),
        Err(why) => {
            say(PROGRAM, Severity::Fatal, why);
            EXIT_TEMPORARY
        }
    }
}

fn reload(words: &Args) -> Result<String, String> {
    let edge = Edge::of(words)?;
    let start = edge.start_pid()?;
    let before = newest_lane(&edge.rows()?);
    let pid = i32::try_from(start).ok().and_then(Pid::from_raw).ok_or("no process id for the socket")?;
    kill_process(pid, Signal::HUP).map_err(|errno| format!("unable to signal fosse-start (PID {start}): {errno}"))?;
    let begun = Instant::now();
    while begun.elapsed() < WAIT_MAX {
        std::thread::sleep(LOOK_EACH);
        if is_taken_over(&edge.rows()?, before) {
            return Ok("new lanes serve; the old ones finish what is under way\n".to_owned());
        }
    }
    Err("no new lanes came: what served goes on serving; the log says why".to_owned())
}

/// Returns whether there are lanes newer than `before`, and all others drain: start drains them
/// once the new ones get connections.
fn is_taken_over(rows: &[Row], before: Option<u32>) -> bool {
    let old = |row: &&Row| row.lane <= before;
    newest_lane(rows) > before && parses(rows).filter(old).all(|row| row.count("draining") != 0)
}

/// Returns the highest number of a lane: numbers only grow.
fn newest_lane(rows: &[Row]) -> Option<u32> {
    parses(rows).filter_map(|row| row.lane).max()
}

fn parses(rows: &[Row]) -> impl Iterator<Item = &Row> {
    rows.iter().filter(|row| row.program == "parse" && row.pid.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lane: u32, draining: u64) -> Row {
        let counts = [("draining".to_owned(), draining)].into();
        Row { program: "parse".into(), lane: Some(lane), pid: Some(1), counts }
    }

    #[test]
    fn a_reload_is_over_when_new_lanes_live_and_old_ones_drain() {
        assert!(!is_taken_over(&[parse(0, 0)], Some(0)));
        assert!(!is_taken_over(&[parse(0, 0), parse(1, 0)], Some(0)));
        assert!(is_taken_over(&[parse(0, 1), parse(1, 0)], Some(0)));
        assert!(is_taken_over(&[parse(1, 0)], Some(0)));
    }
}
