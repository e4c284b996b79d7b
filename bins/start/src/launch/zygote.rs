//! The zygote: a process of each generation that has compiled the rules and makes the filters of
//! its lanes, so that all share one copy and a filter that crashed is back at once. Where a
//! configuration has no rules there is none.

use fosse_eventloop::slab::Key;
use fosse_wire::launch::Program;
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use crate::{
    children::Children,
    generation::Generation,
    launch::{launcher::SpawnContext, spawn::spawn, spawn_options::SpawnOptions},
};

/// Starts the zygote of the current generation; returns none where that has no rules. It reports
/// errors in the rules on start's own descriptor 2, where the administrator who asked for the
/// reload looks.
///
/// # Errors
/// The error of the call that failed.
pub(crate) fn start(children: &mut Children, cx: SpawnContext<'_>) -> Result<Option<Key>, Errno> {
    let Some(rules) = &cx.generation.rules else { return Ok(None) };
    let fds = vec![(8, fcntl_dupfd_cloexec(rules, 3)?)];
    let args = vec!["--zygote".to_owned()];
    let options = SpawnOptions { fds, args, own_stderr: true, zygote: true, ..SpawnOptions::default() };
    spawn(children, cx, Program::WafFilter, options).map(Some)
}

/// Returns whether lanes can be made: the rules are compiled, or there are none.
pub(crate) fn serves(children: &Children, generation: &Generation) -> bool {
    generation.rules.is_none() || generation.zygote.is_some_and(|zygote| children.is_ready(zygote))
}
