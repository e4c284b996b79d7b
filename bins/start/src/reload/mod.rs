//! The steps of a reload: compile the configuration, start a new generation of lanes, give it to a
//! new accept, drain the old one. The first start is a reload from nothing. Whatever fails before
//! the new lanes are ready changes nothing.

pub(crate) mod compile;
pub(crate) mod report;
pub(crate) mod state;

use std::os::fd::AsFd as _;

use fosse_die::{info, warning};
use fosse_plan::Plan;
use fosse_wire::launch::Program;

use self::state::{Output, Reload, ReloadState};
use crate::{
    PROGRAM, check,
    generation::Generation,
    lanes::{Lane, LaneState, connections},
    launch::{launcher::SpawnContext, zygote},
    limits,
    options::Options,
    services::{acme, bound::Job, cache_disk, logs},
    sockets::socket::{Open, look, remove_files},
    state::State,
};

/// Begins a reload: fosse-config reads the configuration.
///
/// # Errors
/// The reason, as it is reported.
pub(crate) fn begin(reload: &mut Reload, state: &mut State, options: &Options) -> Result<(), String> {
    reload.permanent = false;
    reload.not_in_force.clear();
    let configuration = compile::open_configuration(reload, options)?;
    let not_run = |errno| format!("unable to run fosse-config: {errno}");
    state.launcher.programs.refresh(options.programs.as_fd()).map_err(not_run)?;
    state.services.renew_outdated();
    let cx = SpawnContext::new(&state.launcher, &state.event_loop, &state.generation);
    compile::run_config(reload, &mut state.children, cx, options, configuration, None).map_err(not_run)
}

/// Takes the next step of a reload as soon as what it waits for was seen. Returns whether that was
/// the last.
///
/// # Errors
/// The reason that the reload cannot go on, as it is reported.
pub(crate) fn advance(reload: &mut Reload, state: &mut State, options: &Options) -> Result<bool, String> {
    compiled(reload, state, options)?;
    if reload.is_check() && zygote::serves(&state.children, &state.generation) {
        check::passed();
    }
    Ok(takes_over(reload, state))
}

/// Takes the next step of a generation that is to take the place of the one before. Returns whether
/// that was the last.
pub(crate) fn takes_over(reload: &mut Reload, state: &mut State) -> bool {
    match &reload.state {
        ReloadState::Lanes { .. } => lanes_ready(reload, state),
        ReloadState::Accept { .. } => return accept_ready(reload, state),
        ReloadState::Idle | ReloadState::Compiling(_) | ReloadState::Checking => {}
    }
    false
}

/// Takes the step after a one-shot, once that has exited with 0 and its output is whole: fosse-load
/// reads the files the plan names, fosse-config compiles what the configuration includes, or a
/// generation begins.
fn compiled(reload: &mut Reload, state: &mut State, options: &Options) -> Result<(), String> {
    let Some(Output { bytes, plan, configuration, certified }) = reload.take_output() else { return Ok(()) };
    if let Some((mut generation, mut images)) = certified.map(|certified| *certified) {
        images.seal()?;
        images.set = state.certificates.take_number();
        generation.tls = Some(images);
        return begin_generation(reload, state, options, generation);
    }
    let cx = SpawnContext::new(&state.launcher, &state.event_loop, &state.generation);
    let Some(plan) = plan else {
        let plan = Plan::decode(&bytes).map_err(|e| format!("plan: {e}"))?;
        // Only its first run has the configuration to come again for: it cannot ask for ever.
        if plan.includes && configuration.is_none() {
            return Err("plan: fosse-config wants included files that it has, or cannot have".into());
        }
        let configuration = configuration.filter(|_| plan.includes);
        return compile::run_load(reload, &mut state.children, cx, options, plan, configuration)
            .map_err(|errno| format!("unable to run fosse-load: {errno}"));
    };
    match configuration {
        Some(configuration) => {
            compile::run_config(reload, &mut state.children, cx, options, configuration, Some(&bytes))
                .map_err(|errno| format!("unable to run fosse-config: {errno}"))
        }
        None => loaded(reload, state, options, Generation::sealed(plan, &bytes)?),
    }
}

