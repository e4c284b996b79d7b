//! The actions. Each is one thing that a program which has been taken over might do next.

use std::ffi::CStr;
use std::fs::{self, File, OpenOptions};
use std::io::IoSliceMut;

use fosse_sys::probe::{self, PROBES};
use fosse_sys::process::{Fork, Policy, exit_now};
use nix::sched::CloneFlags;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::{Gid, Uid, setresgid, setresuid};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Signal};

use crate::action::{Action, ActionResult, errno};
use crate::fixture::Fixture;
use crate::network;

/// The argument with which an attempt executes this program.
pub(crate) const EXECUTED: &str = "--executed-by-an-attempt";

/// Returns every action in the order of the table.
pub(crate) fn all() -> impl Iterator<Item = Action> {
    FILES.iter().chain(PROCESSES).chain(network::ACTIONS).chain(MEMORY).copied().chain(probes())
}

/// The action that every program may do: use memory and write to fd 2.
pub(crate) const CONTROL: Action = Action::new("control", |_| {
    let room = vec![1_u8; 1_000_000];
    rustix::io::write(rustix::stdio::stderr(), &room[..0]).map(drop)
});

const FILES: &[Action] = &[
    Action::new("open_passwd", |_| file(File::open("/etc/passwd"))),
    Action::new("open_below_given_root", |fixture| {
        rustix::fs::openat(&fixture.given()?.root, "etc/passwd", OFlags::RDONLY, Mode::empty()).map(drop)
    }),
    Action::new("openat2_passwd", |_| openat2("/etc/passwd", OFlags::RDONLY)),
    Action::new("openat2_create", |fixture| openat2(fixture.path("new"), OFlags::CREATE | OFlags::WRONLY)),
    Action::new("openat2_write", |fixture| openat2(fixture.path("file"), OFlags::WRONLY)),
    Action::new("open_for_path_only", |_| rustix::fs::open("/etc", OFlags::PATH, Mode::empty()).map(drop)),
    Action::new("open_process_memory", |fixture| {
        file(OpenOptions::new().write(true).open(process_file(fixture, "mem")))
    }),
    Action::new("read_process_environment", |fixture| file(fs::read(process_file(fixture, "environ")))),
    Action::new("create_file", |fixture| file(File::create(fixture.path("new")))),
    Action::new("write_file", |fixture| file(OpenOptions::new().write(true).open(fixture.path("file")))),
    Action::new("truncate_file", |fixture| {
        file(nix::unistd::truncate(&fixture.path("file"), 0).map_err(std::io::Error::from))
    }),
    Action::new("stat", |_| file(fs::metadata("/etc/passwd"))),
    Action::new("chmod", |fixture| rustix::fs::chmod(fixture.path("file"), Mode::RWXU)),
    Action::new("chown", |fixture| rustix::fs::chown(fixture.path("file"), None, None)),
    Action::new("mkdir", |fixture| file(fs::create_dir(fixture.path("directory")))),
    Action::new("symlink", |fixture| file(std::os::unix::fs::symlink("/etc", fixture.path("link")))),
    Action::new("hard_link", |fixture| file(fs::hard_link(fixture.path("file"), fixture.path("hard")))),
    Action::new("rename", |fixture| file(fs::rename(fixture.path("file"), fixture.path("file")))),
    Action::new("unlink", |fixture| file(fs::remove_file(fixture.path("spare")))),
    Action::new("mkfifo", |fixture| {
        file(nix::unistd::mkfifo(&fixture.path("fifo"), nix::sys::stat::Mode::S_IRWXU).map_err(Into::into))
    }),
    Action::new("list_directory", |_| file(fs::read_dir("/"))),
    Action::new("change_directory", |_| rustix::process::chdir("/")),
    Action::new("memfd_create", |_| rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC).map(drop)),
    Action::new("mount", |_| {
        rustix::mount::mount("none", "/tmp", "tmpfs", rustix::mount::MountFlags::empty(), None::<&CStr>)
    }),
    Action::new("chroot", |_| rustix::process::chroot("/")),
];

