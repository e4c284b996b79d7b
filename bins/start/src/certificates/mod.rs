//! Sets of certificates. A set is no configuration: its files are read again when somebody asks for
//! it, or an authority has issued another, and every lane of the generation in force is given the
//! new one, without another generation. What fosse-certs refuses changes nothing.

pub(crate) mod copy;
pub(crate) mod files;
pub(crate) mod orders;
pub(crate) mod run;
pub(crate) mod sets;
pub(crate) mod store;

use std::os::fd::OwnedFd;

use fosse_die::{alert, info};
use fosse_wire::launch::Program;

use self::run::{Filled, OneShot};
use self::sets::{Cause, Run};
use crate::{
    PROGRAM, children::process::End, lanes::LaneState, launch::launcher::SpawnContext, options::Options,
    reload::state::Reload, services::acme, state::State,
};

/// Times that a run is tried which did not come to its end.
const TRIES_MAX: u8 = 3;

/// Takes every step that what was seen in this turn allows.
pub(crate) fn advance(state: &mut State, reload: &Reload, options: &Options) {
    orders::advance(state);
    end_run(state, reload);
    report_adopted(state);
    if state.certificates.run.is_none() && reload.is_idle() && state.shutdown.is_none() {
        begin_run(state, options);
    }
}

fn begin_run(state: &mut State, options: &Options) {
    // Authorities of servers are those of a configuration: a reload reads them again.
    if !state.generation.has_tls() {
        return nothing_to_read(state);
    }
    let State { certificates, generation, .. } = state;
    let (cause, files) = if let Some(mut issued) = certificates.issued.pop_front() {
        let Some(number) = generation.acme_number(issued.id) else {
            // A reload has left it out meanwhile.
            return certificates.discard(issued.id);
        };
        issued.certificate = number;
        let files = issued.files(generation, certificates, options);
        (Cause::Issued(issued), files)
    } else if let Some(tag) = certificates.wanted.take() {
        (Cause::Wanted(tag), certificates.copied(&generation.plan, options))
    } else {
        return;
    };
    let begun = files.and_then(|files| {
        let mut filled = Filled::new(generation, files).map_err(|errno| errno.to_string())?;
        let cx = SpawnContext::new(&state.launcher, &state.event_loop, generation);
        let (given, args) = (filled.take_given(), cause.args());
        let one_shot = OneShot::start(&mut state.children, cx, Program::Certs, given, args)
            .map_err(|errno| format!("unable to run fosse-certs: {errno}"))?;
        Ok((one_shot, filled))
    });
    match begun {
        Ok((one_shot, filled)) => {
            state.certificates.run = Some(Run { one_shot, generation: generation.number, cause, filled });
        }
        Err(why) => refuse(state, cause, &why, None),
    }
}

/// Ends what was asked of an edge without TLS.
fn nothing_to_read(state: &mut State) {
    while let Some(issued) = state.certificates.issued.pop_front() {
        refuse(state, Cause::Issued(issued), "no listener has TLS", None);
    }
    if let Some(tag) = state.certificates.wanted.take() {
        refuse(state, Cause::Wanted(tag), "no listener has TLS", None);
    }
}

/// Draws the consequences of a run that has ended.
fn end_run(state: &mut State, reload: &Reload) {
    let Some(end) = state.certificates.run.as_ref().and_then(|run| run.one_shot.end()) else { return };
    let Some(Run { generation, cause, filled, .. }) = state.certificates.run.take() else { return };
    if generation != state.generation.number || reload.waits_for_lanes() {
        return again(state, cause);
    }
    match end {
        End::Exit(0) => match filled.images.seal() {
            Ok(()) => adopt(state, reload, cause, filled),
            Err(why) => refuse(state, cause, &why, None),
        },
        End::Exit(fosse_die::EXIT_PERMANENT) => {
            let words = fosse_sys::memfd::seal(&filled.images.listing).is_ok().then_some(filled.images.listing);
            refuse(state, cause, "the certificates are not as they should be", words);
        }
        end => match cause {
            Cause::Issued(mut issued) if issued.tries < TRIES_MAX => {
                issued.tries += 1;
                again(state, Cause::Issued(issued));
            }
            cause => refuse(state, cause, &format!("fosse-certs did not get done ({end})"), None),
        },
    }
}

/// Has the same done once more, for the generation that is in force then.
fn again(state: &mut State, cause: Cause) {
    match cause {
        Cause::Wanted(tag) => state.certificates.wanted = Some(state.certificates.wanted.unwrap_or(tag)),
        Cause::Issued(issued) => state.certificates.issued.push_front(issued),
    }
}

/// Puts a set in force: lanes are given it by what follows from its number.
fn adopt(state: &mut State, reload: &Reload, cause: Cause, mut filled: Filled) {
    let State { certificates, generation, .. } = state;
    let tag = match &cause {
        Cause::Wanted(tag) => *tag,
        Cause::Issued(issued) => {
            if let Some(Err(errno)) = certificates.store.as_ref().map(|store| store.commit(issued.id)) {
                return refuse(state, cause, &format!("unable to store what was issued: {errno}"), None);
            }
            certificates.report.tag
        }
    };
    filled.images.set = certificates.take_number();
    certificates.report.refused = None;
    certificates.unreported = Some(tag);
    info(PROGRAM, format_args!("event=certificates set={}", filled.images.set));
    generation.tls = Some(filled.images);
    if let Cause::Issued(issued) = cause {
        if !reload.is_idle() {
            // What the next generation has read of the store is what was there before.
            certificates.wanted.get_or_insert(tag);
        }
        acme::issued(state, issued.certificate, true);
    }
}

fn refuse(state: &mut State, cause: Cause, why: &str, words: Option<OwnedFd>) {
    alert(PROGRAM, format_args!("event=certificates-refused why=\"{why}\" cure=\"the set in force stays\""));
    match cause {
        Cause::Issued(issued) => {
            state.certificates.discard(issued.id);
            acme::issued(state, issued.certificate, false);
        }
        Cause::Wanted(tag) => {
            let words = words.map_or_else(|| fosse_sys::memfd::sealed("refused", why.as_bytes()), Ok);
            let Ok(words) = words else { return };
            state.certificates.report.refusals += 1;
            state.certificates.report.refused = Some((tag, words));
        }
    }
}

/// Tells of a set once every lane that serves has it.
fn report_adopted(state: &mut State) {
    let Some(tag) = state.certificates.unreported else { return };
    let set = state.generation.set();
    let serving =
        |lane: &&crate::lanes::Lane| lane.generation == state.generation.number && lane.state == LaneState::Live;
    if state.lanes.iter().filter(serving).all(|lane| Some(lane.adopted) == set) {
        state.certificates.unreported = None;
        state.certificates.report.tag = tag;
        state.certificates.report.served += 1;
        info(PROGRAM, format_args!("event=certificates-served set={}", set.unwrap_or_default()));
    }
}
