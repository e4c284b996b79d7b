//! Binary upgrade in place: start executes its new self with the same PID. Everything it holds
//! survives as descriptors and one sealed table; then the new self reloads as if it had been asked
//! to, with the new programs.

mod successor_lanes;
pub(crate) mod successor_state;

use std::{
    ffi::{CString, OsStr},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
};

use fosse_die::{alert, info};
use fosse_sys::process::Fork;
use rustix::{
    event::Timespec,
    fs::{Mode, OFlags, openat},
    io::{Errno, FdFlags, fcntl_setfd},
    process::{Pid, WaitOptions, waitpid},
};

use self::successor_state::STATE_VARIABLE;
use crate::{PROGRAM, limits, options::Options, reload::state::Reload, state::State};

/// Upgrades, unless it has to wait: returns whether another try is wanted. `waited`: this is one.
/// `settled`: no order is due.
pub(crate) fn now(options: &Options, reload: &Reload, state: &State, settled: bool, waited: bool) -> bool {
    let hindrance = hindrance(reload, state, settled);
    match hindrance {
        Some(why) if !waited => info(PROGRAM, format_args!("event=upgrade-waits for=\"{why}\"")),
        Some(_) => {}
        None => execute(options, state),
    }
    hindrance.is_some()
}

/// Returns what an upgrade has to wait for: the table has no word for what is under way.
fn hindrance(reload: &Reload, state: &State, settled: bool) -> Option<&'static str> {
    if !reload.is_idle() {
        return Some("the reload that is under way");
    }
    if !settled {
        return Some("a process that is behind with its orders");
    }
    let is_between = state.children.launches.await_reply() || state.services.accept.is_none();
    is_between.then_some("a process that is being started")
}

/// Executes the new start with the table of this one. Returns only where that failed, which it has
/// reported.
fn execute(options: &Options, state: &State) {
    info(PROGRAM, "event=upgrade");
    let State { generation, children, services, lanes, listeners, launcher, penalties, reload_report, .. } = state;
    let (reloads, fork_server) = (reload_report.number, &launcher.fork_server);
    let table = successor_state::encode(
        generation,
        reloads,
        (children, &services.bound),
        lanes,
        listeners,
        fork_server,
        penalties,
    )
    .map_err(|_| Errno::OVERFLOW);
    let program = openat(&options.programs, "fosse-start", OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let errno = match program.and_then(|program| Ok((program, table?))) {
        Ok((program, _)) if !fits(&program) => {
            let cure = "end this start and start the new one";
            return alert(
                PROGRAM,
                format_args!("event=upgrade-failed error=\"it cannot run below this one\" cure=\"{cure}\""),
            );
        }
        Ok((program, (table, fds))) => replace_self(options, &program, &table, &fds).unwrap_or_else(|errno| errno),
        Err(errno) => errno,
    };
    alert(PROGRAM, format_args!("event=upgrade-failed error=\"{errno}\" cure=\"the running start goes on\""));
}

/// Asks the new start whether it reads the table of this one, and can live with its programs under
/// the filter of this one, which stays for life.
fn fits(program: &OwnedFd) -> bool {
    let question = format!("{}:{}", successor_state::VERSION, fosse_lockdown::launcher::numbers());
    let question = text(OsStr::new(&question));
    let fits = text(OsStr::new(crate::options::FITS));
    match fosse_sys::process::fork() {
        Ok(Fork::Parent(child)) => exits_well(child),
        Ok(Fork::Child) => {
            fosse_sys::process::execveat(program.as_fd(), &[c"fosse-start".into(), fits, question], &[]);
            fosse_sys::process::exit_now(fosse_die::EXIT_TEMPORARY)
        }
        Err(_) => false,
    }
}

/// Returns whether a child that only replies to a question says yes in time.
fn exits_well(child: Pid) -> bool {
    let step = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
    for _ in 0..limits::FITS_MS_MAX / 5 {
        match waitpid(Some(child), WaitOptions::NOHANG) {
            Ok(Some((_, status))) => return status.exit_status() == Some(0),
            Ok(None) => drop(rustix::event::poll(&mut [], Some(&step))),
            Err(_) => return false,
        }
    }
    // It is start's own child and not yet reaped; `reap` takes it as one that is in no table.
    let _ = rustix::process::kill_process(child, rustix::process::Signal::KILL);
    false
}

/// Executes the program. Returns the error of execveat(2), or, as an error, of a step before it.
fn replace_self(options: &Options, program: &OwnedFd, table: &[u8], fds: &[BorrowedFd<'_>]) -> Result<Errno, Errno> {
    let state = fosse_sys::memfd::sealed("start", table)?;
    let kept: Vec<BorrowedFd<'_>> = fds.iter().copied().chain([state.as_fd()]).chain(options.kept()).collect();
    // A successor can take over no higher number (fosse_sys::fd::take).
    if kept.iter().any(|fd| fd.as_raw_fd() >= fosse_sys::fd::INHERITED_FDS_MAX) {
        return Err(Errno::MFILE);
    }
    for fd in &kept {
        fcntl_setfd(fd, FdFlags::empty())?;
    }
    let argv: Vec<CString> = std::env::args_os().map(|arg| text(&arg)).collect();
    let errno = fosse_sys::process::execveat(program.as_fd(), &argv, &environment(&state));
    for fd in &kept {
        // Cannot fail for an open descriptor. Without the flag every child would inherit them.
        let _ = fcntl_setfd(fd, FdFlags::CLOEXEC);
    }
    Ok(errno)
}

/// Returns the environment of this start with the table in it, and without the sockets of a
/// supervisor, which are in the table.
fn environment(state: &OwnedFd) -> Vec<CString> {
    std::env::vars_os()
        .filter(|(name, _)| name != STATE_VARIABLE && !name.as_bytes().starts_with(b"LISTEN_"))
        .map(|(name, value)| text(OsStr::from_bytes(&[name.as_bytes(), b"=", value.as_bytes()].concat())))
        .chain([text(OsStr::new(&format!("{STATE_VARIABLE}={}", state.as_raw_fd())))])
        .collect()
}

fn text(text: &OsStr) -> CString {
    CString::new(text.as_bytes()).unwrap_or_default()
}
