//! The table of each layer against one printed before, than which it may only be stricter. Needs
//! root: the attempts of another user would attack files that are not theirs anyway.

use std::path::PathBuf;
use std::process::{Command, Output};

/// Actions that must work with no layer but the UID, on every kernel: otherwise `killed` in the
/// other tables would show nothing.
const WORK_WITHOUT_LAYERS: &[&str] = &[
    "open_passwd",
    "create_file",
    "stat",
    "chmod",
    "memfd_create",
    "execve",
    "execveat",
    "fork",
    "clone3",
    "thread",
    "prctl_dumpable",
    "kill_sibling",
    "pidfd_kill_sibling",
    "pidfd_getfd",
    "ptrace",
    "process_vm_readv",
    "tcp_connect",
    "tcp_bind",
    "tcp_listen_unbound",
    "udp_send",
    "unix_connect_path",
    "unix_connect_abstract",
    "netlink_socket",
    "given_tcp_connect",
    "given_tcp_fast_open",
    "given_tcp_fast_open_msg",
    "given_udp_send",
    "mmap_executable",
    "mprotect_executable",
    "personality",
    "inotify_init",
    "socketpair",
];

fn canary(arguments: &[&str]) -> Option<Output> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root");
        return None;
    }
    Some(Command::new(env!("CARGO_BIN_EXE_fosse-canary")).args(arguments).output().unwrap())
}

fn golden(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name);
    path.to_str().unwrap().to_owned()
}

fn assert_clean(output: &Output) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
}

#[test]
fn nothing_is_allowed_but_the_listed_exceptions() {
    let Some(output) = canary(&["--golden", &golden("canary-full.txt")]) else { return };
    assert_clean(&output);
}

#[test]
fn seccomp_alone_holds_what_it_held() {
    let Some(output) = canary(&["--seccomp-only", "--golden", &golden("canary-seccomp.txt")]) else { return };
    assert_clean(&output);
}

#[test]
fn landlock_alone_holds_what_it_held() {
    let Some(output) = canary(&["--landlock-only", "--golden", &golden("canary-landlock.txt")]) else { return };
    assert_clean(&output);
}

#[test]
fn start_can_do_no_more_than_it_could() {
    let Some(output) = canary(&["--launcher", "--golden", &golden("canary-launcher.txt")]) else { return };
    assert_clean(&output);
}

#[test]
fn the_actions_work_without_layers() {
    let Some(output) = canary(&["--no-layers", "base"]) else { return };
    let table = String::from_utf8(output.stdout).unwrap();
    for action in WORK_WITHOUT_LAYERS {
        let line = table.lines().find(|line| line.split_whitespace().next() == Some(action));
        let line = line.unwrap_or_else(|| panic!("{action} is not in the table"));
        assert!(line.ends_with("ALLOWED") || line.contains(" ALLOWED "), "{line}");
    }
}

#[test]
fn a_table_that_is_looser_than_before_is_found() {
    let Some(output) = canary(&["--no-layers", "base", "--golden", &golden("canary-full.txt")]) else { return };
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("open_passwd under base was killed and is now ALLOWED"), "{text}");
}

#[test]
fn refuses_programs_and_options_it_does_not_know() {
    for argument in ["no-such-program", "--no-such-option"] {
        let Some(output) = canary(&[argument]) else { return };
        assert_eq!(output.status.code(), Some(100));
    }
}