/// Takes the step after fosse-load: fosse-certs reads certificates, where there are any.
fn loaded(reload: &mut Reload, state: &mut State, options: &Options, mut next: Generation) -> Result<(), String> {
    next.authorities = acme::open(&next.plan, options).inspect_err(|_| reload.permanent = true)?;
    if !next.has_certificates() {
        return begin_generation(reload, state, options, next);
    }
    let files = state.certificates.copied(&next.plan, options).inspect_err(|_| reload.permanent = true)?;
    let cx = SpawnContext::new(&state.launcher, &state.event_loop, &state.generation);
    compile::run_certs(reload, &mut state.children, cx, next, files, options)
        .map_err(|errno| format!("unable to run fosse-certs: {errno}"))
}

fn begin_generation(reload: &mut Reload, state: &mut State, options: &Options, next: Generation) -> Result<(), String> {
    // Once the accept before has left it is too late to find that there is no other.
    if let Some(program) = state.launcher.programs.missing(next.programs()) {
        let name = program.name();
        return Err(format!("fosse-{name} is not in the directory of the programs, or cannot be executed"));
    }
    // The rights of an ordinary user who checks say nothing of the user who is going to start.
    let looks_at_files = state.launcher.privileged || !options.check;
    let hindrance = logs::hindrance(options.log_directory(), &next.plan).or_else(|| cache_disk::hindrance(&next.plan));
    if let Some(why) = hindrance.filter(|_| looks_at_files) {
        reload.permanent = true;
        return Err(why);
    }
    let jobs = Job::all_of(&next);
    if options.check {
        if looks_at_files {
            jobs?;
        }
        return check_generation(reload, state, next);
    }
    let jobs = jobs?;
    let opened = state.listeners.open_all(&next.plan, state.launcher.privileged)?;
    let wanted = next.plan.uid_base;
    let mut next = next.numbered_after(&state.generation)?;
    if state.launcher.privileged && next.number == 1 {
        next.plan.uid_base = state.listeners.claim_uids(wanted, options.next_uids)?;
    } else if state.launcher.privileged && next.plan.uid_base != wanted && !options.next_uids {
        let in_force = next.plan.uid_base;
        reload.leave_out(format!("uid_base stays {in_force} and not {wanted} until fosse-start is started again"));
    }
    if next.number == 1 {
        renew_status(reload, state, &mut next.plan);
    }
    enter(reload, state, next, opened, jobs);
    Ok(())
}

fn renew_status(reload: &mut Reload, state: &mut State, plan: &mut Plan) {
    let (is_other, failed) = state.listeners.renew_status(plan, state.launcher.privileged);
    if is_other {
        // The next one begins with the other socket.
        state.services.status = None;
    }
    for why in failed {
        warning(PROGRAM, format_args!("event=no-status why=\"{why}\""));
        reload.not_in_force.push(why);
    }
}

/// Has a generation take the place of the one before, until its lanes serve or it fails.
pub(crate) fn enter(reload: &mut Reload, state: &mut State, next: Generation, opened: Vec<Open>, jobs: Vec<Job>) {
    state.services.bound.add(next.number, jobs);
    let before = (std::mem::replace(&mut state.generation, next), std::mem::replace(&mut state.listeners.open, opened));
    reload.state = ReloadState::Lanes { before: Box::new(before) };
    state.look_up_cores();
}

/// Does the rest of a check: the places of listeners, and whether the rules compile.
fn check_generation(reload: &mut Reload, state: &mut State, next: Generation) -> Result<(), String> {
    next.plan.listeners.iter().try_for_each(look)?;
    state.generation = next;
    reload.state = ReloadState::Checking;
    Ok(())
}

