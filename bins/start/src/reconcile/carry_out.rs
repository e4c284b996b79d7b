//! Carrying out the steps of the life of processes.

use fosse_wire::launch::Program;
use rustix::io::Errno;

use crate::{
    certificates::store::Store,
    children::Children,
    lanes::{Lanes, beside, encode, keys, stages},
    launch::{launcher::SpawnContext, spawn::spawn, spawn_options::SpawnOptions, zygote},
    options::Options,
    reconcile::{lifecycle::Action, view::in_force},
    reload::state::Reload,
    services::{
        self, acme, cache, prober, questions, renewals, resolve, server_states, shares, source_rates, spool,
        ticket_seed,
    },
    shutdown,
    state::State,
};

/// Takes a step of the life of a process.
///
/// # Errors
/// The reason that a zygote, an accept, a lane or a process that serves files could not be started,
/// as it is reported.
pub(crate) fn carry_out(state: &mut State, action: Action, reload: &Reload, options: &Options) -> Result<(), String> {
    match action {
        Action::Start(Program::WafFilter) => return start_zygote(state),
        Action::Start(Program::Accept) => return start_accept(state),
        Action::StartLane(core) => return start_lane(state, core),
        Action::StartBound(number) => return start_bound(state, number),
        Action::StartEncode(lane) => start_again(state, lane, Program::Encode, encode::replace),
        Action::StartKeys(lane) => start_again(state, lane, Program::Keys, keys::replace),
        Action::StartBeside(lane, program) => {
            start_again(state, lane, program, |lanes, children, cx, lane| {
                beside::replace(lanes, children, cx, (lane, program))
            });
        }
        Action::Start(program) => start_service(state, program, reload, options),
        Action::CloseLanes => state.lanes.close(u64::MAX),
        Action::Leave(key) => state.children.leave(key),
        Action::Kill(key) => {
            state.children.leave(key);
            state.children.kill(key);
        }
        Action::Exit => shutdown::exit(state),
    }
    Ok(())
}

fn start_service(state: &mut State, program: Program, reload: &Reload, options: &Options) {
    let (in_force, _) = in_force(&state.generation, &state.listeners.open, reload);
    let cx = SpawnContext::new(&state.launcher, &state.event_loop, &state.generation);
    let (services, children) = (&mut state.services, &mut state.children);
    match program {
        Program::Log => {
            services::start_log(services, children, cx, &in_force.plan, options.log_directory());
        }
        Program::Status => {
            server_states::make_page(&mut state.lanes);
            questions::make_page(&mut state.lanes);
            renewals::make_page(&mut state.lanes);
            services::start_status(services, children, cx, &state.listeners.status, &state.lanes);
        }
        Program::Store => services.store = services::start(children, cx, program, SpawnOptions::default()),
        Program::Prober => prober::start(services, children, &state.lanes, cx),
        Program::Resolve => resolve::start(services, children, &state.lanes, cx),
        Program::Spool => spool::start(services, children, cx),
        Program::Cache => cache::start(services, children, &state.lanes, cx),
        Program::Acme => {
            renewals::make_page(&mut state.lanes);
            let file = state.certificates.store(options).and_then(Store::open_state);
            acme::start(services, children, &state.lanes, file, cx);
        }
        _ => {}
    }
}

/// Starts an accept: the one that serves, or the next.
///
/// # Errors
/// The reason, as it is reported.
fn start_accept(state: &mut State) -> Result<(), String> {
    let cx = SpawnContext::new(&state.launcher, &state.event_loop, &state.generation);
    let started = spawn(&mut state.children, cx, Program::Accept, SpawnOptions::default());
    let key = started.map_err(|errno| {
        state.children.not_started(Program::Accept, errno, state.event_loop.now_ms());
        format!("unable to start fosse-accept: {errno}")
    })?;
    state.services.add_accept(key);
    Ok(())
}

/// Starts the zygote, where the rules need one.
///
/// # Errors
/// The reason, as it is reported.
fn start_zygote(state: &mut State) -> Result<(), String> {
    let cx = SpawnContext::new(&state.launcher, &state.event_loop, &state.generation);
    let started = zygote::start(&mut state.children, cx);
    state.generation.zygote = started.map_err(|errno| {
        state.children.not_started(Program::WafFilter, errno, state.event_loop.now_ms());
        format!("unable to start a zygote: {errno}")
    })?;
    Ok(())
}

/// Starts the process of a service of a generation.
///
/// # Errors
/// The reason, as it is reported.
fn start_bound(state: &mut State, number: u32) -> Result<(), String> {
    let cx = SpawnContext::new(&state.launcher, &state.event_loop, &state.generation);
    let Some(program) = state.services.bound.find_mut(number).map(|one| one.job.program()) else { return Ok(()) };
    state.services.bound.start(number, &mut state.children, cx).map_err(|errno| {
        state.children.not_started(program, errno, state.event_loop.now_ms());
        format!("unable to start fosse-{}: {errno}", program.name())
    })
}

/// Starts another process in a lane: one from a module of [`crate::lanes`].
fn start_again(
    state: &mut State,
    lane: u32,
    program: Program,
    replace: impl FnOnce(&mut Lanes, &mut Children, SpawnContext<'_>, u32) -> Result<(), Errno>,
) {
    let cx = SpawnContext::new(&state.launcher, &state.event_loop, &state.generation);
    let now_ms = state.event_loop.now_ms();
    match replace(&mut state.lanes, &mut state.children, cx, lane) {
        Ok(()) => {}
        // Whoever was to get an end of it is gone, and the lane with it. A pause of the program
        // would keep the next lane waiting too.
        Err(Errno::PIPE | Errno::CONNRESET | Errno::SRCH) => {
            state.lanes.find_mut(lane).into_iter().for_each(|lane| lane.is_torn = true);
        }
        Err(errno) => state.children.not_started(program, errno, now_ms),
    }
}

fn start_lane(state: &mut State, core: u32) -> Result<(), String> {
    prober::make_page(&mut state.lanes, &state.generation);
    resolve::make_page(&mut state.lanes, &state.generation);
    server_states::make_page(&mut state.lanes);
    source_rates::make_page(&mut state.lanes);
    shares::make_page(&mut state.lanes);
    questions::make_page(&mut state.lanes);
    cache::make_memory(&mut state.lanes, &state.generation);
    ticket_seed::make(&mut state.lanes, &state.generation);
    acme::make_channels(&mut state.services, &state.generation)
        .map_err(|errno| format!("unable to make the channels of challenges: {errno}"))?;
    let cx = SpawnContext::new(&state.launcher, &state.event_loop, &state.generation);
    let started = stages::start(&mut state.lanes, &mut state.children, &state.services.bound, cx, core);
    started.map_err(|(program, errno)| {
        state.children.not_started(program, errno, state.event_loop.now_ms());
        format!("unable to start fosse-{}: {errno}", program.name())
    })
}
