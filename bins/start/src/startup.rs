//! From the command line to the loop.

use std::os::fd::{AsFd, OwnedFd};

use fosse_die::{fatal, info, temporary, warning};
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
    exits::kernel_log::KernelLog,
    launch::{fork_server::ForkServer, launcher::Launcher, namespaces, programs::Programs, uid_range::UidRange},
    limits,
    notify::Notify,
    options::Options,
    reconcile::delivery,
    sockets::{
        activation::{self, NamedSocket},
        listeners::Listeners,
        port_finder::PortFinder,
    },
    state::State,
    supervisor::Supervisor,
    upgrade::successor_state::{decode, is_successor, table_of_predecessor},
};

/// Runs the edge.
pub fn run() -> ! {
    let options = Options::of_process();
    match supervisor(options) {
        Ok(supervisor) => supervisor.run(),
        Err(errno) => temporary(PROGRAM, format_args!("unable to begin: {errno}")),
    }
}

/// Makes the supervisor. The order of the steps matters: each gives up what the next no longer
/// needs.
fn supervisor(mut options: Options) -> Result<Supervisor, Errno> {
    // A check reports to no supervisor: one that waits for an edge may have it run before a start.
    let ready = options.ready_fd.take();
    let notify = if options.check { Notify::default() } else { Notify::open(ready) };
    // A successor finds the sockets in its predecessor's table, and nothing else that is open: the
    // predecessor lets through what the table names.
    let handed = if is_successor() { Vec::new() } else { sockets_of_supervisor() };
    more_descriptors();
    let mut programs = Programs::default();
    programs.refresh(options.programs.as_fd())?;
    let signals = Signals::block(&[
        Signal::SIGCHLD,
        Signal::SIGHUP,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGPIPE,
    ])?;
    let kernel_log = KernelLog::open();
    let (launcher, port_finder) = launcher(&options, programs)?;
    let uids = if launcher.privileged && !options.check && !is_successor() { uids_to_begin_with() } else { None };
    let listeners = Listeners { handed, uids, port_finder, ..Listeners::default() };
    let children = Children::new(check::slots(options.check));
    let mut state = State::new(EventLoop::new()?.without_linger(), launcher, children, listeners, kernel_log);
    if let Some(range) = &state.listeners.uids {
        state.generation.plan.uid_base = range.first;
    }
    take_over(&mut state);
    Ok(Supervisor::new(options, signals, notify, state))
}

/// Takes over from the start this one was executed by, if there is one.
fn take_over(state: &mut State) {
    let Some(table) = table_of_predecessor() else { return };
    match decode(&table) {
        Ok(left) => {
            state.take_over(left);
            delivery::take_over(state);
        }
        Err(error) => temporary(PROGRAM, format_args!("unable to take over from the start before: {error}")),
    }
    info(PROGRAM, "event=upgraded");
}

/// Makes the port finder, where start will not see other users' processes and is about to listen.
/// Without one the user is named, who may have many processes.
fn port_finder(options: &Options) -> Option<PortFinder> {
    let is_needed = rustix::process::geteuid().is_root() && !options.check && !is_successor();
    if is_needed { PortFinder::open(options.mode).ok() } else { None }
}

/// Makes the fork server and the port finder, then gives up the rights that only it has needed.
fn launcher(options: &Options, programs: Programs) -> Result<(Launcher, Option<PortFinder>), Errno> {
    let (privileged, mode) = (rustix::process::geteuid().is_root(), options.mode);
    // A successor finds the fork server in its predecessor's table: the capabilities to make one
    // are gone by then.
    let fork_server = if is_successor() { ForkServer::none()? } else { ForkServer::open(privileged, mode)? };
    // After the fork server, which would keep start's end of it open.
    let port_finder = port_finder(options);
    if privileged {
        namespaces::keep_start_capabilities().unwrap_or_else(|refusal| fatal(PROGRAM, refusal));
    } else {
        check::tell_ordinary_user(options.check);
    }
    // A successor inherits what its predecessor gave up.
    if mode != LockdownMode::Off && !is_successor() {
        lock_launcher(mode).unwrap_or_else(|refusal| fatal(PROGRAM, refusal));
    }
    let null: OwnedFd = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    Ok((Launcher { privileged, mode, fork_server, programs, null }, port_finder))
}

/// Takes user IDs for the programs that compile the first configuration, which names those of all
/// others.
fn uids_to_begin_with() -> Option<UidRange> {
    let range = UidRange::next_free(limits::UID_BASE_FIRST);
    range.inspect_err(|why| warning(PROGRAM, format_args!("user IDs from {} on {why}", limits::UID_BASE_FIRST))).ok()
}

fn sockets_of_supervisor() -> Vec<NamedSocket> {
    activation::take_sockets().unwrap_or_else(|why| fatal(PROGRAM, format_args!("sockets of the supervisor: {why}")))
}

/// Raises the limit of descriptors to the hard limit: lanes hold a client and a backend socket for
/// each request.
fn more_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // A soft limit may always be raised up to the hard one (setrlimit(2)).
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
