//! Compiling a configuration: fosse-config, then fosse-load, and fosse-certs where there are
//! certificates, run once each, and their output is collected.

use std::{
    fs::File,
    io::Read as _,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
};

use fosse_eventloop::slab::Key;
use fosse_eventloop::{EventLoop, Interest};
use fosse_plan::{CONFIGURATION_BYTES_MAX, Plan};
use fosse_wire::launch::Program;
use rustix::{
    fs::{FileType, SeekFrom},
    io::Errno,
    pipe::{PipeFlags, pipe_with},
};

use crate::{
    certificates::{copy::Copied, run::Filled},
    children::{Children, process::End},
    generation::Generation,
    launch::{launcher::SpawnContext, spawn::spawn, spawn_options::SpawnOptions},
    limits,
    options::Options,
    reload::state::{Compilation, Reload, ReloadState},
    token,
};

/// Opens the configuration.
///
/// # Errors
/// The reason, with its name.
pub(crate) fn open_configuration(reload: &mut Reload, options: &Options) -> Result<OwnedFd, String> {
    options.open_configuration().and_then(copied).map_err(|errno| {
        // Where the system was short of something, another try may find it.
        reload.permanent = matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP);
        let name = options.configuration_name();
        match errno {
            Errno::NOENT => format!("there is no {name}; fosse.toml(5) has one to begin with"),
            errno => format!("unable to open {name}: {errno}"),
        }
    })
}

/// Returns a sealed copy of the configuration: where it includes files fosse-config reads it twice,
/// and an editor may write to the file meanwhile. What is no regular file can be read once alone,
/// and stays as it is.
fn copied(file: OwnedFd) -> Result<OwnedFd, Errno> {
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(file);
    }
    let mut bytes = Vec::new();
    // One byte more than it may have: fosse-config says that it is too long.
    let read = File::from(file).take(CONFIGURATION_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    fosse_sys::memfd::sealed("configuration", &bytes)
}

/// Returns a copy of the descriptor for a second reader; none where what it is can be read once
/// alone.
fn kept(configuration: &OwnedFd) -> Option<OwnedFd> {
    rewind(configuration).ok()?;
    rustix::io::fcntl_dupfd_cloexec(configuration, 3).ok()
}

fn rewind(configuration: &OwnedFd) -> Result<(), Errno> {
    rustix::fs::seek(configuration, SeekFrom::Start(0)).map(drop)
}

/// Runs fosse-config over the configuration, and over the files that it includes once these are
/// there.
///
/// # Errors
/// The error of the call that failed.
pub(crate) fn run_config(
    reload: &mut Reload,
    children: &mut Children,
    cx: SpawnContext<'_>,
    options: &Options,
    configuration: OwnedFd,
    included: Option<&[u8]>,
) -> Result<(), Errno> {
    let for_later = if included.is_none() { kept(&configuration) } else { None };
    let mut fds = vec![(0, configuration), (11, fosse_sys::memfd::sealed("environment", &environment())?)];
    for (number, path) in [(9, "/etc/passwd"), (10, "/etc/group")] {
        // Without accounts names stay unknown, and fosse-config says which one it looked for.
        let bytes = std::fs::read(path).unwrap_or_default();
        fds.push((number, fosse_sys::memfd::sealed(path, &bytes)?));
    }
    let mut args = vec!["--name".into(), options.configuration_name(), "--accounts".into(), "--environment".into()];
    if let Some(bundle) = included {
        // Its copies have one place in it, and the first reader came to its end.
        rewind(&fds[0].1)?;
        fds.push((12, fosse_sys::memfd::sealed("included", bundle)?));
        args.push("--included".into());
    }
    let spawn_options = SpawnOptions { fds, args, own_stderr: true, ..SpawnOptions::default() };
    run_one_shot(reload, children, cx, Program::Config, spawn_options, (None, for_later))
}

/// Returns the variables of start's own environment, each ended by a NUL. It has one until its end,
/// so a reload finds what a start found.
fn environment() -> Vec<u8> {
    let pairs = std::env::vars_os().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat());
    pairs.flatten().collect()
}

/// Runs fosse-load over the files the plan names; `configuration` is there where it includes some
/// of them.
///
/// # Errors
/// The error of the call that failed.
pub(crate) fn run_load(
    reload: &mut Reload,
    children: &mut Children,
    cx: SpawnContext<'_>,
    options: &Options,
    plan: Plan,
    configuration: Option<OwnedFd>,
) -> Result<(), Errno> {
    let task = fosse_sys::memfd::sealed("load", plan.blob(Program::Load))?;
    let (mut fds, mut args) = (vec![(5, task)], Vec::new());
    // Names of included files begin beside the configuration, wherever its rules are.
    let beside = options.configuration_directory.iter().filter(|_| plan.includes);
    for (number, (path, fd)) in (9u8..).zip(beside.chain(&options.directories)) {
        fds.push((number, rustix::io::fcntl_dupfd_cloexec(fd, 3)?));
        args.extend(["--dir-fd".to_owned(), format!("{number}={path}")]);
    }
    // By this group it reads secrets, which others must not.
    let group = plan.group;
    let spawn_options = SpawnOptions { fds, args, group, own_stderr: true, ..SpawnOptions::default() };
    run_one_shot(reload, children, cx, Program::Load, spawn_options, (Some(plan), configuration))
}

