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

/// Places of the tree that an installation reads.
const READ: &[&str] = &["Makefile", "bins", "docs", "man", "packaging", "svc"];

/// The file of the configuration, which is the administrator's.
const CONFIGURATION: &str = "etc/fosse/fosse.toml";

/// A copy of the tree, built by make as a user with cargo does it; only the compiler is left out.
fn built() -> Dir {
    let tree = Dir::new();
    let release = tree.join("built by make/release");
    fs::create_dir_all(&release).unwrap();
    for name in READ {
        assert!(Command::new("cp").arg("-r").arg(top().join(name)).arg(tree.path()).status().unwrap().success());
    }
    for page in fs::read_dir(top()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        fs::copy(&page, tree.join(&page.file_name().unwrap().to_string_lossy())).unwrap();
    }
    fs::create_dir(tree.join("tests")).unwrap();
    fs::write(
        tree.join("tests/programs.sh"),
        "#!/bin/sh\necho \"$(cd \"$(dirname \"$0\")/..\" && pwd)/built by make/$1\"\n",
    )
    .unwrap();
    assert!(Command::new("chmod").args(["755"]).arg(tree.join("tests/programs.sh")).status().unwrap().success());
    for program in fs::read_dir(programs()).unwrap().map(|entry| entry.unwrap()) {
        let name = program.file_name().to_string_lossy().into_owned();
        if name == "fosse" || directories("bins").iter().any(|bin| name == format!("fosse-{bin}")) {
            std::os::unix::fs::symlink(program.path(), release.join(name)).unwrap();
        }
    }
    let made = make(&tree, &["CARGO=true"]).env("PATH", std::env::var_os("PATH").unwrap()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    tree
}

/// make with what sudo leaves of the environment.
fn make(tree: &Dir, words: &[&str]) -> Command {
    let mut make = Command::new("make");
    make.current_dir(tree.path()).args(words).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    make
}

/// Makes a target below a prefix and returns where that is.
fn made(tree: &Dir, target: &str, dest: &Dir, prefix: &str) -> std::path::PathBuf {
    let words = [target, &format!("DESTDIR={}", dest.path().display()), &format!("PREFIX={prefix}")];
    let output = make(tree, &words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    dest.join(prefix.trim_start_matches('/'))
}

/// Every file and directory below a directory.
fn below(dir: &Dir) -> Vec<String> {
    let found = Command::new("find").arg(dir.path()).output().unwrap();
    let mut lines: Vec<String> = String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn what_make_has_built_is_installed_without_cargo_and_removed_whole() {
    let (tree, dest) = (built(), Dir::new());
    // A machine has directories of its own, and other programs' files in them.
    for place in ["usr/bin", "usr/share/man/man1", "etc"] {
        fs::create_dir_all(dest.join(place)).unwrap();
    }
    fs::write(dest.join("usr/bin/fossegrim"), "not of fosse").unwrap();
    let files = |dir: &Dir| below(dir).into_iter().filter(|path| !Path::new(path).is_dir()).collect::<Vec<_>>();
    let before = files(&dest);
    let prefix = made(&tree, "install", &dest, "/usr");
    for page in ["README.md", "INSTALL.md", "SECURITY.md", "LICENSE-APACHE", "LICENSE-MIT", "fosse.toml"] {
        assert!(prefix.join("share/doc/fosse").join(page).is_file(), "{page}");
    }
    let zsh = if Path::new("/etc/debian_version").exists() { "vendor-completions" } else { "site-functions" };
    assert!(prefix.join("share/zsh").join(zsh).join("_fosse").is_file());
    // A file that an earlier version had put goes with the next installation.
    fs::write(prefix.join("libexec/fosse/fosse-quill"), "of before").unwrap();
    let list = prefix.join("share/fosse/installed");
    fs::write(&list, fs::read_to_string(&list).unwrap() + "/usr/libexec/fosse/fosse-quill\n").unwrap();
    made(&tree, "install", &dest, "/usr");
    assert!(!prefix.join("libexec/fosse/fosse-quill").exists());
    made(&tree, "uninstall", &dest, "/usr");
    assert_eq!(files(&dest), before);
    for place in ["usr/libexec/fosse", "usr/share/fosse", "usr/share/doc/fosse", "etc/fosse"] {
        assert!(!dest.join(place).exists(), "{place}");
    }
}

#[test]
fn the_configuration_is_made_once_and_stays_when_it_was_changed() {
    let (tree, dest) = (built(), Dir::new());
    let prefix = made(&tree, "install", &dest, "/opt/x");
    let configuration = dest.join(CONFIGURATION);
    let checked = run(&prefix.join("bin/fosse"), &["check", &configuration.to_string_lossy()]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    fs::write(&configuration, "# mine\n").unwrap();
    made(&tree, "install", &dest, "/opt/x");
    assert_eq!(fs::read_to_string(&configuration).unwrap(), "# mine\n");
    made(&tree, "uninstall", &dest, "/opt/x");
    assert_eq!(fs::read_to_string(&configuration).unwrap(), "# mine\n");
}

#[test]
fn what_is_installed_finds_itself_below_any_prefix() {
    let (tree, dir) = (built(), Dir::new());
    made(&tree, "install", &dir, "/opt/x");
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
    let rotate = fs::read_to_string(dir.join("etc/logrotate.d/fosse")).unwrap();
    assert!(rotate.contains(" /opt/x/bin/fosse reopen "), "{rotate}");
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
    // What may pass is tried again for ever, and ever more seldom.
    assert!(unit.contains("\nStartLimitIntervalSec=0\n") && unit.contains("\nRestartMaxDelaySec=30\n"));
    // yes would answer openat2(2) with ENOSYS: no rule file, list or log could be opened.
    assert!(unit.contains("\nRestrictSUIDSGID=no\n"));
    let path = top().join("packaging/systemd/fosse.service");
    // 3.6: a tenth of it is CAP_SYS_NICE, by which start schedules what a request passes through.
    let judged =
        Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=36"]).arg(path).output();
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
    // How many descriptors there may be is up to whoever runs the tests.
    let mut lines = said.lines().filter(|line| !line.contains("event=connections-limited"));
    assert!(lines.all(|line| !line.contains("warning: ") && !line.contains("alert: ")), "{said}");
}
