//! Spawning: the descriptors that every child is given, and the process that makes it.

use std::os::fd::OwnedFd;

use fosse_counters::{RULE_ROWS, page_bytes};
use fosse_eventloop::slab::Key;
use fosse_plan::Plan;
use fosse_sys::process::Fork;
use fosse_wire::{
    launch::{Launch, Program},
    start::Stream,
};
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    pipe::{PipeFlags, pipe_with},
};

use crate::{
    PROGRAM,
    children::{Children, process::Process},
    launch::{
        launcher::{Launcher, SpawnContext},
        spawn_options::SpawnOptions,
    },
    limits,
};

/// Starts a process. Until its maker has replied it has no process ID.
///
/// # Errors
/// The error of the call that failed.
pub(crate) fn spawn(
    children: &mut Children,
    cx: SpawnContext<'_>,
    program: Program,
    mut options: SpawnOptions,
) -> Result<Key, Errno> {
    let (control, child_control) = pair(SocketType::SEQPACKET)?;
    let page_fd = fosse_sys::memfd::page(program.name(), page_bytes(rows(program, &cx.generation.plan)))?;
    let lane = options.lane.map(|(lane, _)| lane);
    let mut process = Process {
        delivered: std::mem::take(&mut options.delivered),
        zygote: options.zygote,
        column: options.column,
        keeps_records: program == Program::WafFilter && lane.is_some() && cx.generation.keeps_records,
        ..Process::new(program, lane, children.free_slot()?, control, read_only(&page_fd)?)?
    };
    give_standard_fds(&mut process, cx, &mut options)?;
    options.fds.push((6, page_fd));
    options.fds.push((7, child_control));
    launch(children, cx, process, options)
}

/// Returns the number of rows in a program's counter page: one for each site, backend or rule that
/// it counts by itself.
fn rows(program: Program, plan: &Plan) -> usize {
    let rows = match program {
        // One more, for requests of no site.
        Program::Parse | Program::ParseH2 => plan.sites + 1,
        Program::Dispatch => plan.backends,
        // They are sparse memory: only those that are counted in take any.
        Program::WafFilter => return RULE_ROWS,
        _ => 0,
    };
    usize::try_from(rows).unwrap_or(usize::MAX)
}

/// Adds the descriptors that every process gets: 0 to 2, its settings on 5, and the pipe for its
/// lines.
fn give_standard_fds(process: &mut Process, cx: SpawnContext<'_>, options: &mut SpawnOptions) -> Result<(), Errno> {
    for number in [0, 1] {
        if !options.gives(number) {
            options.fds.push((number, rustix::io::fcntl_dupfd_cloexec(&cx.launcher.null, 3)?));
        }
    }
    let stderr = match options.own_stderr {
        true => rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?,
        false => add_pipe(process, Stream::Log)?,
    };
    options.fds.push((2, stderr));
    if let Some((number, stream)) = options.lines {
        options.fds.push((number, add_pipe(process, stream)?));
    }
    // The fronts of a lane have the same settings.
    let settings = if process.program == Program::ParseH2 { Program::Parse } else { process.program };
    if let Some(blob) = cx.generation.blobs.get(&settings)
        && !options.gives(5)
    {
        options.fds.push((5, rustix::io::fcntl_dupfd_cloexec(blob, 3)?));
    }
    Ok(())
}

/// Has a process made: by the zygote, by the fork server, or by start itself. Where that fails
/// nothing is left of it.
fn launch(
    children: &mut Children,
    cx: SpawnContext<'_>,
    process: Process,
    options: SpawnOptions,
) -> Result<Key, Errno> {
    let program = process.program;
    let SpawnOptions { fds, lane, args, group, .. } = options;
    let (targets, fds): (Vec<u8>, Vec<OwnedFd>) = fds.into_iter().unzip();
    let uid = uid_of(cx, &process)?;
    let words: Vec<u8> = args.iter().flat_map(|arg| arg.bytes().chain([0])).collect();
    let launch = Launch {
        token: children.launches.next(),
        uid,
        gid: gid_of(cx, program, group, uid),
        cpu: lane.map_or(fosse_spawn::CORE_ANY, |(_, core)| core),
        program,
        mode: fosse_spawn::mode_to_byte(cx.launcher.mode),
        targets: &targets,
        words: &words,
    };
    // A filter without a lane is the zygote itself.
    let zygote = cx.generation.zygote.filter(|_| program == Program::WafFilter && lane.is_some());
    let executable = cx.launcher.programs.get(program)?;
    let key = children.insert(process, cx.event_loop)?;
    let made = if needs_host(program) {
        fork(children, key, &launch, executable, &fds)
    } else {
        ask(children, cx.launcher, (key, zygote), &launch, executable, &fds)
    };
    if made.is_err() {
        // There is no process whose exit would take the entry and its slot away.
        children.remove(key, cx.event_loop);
    }
    made.map(|()| key)
}

/// Forks a child of start itself.
fn fork(
    children: &mut Children,
    key: Key,
    launch: &Launch<'_>,
    executable: &OwnedFd,
    fds: &[OwnedFd],
) -> Result<(), Errno> {
    match fosse_sys::process::fork()? {
        Fork::Child => fosse_spawn::execute(PROGRAM, launch, executable, fds),
        Fork::Parent(pid) => children.has_pid(key, pid),
    }
    Ok(())
}

