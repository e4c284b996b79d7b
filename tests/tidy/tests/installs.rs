//! What `make install` puts on a machine works there, and the service files are what their
//! supervisors expect.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use fosse_harness::{Dir, programs};
use fosse_tidy::{directories, files, none, read, top};

fn run(program: &Path, words: &[&str]) -> Output {
    Command::new(program).args(words).env_remove("FOSSE_PROGRAMS").output().unwrap()
}

#[test]
fn what_is_installed_finds_itself_below_any_prefix() {
    let dir = Dir::new();
    let dest = dir.path().to_string_lossy().into_owned();
    let made = Command::new(top().join("tests/install.sh"))
        .args([&dest, "/opt/x", "/opt/x/libexec/fosse"])
        .env("FOSSE_PROGRAMS", programs())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let prefix = dir.join("opt/x");
    for name in directories("bins").iter().filter(|name| *name != "fosse") {
        assert!(prefix.join(format!("libexec/fosse/fosse-{name}")).is_file(), "fosse-{name}");
    }
    for name in ["canary", "config", "frames", "load", "parse", "static", "waf-filter"] {
        let link = fs::read_link(prefix.join(format!("bin/fosse-{name}"))).unwrap();
        assert_eq!(link, Path::new(&format!("/opt/x/libexec/fosse/fosse-{name}")));
    }
    let fosse = prefix.join("bin/fosse");
    assert!(run(&fosse, &["version"]).status.success());
    // It gets as far as fosse-start, which refuses the flag: so it found it.
    let found = run(&fosse, &["up", "--config", "/nonexistent/fosse.toml"]);
    let said = String::from_utf8_lossy(&found.stderr).into_owned();
    assert!(said.contains("fosse-start: "), "{said}");
    let unit = fs::read_to_string(prefix.join("lib/systemd/system/fosse.service")).unwrap();
    assert!(unit.contains("ExecStart=/opt/x/libexec/fosse/fosse-start ") && !unit.contains("=/usr/libexec"));
    let script = fs::read_to_string(prefix.join("share/fosse/svc/runit/fosse/run")).unwrap();
    assert!(script.contains("exec /opt/x/libexec/fosse/fosse-start "), "{script}");
}

#[test]
fn service_directories_have_what_their_supervisors_expect() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| file.path.starts_with("svc/") && file.text.starts_with("#!")) {
        let path = top().join(&file.path);
        if fs::metadata(&path).unwrap().permissions().mode() & 0o111 != 0o111 {
            wrong.push(format!("{} cannot be executed", file.path));
        }
        if !Command::new("sh").arg("-n").arg(&path).status().unwrap().success() {
            wrong.push(format!("{} is no shell script", file.path));
        }
    }
    for kind in ["runit", "daemontools", "s6"] {
        let run = read(&format!("svc/{kind}/fosse/run"));
        // The supervisor's signals must reach fosse-start: it takes the shell's place.
        if !run.lines().last().is_some_and(|line| line.starts_with("exec /usr/libexec/fosse/fosse-start ")) {
            wrong.push(format!("svc/{kind}/fosse/run does not end in fosse-start"));
        }
    }
    none("service directories", &wrong);
    assert_eq!(read("svc/s6/fosse/notification-fd").trim(), "3");
    assert!(read("svc/s6/fosse/run").contains("--ready-fd 3"));
}

#[test]
fn the_unit_leaves_start_what_it_needs_and_nothing_else() {
    let unit = read("packaging/systemd/fosse.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).unwrap();
    let expected = [
        "SETUID",
        "SETGID",
        "SETPCAP",
        "KILL",
        "NET_BIND_SERVICE",
        "CHOWN",
        "FOWNER",
        "DAC_OVERRIDE",
        "SYS_NICE",
        "SYS_ADMIN",
    ];
    assert_eq!(line.split(' ').map(|word| word.trim_start_matches("CAP_")).collect::<Vec<_>>(), expected);
    assert!(unit.contains("RestartPreventExitStatus=100") && unit.contains("Type=notify\n"));
    // yes would answer openat2(2) with ENOSYS: no rule file, list or log could be opened.
    assert!(unit.contains("\nRestrictSUIDSGID=no\n"));
    let path = top().join("packaging/systemd/fosse.service");
    let judged =
        Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=35"]).arg(path).output();
    match judged {
        Ok(out) => assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout)),
        Err(_) => println!("skipped: no systemd-analyze here"),
    }
}

#[test]
fn the_edge_runs_with_the_capabilities_of_the_unit_and_no_more() {
    if !fosse_harness::is_root() {
        println!("skipped: needs root");
        return;
    }
    let unit = read("packaging/systemd/fosse.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).unwrap();
    let kept: Vec<String> = line.split(' ').map(|word| word.trim_start_matches("CAP_").to_lowercase()).collect();
    let out = Command::new("setpriv")
        .args(["--bounding-set", &format!("-all,+{}", kept.join(",+")), "--inh-caps", "-all", "--no-new-privs"])
        .arg(top().join("tests/demo/demo.sh"))
        .arg("--check")
        .arg(programs())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{}{said}", String::from_utf8_lossy(&out.stdout));
    assert!(!said.contains("warning: ") && !said.contains("alert: "), "{said}");
}
