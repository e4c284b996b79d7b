//! The steps of a reload: compile the configuration, start a new generation of lanes, give it to a
//! new accept, drain the old one. The first start is a reload from nothing. Whatever fails before
//! the new lanes are ready changes nothing.

use std::os::fd::AsFd as _;

use fosse_die::{info, warning};
use fosse_eventloop::slab::Key;
use fosse_plan::Plan;

use crate::{
    PROGRAM, accept, check, compile,
    generation::Generation,
    lane::LaneState,
    lanes,
    launcher::SpawnContext,
    limits,
    listeners::{look, remove_files},
    logs,
    options::Options,
    reload_state::{Reload, ReloadState},
    state::State,
    waits,
};

/// Begins a reload: fosse-config reads the configuration.
///
/// # Errors
/// The reason, as it is reported.
pub(crate) fn begin(reload: &mut Reload, state: &mut State, options: &Options) -> Result<(), String> {
    reload.permanent = false;
    let configuration = compile::open_configuration(reload, options)?;
    let not_run = |errno| format!("unable to run fosse-config: {errno}");
    state.launcher.programs.refresh(options.programs.as_fd()).map_err(not_run)?;
    state.renew_store();
    let cx = SpawnContext::new(&state.launcher, &state.event_loop, &state.generation);
    compile::run_config(reload, &mut state.children, cx, options, configuration).map_err(not_run)
}

/// Takes the step after a one-shot, once that has exited with 0 and its output is whole: fosse-load
/// reads the files the plan names, or a generation begins.
///
/// # Errors
/// The reason that the reload cannot go on, as it is reported.
pub(crate) fn go_on(reload: &mut Reload, state: &mut State, options: &Options) -> Result<(), String> {
    match reload.take_output() {
        None => Ok(()),
        Some((bytes, None)) => {
            let plan = Plan::decode(&bytes).map_err(|e| format!("plan: {e}"))?;
            let cx = SpawnContext::new(&state.launcher, &state.event_loop, &state.generation);
            compile::run_load(reload, &mut state.children, cx, options, plan)
                .map_err(|errno| format!("unable to run fosse-load: {errno}"))
        }
        Some((bytes, Some(plan))) => begin_generation(reload, state, options, Generation::sealed(plan, &bytes)?),
    }
}

fn begin_generation(reload: &mut Reload, state: &mut State, options: &Options, next: Generation) -> Result<(), String> {
    // The rights of an ordinary user who checks say nothing of the user who is going to start.
    let looks_at_logs = state.launcher.privileged || !options.check;
    if let Some(why) = logs::hindrance(options.log_directory(), &next.plan).filter(|_| looks_at_logs) {
        reload.permanent = true;
        return Err(why);
    }
    if options.check {
        return check_generation(reload, state, next);
    }
    let opened = state.listeners.open_all(&next.plan, state.launcher.privileged)?;
    let mut next = next.numbered_after(&state.generation)?;
    if state.launcher.privileged && next.number == 1 {
        next.plan.uid_base = state.listeners.claim_uids(next.plan.uid_base, options.next_uids)?;
    }
    let before = (std::mem::replace(&mut state.generation, next), std::mem::replace(&mut state.listeners.open, opened));
    reload.state = ReloadState::Lanes { before: Box::new(before) };
    state.listeners.open_status(&state.generation.plan);
    state.start_log(options.log_directory());
    state.start_status();
    if state.generation.rules.is_some() {
        // The lanes come when the rules are compiled; where they do not compile, nothing changes.
        return state.start_zygote();
    }
    state.start_lanes()
}

/// Does the rest of a check: the places of listeners, and whether the rules compile.
fn check_generation(reload: &mut Reload, state: &mut State, next: Generation) -> Result<(), String> {
    next.plan.listeners.iter().try_for_each(look)?;
    state.generation = next;
    reload.state = ReloadState::Checking;
    if state.generation.rules.is_none() {
        check::passed();
    }
    state.start_zygote()
}

/// Another lane of the new generation is ready: with the last of them the reload can no longer
/// fail.
pub(crate) fn lane_ready(reload: &mut Reload, state: &mut State, options: &Options) {
    let number = state.generation.number;
    if state.lanes.any(number, LaneState::Starting) {
        return;
    }
    let ReloadState::Lanes { before } = std::mem::take(&mut reload.state) else { return };
    let (generation, listeners) = *before;
    // The first one was started with its files.
    if generation.number != 0 {
        state.renew_log_files(options.log_directory());
    }
    generation.zygote.into_iter().for_each(|zygote| state.children.leave(zygote));
    reload.state = ReloadState::Accept { before: listeners };
    let deadline_ms = state.generation.drain_deadline_ms(state.event_loop.now_ms());
    state.lanes.drain_others(number, deadline_ms);
    cut_oldest(state);
    match state.services.accept {
        // The old one leaves first: two must not read one lane's channel. New connections wait in
        // the listen queue.
        Some(accept) => state.children.leave(accept),
        None => state.start_accept(),
    }
}

/// Cuts off the oldest generation where more live than may: whoever puts a deny list in force must
/// not wait for the connections of hours ago.
fn cut_oldest(state: &mut State) {
    let State { children, lanes, .. } = state;
    let generations = lanes.generations();
    let Some(oldest) = generations.first().filter(|_| generations.len() > limits::GENERATIONS_MAX) else { return };
    let waits = waits::words(children, lanes, |lane| lane.generation == *oldest);
    warning(PROGRAM, format_args!("event=generation-cut generation={oldest} waits=\"{waits}\" action=kill"));
    lanes.processes(|lane| lane.generation == *oldest).into_iter().for_each(|key| children.kill(key));
}

/// Gives an accept that is ready all it serves with. Returns whether that was the last step of a
/// reload.
pub(crate) fn accept_ready(reload: &mut Reload, state: &mut State, accept: Key) -> bool {
    let State { children, lanes, generation, penalties, listeners, .. } = state;
    accept::give_all(children, accept, lanes, generation, penalties, &listeners.open);
    let ReloadState::Accept { before } = &reload.state else { return false };
    remove_files(before, &listeners.open);
    reload.state = ReloadState::Idle;
    lanes::drain(lanes, children);
    generation.tell_of_descriptors();
    let live = lanes.iter().filter(|lane| lane.state == LaneState::Live).count();
    info(PROGRAM, format_args!("event=serving generation={} lanes={live}", generation.number));
    true
}

/// Goes back to the configuration before a reload that failed: what served goes on serving.
pub(crate) fn roll_back(reload: &mut Reload, state: &mut State) {
    match std::mem::take(&mut reload.state) {
        ReloadState::Compiling(compilation) => {
            if let Some(fd) = compilation.out {
                let _ = state.event_loop.remove(&fd);
            }
        }
        ReloadState::Lanes { before } => {
            let (failed, zygote) = (state.generation.number, state.generation.zygote);
            let (generation, listeners) = *before;
            state.generation = generation;
            let opened = std::mem::replace(&mut state.listeners.open, listeners);
            remove_files(&opened, &state.listeners.open);
            for key in state.lanes.processes(|lane| lane.generation == failed).into_iter().chain(zygote) {
                if let Some(process) = state.children.get_mut(key) {
                    process.leaving = true;
                }
                state.children.kill(key);
            }
            state.lanes.give_up(failed);
            if state.generation.number != 0 {
                state.generation.number = failed;
            }
        }
        _ => {}
    }
}
