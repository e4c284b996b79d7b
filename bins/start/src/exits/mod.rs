//! Exits: that of a child is a message. It is reported, a source may be penalised for it, and a
//! lane dies with it, but for one that loses its encode
//! or its keys.

pub(crate) mod kernel_log;
pub(crate) mod reap;

use fosse_die::{EXIT_PERMANENT, EXIT_TEMPORARY, alert, info, warning};
use fosse_eventloop::slab::Key;
use fosse_wire::{launch::Program, start::Door};

use crate::{
    PROGRAM,
    children::process::{End, Exit, Process, is_replaceable},
    lanes::{LaneState, Lanes},
    limits,
    penalties::Crash,
    reload::{compile, state::Reload},
    services::{cache, prober, shares},
    state::State,
};

/// Notes the exit of a child, and what else ends with it.
pub(crate) fn exited(state: &mut State, reload: &mut Reload, key: Key, end: End) {
    let Some(mut process) = state.children.remove(key, &state.event_loop) else { return };
    let State { children, services, lanes, penalties, .. } = state;
    children.keep_unread(key, &mut process, services.log);
    shares::take_back(lanes, &process);
    let is_next_accept = services.next_accept == Some(key);
    if process.program == Program::Accept && !is_next_accept {
        // The next one numbers connections in another way.
        penalties.crashes.retain(|crash| crash.source != 0);
    }
    penalties.crashes.extend(crash(&process, end));
    let unexpected = unexpected(&process, end, lanes);
    if services.accept == Some(key) && reload.waits_for_lanes() {
        // The next one would have the new configuration, and lanes of the old one: serving comes
        // first, then the reload.
        reload.fail("fosse-accept exited before the new lanes were ready");
        reload.wanted = true;
    }
    if is_next_accept && reload.waits_for_lanes() {
        reload.fail(format!("fosse-accept of the new generation: {end}"));
    }
    if services.bound.forget(key) == Some(state.generation.number) && reload.waits_for_lanes() {
        reload.fail(format!("fosse-{} of the new generation: {end}", process.program.name()));
    }
    services.forget(key);
    state.certificates.note_exit(key, end);
    compile::one_shot_exited(reload, key, process.program.name(), end);
    report_crash(state, unexpected);
    if process.zygote {
        zygote_exited(state, reload, key, end);
    }
    if let Some(number) = process.lane {
        lane_lost(state, reload, (number, key), process.program, end);
    }
    state.children.keep_uncounted(key, process);
}

/// Gives up the filters that a zygote was asked for and has not made. Those it has made live on.
fn zygote_exited(state: &mut State, reload: &mut Reload, key: Key, end: End) {
    for child in state.children.launches.lost(key) {
        exited(state, reload, child, End::Exit(EXIT_TEMPORARY));
    }
    if state.generation.zygote != Some(key) {
        return;
    }
    state.generation.zygote = None;
    if reload.waits_for_lanes() || reload.is_check() {
        reload.permanent = end == End::Exit(EXIT_PERMANENT);
        reload.fail(match reload.permanent {
            true => "the rules are not as they should be".to_owned(),
            false => format!("fosse-waf-filter did not get the rules compiled ({end})"),
        });
    }
}

/// Takes a process out of its lane, which dies with it. A reload fails where it was one of its own.
fn lane_lost(state: &mut State, reload: &mut Reload, (number, key): (u32, Key), program: Program, end: End) {
    if is_replaceable(program) && state.lanes.lose_replaceable(number, key) {
        return;
    }
    match program {
        Program::Parse => state.lanes.keep_rest(number, Door::Parse),
        Program::Tls => state.lanes.keep_rest(number, Door::Tls),
        Program::ParseH2 => state.lanes.keep_rest(number, Door::Http2),
        _ => {}
    }
    let until_ms = state.event_loop.now_ms().saturating_add(limits::DYING_MS_MAX);
    let Some(loss) = state.lanes.lose(number, key, until_ms) else { return };
    report_crash(state, loss.suspect);
    let is_last = !state.lanes.iter().any(|lane| lane.generation == loss.generation);
    if is_last && state.shutdown.is_none() && matches!(loss.state, LaneState::Draining(_)) {
        info(PROGRAM, format_args!("event=drained generation={}", loss.generation));
    }
    if reload.waits_for_lanes() && loss.generation == state.generation.number && loss.state.is_wanted() {
        reload.fail(format!("fosse-{} of the new generation: {end}", program.name()));
    }
}

/// Returns the exit to report, if start has not asked for it. A stage that may have exited because
/// a peer crashed is the lane's suspect until the next exits show more.
fn unexpected(process: &Process, end: End, lanes: &mut Lanes) -> Option<Exit> {
    let one_shot = matches!(process.program, Program::Config | Program::Load | Program::Certs | Program::Keygen);
    if process.leaving || one_shot || prober::has_followed(process, end) || cache::has_followed(process, end) {
        return None;
    }
    let exit = Exit { program: process.program, lane: None, pid: process.pid, end };
    let Some(lane) = process.lane.and_then(|number| lanes.find_mut(number)) else { return Some(exit) };
    let exit = Exit { lane: Some(lane.number), ..exit };
    if is_replaceable(process.program) && lane.state == LaneState::Live {
        // Nobody follows it. It follows another, or has said why it cannot go on.
        return Some(exit).filter(|exit| !exit.end.follows_another());
    }
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

/// Reports an exit in one line, and counts it where it is a crash. At the end of an edge every exit
/// is expected.
fn report_crash(state: &mut State, exit: Option<Exit>) {
    let Some(exit) = exit.filter(|_| state.shutdown.is_none()) else { return };
    let Exit { program, lane, pid, end } = exit;
    let (name, lane) = (program.name(), lane.map(|n| format!(" lane={n}")).unwrap_or_default());
    let pid = pid.map_or(0, |pid| pid.as_raw_nonzero().get());
    if end.sandbox_violation() {
        let call = state.kernel_log.violation(pid).unwrap_or_else(|| "call=unknown".into());
        alert(PROGRAM, format_args!("event=\"sandbox violation\" program={name}{lane} pid={pid} {call}"));
    } else {
        warning(PROGRAM, format_args!("event=exited program={name}{lane} pid={pid} {end}"));
    }
    // A lane goes on without its encode or its keys, and gets another.
    let lost = exit.lane.filter(|_| !is_replaceable(program));
    if let (Some(lost), Some(by)) = (lost, state.children.losses.note(program, lost)) {
        info(PROGRAM, format_args!("event=replaced lane={lost} by={by}"));
    }
    if end.own_fault() {
        state.children.crashed(program, state.event_loop.now_ms());
    }
}

/// Returns the crash of a stage, where it worked on bytes of a client. Stages that follow it may be
/// reaped before it is, but they exit between two turns, when no connection is being worked on.
fn crash(process: &Process, end: End) -> Option<Crash> {
    let connection = process.page.get(fosse_counters::STREAM_CONNECTION);
    let source = process.page.get(fosse_counters::STREAM_SOURCE);
    let is_crash = process.lane.is_some() && !process.killed && end.own_fault();
    (is_crash && connection != 0).then_some(Crash { connection, source })
}
