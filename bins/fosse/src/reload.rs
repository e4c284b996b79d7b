//! `fosse reload`: a check of what would be reloaded, SIGHUP to the running fosse-start, and its
//! word on how that ended.

use std::time::{Duration, Instant};

use fosse_args::Args;
use fosse_die::{EXIT_PERMANENT, EXIT_TEMPORARY, Severity, say};
use rustix::process::{Pid, Signal, kill_process};

use crate::{PROGRAM, edge::Edge, output::print, running};

/// Longest wait: longer than fosse-start gives a configuration to compile, its rules and its lanes,
/// after the same for a reload that was under way.
const WAIT_MAX: Duration = Duration::from_secs(600);
const LOOK_EACH: Duration = Duration::from_millis(50);

/// Runs the reload.
pub(crate) fn run(words: &Args) -> i32 {
    reload(words).unwrap_or_else(|why| {
        say(PROGRAM, Severity::Fatal, why);
        EXIT_TEMPORARY
    })
}

fn reload(words: &Args) -> Result<i32, String> {
    let (start, edge) = match words.value("--pid") {
        Some(text) => of_pid(words, text)?,
        None => {
            let edge = Edge::of(words)?;
            (edge.start_pid()?, Some(edge))
        }
    };
    if let Some(status) = running::check(start) {
        say(PROGRAM, Severity::Fatal, "nothing was reloaded: what serves goes on serving");
        return Ok(status);
    }
    let before = edge.as_ref().map_or(Ok(None), Edge::reload)?;
    let pid = i32::try_from(start).ok().and_then(Pid::from_raw).ok_or("no process id for the socket")?;
    kill_process(pid, Signal::HUP).map_err(|errno| format!("unable to signal fosse-start (PID {start}): {errno}"))?;
    match edge {
        Some(edge) => wait(edge, start, before.map_or(0, |reload| reload.number)),
        None => Ok(print("asked for; this edge has no status socket, so its log alone says how it ends\n")),
    }
}

/// Returns a fosse-start that is named by its process ID, with its edge where that has a status
/// socket.
fn of_pid(words: &Args, text: &str) -> Result<(u32, Option<Edge>), String> {
    let pid: u32 = text.parse().map_err(|_| format!("--pid: '{text}' is not a process id"))?;
    if words.value("--status-socket").is_some() {
        return Ok((pid, Some(Edge::of(words)?)));
    }
    Ok((pid, with_status(pid)))
}

/// Returns the edge of a fosse-start, where it has a status socket.
fn with_status(start: u32) -> Option<Edge> {
    // Others are for clients, and log that they are asked: those with the usual name first.
    let mut paths = running::listening(start);
    paths.sort_by_key(|path| !path.to_string_lossy().ends_with("status.sock"));
    paths.into_iter().map(Edge::at).find(|edge| edge.reload().is_ok())
}

/// Waits for the end of the first reload after `before`.
fn wait(mut edge: Edge, start: u32, before: u32) -> Result<i32, String> {
    let begun = Instant::now();
    while begun.elapsed() < WAIT_MAX {
        std::thread::sleep(LOOK_EACH);
        if !running::lives(start) {
            return Err(format!("fosse-start (PID {start}) is gone; its log says why"));
        }
        let Ok(Some(reload)) = edge.reload() else {
            // One that ends while it responds is asked again: fosse-start replaces it. A file that
            // is gone is that of a configuration which was in force before.
            if !edge.has_socket() {
                match with_status(start) {
                    Some(other) => edge = other,
                    None => return Ok(print("new lanes serve; this edge has no status socket any more\n")),
                }
            }
            continue;
        };
        let failed = || format!("reload {} failed: {}; what served goes on serving", reload.number, reload.words);
        match reload.progress.as_str() {
            "serves" if reload.number > before => {
                if !reload.words.is_empty() {
                    say(PROGRAM, Severity::Warning, format_args!("not in force: {}", reload.words));
                }
                return Ok(print("new lanes serve; the old ones finish what is under way\n"));
            }
            "failed" if reload.number > before => return Err(failed()),
            "failed-for-good" if reload.number > before => {
                say(PROGRAM, Severity::Fatal, failed());
                return Ok(EXIT_PERMANENT);
            }
            _ => {}
        }
    }
    Err(format!("the reload has not ended after {} s; the log says more", WAIT_MAX.as_secs()))
}
