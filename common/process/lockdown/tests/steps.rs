//! Every step of the lock: what it leaves behind, and what happens when the kernel refuses it or
//! lies about it. Needs root. Each case runs in a process of its own, made by fork from a process
//! with one thread (so not under libtest).

mod room;

use std::time::Duration;

use fosse_lockdown::capabilities::{self, Capability};
use fosse_lockdown::{Args, Cond, Mode, Parent, Policy, Reach, Row, call, enter, try_enter};
use room::{Child, in_child, in_room};
use rustix::process::Signal;
use seccompiler::SeccompAction;

const PR_SET_DUMPABLE: u64 = 4;
const PR_CAPBSET_DROP: u64 = 24;
const PR_SET_SECUREBITS: u64 = 28;
const PR_SET_NO_NEW_PRIVS: u64 = 38;
const PR_CAP_AMBIENT: u64 = 47;

const POLICY: Policy = Policy {
    program: "fosse-test",
    syscalls: &[
        Row::seen(call::CLOCK_NANOSLEEP, Args::Any, "the tests sleep"),
        Row::seen(call::FCNTL, Args::All(&[Cond::Is(1, libc::F_GETFL as u32)]), "one command, beside that in the base"),
        Row::seen(call::DUP, Args::All(&[Cond::AtMost(0, 2)]), "a narrow row and a wide one make a wide one"),
        Row::seen(call::DUP, Args::Any, "the wide one"),
        Row::refused(call::EVENTFD2, 95, "harmless"),
    ],
    ..Policy::NOTHING
};

const CASES: &[(&str, fn())] = &[
    ("root_becomes_nobody_with_nothing", root_becomes_nobody_with_nothing),
    ("limits_are_set", limits_are_set),
    ("a_forbidden_call_ends_the_process", a_forbidden_call_ends_the_process),
    ("a_forbidden_call_is_named_in_trap_mode", a_forbidden_call_is_named_in_trap_mode),
    ("rows_for_one_call_permit_either", rows_for_one_call_permit_either),
    ("a_refused_call_returns_its_errno", a_refused_call_returns_its_errno),
    ("refuses_to_run_without_seccomp", refuses_to_run_without_seccomp),
    ("refuses_when_the_kernel_refuses_a_step", refuses_when_the_kernel_refuses_a_step),
    ("refuses_when_the_kernel_lies_about_a_step", refuses_when_the_kernel_lies_about_a_step),
    ("without_landlock_it_warns_and_runs", without_landlock_it_warns_and_runs),
    ("strict_refuses_to_run_without_landlock", strict_refuses_to_run_without_landlock),
    ("strict_runs_where_nothing_is_missing", strict_runs_where_nothing_is_missing),
    ("an_ordinary_user_is_told_what_stays", an_ordinary_user_is_told_what_stays),
    ("strict_refuses_an_ordinary_user", strict_refuses_an_ordinary_user),
    ("root_without_capabilities_is_refused", root_without_capabilities_is_refused),
    ("a_launcher_keeps_the_capabilities_it_names", a_launcher_keeps_the_capabilities_it_names),
    ("a_launcher_notices_a_kernel_that_drops_nothing", a_launcher_notices_a_kernel_that_drops_nothing),
    ("a_launcher_signals_processes_and_no_group", a_launcher_signals_processes_and_no_group),
    ("no_sandbox_says_so", no_sandbox_says_so),
    ("refuses_a_process_with_threads", refuses_a_process_with_threads),
    ("dies_with_its_parent_unless_told_otherwise", dies_with_its_parent_unless_told_otherwise),
    ("malloc_and_hash_maps_work_under_the_base", malloc_and_hash_maps_work_under_the_base),
    ("memory_is_given_back_under_the_base", memory_is_given_back_under_the_base),
    ("abort_is_sigabrt_under_the_base", abort_is_sigabrt_under_the_base),
    ("a_fault_is_sigsegv_under_the_base", a_fault_is_sigsegv_under_the_base),
    ("a_sleep_survives_stop_and_continue", a_sleep_survives_stop_and_continue),
    ("descriptors_are_closed_under_the_base", descriptors_are_closed_under_the_base),
    ("main_returns_under_the_base", main_returns_under_the_base),
    ("a_panic_is_one_line_under_the_base", a_panic_is_one_line_under_the_base),
    ("a_granted_directory_can_be_read_and_nothing_else", a_granted_directory_can_be_read_and_nothing_else),
    ("tcp_connect_is_open_only_where_the_policy_says_so", tcp_connect_is_open_only_where_the_policy_says_so),
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    if wanted.first().is_some_and(|word| word == "locked-main") {
        enter(&POLICY, Mode::Default);
        return;
    }
    if !rustix::process::geteuid().is_root() {
        println!("skipped: the steps of the lock can only be tested by root");
        return;
    }
    for (name, case) in CASES {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())) {
            print!("test {name} ... ");
            case();
            println!("ok");
        }
    }
}

