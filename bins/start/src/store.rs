//! The store: one process for the whole edge, there as long as any rules keep records. It outlives
//! generations of lanes, so that counters do; each filter whose rules keep records has a socket to
//! it. Where it exits the next one begins empty.

use fosse_die::alert;
use fosse_eventloop::slab::Key;
use fosse_wire::{launch::Program, start::ToChild};
use rustix::net::SocketType;

use crate::{
    PROGRAM, children::Children, generation::Generation, launcher::SpawnContext, services, services::Services,
    spawn::pair, spawn_options::SpawnOptions,
};

/// Starts the store, and gives every filter that lives and needs one a session with it.
pub(crate) fn start(services: &mut Services, children: &mut Children, cx: SpawnContext<'_>) {
    services.store = services::start(children, cx, Program::Store, SpawnOptions::default());
    for filter in children.keys(|process| process.keeps_records) {
        introduce(services, children, filter);
    }
}

/// Has the store of the new programs take the place of the old one after an upgrade. It begins
/// empty: records have no form that both must know. Filters have their session with it before the
/// other closes.
pub(crate) fn renew(services: &mut Services, children: &mut Children, cx: SpawnContext<'_>) {
    if !std::mem::take(&mut services.store_outdated) {
        return;
    }
    let old = services.store.take();
    start(services, children, cx);
    old.into_iter().for_each(|old| children.leave(old));
}

/// Gives a filter of the current generation, before it reads a request, its session with the store.
pub(crate) fn filter_started(services: &Services, children: &mut Children, generation: &Generation, filter: Key) {
    if !generation.keeps_records {
        return;
    }
    if let Some(process) = children.get_mut(filter) {
        process.keeps_records = true;
    }
    introduce(services, children, filter);
}

fn introduce(services: &Services, children: &Children, filter: Key) {
    let Some(store) = services.store else { return };
    let lane = children.get(filter).and_then(|process| process.lane).unwrap_or(u32::MAX);
    match pair(SocketType::STREAM) {
        Ok((one, other)) => {
            children.tell(store, ToChild::Records { lane }, Some(&one));
            children.tell(filter, ToChild::Records { lane }, Some(&other));
        }
        Err(errno) => alert(PROGRAM, format_args!("event=no-way-to-store lane={lane} error=\"{errno}\"")),
    }
}

/// Drains the store once no rules keep records any more and no process is left whose rules did.
pub(crate) fn release(services: &Services, children: &mut Children, generation: &Generation) {
    let used = generation.keeps_records || children.iter().any(|(_, process)| process.keeps_records);
    if let Some(store) = services.store.filter(|_| !used) {
        children.leave(store);
    }
}
