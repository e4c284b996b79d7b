//! Reaping: a child's exit is a message. It is reported, a source may be penalised for it, and a
//! lane ends with it.

use fosse_die::{alert, warning};
use fosse_eventloop::slab::Key;
use fosse_wire::{launch::Program, start::ToChild};

use rustix::process::{Pid, WaitOptions, waitpid};

use crate::{
    PROGRAM,
    children::Children,
    kernel_log::KernelLog,
    lane::Lanes,
    process::{End, Exit, Process},
    services::Services,
};

/// Returns the next child that has exited, and how.
pub(crate) fn next_exit() -> Option<(Pid, End)> {
    let (pid, status) = waitpid(None, WaitOptions::NOHANG).ok()??;
    Some((pid, End::of(status)))
}

/// Returns the exit to report, if start has not asked for it. A stage that may have exited because
/// a peer crashed is the lane's suspect until the next exits show more.
pub(crate) fn unexpected(process: &Process, end: End, lanes: &mut Lanes) -> Option<Exit> {
    let one_shot = matches!(process.program, Program::Config | Program::Load);
    if process.leaving || one_shot {
        return None;
    }
    let exit = Exit { program: process.program, lane: None, pid: process.pid, end };
    let Some(lane) = process.lane.and_then(|number| lanes.find_mut(number)) else { return Some(exit) };
    let exit = Exit { lane: Some(lane.number), ..exit };
    if lane.state.is_wanted() && end.follows_another() {
        lane.suspect = Some(exit);
        return None;
    }
    let is_cause = lane.suspect.is_some() && !process.killed && !end.follows_another();
    if lane.state.is_wanted() || is_cause {
        lane.suspect = None;
        return Some(exit);
    }
    None
}

/// Reports an exit in one line, and counts it where it is a crash.
pub(crate) fn report_crash(exit: Exit, children: &mut Children, kernel_log: &mut KernelLog, now_ms: u64) {
    let Exit { program, lane, pid, end } = exit;
    let (name, lane) = (program.name(), lane.map(|n| format!(" lane={n}")).unwrap_or_default());
    let pid = pid.map_or(0, |pid| pid.as_raw_nonzero().get());
    if end.sandbox_violation() {
        let call = kernel_log.violation(pid).unwrap_or_else(|| "call=unknown".into());
        alert(PROGRAM, format_args!("event=\"sandbox violation\" program={name}{lane} pid={pid} {call}"));
    } else {
        warning(PROGRAM, format_args!("event=exited program={name}{lane} pid={pid} {end}"));
    }
    children.losses.note(program, exit.lane);
    if end.own_fault() {
        children.crashed(program, now_ms);
    }
}

/// Has accept penalise the source of the bytes that a stage crashed over. Stages that follow it may
/// be reaped before it is, but they exit between two turns, when no connection is being worked on.
pub(crate) fn penalise(process: &Process, end: End, services: &Services, children: &Children) {
    let connection = process.page.get(fosse_counters::STREAM_CONNECTION);
    let is_crash = process.lane.is_some() && !process.killed && end.own_fault();
    if let Some(accept) = services.accept.filter(|_| is_crash && connection != 0) {
        children.tell(accept, ToChild::Penalise { connection }, None);
    }
}

/// Ends a lane that lost a stage: accept gives it nothing more, parse responds as it can, the rest
/// is killed.
pub(crate) fn close_lane(children: &mut Children, services: &Services, number: u32, left: &[Key], end: End) {
    if let Some(accept) = services.accept {
        children.tell(accept, ToChild::LaneDrain { lane: number }, None);
    }
    if end.follows_another() {
        // Which stage crashed is not known yet: those that are left exit by themselves and show it.
        return;
    }
    for key in left {
        if children.get(*key).is_some_and(|process| process.program != Program::Parse) {
            children.kill(*key);
        }
    }
}