fn lock() {
    enter(&POLICY, Mode::Default);
}

fn root_becomes_nobody_with_nothing() {
    let child = Child::start(|| {
        nix::unistd::setgroups(&[nix::unistd::Gid::from_raw(7)]).unwrap();
        lock();
        room::pause()
    });
    let status = child.status_file_when_paused();
    for line in [
        "Uid:\t65534\t65534\t65534\t65534",
        "Gid:\t65534\t65534\t65534\t65534",
        "Groups:\t ",
        "CapInh:\t0000000000000000",
        "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "CapAmb:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.lines().any(|found| found == line), "{line:?} is not in\n{status}");
    }
    let owner = std::fs::metadata(format!("/proc/{}/mem", child.pid())).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&owner), 0, "not dumpable, so /proc is root's");
    child.kill();
}

fn limits_are_set() {
    let child = Child::start(|| {
        lock();
        room::pause()
    });
    child.status_file_when_paused();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.pid())).unwrap();
    for name in ["Max core file size", "Max processes", "Max locked memory", "Max msgqueue size"] {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        let words: Vec<&str> = line[name.len()..].split_whitespace().take(2).collect();
        assert_eq!(words, ["0", "0"], "{line}");
    }
    child.kill();
}

fn a_forbidden_call_ends_the_process() {
    let ended = in_child(|| {
        lock();
        let _ = std::fs::File::open("/etc/passwd");
        0
    });
    assert_eq!((ended.signal, ended.text.as_str()), (Some(libc::SIGSYS), ""));
}

fn a_forbidden_call_is_named_in_trap_mode() {
    let ended = in_child(|| {
        enter(&POLICY, Mode::Trap);
        let _ = std::fs::File::open("/etc/passwd");
        0
    });
    let expected = format!("fosse-test: alert: sandbox violation: openat ({})\n", libc::SYS_openat);
    assert_eq!((ended.code, ended.text), (Some(159), expected));
}

fn rows_for_one_call_permit_either() {
    let ended = in_child(|| {
        lock();
        let fd = rustix::stdio::stderr();
        let fine = rustix::io::fcntl_getfd(fd).is_ok() && rustix::fs::fcntl_getfl(fd).is_ok();
        let copy = rustix::io::dup(fd).unwrap();
        i32::from(!fine || rustix::io::dup(copy).is_err())
    });
    assert_eq!(ended.code, Some(0));
    let ended = in_child(|| {
        lock();
        let _ = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 0);
        0
    });
    assert_eq!(ended.signal, Some(libc::SIGSYS));
}

fn a_refused_call_returns_its_errno() {
    let ended = in_child(|| {
        lock();
        let result = rustix::event::eventfd(0, rustix::event::EventfdFlags::empty());
        i32::from(result.err() != Some(rustix::io::Errno::OPNOTSUPP))
    });
    assert_eq!(ended.code, Some(0));
}

fn refuses_to_run_without_seccomp() {
    for errno in [libc::ENOSYS, libc::EINVAL, libc::EPERM] {
        let ended = in_room(&[(libc::SYS_seccomp, None, SeccompAction::Errno(errno as u32))], || {
            lock();
            0
        });
        assert_eq!(ended.code, Some(100));
        let start = "fosse-test: fatal: unable to lock down: seccomp: ";
        assert!(ended.text.starts_with(start) && ended.text.lines().count() == 1, "{}", ended.text);
    }
}

/// Runs the lock where `call` (with this first argument) has the outcome `action`, and returns the
/// step that failed.
fn failing_step(call: i64, first: Option<u64>, action: SeccompAction) -> String {
    nix::unistd::setgroups(&[nix::unistd::Gid::from_raw(7)]).unwrap();
    let ended = in_room(&[(call, first, action)], || match try_enter(&POLICY, Mode::Default, &[]) {
        Ok(_) => 0,
        Err(refusal) => {
            eprint!("{}", refusal.step);
            100
        }
    });
    assert_eq!(ended.code, Some(100), "call {call} {first:?}: {}", ended.text);
    ended.text
}