/// Has the new generation serve once all of its lanes are ready: from then on the reload can no
/// longer fail.
fn lanes_ready(reload: &mut Reload, state: &mut State) {
    let number = state.generation.number;
    let State { children, services, .. } = state;
    let has_next = services.accept.is_none() || services.next_accept.is_some_and(|next| children.is_ready(next));
    let has_services = services.bound.are_ready(number, children);
    if !has_next || !has_services || state.lanes.live(number) < state.cores.len() {
        return;
    }
    let ReloadState::Lanes { before } = std::mem::take(&mut reload.state) else { return };
    let (generation, listeners) = *before;
    state.launcher.programs.settle();
    state.certificates.serves();
    // The first one was started with its files.
    if generation.number != 0 {
        state.services.log_edition += 1;
        put_in_force(reload, state, &listeners);
    }
    reload.state = ReloadState::Accept { before: listeners };
    let deadline_ms = state.generation.drain_deadline_ms(state.event_loop.now_ms());
    state.lanes.drain_others(number, deadline_ms);
    cut_oldest(state);
    // The old one leaves before the next one is given anything. New connections wait in the listen
    // queue.
    state.services.accept = state.services.next_accept.take();
    // So do the old prober, the old resolve and the old cache: a page has one writer. So does the
    // old acme, which has a file.
    (state.services.acme, state.services.acme_connect) = (None, None);
    (state.services.prober, state.services.resolve, state.services.cache) = (None, None, None);
}

/// Puts in force what no other process is started for.
fn put_in_force(reload: &mut Reload, state: &mut State, before: &[Open]) {
    let mut plan = std::mem::take(&mut state.generation.plan);
    renew_status(reload, state, &mut plan);
    state.generation.plan = plan;
    state.listeners.renew_rights(&state.generation.plan, before).into_iter().for_each(|why| reload.leave_out(why));
}

/// Cuts off the oldest generation where more live than may: whoever puts a deny list in force must
/// not wait for the connections of hours ago.
fn cut_oldest(state: &mut State) {
    let State { children, lanes, .. } = state;
    let generations = lanes.generations();
    let Some(oldest) = generations.first().filter(|_| generations.len() > limits::GENERATIONS_MAX) else { return };
    let waits = connections::open(children, lanes, |lane| lane.generation == *oldest);
    warning(PROGRAM, format_args!("event=generation-cut generation={oldest} waits=\"{waits}\" action=kill"));
    lanes.cut(*oldest);
}

/// Cuts off generations whose time to drain is over, which is said.
pub(crate) fn cut_overdue(state: &mut State) {
    let now_ms = state.event_loop.now_ms();
    let State { children, lanes, .. } = state;
    let is_overdue = |lane: &&Lane| matches!(lane.state, LaneState::Draining(until_ms) if until_ms <= now_ms);
    let mut overdue: Vec<u32> = lanes.iter().filter(is_overdue).map(|lane| lane.generation).collect();
    overdue.dedup();
    for generation in overdue {
        let waits = connections::open(children, lanes, |lane| lane.generation == generation);
        let limit = "drain_seconds_max";
        warning(
            PROGRAM,
            format_args!("event=generation-cut generation={generation} waits=\"{waits}\" limit={limit} action=kill"),
        );
        lanes.cut(generation);
    }
}

/// Ends a reload once an accept is ready. Returns whether one is.
fn accept_ready(reload: &mut Reload, state: &mut State) -> bool {
    let State { children, lanes, generation, listeners, services, .. } = state;
    let is_alone = children.iter().filter(|(_, process)| process.program == Program::Accept).count() == 1;
    if !is_alone || !services.accept.is_some_and(|accept| children.is_ready(accept)) {
        return false;
    }
    let ReloadState::Accept { before } = std::mem::take(&mut reload.state) else { return false };
    remove_files(&before, &listeners.open);
    generation.tell_of_descriptors();
    let live = lanes.live(generation.number);
    info(PROGRAM, format_args!("event=serving generation={} lanes={live}", generation.number));
    true
}

/// Goes back to the configuration before a reload that failed: what served goes on serving.
pub(crate) fn roll_back(reload: &mut Reload, state: &mut State) {
    state.launcher.programs.roll_back();
    match std::mem::take(&mut reload.state) {
        ReloadState::Compiling(compilation) => {
            if let Some(fd) = compilation.out {
                let _ = state.event_loop.remove(&fd);
            }
        }
        ReloadState::Lanes { before } => {
            let failed = state.generation.number;
            let (generation, listeners) = *before;
            state.services.bound.roll_back(failed, generation.number);
            state.generation = generation;
            state.look_up_cores();
            let opened = std::mem::replace(&mut state.listeners.open, listeners);
            remove_files(&opened, &state.listeners.open);
            state.lanes.give_up(failed);
            state.services.next_accept = None;
            if state.generation.number != 0 {
                state.generation.number = failed;
            }
        }
        _ => {}
    }
}
