//! From the command line to the loop.

use std::{collections::HashMap, os::fd::OwnedFd};

use fosse_die::{fatal, info, temporary};
use fosse_eventloop::Turn;
use fosse_eventloop::slab::Slab;
use fosse_lockdown::launcher::lock_launcher;
use fosse_sys::signal::{Signal, Signals};
use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use crate::{
    PROGRAM,
    change::Change,
    check,
    edge::{Current, Edge},
    kernel_log::KernelLog,
    listeners,
    marks::Marks,
    namespaces,
    notify::Notify,
    nursery::Nursery,
    options::Options,
    programs::Programs,
    upgrade::is_successor,
};

/// Runs the edge.
pub fn run() -> ! {
    let options = Options::of_process();
    let mut edge = match edge(options) {
        Ok(edge) => edge,
        Err(errno) => temporary(PROGRAM, format_args!("unable to begin: {errno}")),
    };
    match edge.take_over() {
        Ok(true) => info(PROGRAM, "event=upgraded"),
        Ok(false) => {}
        Err(error) => temporary(PROGRAM, format_args!("unable to take over from the start before: {error}")),
    }
    edge.run()
}

#[expect(
    clippy::too_many_lines,
    reason = "the order of the steps is the point, and half of it is the fields of one value"
)]
fn edge(options: Options) -> Result<Edge, Errno> {
    let privileged = rustix::process::geteuid().is_root();
    let handed = listeners::handed_over();
    // A successor's predecessor has told who waited; under that number there may be anything by now.
    // Whoever waits for an edge is told nothing by a check, though it may hear of one (a check before a start or a reload).
    let notify = match options.check {
        true => Notify::default(),
        false => Notify::open(if is_successor() { None } else { options.ready_fd }),
    };
    if !is_successor() {
        close_strays();
    }
    more_descriptors();
    let mut programs = Programs::default();
    programs.refresh(&options)?;
    let signals = Signals::block(&[
        Signal::SIGCHLD,
        Signal::SIGHUP,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGUSR2,
        Signal::SIGPIPE,
    ])?;
    let kernel_log = KernelLog::open();
    // A successor finds the nursery in its predecessor's table: what is needed to make one is gone by then.
    let nursery = if is_successor() { Nursery::none()? } else { Nursery::open(privileged, options.mode)? };
    if privileged {
        namespaces::keep_start_capabilities();
    } else {
        check::tell_ordinary_user(options.check);
    }
    // A successor inherits what its predecessor gave up.
    if options.mode != fosse_lockdown::Mode::Off && !is_successor() {
        lock_launcher(options.mode).unwrap_or_else(|refusal| fatal(PROGRAM, refusal));
    }
    let slots = check::slots(options.check);
    let null: OwnedFd = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    Ok(Edge {
        options,
        turn: Turn::new()?.without_linger(),
        signals,
        nursery,
        programs,
        notify,
        kernel_log,
        privileged,
        processes: Slab::default(),
        launches: HashMap::new(),
        next_launch: 0,
        early_deaths: HashMap::new(),
        slots,
        lanes: Vec::new(),
        next_lane: 0,
        current: Current::nothing(),
        listeners: Vec::new(),
        handed,
        accept: None,
        marks: Marks::default(),
        log: None,
        status: None,
        store: None,
        store_outdated: false,
        status_listener: None,
        throttles: HashMap::new(),
        change: Change::Rest,
        change_again: false,
        upgrade_wanted: false,
        permanent: false,
        ending: None,
        null,
    })
}

/// Closes what whoever started us has left open and nobody has named: under its number a child would take it for its own.
/// A successor has nothing like that: its predecessor let through what the table names.
fn close_strays() {
    (3..fosse_sys::fd::INHERITED_FDS_MAX).for_each(|number| drop(fosse_sys::fd::take(number)));
}

/// As many descriptors as the hard limit allows: lanes hold a client and a backend socket for each request.
fn more_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
