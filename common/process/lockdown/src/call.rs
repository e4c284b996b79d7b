//! Names of system calls, so that a policy reads as words. A name that the architecture does not
//! have has number -1 and its rows have no effect.

/// A system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name in the manual.
    pub name: &'static str,
    /// Its number on this architecture; -1 where there is none.
    pub number: i64,
}

/// The name of the system call with this number, if it is in the table.
pub fn name_of(number: i64) -> &'static str {
    ALL.iter().find(|call| call.number == number).map_or("unknown", |call| call.name)
}

macro_rules! calls {
    ([$($constant:ident $name:literal $number:ident,)*] [$($old:ident $old_name:literal $old_number:ident,)*]) => {
        $(#[doc = $name] pub const $constant: Call = Call { name: $name, number: libc::$number };)*
        $(
            #[doc = $old_name]
            #[cfg(target_arch = "x86_64")]
            pub const $old: Call = Call { name: $old_name, number: libc::$old_number };
            #[doc = $old_name]
            #[cfg(not(target_arch = "x86_64"))]
            pub const $old: Call = Call { name: $old_name, number: -1 };
        )*
        /// Every call the table names.
        pub const ALL: &[Call] = &[$($constant,)* $($old,)*];
    };
}

calls! {
    [
    ACCEPT4 "accept4" SYS_accept4,
    BIND "bind" SYS_bind,
    BRK "brk" SYS_brk,
    CAPSET "capset" SYS_capset,
    CAPGET "capget" SYS_capget,
    CHDIR "chdir" SYS_chdir,
    CHROOT "chroot" SYS_chroot,
    CLOCK_GETTIME "clock_gettime" SYS_clock_gettime,
    CLOCK_NANOSLEEP "clock_nanosleep" SYS_clock_nanosleep,
    CLONE "clone" SYS_clone,
    CLONE3 "clone3" SYS_clone3,
    CLOSE "close" SYS_close,
    CLOSE_RANGE "close_range" SYS_close_range,
    CONNECT "connect" SYS_connect,
    DUP "dup" SYS_dup,
    DUP3 "dup3" SYS_dup3,
    EPOLL_CREATE1 "epoll_create1" SYS_epoll_create1,
    EPOLL_CTL "epoll_ctl" SYS_epoll_ctl,
    EPOLL_PWAIT "epoll_pwait" SYS_epoll_pwait,
    EPOLL_PWAIT2 "epoll_pwait2" SYS_epoll_pwait2,
    EVENTFD2 "eventfd2" SYS_eventfd2,
    EXECVE "execve" SYS_execve,
    EXECVEAT "execveat" SYS_execveat,
    EXIT "exit" SYS_exit,
    EXIT_GROUP "exit_group" SYS_exit_group,
    FACCESSAT "faccessat" SYS_faccessat,
    FALLOCATE "fallocate" SYS_fallocate,
    FCHMODAT "fchmodat" SYS_fchmodat,
    FCHOWNAT "fchownat" SYS_fchownat,
    FCNTL "fcntl" SYS_fcntl,
    FDATASYNC "fdatasync" SYS_fdatasync,
    FLOCK "flock" SYS_flock,
    FSTAT "fstat" SYS_fstat,
    FSTATFS "fstatfs" SYS_fstatfs,
    FTRUNCATE "ftruncate" SYS_ftruncate,
    FUTEX "futex" SYS_futex,
    GETCWD "getcwd" SYS_getcwd,
    GETDENTS64 "getdents64" SYS_getdents64,
    GETEGID "getegid" SYS_getegid,
    GETEUID "geteuid" SYS_geteuid,
    GETGID "getgid" SYS_getgid,
    GETGROUPS "getgroups" SYS_getgroups,
    GETPEERNAME "getpeername" SYS_getpeername,
    GETPID "getpid" SYS_getpid,
    GETPPID "getppid" SYS_getppid,
    GETRANDOM "getrandom" SYS_getrandom,
    GETRESGID "getresgid" SYS_getresgid,
    GETRESUID "getresuid" SYS_getresuid,
    GETSOCKNAME "getsockname" SYS_getsockname,
    GETSOCKOPT "getsockopt" SYS_getsockopt,
    GETTID "gettid" SYS_gettid,
    GETUID "getuid" SYS_getuid,
    IOCTL "ioctl" SYS_ioctl,
    KILL "kill" SYS_kill,
    LANDLOCK_ADD_RULE "landlock_add_rule" SYS_landlock_add_rule,
    LANDLOCK_CREATE_RULESET "landlock_create_ruleset" SYS_landlock_create_ruleset,
    LANDLOCK_RESTRICT_SELF "landlock_restrict_self" SYS_landlock_restrict_self,
    LISTEN "listen" SYS_listen,
    LSEEK "lseek" SYS_lseek,
    MADVISE "madvise" SYS_madvise,
    MEMFD_CREATE "memfd_create" SYS_memfd_create,
    MKDIRAT "mkdirat" SYS_mkdirat,
    MMAP "mmap" SYS_mmap,
    MLOCK "mlock" SYS_mlock,
    MOUNT "mount" SYS_mount,
    MPROTECT "mprotect" SYS_mprotect,
    MREMAP "mremap" SYS_mremap,
    MUNMAP "munmap" SYS_munmap,
    NANOSLEEP "nanosleep" SYS_nanosleep,
    NEWFSTATAT "newfstatat" SYS_newfstatat,
    OPENAT "openat" SYS_openat,
    OPENAT2 "openat2" SYS_openat2,
    PIDFD_OPEN "pidfd_open" SYS_pidfd_open,
    PIDFD_SEND_SIGNAL "pidfd_send_signal" SYS_pidfd_send_signal,
    PIPE2 "pipe2" SYS_pipe2,
    PIVOT_ROOT "pivot_root" SYS_pivot_root,
    PPOLL "ppoll" SYS_ppoll,
    PRCTL "prctl" SYS_prctl,
    PREAD64 "pread64" SYS_pread64,
    PRLIMIT64 "prlimit64" SYS_prlimit64,
    PWRITE64 "pwrite64" SYS_pwrite64,
    READ "read" SYS_read,
    READLINKAT "readlinkat" SYS_readlinkat,
    READV "readv" SYS_readv,
    RECVFROM "recvfrom" SYS_recvfrom,
    RECVMMSG "recvmmsg" SYS_recvmmsg,
    RECVMSG "recvmsg" SYS_recvmsg,
    RENAMEAT "renameat" SYS_renameat,
    RENAMEAT2 "renameat2" SYS_renameat2,
    RESTART_SYSCALL "restart_syscall" SYS_restart_syscall,
    RSEQ "rseq" SYS_rseq,
    RT_SIGACTION "rt_sigaction" SYS_rt_sigaction,
    RT_SIGPROCMASK "rt_sigprocmask" SYS_rt_sigprocmask,
    RT_SIGRETURN "rt_sigreturn" SYS_rt_sigreturn,
    SCHED_GETAFFINITY "sched_getaffinity" SYS_sched_getaffinity,
    SCHED_SETAFFINITY "sched_setaffinity" SYS_sched_setaffinity,
    SCHED_SETSCHEDULER "sched_setscheduler" SYS_sched_setscheduler,
    SCHED_YIELD "sched_yield" SYS_sched_yield,
    SECCOMP "seccomp" SYS_seccomp,
    SENDFILE "sendfile" SYS_sendfile,
    SENDMMSG "sendmmsg" SYS_sendmmsg,
    SENDMSG "sendmsg" SYS_sendmsg,
    SENDTO "sendto" SYS_sendto,
    SETPRIORITY "setpriority" SYS_setpriority,
    SET_ROBUST_LIST "set_robust_list" SYS_set_robust_list,
    SET_TID_ADDRESS "set_tid_address" SYS_set_tid_address,
    SETGROUPS "setgroups" SYS_setgroups,
    SETNS "setns" SYS_setns,
    SETRESGID "setresgid" SYS_setresgid,
    SETRESUID "setresuid" SYS_setresuid,
    SETSID "setsid" SYS_setsid,
    SETSOCKOPT "setsockopt" SYS_setsockopt,
    SHUTDOWN "shutdown" SYS_shutdown,
    SIGALTSTACK "sigaltstack" SYS_sigaltstack,
    SIGNALFD4 "signalfd4" SYS_signalfd4,
    SOCKET "socket" SYS_socket,
    SOCKETPAIR "socketpair" SYS_socketpair,
    SPLICE "splice" SYS_splice,
    STATX "statx" SYS_statx,
    TEE "tee" SYS_tee,
    TGKILL "tgkill" SYS_tgkill,
    TIMERFD_CREATE "timerfd_create" SYS_timerfd_create,
    TIMERFD_SETTIME "timerfd_settime" SYS_timerfd_settime,
    UMASK "umask" SYS_umask,
    UMOUNT2 "umount2" SYS_umount2,
    UNLINKAT "unlinkat" SYS_unlinkat,
    UNSHARE "unshare" SYS_unshare,
    WAIT4 "wait4" SYS_wait4,
    WAITID "waitid" SYS_waitid,
    WRITE "write" SYS_write,
    WRITEV "writev" SYS_writev,
    ]
    // Calls that newer architectures never had.
    [
    ARCH_PRCTL "arch_prctl" SYS_arch_prctl,
    CHOWN "chown" SYS_chown,
    DUP2 "dup2" SYS_dup2,
    EPOLL_WAIT "epoll_wait" SYS_epoll_wait,
    FORK "fork" SYS_fork,
    LSTAT "lstat" SYS_lstat,
    OPEN "open" SYS_open,
    POLL "poll" SYS_poll,
    READLINK "readlink" SYS_readlink,
    STAT "stat" SYS_stat,
    UNLINK "unlink" SYS_unlink,
    VFORK "vfork" SYS_vfork,
    ]
}