fn refuses_when_the_kernel_refuses_a_step() {
    for (call, first, step) in [
        (libc::SYS_prctl, Some(PR_SET_SECUREBITS), "securebits"),
        (libc::SYS_prctl, Some(PR_CAPBSET_DROP), "bounding set"),
        (libc::SYS_prctl, Some(PR_CAP_AMBIENT), "ambient set"),
        (libc::SYS_setgroups, None, "setgroups"),
        (libc::SYS_setresgid, None, "setresgid"),
        (libc::SYS_setresuid, None, "setresuid"),
        (libc::SYS_capset, None, "capset"),
        (libc::SYS_prlimit64, None, "resource limits"),
        (libc::SYS_prctl, Some(PR_SET_DUMPABLE), "dumpable"),
        (libc::SYS_prctl, Some(1), "parent death signal"),
        (libc::SYS_prctl, Some(PR_SET_NO_NEW_PRIVS), "no_new_privs"),
        (libc::SYS_seccomp, None, "seccomp"),
    ] {
        assert_eq!(failing_step(call, first, SeccompAction::Errno(libc::EPERM as u32)), step);
    }
}

fn refuses_when_the_kernel_lies_about_a_step() {
    for (call, first, step) in [
        (libc::SYS_setgroups, None, "identity"),
        (libc::SYS_setresgid, None, "identity"),
        (libc::SYS_setresuid, None, "identity"),
        (libc::SYS_capset, None, "identity"),
        (libc::SYS_prctl, Some(PR_SET_SECUREBITS), "identity"),
        (libc::SYS_prctl, Some(PR_CAPBSET_DROP), "identity"),
    ] {
        assert_eq!(failing_step(call, first, SeccompAction::Errno(0)), step, "call {call} {first:?}");
    }
}

fn landlock_fails_with(errno: i32) -> [(i64, Option<u64>, SeccompAction); 1] {
    [(libc::SYS_landlock_create_ruleset, None, SeccompAction::Errno(errno as u32))]
}

fn without_landlock_it_warns_and_runs() {
    for (errno, words) in [(libc::ENOSYS, "this kernel has none"), (libc::EOPNOTSUPP, "switched off at boot")] {
        let ended = in_room(&landlock_fails_with(errno), || {
            lock();
            0
        });
        assert_eq!(ended.code, Some(0));
        assert!(ended.text.starts_with("fosse-test: warning: landlock: "), "{}", ended.text);
        assert!(ended.text.contains(words) && ended.text.lines().count() == 1, "{}", ended.text);
    }
}

fn strict_refuses_to_run_without_landlock() {
    let ended = in_room(&landlock_fails_with(libc::ENOSYS), || {
        enter(&POLICY, Mode::Strict);
        0
    });
    assert_eq!(ended.code, Some(100));
    assert!(ended.text.starts_with("fosse-test: fatal: unable to lock down: strict: landlock: "), "{}", ended.text);
}

fn strict_runs_where_nothing_is_missing() {
    let ended = in_child(|| {
        enter(&POLICY, Mode::Strict);
        0
    });
    if ended.text.contains("landlock") {
        println!("(this kernel lacks Landlock: {})", ended.text.trim());
    } else {
        assert_eq!((ended.code, ended.text.as_str()), (Some(0), ""));
    }
}

fn as_ordinary_user() {
    nix::unistd::setgroups(&[nix::unistd::Gid::from_raw(1000)]).unwrap();
    nix::unistd::setresgid(1000.into(), 1000.into(), 1000.into()).unwrap();
    nix::unistd::setresuid(1000.into(), 1000.into(), 1000.into()).unwrap();
}

fn an_ordinary_user_is_told_what_stays() {
    let ended = in_child(|| {
        as_ordinary_user();
        lock();
        0
    });
    assert_eq!(ended.code, Some(0));
    assert!(ended.text.starts_with("fosse-test: warning: identity: started by an ordinary user"), "{}", ended.text);
}

fn strict_refuses_an_ordinary_user() {
    let ended = in_child(|| {
        as_ordinary_user();
        enter(&POLICY, Mode::Strict);
        0
    });
    assert_eq!(ended.code, Some(100));
    assert!(ended.text.contains("strict: identity: "), "{}", ended.text);
}

fn root_without_capabilities_is_refused() {
    let ended = in_child(|| {
        let none = rustix::thread::CapabilitySet::empty();
        let sets = rustix::thread::CapabilitySets { effective: none, permitted: none, inheritable: none };
        rustix::thread::set_capabilities(None, sets).unwrap();
        lock();
        0
    });
    assert_eq!(ended.code, Some(100));
    assert!(ended.text.contains("unable to lock down: securebits: "), "{}", ended.text);
}