/// Sends a launch for a child to the zygote, where one makes it, or to the fork server.
fn ask(
    children: &mut Children,
    launcher: &Launcher,
    (key, zygote): (Key, Option<Key>),
    launch: &Launch<'_>,
    executable: &OwnedFd,
    fds: &[OwnedFd],
) -> Result<(), Errno> {
    match zygote.and_then(|zygote| children.get(zygote)) {
        Some(zygote) => fosse_spawn::send_launch(&zygote.control, launch, &fds.iter().collect::<Vec<_>>())?,
        None => ask_fork_server(launcher, launch, executable, fds)?,
    }
    children.launches.sent(key, zygote);
    Ok(())
}

fn ask_fork_server(
    launcher: &Launcher,
    launch: &Launch<'_>,
    executable: &OwnedFd,
    fds: &[OwnedFd],
) -> Result<(), Errno> {
    let fds: Vec<&OwnedFd> = std::iter::once(executable).chain(fds).collect();
    fosse_spawn::send_launch(&launcher.fork_server.channel, launch, &fds)
}

/// Returns whether a program needs the host's network or files: all others are made in the empty
/// namespaces of the fork server.
const fn needs_host(program: Program) -> bool {
    matches!(program, Program::Connect | Program::Resolve)
}

/// Returns the user ID that a process gets: its own, where start may give it one.
fn uid_of(cx: SpawnContext<'_>, process: &Process) -> Result<u32, Errno> {
    // A zygote gives its children user IDs of their own, and so keeps the right to.
    if !cx.launcher.privileged || process.zygote {
        return Ok(fosse_spawn::UID_KEPT);
    }
    let slot = u32::try_from(process.slot).map_err(|_| Errno::OVERFLOW)?;
    cx.generation.plan.uid_base.checked_add(slot).filter(|uid| *uid != fosse_spawn::UID_KEPT).ok_or(Errno::OVERFLOW)
}

/// Returns the group ID that a process gets: the one that the sockets of backends let in, where it
/// connects to them, the one that it was given, else its own.
const fn gid_of(cx: SpawnContext<'_>, program: Program, given: u32, uid: u32) -> u32 {
    let group = if matches!(program, Program::Connect) { cx.generation.plan.group } else { given };
    if uid != fosse_spawn::UID_KEPT && group != 0 { group } else { uid }
}

/// Makes a pipe and returns its writing end for the process; the reading end is kept for the
/// logger. Neither end ever waits.
fn add_pipe(process: &mut Process, stream: Stream) -> Result<OwnedFd, Errno> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    process.pipes.push((stream, read));
    Ok(write)
}

/// Makes a connected pair of sockets of one type.
pub(crate) fn pair(kind: SocketType) -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
}

/// Opens the same memory file again for reading alone: nobody may write other processes' pages.
pub(crate) fn read_only(page: &OwnedFd) -> Result<OwnedFd, Errno> {
    use std::os::fd::AsRawFd as _;
    let path = format!("/proc/self/fd/{}", page.as_raw_fd());
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

const _: () = assert!(limits::SLOTS_MAX < u32::MAX as usize);

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;
    use std::os::unix::{fs::PermissionsExt as _, process::ExitStatusExt as _};
    use std::path::PathBuf;

    use fosse_eventloop::EventLoop;
    use rustix::process::{Pid, Signal};

    use super::*;
    use crate::{
        generation::Generation,
        launch::{fork_server::ForkServer, programs::Programs},
    };

    /// A directory in which every program is there and none can be executed.
    struct Empty(PathBuf);

    impl Empty {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("fosse-start-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            for program in Program::ALL {
                let file = path.join(format!("fosse-{}", program.name()));
                std::fs::write(&file, "").unwrap();
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
            Self(path)
        }
    }

    impl Drop for Empty {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    /// A launcher whose fork server is `channel`.
    fn launcher(programs: &Empty, channel: OwnedFd) -> Launcher {
        let mut opened = Programs::default();
        opened.refresh(std::fs::File::open(&programs.0).unwrap().as_fd()).unwrap();
        Launcher {
            privileged: false,
            mode: fosse_lockdown::Mode::Off,
            fork_server: ForkServer { pid: rustix::process::getpid(), channel },
            programs: opened,
            null: std::fs::File::open("/dev/null").unwrap().into(),
        }
    }

    #[test]
    fn a_launch_that_cannot_be_sent_leaves_no_entry_and_no_slot() {
        let (channel, fork_server) = pair(SocketType::SEQPACKET).unwrap();
        drop(fork_server);
        let programs = Empty::new("gone");
        let (launcher, event_loop) = (launcher(&programs, channel), EventLoop::new().unwrap());
        let generation = Generation::none();
        let cx = SpawnContext::new(&launcher, &event_loop, &generation);
        let mut children = Children::new(vec![false]);
        for _ in 0..3 {
            assert_eq!(spawn(&mut children, cx, Program::Parse, SpawnOptions::default()), Err(Errno::PIPE));
            assert_eq!(
                (children.iter().count(), children.free_slot(), children.launches.await_reply()),
                (0, Ok(0), false)
            );
        }
    }

    #[test]
    fn a_child_that_is_killed_before_it_has_a_process_id_is_killed_when_it_has_one() {
        let (channel, _fork_server) = pair(SocketType::SEQPACKET).unwrap();
        let programs = Empty::new("late");
        let (launcher, event_loop) = (launcher(&programs, channel), EventLoop::new().unwrap());
        let generation = Generation::none();
        let cx = SpawnContext::new(&launcher, &event_loop, &generation);
        let mut children = Children::new(vec![false]);
        let key = spawn(&mut children, cx, Program::Parse, SpawnOptions::default()).unwrap();
        children.kill(key);
        let mut sleeper = std::process::Command::new("sleep").arg("10").spawn().unwrap();
        children.has_pid(key, Pid::from_child(&sleeper));
        let status = sleeper.wait().unwrap();
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{status}");
    }
}
