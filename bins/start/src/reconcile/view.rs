//! The desired state of an edge: what follows from its configuration, the step of a reload and an
//! end that was asked for.

use fosse_eventloop::slab::Key;
use fosse_wire::{launch::Program, start::Stream};

use crate::{
    generation::Generation,
    lanes::beside,
    launch::zygote,
    reconcile::desired::{Desired, Place},
    reload::state::{Reload, ReloadState},
    services::{acme, bound::BoundService, logs, prober, resolve},
    sockets::socket::Open,
    state::State,
};

/// Returns what an edge should be now.
pub(crate) fn desired(state: &State, reload: &Reload) -> Desired {
    let ending = state.shutdown.as_ref().map(|shutdown| shutdown.ending);
    let (in_force, open) = in_force(&state.generation, &state.listeners.open, reload);
    let plan = &in_force.plan;
    let has_file = |stream: &Stream| logs::path(plan, *stream).is_some();
    Desired {
        places: places(state, reload),
        others: others(state, reload),
        bound: missing(state, reload),
        passwords: passwords(state),
        generation: state.generation.number,
        cores: cores(state, reload),
        encodes: state.generation.has_encode(),
        set: state.generation.set().filter(|_| state.generation.has_tls()),
        set_in_force: in_force.set(),
        beside: beside::wanted(&state.generation).collect(),
        is_urgent: reload.waits_for_lanes(),
        drains: ending.is_some() || !reload.waits_for_accept(),
        ending,
        now_ms: state.event_loop.now_ms(),
        // A plan has fewer (fosse_plan).
        listeners: u16::try_from(open.len()).unwrap_or(u16::MAX),
        addresses: in_force.addresses.iter().map(|(listener, _)| *listener).collect(),
        crashes: state.penalties.crashes.clone(),
        log_files: [Stream::Access, Stream::Audit].into_iter().filter(has_file).collect(),
        log_edition: state.services.log_edition,
        line_limit: u64::from(plan.log_second_lines_max) << 1 | u64::from(fosse_die::has_syslog_prefix()),
        report: state.reload_report.edition(),
        certificates: state.certificates.report.served,
        refusals: state.certificates.report.refused.as_ref().map(|_| state.certificates.report.refusals),
    }
}

/// Returns the generation that serves, with its listeners: while the lanes of another are being
/// started, the one before.
pub(crate) fn in_force<'s>(
    generation: &'s Generation,
    open: &'s [Open],
    reload: &'s Reload,
) -> (&'s Generation, &'s [Open]) {
    match &reload.state {
        ReloadState::Lanes { before } if before.0.number != 0 => (&before.0, &before.1),
        _ => (generation, open),
    }
}

fn places(state: &State, reload: &Reload) -> Vec<Place> {
    let State { services, generation, children, .. } = state;
    let (runs, is_check) = (generation.number != 0, reload.is_check());
    let keeps_records = generation.keeps_records || children.iter().any(|(_, process)| process.keeps_records);
    // Rules say only while they are compiled that they keep records.
    let may_keep_records = keeps_records || reload.waits_for_lanes() && services.store.is_some();
    let spool = generation.plan.spool.as_ref();
    // One that goes on while new lanes are being started is not replaced before they serve.
    let has_accept = !reload.waits_for_lanes() || services.accept.is_some();
    let has_prober = if reload.waits_for_lanes() { services.prober.is_some() } else { prober::is_wanted(generation) };
    let has_resolve =
        if reload.waits_for_lanes() { services.resolve.is_some() } else { resolve::is_wanted(generation) };
    let has_cache = if reload.waits_for_lanes() { services.cache.is_some() } else { generation.keeps_responses() };
    let has_acme = if reload.waits_for_lanes() { services.acme.is_some() } else { acme::is_wanted(generation) };
    let wanted = [
        (runs, Program::Log, services.log),
        (runs && state.listeners.status.iter().any(Option::is_some), Program::Status, services.status),
        (runs && may_keep_records, Program::Store, services.store),
        (runs && spool.is_some(), Program::Spool, services.spool_at(spool)),
        ((runs || is_check) && generation.rules.is_some(), Program::WafFilter, generation.zygote),
        (runs && has_prober, Program::Prober, services.prober),
        (runs && has_resolve, Program::Resolve, services.resolve),
        (runs && has_cache, Program::Cache, services.cache),
        (runs && has_acme, Program::Acme, services.acme),
        (runs && has_accept, Program::Accept, services.accept),
        // Whoever serves leaves only when the one that is to follow has shown that it can.
        (reload.waits_for_lanes() && services.accept.is_some(), Program::Accept, services.next_accept),
    ];
    let alive = |key: &Key| children.get(*key).is_some();
    let place = |(program, holder): (Program, Option<Key>)| Place { program, holder: holder.filter(alive) };
    wanted.into_iter().filter(|(wanted, ..)| *wanted).map(|(_, program, holder)| place((program, holder))).collect()
}

