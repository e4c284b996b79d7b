//! What is tried. Each action is one thing a program that has been taken over might do next.

use std::ffi::CStr;
use std::fs::{self, File, OpenOptions};
use std::io::IoSliceMut;

use fosse_sys::probe::{self, PROBES};
use fosse_sys::process::{Fork, exit_now};
use nix::sched::CloneFlags;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::{Gid, Uid, setresgid, setresuid};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Signal};

use crate::action::{Action, Attempt, errno};
use crate::network;
use crate::stage::Stage;

/// The argument by which this program, executed by a trial, says that it was.
pub(crate) const EXECUTED: &str = "--executed-by-a-trial";

/// Every action in the order of the table.
pub fn all() -> impl Iterator<Item = Action> {
    FILES.iter().chain(PROCESSES).chain(network::ACTIONS).chain(MEMORY).copied().chain(probes())
}

/// What every program may do: use memory and write to fd 2.
pub const CONTROL: Action = Action::new("control", |_| {
    let room = vec![1_u8; 1_000_000];
    let nothing = room.get(..0).unwrap_or(&[]);
    rustix::io::write(rustix::stdio::stderr(), nothing).map(drop)
});

const FILES: &[Action] = &[
    Action::new("open_passwd", |_| file(File::open("/etc/passwd"))),
    Action::new("open_below_given_root", |stage| {
        rustix::fs::openat(&stage.hand()?.root, "etc/passwd", OFlags::RDONLY, Mode::empty()).map(drop)
    }),
    Action::new("openat2_passwd", |_| openat2("/etc/passwd", OFlags::RDONLY)),
    Action::new("openat2_create", |stage| openat2(stage.path("new"), OFlags::CREATE | OFlags::WRONLY)),
    Action::new("openat2_write", |stage| openat2(stage.path("file"), OFlags::WRONLY)),
    Action::new("open_for_path_only", |_| rustix::fs::open("/etc", OFlags::PATH, Mode::empty()).map(drop)),
    Action::new("open_process_memory", |stage| file(OpenOptions::new().write(true).open(process_file(stage, "mem")))),
    Action::new("read_process_environment", |stage| file(fs::read(process_file(stage, "environ")))),
    Action::new("create_file", |stage| file(File::create(stage.path("new")))),
    Action::new("write_file", |stage| file(OpenOptions::new().write(true).open(stage.path("file")))),
    Action::new("truncate_file", |stage| {
        file(nix::unistd::truncate(&stage.path("file"), 0).map_err(std::io::Error::from))
    }),
    Action::new("stat", |_| file(fs::metadata("/etc/passwd"))),
    Action::new("chmod", |stage| rustix::fs::chmod(stage.path("file"), Mode::RWXU)),
    Action::new("chown", |stage| rustix::fs::chown(stage.path("file"), None, None)),
    Action::new("mkdir", |stage| file(fs::create_dir(stage.path("directory")))),
    Action::new("symlink", |stage| file(std::os::unix::fs::symlink("/etc", stage.path("link")))),
    Action::new("hard_link", |stage| file(fs::hard_link(stage.path("file"), stage.path("hard")))),
    Action::new("rename", |stage| file(fs::rename(stage.path("file"), stage.path("file")))),
    Action::new("unlink", |stage| file(fs::remove_file(stage.path("spare")))),
    Action::new("mkfifo", |stage| {
        file(nix::unistd::mkfifo(&stage.path("fifo"), nix::sys::stat::Mode::S_IRWXU).map_err(Into::into))
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
    Action::new("execve", |stage| {
        let argument = std::ffi::CString::new(EXECUTED).map_err(|_| Errno::INVAL)?;
        let environment: [&CStr; 0] = [];
        nix::unistd::execve(&stage.program, &[stage.program.as_c_str(), &argument], &environment)
            .map(drop)
            .map_err(errno)
    }),
    Action::new("execveat", |stage| {
        use std::os::fd::AsFd;
        let argument = std::ffi::CString::new(EXECUTED).map_err(|_| Errno::INVAL)?;
        let words = [stage.program.clone(), argument];
        Err(fosse_sys::process::execveat(stage.program_fd.as_fd(), &words, &[]))
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
    Action::new("setns", |stage| nix::sched::setns(&stage.namespace, CloneFlags::CLONE_NEWUSER).map_err(errno)),
    Action::new("setuid_root", |_| setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).map_err(errno)),
    Action::new("setgid_root", |_| setresgid(Gid::from_raw(0), Gid::from_raw(0), Gid::from_raw(0)).map_err(errno)),
    Action::new("prctl_dumpable", |_| rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)),
    Action::new("prctl_no_death_signal", |_| rustix::process::set_parent_process_death_signal(None)),
    Action::new("raise_limits", |_| {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(errno)?;
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(errno)
    }),
    Action::new("kill_sibling", |stage| rustix::process::kill_process(stage.sibling, Signal::CONT)),
    Action::new("pidfd_open", |stage| fosse_sys::process::pidfd_open(stage.sibling).map(drop)),
    Action::new("pidfd_kill_sibling", |stage| rustix::process::pidfd_send_signal(&stage.pidfd, Signal::CONT)),
    Action::new("pidfd_getfd", |stage| {
        rustix::process::pidfd_getfd(&stage.pidfd, 2, rustix::process::PidfdGetfdFlags::empty()).map(drop)
    }),
    Action::new("ptrace", |stage| probe::trace(stage.sibling)),
    Action::new("process_vm_readv", |stage| {
        // The sibling is a fork of this program: what lies here lies there too.
        let base = PROBES.as_ptr().addr();
        let pid = nix::unistd::Pid::from_raw(stage.sibling.as_raw_nonzero().get());
        let mut byte = [0_u8; 1];
        process_vm_readv(pid, &mut [IoSliceMut::new(&mut byte)], &[RemoteIoVec { base, len: 1 }])
            .map(drop)
            .map_err(errno)
    }),
    Action::new("sched_setaffinity", |stage| fosse_sys::process::pin(Some(stage.sibling), 0)),
];

const MEMORY: &[Action] = &[
    Action::new("mmap_executable", |_| probe::map_executable()),
    Action::new("mprotect_executable", |_| probe::make_executable()),
    Action::new("mmap_file_executable", |stage| probe::map_file_executable(&stage.program_fd)),
    Action::new("int_0x80", |_| probe::call_by_interrupt()),
    Action::new("x32_call", |_| probe::attempt(&probe::X32)),
];

fn probes() -> impl Iterator<Item = Action> {
    PROBES.iter().map(Action::call)
}

/// openat2 hides how it opens in memory, where no filter looks.
fn openat2(path: impl rustix::path::Arg, flags: OFlags) -> Attempt {
    let mode = if flags.contains(OFlags::CREATE) { Mode::RUSR } else { Mode::empty() };
    rustix::fs::openat2(rustix::fs::CWD, path, flags, mode, rustix::fs::ResolveFlags::empty()).map(drop)
}

fn process_file(stage: &Stage, name: &str) -> String {
    format!("/proc/{}/{name}", stage.sibling.as_raw_nonzero())
}

fn unshare(flags: CloneFlags) -> Attempt {
    nix::sched::unshare(flags).map_err(errno)
}

/// The errno of a call made by std; the value itself is dropped.
fn file<T>(result: std::io::Result<T>) -> Attempt {
    result.map(drop).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}