const PROCESSES: &[Action] = &[
    Action::new("execve", |fixture| {
        let argument = std::ffi::CString::new(EXECUTED).map_err(|_| Errno::INVAL)?;
        let environment: [&CStr; 0] = [];
        nix::unistd::execve(&fixture.program, &[fixture.program.as_c_str(), &argument], &environment)
            .map(drop)
            .map_err(errno)
    }),
    Action::new("execveat", |fixture| {
        use std::os::fd::AsFd;
        let argument = std::ffi::CString::new(EXECUTED).map_err(|_| Errno::INVAL)?;
        let words = [fixture.program.clone(), argument];
        Err(fosse_sys::process::execveat(fixture.program_fd.as_fd(), &words, &[]))
    }),
    Action::new("fork", |_| match fosse_sys::process::fork()? {
        Fork::Child => exit_now(0),
        Fork::Parent(_) => Ok(()),
    }),
    Action::new("clone3", |_| probe::clone3()),
    Action::new("thread", |_| {
        let thread = std::thread::Builder::new().spawn(|| {});
        file(thread.map(|thread| drop(thread.join())))
    }),
    Action::new("unshare_user", |_| unshare(CloneFlags::CLONE_NEWUSER)),
    Action::new("unshare_net", |_| unshare(CloneFlags::CLONE_NEWNET)),
    Action::new("setns", |fixture| nix::sched::setns(&fixture.namespace, CloneFlags::CLONE_NEWUSER).map_err(errno)),
    Action::new("setuid_root", |_| setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).map_err(errno)),
    Action::new("setgid_root", |_| setresgid(Gid::from_raw(0), Gid::from_raw(0), Gid::from_raw(0)).map_err(errno)),
    Action::new("prctl_dumpable", |_| rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)),
    Action::new("prctl_no_death_signal", |_| rustix::process::set_parent_process_death_signal(None)),
    Action::new("raise_limits", |_| {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(errno)?;
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(errno)
    }),
    Action::new("kill_sibling", |fixture| rustix::process::kill_process(fixture.sibling, Signal::CONT)),
    Action::new("pidfd_open", |fixture| fosse_sys::process::pidfd_open(fixture.sibling).map(drop)),
    Action::new("pidfd_kill_sibling", |fixture| rustix::process::pidfd_send_signal(&fixture.pidfd, Signal::CONT)),
    Action::new("pidfd_getfd", |fixture| {
        rustix::process::pidfd_getfd(&fixture.pidfd, 2, rustix::process::PidfdGetfdFlags::empty()).map(drop)
    }),
    Action::new("ptrace", |fixture| probe::trace(fixture.sibling)),
    Action::new("process_vm_readv", |fixture| {
        // The sibling is a fork of this program, with the same constants at the same address.
        let base = PROBES.as_ptr().addr();
        let pid = nix::unistd::Pid::from_raw(fixture.sibling.as_raw_nonzero().get());
        let mut byte = [0_u8; 1];
        process_vm_readv(pid, &mut [IoSliceMut::new(&mut byte)], &[RemoteIoVec { base, len: 1 }])
            .map(drop)
            .map_err(errno)
    }),
    Action::new("sched_setaffinity", |fixture| fosse_sys::process::pin(Some(fixture.sibling), 0)),
    Action::new("sched_setscheduler", |fixture| fosse_sys::process::set_policy(fixture.sibling, Policy::Batch)),
    Action::new("setpriority", |fixture| fosse_sys::process::set_nice(fixture.sibling, 1)),
];

const MEMORY: &[Action] = &[
    Action::new("mmap_executable", |_| probe::map_executable()),
    Action::new("mprotect_executable", |_| probe::make_executable()),
    Action::new("mmap_file_executable", |fixture| probe::map_file_executable(&fixture.program_fd)),
    Action::new("int_0x80", |_| probe::call_by_interrupt()),
    Action::new("x32_call", |_| probe::attempt(&probe::X32)),
];

fn probes() -> impl Iterator<Item = Action> {
    PROBES.iter().map(Action::call)
}

/// Opens a file by openat2(2), whose flags lie in memory, where no filter looks.
fn openat2(path: impl rustix::path::Arg, flags: OFlags) -> ActionResult {
    let mode = if flags.contains(OFlags::CREATE) { Mode::RUSR } else { Mode::empty() };
    rustix::fs::openat2(rustix::fs::CWD, path, flags, mode, rustix::fs::ResolveFlags::empty()).map(drop)
}

fn process_file(fixture: &Fixture, name: &str) -> String {
    format!("/proc/{}/{name}", fixture.sibling.as_raw_nonzero())
}

fn unshare(flags: CloneFlags) -> ActionResult {
    nix::sched::unshare(flags).map_err(errno)
}

/// Returns the errno of a call made by std; the value itself is dropped.
fn file<T>(result: std::io::Result<T>) -> ActionResult {
    result.map(drop).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}