/// Returns the services of generations that are still needed.
pub(crate) fn bound<'s>(state: &'s State, reload: &'s Reload) -> impl Iterator<Item = &'s BoundService> {
    let (in_force, _) = in_force(&state.generation, &state.listeners.open, reload);
    state.services.bound.needed(in_force, state.generation.number, &state.lanes)
}

/// Forgets the services of generations that no lane needs any more.
pub(crate) fn forget_bound(state: &mut State, reload: &Reload) {
    let needed: Vec<u32> = bound(state, reload).map(|one| one.number).collect();
    state.services.bound.retain(&needed);
}

/// Returns the number and the program of those that have no process.
fn missing(state: &State, reload: &Reload) -> Vec<(u32, Program)> {
    let without = bound(state, reload).filter(|one| !lives(state, one.process));
    without.map(|one| (one.number, one.job.program())).collect()
}

/// Returns which process checks the passwords of each generation that has lanes.
fn passwords(state: &State) -> Vec<(u32, Key)> {
    let of = |generation: u32| Some((generation, state.services.bound.passwords(generation)?));
    state.lanes.generations().into_iter().filter_map(of).collect()
}

fn lives(state: &State, process: Option<Key>) -> bool {
    process.is_some_and(|key| state.children.get(key).is_some())
}

/// Returns the services of generations, those that prober and cache have of their own, the one-shot
/// of a reload, and the zygote of the generation before, which makes filters until another
/// generation serves.
fn others(state: &State, reload: &Reload) -> Vec<Key> {
    let of_reload = match &reload.state {
        ReloadState::Compiling(compilation) => compilation.process,
        ReloadState::Lanes { before } => before.0.zygote,
        _ => None,
    };
    let State { services, .. } = state;
    // A connect that has lost a program beside it goes, and whoever asks it with it: another one of
    // all is started then.
    let is_whole = |beside: &Vec<Key>| beside.iter().all(|key| state.children.get(*key).is_some());
    let has_prober = services.prober.is_some() && is_whole(&services.beside_prober);
    let connect = services.prober_connect.into_iter().chain(services.beside_prober.iter().copied());
    let connect = connect.filter(|_| has_prober);
    let bound = bound(state, reload).filter_map(|one| one.process);
    let has_cache = services.cache.is_some() && is_whole(&services.beside_fill);
    let fill_lane = services.fill_lane.into_iter().flatten().chain(services.beside_fill.iter().copied());
    let fill_lane = fill_lane.filter(|_| has_cache);
    let of_acme = services.acme_connect.filter(|_| services.acme.is_some());
    let of_certificates = state.certificates.processes();
    of_reload.into_iter().chain(connect).chain(of_acme).chain(fill_lane).chain(bound).chain(of_certificates).collect()
}

fn cores(state: &State, reload: &Reload) -> Vec<u32> {
    let State { generation, children, .. } = state;
    if reload.waits_for_accept() || !zygote::serves(children, generation) {
        return Vec::new();
    }
    state.cores.clone()
}