const KEPT: &[Capability] = &[Capability::CAP_KILL, Capability::CAP_SETPCAP];

fn a_launcher_keeps_the_capabilities_it_names() {
    let child = Child::start(|| {
        capabilities::keep(KEPT).unwrap();
        room::pause()
    });
    let status = child.status_file_when_paused();
    let kept = format!("{:016x}", (1 << 5) | (1 << 8));
    for (set, bits) in [("CapInh", "0"), ("CapPrm", &*kept), ("CapEff", &*kept), ("CapBnd", &*kept), ("CapAmb", "0")] {
        let line = format!("{set}:\t{bits:0>16}");
        assert!(status.lines().any(|found| found == line), "{line:?} is not in\n{status}");
    }
    child.kill();
}

fn a_launcher_notices_a_kernel_that_drops_nothing() {
    for (call, first) in [(libc::SYS_capset, None), (libc::SYS_prctl, Some(PR_CAPBSET_DROP))] {
        let ended = in_room(&[(call, first, SeccompAction::Errno(0))], || match capabilities::keep(KEPT) {
            Ok(()) => 0,
            Err(refusal) => {
                eprint!("{refusal}");
                100
            }
        });
        assert_eq!(ended.text, "unable to lock down: capabilities: the kernel did not drop them", "call {call}");
    }
}

fn a_launcher_signals_processes_and_no_group() {
    type Signal = fn(rustix::process::Pid, rustix::process::Pid) -> rustix::io::Result<()>;
    use rustix::process::{getpid, test_kill_current_process_group, test_kill_process, test_kill_process_group};
    let (own, group) = (getpid(), rustix::process::getpgrp());
    let signals: [(Signal, Option<i32>); 3] = [
        (|own, _| test_kill_process(own), None),
        (|_, _| test_kill_current_process_group(), Some(libc::SIGSYS)),
        (|_, group| test_kill_process_group(group), Some(libc::SIGSYS)),
    ];
    for (signal, end) in signals {
        let ended = in_child(move || {
            fosse_lockdown::launcher::lock_launcher(Mode::Default).unwrap();
            i32::from(signal(own, group).is_err())
        });
        assert_eq!((ended.code, ended.signal), (end.is_none().then_some(0), end));
    }
}

fn no_sandbox_says_so() {
    let ended = in_child(|| {
        enter(&POLICY, Mode::Off);
        i32::from(std::fs::File::open("/etc/passwd").is_err())
    });
    assert_eq!(ended.code, Some(0));
    assert!(ended.text.starts_with("fosse-test: warning: (NO SANDBOX) no sandbox: "), "{}", ended.text);
}

fn refuses_a_process_with_threads() {
    let ended = in_child(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::park();
            }
        });
        lock();
        0
    });
    assert_eq!(ended.code, Some(100));
    assert!(ended.text.contains("unable to lock down: one thread: "), "{}", ended.text);
}

fn dies_with_its_parent_unless_told_otherwise() {
    for (parent, expected) in [(Parent::DieWith, ""), (Parent::Outlive, "alive")] {
        // The child makes a grandchild and ends; the grandchild, if it lives on, says so a little
        // later. Both hold the pipe that in_child reads to its end.
        let ended = in_child(move || {
            let grandchild = Child::start_quiet(move || {
                const ROWS: &[Row] = &[
                    Row::seen(call::GETPPID, Args::Any, "a test"),
                    Row::seen(call::CLOCK_NANOSLEEP, Args::Any, "a test"),
                ];
                let before = rustix::process::getppid();
                enter(&Policy { parent, syscalls: ROWS, ..POLICY }, Mode::Default);
                rustix::io::write(rustix::stdio::stdout(), b"x").unwrap();
                // The kernel sends the signal as it gives the orphan another parent.
                while rustix::process::getppid() == before {
                    std::thread::sleep(Duration::from_millis(5));
                }
                std::thread::sleep(Duration::from_millis(200));
                eprint!("alive");
                0
            });
            grandchild.wait_for_a_byte();
            0
        });
        assert_eq!(ended.text, expected);
    }
}

fn malloc_and_hash_maps_work_under_the_base() {
    let ended = in_child(|| {
        lock();
        let mut big = vec![1_u8; 200_000];
        big.extend(std::iter::repeat_n(2, 4_000_000));
        let small: Vec<Box<[u8; 1000]>> = (0..2000).map(|_| Box::new([0; 1000])).collect();
        let map: std::collections::HashMap<usize, usize> = (0..100).map(|i| (i, i)).collect();
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        i32::from(big.len() + small.len() + map.len() != 4_202_100 || cpu.tv_nsec < 0)
    });
    assert_eq!(ended.code, Some(0), "{:?}", ended.signal);
}

