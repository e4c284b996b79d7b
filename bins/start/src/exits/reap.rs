//! Reaping: every child that has exited.

use fosse_die::temporary;
use rustix::process::{WaitOptions, waitpid};

use crate::{PROGRAM, children::process::End, exits, messages, reload::state::Reload, state::State};

/// Takes note of every child that has exited.
pub(crate) fn reap(state: &mut State, reload: &mut Reload) {
    while let Ok(Some((pid, status))) = waitpid(None, WaitOptions::NOHANG) {
        let end = End::of(status);
        if pid == state.launcher.fork_server.pid {
            temporary(PROGRAM, format_args!("the fork server is gone: {end}"));
        }
        // Replies come before the exits they may be about.
        messages::read_replies(state, reload);
        let zygotes = state.children.keys(|process| process.zygote);
        zygotes.into_iter().for_each(|zygote| messages::read(state, reload, zygote));
        match state.children.by_pid(pid) {
            Some(key) => exits::exited(state, reload, key, end),
            None => state.children.launches.exited_early(pid, end),
        }
    }
}
