//! System calls that no program of the suite makes: the canary tries them from inside the lock to
//! see that they fail.
//!
//! Neither rustix nor nix offers them safely. They are safe here because each is a fixed call with
//! fixed arguments: numbers, constant strings, or a zeroed buffer that the kernel may read and
//! write. Meant for a forked child that ends right after.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd};

use rustix::io::Errno;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mmap_anonymous, mprotect};
use rustix::process::Pid;

/// A forbidden call with its arguments.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// Its name in the table.
    pub name: &'static str,
    number: libc::c_long,
    arguments: [Argument; 6],
}

#[derive(Clone, Copy, Debug)]
enum Argument {
    Int(usize),
    Text(&'static CStr),
    Zeros,
}

/// Longest structure any probe hands to the kernel (`struct perf_event_attr`, `struct bpf_attr`),
/// and then some.
const ZEROS_BYTES: usize = 512;

const ZERO: Argument = Argument::Int(0);
const ONE: Argument = Argument::Int(1);
/// -1 and -100, as `int` arguments.
const MINUS_ONE: Argument = Argument::Int(usize::MAX);
const AT_FDCWD: Argument = Argument::Int(usize::MAX - 99);

macro_rules! probes {
    ($($name:literal $number:ident($($argument:expr),*);)*) => {
        /// Every probe that is a plain call.
        pub const PROBES: &[Probe] = &[$(
            Probe { name: $name, number: libc::$number, arguments: six(&[$($argument),*]) },
        )*];
    };
}

probes! {
    "io_uring_setup" SYS_io_uring_setup(ONE, Argument::Zeros);
    "userfaultfd" SYS_userfaultfd(ONE);
    "bpf" SYS_bpf(ZERO, Argument::Zeros, Argument::Int(72));
    "perf_event_open" SYS_perf_event_open(Argument::Zeros, ZERO, MINUS_ONE, MINUS_ONE, ZERO);
    "add_key" SYS_add_key(Argument::Text(c"user"), Argument::Text(c"fosse"), Argument::Text(c"x"), ONE, Argument::Int(usize::MAX - 1));
    "keyctl" SYS_keyctl(ZERO, Argument::Int(usize::MAX - 1), ONE);
    "request_key" SYS_request_key(Argument::Text(c"user"), Argument::Text(c"fosse"), ZERO, ZERO);
    "kexec_load" SYS_kexec_load(ZERO, ZERO, ZERO, ZERO);
    "personality" SYS_personality(Argument::Int(0x0004_0000));
    "init_module" SYS_init_module(Argument::Zeros, ONE, Argument::Text(c""));
    "reboot" SYS_reboot(ZERO, ZERO, ZERO, ZERO);
    "swapon" SYS_swapon(Argument::Text(c"/dev/null"), ZERO);
    "syslog" SYS_syslog(Argument::Int(10), ZERO, ZERO);
    "sethostname" SYS_sethostname(Argument::Text(c"x"), ONE);
    "clock_settime" SYS_clock_settime(ZERO, Argument::Zeros);
    "pivot_root" SYS_pivot_root(Argument::Text(c"/"), Argument::Text(c"/"));
    "open_tree" SYS_open_tree(AT_FDCWD, Argument::Text(c"/"), ONE);
    "fsopen" SYS_fsopen(Argument::Text(c"tmpfs"), ONE);
    "open_by_handle_at" SYS_open_by_handle_at(AT_FDCWD, Argument::Zeros, ZERO);
    "name_to_handle_at" SYS_name_to_handle_at(AT_FDCWD, Argument::Text(c"/"), Argument::Zeros, Argument::Zeros, ZERO);
    "quotactl" SYS_quotactl(Argument::Int(0x0080_0001 << 8), ZERO, ZERO, ZERO);
    "acct" SYS_acct(ZERO);
    "shmget" SYS_shmget(ZERO, Argument::Int(4096), Argument::Int(0o1600));
    "msgget" SYS_msgget(ZERO, Argument::Int(0o1600));
    "semget" SYS_semget(ZERO, ONE, Argument::Int(0o1600));
    "mq_open" SYS_mq_open(Argument::Text(c"fosse"), Argument::Int(0o102), Argument::Int(0o600), ZERO);
    "inotify_init" SYS_inotify_init1(ZERO);
    "fanotify_init" SYS_fanotify_init(Argument::Int(0x200), ZERO);
    "timer_create" SYS_timer_create(ZERO, ZERO, Argument::Zeros);
    "sched_setscheduler" SYS_sched_setscheduler(ZERO, Argument::Int(3), Argument::Zeros);
    "setpriority" SYS_setpriority(ZERO, ZERO, Argument::Int(10));
    "ptrace_traceme" SYS_ptrace(ZERO, ZERO, ZERO, ZERO);
    "memfd_secret" SYS_memfd_secret(ZERO);
    "membarrier" SYS_membarrier(ZERO, ZERO, ZERO);
    "mlockall" SYS_mlockall(Argument::Int(4));
    "vhangup" SYS_vhangup();
    "setsid" SYS_setsid();
    "prctl_seccomp" SYS_prctl(Argument::Int(22), Argument::Int(2), Argument::Zeros);
    "seccomp_second_filter" SYS_seccomp(ONE, ZERO, Argument::Zeros);
    "landlock_create_ruleset" SYS_landlock_create_ruleset(ZERO, ZERO, ONE);
    "ioctl_terminal_input" SYS_ioctl(Argument::Int(2), Argument::Int(0x5412), Argument::Text(c"x"));
    "fcntl_set_owner" SYS_fcntl(Argument::Int(2), Argument::Int(8), ONE);
    "tgkill_init" SYS_tgkill(ONE, ONE, ZERO);
    "socketpair" SYS_socketpair(ONE, ONE, ZERO, Argument::Zeros);
    "pipe" SYS_pipe2(Argument::Zeros, ZERO);
}

/// getpid by the x32 table of x86_64: the same architecture word, another number.
pub const X32: Probe = Probe { name: "x32_getpid", number: libc::SYS_getpid | 0x4000_0000, arguments: [ZERO; 6] };

/// Makes the call. A descriptor or an id that it returns is left to the end of the process.
pub fn attempt(probe: &Probe) -> Result<(), Errno> {
    let mut zeros = [0_u8; ZEROS_BYTES];
    let start = zeros.as_mut_ptr();
    let [a, b, c, d, e, f] = probe.arguments.map(|argument| match argument {
        Argument::Int(value) => value,
        Argument::Text(text) => text.as_ptr().expose_provenance(),
        Argument::Zeros => start.expose_provenance(),
    });
    // SAFETY: the number and the shape of the arguments come from the table above and nowhere else;
    // the only memory the kernel may write is `zeros`, larger than any structure named there and
    // not read afterwards.
    let result = unsafe { libc::syscall(probe.number, a, b, c, d, e, f) };
    if result < 0 { Err(crate::process::last_errno()) } else { Ok(()) }
}

/// Asks for new memory that is writable and executable at once.
pub fn map_executable() -> Result<(), Errno> {
    let prot = ProtFlags::READ | ProtFlags::WRITE | ProtFlags::EXEC;
    // SAFETY: a new private mapping at an address of the kernel's choice overlaps nothing.
    unsafe { mmap_anonymous(std::ptr::null_mut(), 4096, prot, MapFlags::PRIVATE) }.map(drop)
}

/// Asks for a file's first page as code.
pub fn map_file_executable(file: impl AsFd) -> Result<(), Errno> {
    let prot = ProtFlags::READ | ProtFlags::EXEC;
    // SAFETY: a new private mapping at an address of the kernel's choice overlaps nothing; nobody
    // reads it.
    unsafe { mmap(std::ptr::null_mut(), 4096, prot, MapFlags::PRIVATE, file, 0) }.map(drop)
}

/// Asks to make writable memory executable.
pub fn make_executable() -> Result<(), Errno> {
    // SAFETY: as in map_executable; the mapping belongs to nobody else and stays to the end of the
    // process.
    unsafe {
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        let start = mmap_anonymous(std::ptr::null_mut(), 4096, prot, MapFlags::PRIVATE)?;
        mprotect(start, 4096, MprotectFlags::READ | MprotectFlags::EXEC)
    }
}

/// Asks for a packet filter program on a socket (SO_ATTACH_FILTER): code that the kernel runs.
pub fn attach_filter(socket: impl AsFd) -> Result<(), Errno> {
    // One instruction, `return everything`; struct sock_filter and struct sock_fprog of socket(7).
    let code: [u64; 1] = [u64::from_le_bytes([0x06, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])];
    let program: [usize; 2] = [1, code.as_ptr().expose_provenance()];
    let (socket, size) = (socket.as_fd().as_raw_fd(), size_of_val(&program));
    // SAFETY: the kernel reads `program` and the one instruction it points to, both of which
    // outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_setsockopt, socket, 1, 26, program.as_ptr(), size) };
    if result < 0 { Err(crate::process::last_errno()) } else { Ok(()) }
}

/// Asks to trace another process (PTRACE_SEIZE, which does not stop it).
pub fn trace(pid: Pid) -> Result<(), Errno> {
    let pid = pid.as_raw_nonzero().get();
    // SAFETY: PTRACE_SEIZE takes no memory; the tracer's end detaches.
    let result = unsafe { libc::syscall(libc::SYS_ptrace, 0x4206, pid, 0_usize, 0_usize) };
    if result < 0 { Err(crate::process::last_errno()) } else { Ok(()) }
}

/// Forks by clone3, which hides its flags from any filter; the new process ends at once.
pub fn clone3() -> Result<(), Errno> {
    // struct clone_args (clone(2)) of 64 bytes: the fifth word is the exit signal.
    let arguments: [u64; 8] = [0, 0, 0, 0, 17, 0, 0, 0];
    // SAFETY: no CLONE_VM, so the child has a copy of this stack and only calls _exit; the
    // structure outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments)) };
    match result {
        0 => crate::process::exit_now(0),
        pid if pid > 0 => Ok(()),
        _ => Err(crate::process::last_errno()),
    }
}

/// Asks for the PID by the 32-bit entry (int 0x80), whose numbers mean other calls.
#[cfg(target_arch = "x86_64")]
pub fn call_by_interrupt() -> Result<(), Errno> {
    let result: i32;
    // SAFETY: getpid of the 32-bit table (20) touches no memory; the entry changes eax and clobbers
    // r8 to r11.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("eax") 20_i32 => result, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    if result > 0 { Ok(()) } else { Err(Errno::NOSYS) }
}

/// Architectures without such an entry refuse by having none.
#[cfg(not(target_arch = "x86_64"))]
pub fn call_by_interrupt() -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

const fn six(given: &[Argument]) -> [Argument; 6] {
    let mut all = [ZERO; 6];
    let mut at = 0;
    while at < given.len() {
        all[at] = given[at];
        at += 1;
    }
    all
}