fn memory_is_given_back_under_the_base() {
    let ended = in_child(|| {
        lock();
        let mut many: Vec<Vec<u8>> = (0..2000).map(|_| vec![1; 10_000]).collect();
        let last = many.pop();
        drop(many);
        fosse_sys::memory::trim();
        i32::from(last.is_none())
    });
    assert_eq!(ended.code, Some(0), "{:?}", ended.signal);
}

fn abort_is_sigabrt_under_the_base() {
    let ended = in_child(|| {
        lock();
        std::process::abort()
    });
    assert_eq!(ended.signal, Some(libc::SIGABRT));
}

fn a_fault_is_sigsegv_under_the_base() {
    for signal in [Signal::SEGV, Signal::BUS] {
        let child = Child::start(|| {
            lock();
            room::pause()
        });
        child.status_file_when_paused();
        // Sent again and again: Rust's handler takes itself away at the first, as it does for a
        // fault, which then comes again.
        assert_eq!(child.wait_signalling(signal).signal, Some(signal.as_raw()));
    }
}

fn a_sleep_survives_stop_and_continue() {
    let child = Child::start(|| {
        lock();
        rustix::io::write(rustix::stdio::stdout(), b"x").unwrap();
        // A relative sleep is what the kernel resumes through restart_syscall.
        let time = rustix::time::Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
        match rustix::thread::clock_nanosleep_relative(rustix::thread::ClockId::Monotonic, &time) {
            rustix::thread::NanosleepRelativeResult::Ok => 0,
            _ => 1,
        }
    });
    child.wait_for_a_byte();
    child.wait_for_state(&["S", "Z"]);
    child.signal(Signal::STOP);
    child.wait_for_state(&["T", "Z"]);
    child.signal(Signal::CONT);
    let ended = child.wait();
    assert_eq!((ended.code, ended.signal), (Some(0), None));
}

fn descriptors_are_closed_under_the_base() {
    let ended = in_child(|| {
        let file = std::fs::File::open("/dev/null").unwrap();
        lock();
        drop(file);
        0
    });
    assert_eq!((ended.code, ended.signal), (Some(0), None));
}

fn main_returns_under_the_base() {
    let out = std::process::Command::new(std::env::current_exe().unwrap()).arg("locked-main").output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{out:?}");
}

fn a_panic_is_one_line_under_the_base() {
    let ended = in_child(|| {
        fosse_sys::panic_hook("fosse-test");
        lock();
        panic!("no way on");
    });
    assert_eq!(ended.code, Some(111), "{:?}", ended.signal);
    assert!(ended.text.starts_with("fosse-test: fatal: panic at ") && ended.text.ends_with(": no way on\n"));
}

fn a_granted_directory_can_be_read_and_nothing_else() {
    let ended = in_child(|| {
        let place = rustix::fs::open("/usr", rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
        const OPEN: &[Row] = &[Row::seen(call::OPENAT, Args::Any, "reads below its directory")];
        let policy = Policy { syscalls: OPEN, ..POLICY };
        use std::os::fd::AsFd;
        let (_, report) = try_enter(&policy, Mode::Default, &[place.as_fd()]).unwrap();
        if report.is_degraded() {
            return 77;
        }
        let inside = std::fs::File::open("/usr/bin/env");
        let outside = std::fs::File::open("/etc/passwd");
        i32::from(inside.is_err()) + 2 * i32::from(outside.is_ok())
    });
    assert!(matches!(ended.code, Some(0 | 77)), "{ended:?}");
}

fn tcp_connect_is_open_only_where_the_policy_says_so() {
    const OPEN: &[Reach] = &[Reach::ConnectTcp("a test")];
    for (reach, refusal) in [(OPEN, rustix::io::Errno::CONNREFUSED), (&[], rustix::io::Errno::ACCESS)] {
        let ended = in_child(move || {
            const ROWS: &[Row] =
                &[Row::seen(call::SOCKET, Args::Any, "a test"), Row::seen(call::CONNECT, Args::Any, "a test")];
            let (_, report) = try_enter(&Policy { syscalls: ROWS, reach, ..POLICY }, Mode::Default, &[]).unwrap();
            let result = room::connect_to_a_closed_port();
            if report.is_degraded() { 77 } else { i32::from(result != Err(refusal)) }
        });
        assert!(matches!(ended.code, Some(0 | 77)), "{ended:?}");
    }
}
