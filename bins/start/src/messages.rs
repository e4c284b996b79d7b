//! Messages from children: the replies to launches, and what each says of itself.

use fosse_die::EXIT_TEMPORARY;
use fosse_eventloop::slab::Key;
use fosse_wire::{launch::Program, start::ToStart};
use rustix::io::Errno;

use crate::{
    certificates::orders,
    children::process::{End, pid_of},
    exits,
    lanes::stages,
    reload::state::Reload,
    state::State,
};

/// Reads the replies of the fork server.
pub(crate) fn read_replies(state: &mut State, reload: &mut Reload) {
    while let Some(reply) = state.launcher.fork_server.next_reply() {
        if let ToStart::Started { token, pid, errno } = reply {
            launched(state, reload, token, pid, errno);
        }
    }
}

/// Reads the messages of a child. One that sends what it must not send is killed.
pub(crate) fn read(state: &mut State, reload: &mut Reload, key: Key) {
    while let Some(message) = state.children.receive(key, &state.event_loop) {
        if !act_on(state, reload, key, message) {
            return state.children.misbehaved(key, "message it must not send");
        }
    }
}

/// Acts on a message of a child. Returns false where the child must not send it now.
pub(crate) fn act_on(state: &mut State, reload: &mut Reload, key: Key, message: ToStart) -> bool {
    let Some(process) = state.children.get_mut(key) else { return true };
    match message {
        ToStart::Ready if !process.ready => {
            state.children.set_ready(key);
            stages::stage_ready(&mut state.lanes, &mut state.children, key);
        }
        ToStart::Drained => {}
        ToStart::Strike(strike) if process.program == Program::Accept => state.penalties.keep(strike),
        ToStart::KeyWanted { certificate } if process.program == Program::Acme => {
            orders::key_wanted(state, reload, key, certificate);
        }
        ToStart::Chain { certificate } if process.program == Program::Acme => {
            return orders::chain(state, reload, key, certificate);
        }
        ToStart::CertificatesWanted { tag } if process.program == Program::Status => state.certificates.want(tag),
        ToStart::Adopted { set } if process.program == Program::Tls => {
            let lane = process.lane.and_then(|number| state.lanes.find_mut(number));
            lane.into_iter().for_each(|lane| lane.adopted = set);
        }
        ToStart::KeepsRecords if process.zygote && !process.ready => {
            state.generation.keeps_records |= state.generation.zygote == Some(key);
        }
        ToStart::Started { token, pid, errno } if process.zygote => launched(state, reload, token, pid, errno),
        _ => return false,
    }
    true
}

/// Notes the reply to a launch: the child exists, or never will.
pub(crate) fn launched(state: &mut State, reload: &mut Reload, token: u32, pid: u32, errno: u16) {
    let Some(key) = state.children.launches.done(token) else { return };
    let Some(pid) = pid_of(pid) else {
        return not_made(state, reload, key, Errno::from_raw_os_error(i32::from(errno)));
    };
    state.children.has_pid(key, pid);
    if let Some(end) = state.children.launches.early_exit(pid) {
        exits::exited(state, reload, key, end);
    }
}

/// Goes on where the kernel has refused to make a child: nothing else of the edge depends on it,
/// and there is another try after a pause.
fn not_made(state: &mut State, reload: &mut Reload, key: Key, errno: Errno) {
    let Some(process) = state.children.get_mut(key) else { return };
    let program = process.program;
    process.leaving = true;
    state.children.not_started(program, errno, state.event_loop.now_ms());
    exits::exited(state, reload, key, End::Exit(EXIT_TEMPORARY));
}
