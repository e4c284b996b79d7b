//! fosse-acme: one for the whole edge, as long as certificates are ordered, with a connect of its
//! own that reaches the authorities and nothing else.
//!
//! A configuration does not change inside a process, so each one has an acme of its own, which goes
//! on with the state in the file. There is one at a time: the next one is started when the last has
//! exited. The channels over which lanes send it the questions of authorities outlive it, so what
//! is sent meanwhile waits.

use std::os::fd::{AsFd as _, OwnedFd};

use fosse_die::{Escaped, alert};
use fosse_eventloop::slab::Key;
use fosse_plan::{Plan, SYSTEM_ROOTS, TlsFile};
use fosse_wire::{launch::Program, start::ToChild};
use rustix::{
    io::{Errno, fcntl_dupfd_cloexec},
    net::SocketType,
};

use crate::{
    PROGRAM,
    certificates::files,
    children::Children,
    generation::{Authorities, Generation},
    lanes::Lanes,
    launch::{
        launcher::SpawnContext,
        spawn::{pair, spawn},
        spawn_options::SpawnOptions,
    },
    options::Options,
    services::{Services, bound::Challenges, renewals, resolve},
    state::State,
};

/// Descriptor of the first authority's `ca_file`; those of the others follow.
const CA_FILE_FD_FIRST: u8 = 16;
/// Descriptor of the first authority's `key_file`; those of the others follow.
const KEY_FILE_FD_FIRST: u8 = 24;

/// Opens what a plan names; `None` where it orders no certificates.
///
/// # Errors
/// What follows from the problems, which were reported before, or the call that failed.
pub(crate) fn open(plan: &Plan, options: &Options) -> Result<Option<Authorities>, String> {
    let Some(authorities) = &plan.authorities else { return Ok(None) };
    let mut opened = Vec::new();
    let mut problems = 0;
    for (number, of) in (0u8..).zip(&authorities.files) {
        let roots = of.roots.as_ref().map_or_else(|| system_roots(options), |file| open_file(file, options));
        let key = of.binding_key.as_ref().map(|file| open_file(file, options));
        let given = [(CA_FILE_FD_FIRST, Some(roots)), (KEY_FILE_FD_FIRST, key)];
        for (first, file) in given.into_iter().filter_map(|(first, file)| Some((first, file?))) {
            match file {
                Ok(fd) => opened.push((first + number, fd)),
                Err(why) => {
                    alert(PROGRAM, why);
                    problems += 1;
                }
            }
        }
    }
    if problems > 0 {
        return Err("the files of certificate authorities are not as they should be".to_owned());
    }
    let connect = fosse_sys::memfd::sealed("connect", &authorities.connect)
        .map_err(|errno| format!("unable to seal connect: {errno}"))?;
    Ok(Some(Authorities { connect, files: opened }))
}

fn open_file(file: &TlsFile, options: &Options) -> Result<OwnedFd, String> {
    let (place, path) = (Escaped(&file.place), Escaped(&file.path));
    files::open(file, options).map(|(fd, _)| fd).map_err(|why| format!("{place}: {path}: {why}"))
}

fn system_roots(options: &Options) -> Result<OwnedFd, String> {
    let first = TlsFile { path: SYSTEM_ROOTS[0].as_bytes().to_vec(), place: Vec::new(), is_key: false };
    files::open(&first, options).map(|(fd, _)| fd)
}

/// Returns whether a configuration orders certificates.
pub(crate) const fn is_wanted(generation: &Generation) -> bool {
    generation.authorities.is_some()
}

/// Makes the channels for the lanes of a generation that are asked by authorities, each when it is
/// first needed.
///
/// # Errors
/// Those of socketpair(2) and fcntl(2).
pub(crate) fn make_channels(services: &mut Services, generation: &Generation) -> Result<(), Errno> {
    let plan = generation.plan.authorities.as_ref().filter(|_| is_wanted(generation));
    let kept = &mut services.acme_kept;
    let challenges = Challenges {
        over_http: lane_end(&mut kept.over_http, plan.is_some_and(|plan| plan.ask_over_http))?,
        over_tls: lane_end(&mut kept.over_tls, plan.is_some_and(|plan| plan.ask_over_tls))?,
    };
    services.bound.set_challenges(generation.number, challenges);
    Ok(())
}

