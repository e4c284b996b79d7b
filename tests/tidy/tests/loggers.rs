//! The loggers of the service directories run as a user of their own.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Child, Command, Stdio};

use fosse_harness::{Dir, is_root, wait_for};
use fosse_tidy::{read, top};

/// The user of the loggers, and one that every machine has.
const USER: &str = "fosse-events";
const KNOWN: &str = "daemon";

/// A logger, killed when dropped.
struct Logger(Child);

impl Drop for Logger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_installed(program: &str) -> bool {
    Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status().unwrap().success()
}

fn uid_of(user: &str) -> u32 {
    let output = Command::new("id").args(["-u", user]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

#[test]
fn a_logger_writes_as_its_own_user_where_nobody_else_may_look() {
    for (kind, program) in [("runit", "svlogd"), ("daemontools", "multilog"), ("s6", "s6-log")] {
        if !is_root() || !is_installed(program) {
            println!("skipped: needs root and {program}");
            continue;
        }
        let dir = Dir::new();
        // As systemd-tmpfiles makes the directory above: for root alone.
        let logs = dir.join("log");
        fs::create_dir(&logs).unwrap();
        fs::set_permissions(&logs, fs::Permissions::from_mode(0o700)).unwrap();
        let run = read(&format!("svc/{kind}/fosse/log/run"));
        let run = run.replace("/var/log/fosse", &logs.to_string_lossy()).replace(USER, KNOWN);
        let mut logger = Logger(Command::new("sh").args(["-c", &run]).stdin(Stdio::piped()).spawn().unwrap());
        logger.0.stdin.as_mut().unwrap().write_all(b"a line\n").unwrap();
        let current = logs.join("events/current");
        wait_for(&format!("the line of {program}"), || {
            fs::read_to_string(&current).ok()?.contains("a line").then_some(())
        });
        let status = fs::read_to_string(format!("/proc/{}/status", logger.0.id())).unwrap();
        let (uid, owner) = (uid_of(KNOWN), fs::metadata(logs.join("events")).unwrap());
        assert!(status.contains(&format!("\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")), "{kind}: {status}");
        assert_eq!((owner.uid(), owner.permissions().mode() & 0o777), (uid, 0o750), "{kind}");
        assert_eq!(fs::metadata(&current).unwrap().uid(), uid, "{kind}");
    }
}

#[test]
fn without_the_user_nothing_is_logged_as_root() {
    for kind in ["runit", "daemontools", "s6"] {
        let dir = Dir::new();
        let run = fs::read_to_string(top().join(format!("svc/{kind}/fosse/log/run"))).unwrap();
        let run = run.replace("/var/log/fosse", &dir.path().to_string_lossy()).replace(USER, "fosse-nobody-has-it");
        let output = Command::new("sh").args(["-c", &run]).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("fosse-nobody-has-it"), "{kind}: {said}");
        assert!(!dir.join("events/current").exists(), "{kind}");
    }
}

#[test]
fn the_user_is_made_by_the_package_and_named_where_it_is_not() {
    assert!(read("packaging/sysusers.d/fosse.conf").contains(&format!("\nu {USER} - ")));
    assert!(
        read("INSTALL.md").contains(&format!("useradd --system --no-create-home --shell /usr/sbin/nologin {USER}"))
    );
}
