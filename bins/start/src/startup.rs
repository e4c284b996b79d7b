//! From the command line to the loop.

use std::os::fd::OwnedFd;

use fosse_die::{fatal, info, temporary};
use fosse_eventloop::EventLoop;
use fosse_lockdown::{Mode as LockdownMode, launcher::lock_launcher};
use fosse_sys::signal::{Signal, Signals};
use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use crate::{
    PROGRAM, check,
    children::Children,
    fork_server::ForkServer,
    kernel_log::KernelLog,
    launcher::Launcher,
    listeners::{Listeners, handed_over},
    namespaces,
    notify::Notify,
    options::Options,
    programs::Programs,
    state::State,
    successor_state::{decode, is_successor, table_of_predecessor},
    supervisor::Supervisor,
};

/// Runs the edge.
pub fn run() -> ! {
    let options = Options::of_process();
    match supervisor(options) {
        Ok(supervisor) => supervisor.run(),
        Err(errno) => temporary(PROGRAM, format_args!("unable to begin: {errno}")),
    }
}

/// Makes the supervisor. The order of the steps is the point: each takes away what the next no
/// longer needs.
fn supervisor(options: Options) -> Result<Supervisor, Errno> {
    let handed = handed_over();
    // A successor's predecessor has told who waited; under that number there may be anything by
    // now. Whoever waits for an edge is told nothing by a check, though it may hear of one (a check
    // before a start or a reload).
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
    let launcher = launcher(&options, programs)?;
    let listeners = Listeners { handed, ..Listeners::default() };
    let children = Children::new(check::slots(options.check));
    let mut state = State::new(EventLoop::new()?.without_linger(), launcher, children, listeners);
    take_over(&mut state);
    Ok(Supervisor::new(options, signals, notify, kernel_log, state))
}

/// Takes over from the start this one was executed by, if there is one.
fn take_over(state: &mut State) {
    let Some(table) = table_of_predecessor() else { return };
    match decode(&table, state.event_loop.now_ms()) {
        Ok(left) => state.take_over(left),
        Err(error) => temporary(PROGRAM, format_args!("unable to take over from the start before: {error}")),
    }
    info(PROGRAM, "event=upgraded");
}

/// Makes the fork server, then gives up the rights that only it has needed.
fn launcher(options: &Options, programs: Programs) -> Result<Launcher, Errno> {
    let (privileged, mode) = (rustix::process::geteuid().is_root(), options.mode);
    // A successor finds the fork server in its predecessor's table: what is needed to make one is
    // gone by then.
    let fork_server = if is_successor() { ForkServer::none()? } else { ForkServer::open(privileged, mode)? };
    if privileged {
        namespaces::keep_start_capabilities();
    } else {
        check::tell_ordinary_user(options.check);
    }
    // A successor inherits what its predecessor gave up.
    if mode != LockdownMode::Off && !is_successor() {
        lock_launcher(mode).unwrap_or_else(|refusal| fatal(PROGRAM, refusal));
    }
    let null: OwnedFd = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    Ok(Launcher { privileged, mode, fork_server, programs, null })
}

/// Closes what whoever started us has left open and nobody has named: under its number a child
/// would take it for its own. A successor has nothing like that: its predecessor let through what
/// the table names.
fn close_strays() {
    (3..fosse_sys::fd::INHERITED_FDS_MAX).for_each(|number| drop(fosse_sys::fd::take(number)));
}

/// As many descriptors as the hard limit allows: lanes hold a client and a backend socket for each
/// request.
fn more_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