/// Runs fosse-certs over the files of certificates and keys.
///
/// # Errors
/// The error of the call that failed.
pub(crate) fn run_certs(
    reload: &mut Reload,
    children: &mut Children,
    cx: SpawnContext<'_>,
    generation: Generation,
    files: Copied,
    options: &Options,
) -> Result<(), Errno> {
    let mut filled = Filled::new(&generation, files)?;
    // An edge whose other sites are fine serves them; who checks wants to know.
    let refuses = options.check && !options.permit_untimely;
    let args = if refuses { vec!["--refuse-untimely".to_owned()] } else { Vec::new() };
    let spawn_options = SpawnOptions { fds: filled.take_given(), args, own_stderr: true, ..SpawnOptions::default() };
    run_one_shot(reload, children, cx, Program::Certs, spawn_options, (None, None))?;
    if let ReloadState::Compiling(compilation) = &mut reload.state {
        compilation.certified = Some(Box::new((generation, filled.images)));
    }
    Ok(())
}

fn run_one_shot(
    reload: &mut Reload,
    children: &mut Children,
    cx: SpawnContext<'_>,
    program: Program,
    mut options: SpawnOptions,
    (plan, configuration): (Option<Plan>, Option<OwnedFd>),
) -> Result<(), Errno> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    options.fds.push((1, write));
    let process = Some(spawn(children, cx, program, options)?);
    rustix::io::ioctl_fionbio(&read, true)?;
    cx.event_loop.add(&read, token::of(token::OUTPUT), Interest::IN)?;
    let ticks_left = limits::COMPILE_MS_MAX / fosse_eventloop::TICK_MS;
    let compilation =
        Compilation { process, out: Some(read), bytes: Vec::new(), plan, configuration, certified: None, ticks_left };
    reload.state = ReloadState::Compiling(Box::new(compilation));
    Ok(())
}

/// Reads the output of a one-shot, as far as it has arrived. One that is too long, or cannot be
/// read, fails the reload.
pub(crate) fn read_output(reload: &mut Reload, event_loop: &EventLoop) {
    let ReloadState::Compiling(compilation) = &mut reload.state else { return };
    if let Err(why) = read_into(compilation, event_loop) {
        reload.fail(why);
    }
}

fn read_into(compilation: &mut Compilation, event_loop: &EventLoop) -> Result<(), String> {
    let Some(fd) = &compilation.out else { return Ok(()) };
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match rustix::io::read(fd, chunk.as_mut_slice()) {
            Ok(0) => {
                // Closing it, one line below, takes it out of the loop too: nobody has a copy.
                let _ = event_loop.remove(fd);
                compilation.out = None;
                return Ok(());
            }
            Ok(count) if fits(&compilation.bytes, count) => {
                compilation.bytes.extend_from_slice(&chunk[..count]);
            }
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Ok(_) => return Err("plan or bundle too long".into()),
            Err(errno) => return Err(format!("unable to read the plan: {errno}")),
        }
    }
}

fn fits(bytes: &[u8], count: usize) -> bool {
    bytes.len().checked_add(count).is_some_and(|len| len <= limits::OUTPUT_BYTES_MAX)
}

/// Notes the exit of a one-shot. One that failed has already reported why on start's own
/// descriptor 2.
pub(crate) fn one_shot_exited(reload: &mut Reload, key: Key, name: &str, end: End) {
    let ReloadState::Compiling(compilation) = &mut reload.state else { return };
    if compilation.process != Some(key) {
        return;
    }
    compilation.process = None;
    if end != End::Exit(0) {
        reload.permanent = end == End::Exit(fosse_die::EXIT_PERMANENT);
        reload.fail(match name {
            _ if !reload.permanent => format!("fosse-{name} did not get done ({end})"),
            "certs" => "the certificates are not as they should be".to_owned(),
            "load" => "the files that the configuration names are not as they should be".to_owned(),
            _ => "the configuration is not as it should be".to_owned(),
        });
    }
}

/// Returns whether a one-shot takes too long. Called at every tick.
pub(crate) fn is_overdue(reload: &mut Reload) -> bool {
    let ReloadState::Compiling(compilation) = &mut reload.state else { return false };
    let is_overdue = compilation.ticks_left == 0;
    compilation.ticks_left -= u64::from(!is_overdue);
    is_overdue
}
