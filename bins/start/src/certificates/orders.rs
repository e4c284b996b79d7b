//! What fosse-acme orders of start: keys for certificates to come, which fosse-keygen makes in
//! files of the store that it is given, and places for certificates that were issued.

use std::os::fd::OwnedFd;

use fosse_die::alert;
use fosse_eventloop::slab::Key;
use fosse_wire::launch::Program;
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use super::{
    run::OneShot,
    sets::{Certificates, Issued, KeyOrder},
    store::Store,
};
use crate::{
    PROGRAM, children::process::End, generation::Generation, launch::launcher::SpawnContext, reload::state::Reload,
    services::acme, state::State,
};

/// Has a key made for an order of fosse-acme. Numbers are those of the generation in force: while
/// another one is on its way the order has to wait.
pub(crate) fn key_wanted(state: &mut State, reload: &Reload, of: Key, certificate: u16) {
    if state.services.acme != Some(of) {
        return;
    }
    if reload.waits_for_lanes() {
        return acme::csr(state, certificate, Err(Errno::AGAIN));
    }
    make_key(state, certificate);
}

/// Takes the chain that fosse-acme has written. Returns false where it has no memory for one.
pub(crate) fn chain(state: &mut State, reload: &Reload, of: Key, certificate: u16) -> bool {
    if state.services.acme != Some(of) {
        return true;
    }
    let Some(room) = state.services.acme_kept.rooms.remove(&certificate) else { return false };
    // From here on nobody can change it.
    if reload.waits_for_lanes() || fosse_sys::memfd::seal(&room).is_err() {
        acme::issued(state, certificate, false);
    } else {
        issued(state, certificate, &room);
    }
    true
}

/// Has a key made for a certificate of the generation in force, with a request that is signed with
/// it.
fn make_key(state: &mut State, certificate: u16) {
    if state.certificates.keys.iter().any(|order| order.certificate == certificate) {
        // Its reply is on its way.
        return;
    }
    if state.generation.acme_id(certificate).is_none() {
        return acme::csr(state, certificate, Err(Errno::AGAIN));
    }
    let generation = state.generation.number;
    state.certificates.keys.push_back(KeyOrder { certificate, generation, making: None });
}

/// Takes a chain for a certificate of the generation in force.
fn issued(state: &mut State, certificate: u16, chain: &OwnedFd) {
    let State { certificates, generation, .. } = state;
    // What is looked at must be what is renamed.
    let id = generation.acme_id(certificate).filter(|id| !certificates.is_looked_at(*id)).ok_or(Errno::AGAIN);
    let staged = id.and_then(|id| {
        certificates.issued.retain(|other| other.id != id);
        let staged = certificates.store.as_ref().ok_or(Errno::NOENT)?.stage(id, chain)?;
        Ok(Issued { id, certificate, staged, tries: 0 })
    });
    match staged {
        Ok(issued) => certificates.issued.push_back(issued),
        Err(errno) => {
            alert(PROGRAM, format_args!("event=not-stored certificate={certificate} error=\"{errno}\""));
            acme::issued(state, certificate, false);
        }
    }
}

/// Ends the making of a key that is made, and begins the next.
pub(super) fn advance(state: &mut State) {
    let made = state.certificates.keys.front().and_then(|order| order.making.as_ref()?.0.end());
    if let Some(end) = made {
        let Some(KeyOrder { certificate, generation, making: Some((_, request)) }) =
            state.certificates.keys.pop_front()
        else {
            return;
        };
        if generation != state.generation.number {
            // Whoever has asked is gone, and numbers are others.
            return;
        }
        let sealed = if end == End::Exit(0) { fosse_sys::memfd::seal(&request) } else { Err(Errno::IO) };
        acme::csr(state, certificate, sealed.map(|()| &request));
    }
    let State { certificates, generation, children, launcher, event_loop, .. } = state;
    let Certificates { keys, store, .. } = certificates;
    keys.retain(|order| order.making.is_some() || order.generation == generation.number);
    let Some(order) = keys.front_mut().filter(|order| order.making.is_none()) else { return };
    let cx = SpawnContext::new(launcher, event_loop, generation);
    let begun = begin(order.certificate, store.as_ref(), generation)
        .and_then(|(fds, request)| Ok((OneShot::start(children, cx, Program::Keygen, fds, Vec::new())?, request)));
    match begun {
        Ok(making) => order.making = Some(making),
        Err(errno) => {
            let certificate = order.certificate;
            alert(PROGRAM, format_args!("event=no-key certificate={certificate} error=\"{errno}\""));
            keys.pop_front();
            acme::csr(state, certificate, Err(errno));
        }
    }
}

type Given = (Vec<(u8, OwnedFd)>, OwnedFd);

/// Returns what fosse-keygen is given for a certificate, and the memory for its request.
fn begin(certificate: u16, store: Option<&Store>, generation: &Generation) -> Result<Given, Errno> {
    let plan = generation.plan.acme.get(usize::from(certificate)).ok_or(Errno::INVAL)?;
    let key = store.ok_or(Errno::NOENT)?.make_key(plan.id)?;
    let request = fosse_sys::memfd::empty("request")?;
    let settings = fosse_sys::memfd::sealed("keygen", &plan.keygen)?;
    let given = fcntl_dupfd_cloexec(&request, 3)?;
    Ok((vec![(5, settings), (8, key), (9, given)], request))
}
