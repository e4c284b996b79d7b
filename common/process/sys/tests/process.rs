//! Fork, exec and exit, each in a child of its own.

use std::process::Command;

use fosse_sys::process::{self, Fork};
use rustix::process::{WaitOptions, WaitStatus, waitpid};

fn status_of(child: impl FnOnce() -> i32) -> WaitStatus {
    match process::fork().unwrap() {
        Fork::Child => process::exit_now(child()),
        Fork::Parent(pid) => waitpid(Some(pid), WaitOptions::empty()).unwrap().unwrap().1,
    }
}

#[test]
fn a_forked_child_has_its_own_exit_status() {
    assert_eq!(status_of(|| 7).exit_status(), Some(7));
}

#[test]
fn clone_parent_refuses_a_process_with_threads() {
    // The test harness runs this on a second thread.
    assert!(!process::is_single_threaded());
    assert_eq!(process::clone_parent(), Err(rustix::io::Errno::BUSY));
}

#[test]
fn executes_a_program_by_descriptor() {
    let program = rustix::fs::open("/bin/sh", rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
    use std::os::fd::AsFd;
    let status = status_of(|| {
        let argv = [c"sh".to_owned(), c"-c".to_owned(), c"test \"$A\" = b && exit 9".to_owned()];
        process::execveat(program.as_fd(), &argv, &[c"A=b".to_owned()]);
        1
    });
    assert_eq!(status.exit_status(), Some(9));
}

#[test]
fn pins_a_process_to_a_core_and_refuses_one_that_cannot_be() {
    assert_eq!(status_of(|| i32::from(process::pin(None, 0).is_err())).exit_status(), Some(0));
    assert!(process::pin(None, usize::MAX).is_err());
}

#[test]
fn a_panic_is_one_line_and_exit_111() {
    if std::env::var_os("FOSSE_SYS_PANIC").is_some() {
        fosse_sys::panic_hook("fosse-test");
        panic!("the \n{} reason", "formatted");
    }
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_panic_is_one_line_and_exit_111", "--nocapture", "--test-threads=1"])
        .env("FOSSE_SYS_PANIC", "1")
        .env("RUST_BACKTRACE", "1")
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(111));
    let text = String::from_utf8(out.stderr).unwrap();
    assert!(text.starts_with("fosse-test: fatal: panic at "), "{text}");
    assert!(text.ends_with(": the \\x0a{} reason\n".replace("{}", "formatted").as_str()), "{text}");
    assert_eq!(text.lines().count(), 1);
}