/// Returns the end of a channel that lanes get, which is made where it is wanted.
fn lane_end(channel: &mut Option<(OwnedFd, OwnedFd)>, is_wanted: bool) -> Result<Option<OwnedFd>, Errno> {
    if is_wanted && channel.is_none() {
        *channel = Some(pair(SocketType::SEQPACKET)?);
    }
    channel.as_ref().filter(|_| is_wanted).map(|(to, _)| fcntl_dupfd_cloexec(to, 3)).transpose()
}

/// Starts it with its connect. Where that fails it is reported, and both are missing until the next
/// try: the one that was begun has no place, and goes.
pub(crate) fn start(
    services: &mut Services,
    children: &mut Children,
    lanes: &Lanes,
    state_file: Result<OwnedFd, String>,
    cx: SpawnContext<'_>,
) {
    let state_file = match state_file {
        Ok(file) => file,
        Err(why) => {
            alert(PROGRAM, format_args!("event=no-acme why=\"{why}\""));
            return children.not_now(Program::Acme, cx.event_loop.now_ms());
        }
    };
    match start_both(services, children, lanes, state_file, cx) {
        Ok((acme, connect)) => (services.acme, services.acme_connect) = (Some(acme), Some(connect)),
        Err(errno) => children.not_started(Program::Acme, errno, cx.event_loop.now_ms()),
    }
}

fn start_both(
    services: &mut Services,
    children: &mut Children,
    lanes: &Lanes,
    state_file: OwnedFd,
    cx: SpawnContext<'_>,
) -> Result<(Key, Key), Errno> {
    let authorities = cx.generation.authorities.as_ref().ok_or(Errno::NOENT)?;
    // Whichever is started first, it or a lane: it has them from the beginning.
    make_channels(services, cx.generation)?;
    // What the one before was given is nobody's any more.
    services.acme_kept.rooms.clear();
    let (requests, replies) = pair(SocketType::SEQPACKET)?;
    let copy = |fd: &OwnedFd| fcntl_dupfd_cloexec(fd, 3);
    let mut fds = vec![(8, requests), (9, state_file)];
    let kept = &services.acme_kept;
    for (number, channel) in [(10, &kept.over_http), (12, &kept.over_tls)] {
        if let Some((_, from)) = channel {
            fds.push((number, copy(from)?));
        }
    }
    fds.extend(renewals::page_for_acme(lanes)?.map(|page| (11, page)));
    for (number, fd) in &authorities.files {
        fds.push((*number, copy(fd)?));
    }
    let acme = spawn(children, cx, Program::Acme, SpawnOptions { fds, ..SpawnOptions::default() })?;
    let mut fds = vec![(0, copy(&replies)?), (1, replies), (5, copy(&authorities.connect)?)];
    fds.extend(resolve::page_for_reader(lanes, cx.generation).map(|page| (8, page)));
    let connect = spawn(children, cx, Program::Connect, SpawnOptions { fds, ..SpawnOptions::default() })?;
    Ok((acme, connect))
}

/// Tells it of a key that was made, with the request that is signed with it, or was not.
pub(crate) fn csr(state: &mut State, certificate: u16, request: Result<&OwnedFd, Errno>) {
    let given = request.and_then(|request| Ok((request, fosse_sys::memfd::empty("chain")?)));
    match given {
        Ok((request, room)) => {
            tell(state, ToChild::Csr { certificate, errno: 0 }, Some(request));
            tell(state, ToChild::ChainRoom { certificate }, Some(&room));
            state.services.acme_kept.rooms.insert(certificate, room);
        }
        Err(errno) => {
            let errno = u16::try_from(errno.raw_os_error()).unwrap_or(u16::MAX);
            tell(state, ToChild::Csr { certificate, errno }, None);
        }
    }
}

/// Tells it whether what was issued for a certificate serves.
pub(crate) fn issued(state: &mut State, certificate: u16, taken: bool) {
    tell(state, ToChild::Issued { certificate, taken }, None);
}

/// Tells it something. What it does not get it gives up after a while, as any order that takes too
/// long.
fn tell(state: &State, message: ToChild, fd: Option<&OwnedFd>) {
    let Some(acme) = state.services.acme.and_then(|key| state.children.get(key)) else { return };
    let fds: Vec<_> = fd.iter().map(|fd| fd.as_fd()).collect();
    if let Err(errno) = fosse_fdpass::send(&acme.control, &message.encode(), &fds) {
        alert(PROGRAM, format_args!("event=not-told to=fosse-acme error=\"{errno}\""));
    }
}
