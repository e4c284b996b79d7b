//! The service directories under the supervisors they are for: up, reload, end, and no restart
//! where none would help.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use fosse_harness::{Backend, Client, Dir, free_port, is_root, programs, wait_for};
use fosse_tidy::top;

/// A supervised edge: a copy of a service directory in which every path leads to a directory of the
/// test.
struct Service {
    dir: Dir,
    supervisor: Child,
    address: SocketAddr,
}

impl Service {
    /// `None` where the supervisor is not installed.
    fn start(kind: &str, supervisor: &str, backend: &str) -> Option<Self> {
        let found = Command::new("sh").args(["-c", &format!("command -v {supervisor}")]).stdout(Stdio::null()).status();
        if !is_root() || !found.unwrap().success() {
            println!("skipped: needs root and {supervisor}");
            return None;
        }
        let (dir, address) = (Dir::new(), SocketAddr::from(([127, 0, 0, 1], free_port())));
        let path = dir.path().to_string_lossy().into_owned();
        let uid_base = fosse_harness::uid_base();
        let configuration = format!(
            "lanes = 1\nuid_base = {uid_base}\nstatus_socket = \"{path}/status.sock\"\n[[listen]]\naddress = \"{address}\"\n[[site]]\ndefault = true\n\
             backend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{backend}\"]\n"
        );
        fs::write(dir.join("fosse.toml"), configuration).unwrap();
        copy(&top().join("svc").join(kind).join("fosse"), &dir.join("service"), &path);
        // The log service is another copy of the same thing; here the lines go where the test sees
        // them.
        fs::remove_dir_all(dir.join("service/log")).unwrap();
        let log = fs::File::create(dir.join("said")).unwrap();
        let supervisor = Command::new(supervisor)
            .arg(dir.join("service"))
            .env("PATH", format!("{}:{}", programs().display(), std::env::var("PATH").unwrap()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        let service = Self { dir, supervisor, address };
        service.wait_for_line("event=serving generation=1", 1);
        Some(service)
    }

    fn said(&self) -> String {
        fs::read_to_string(self.dir.join("said")).unwrap_or_default()
    }

    fn wait_for_line(&self, line: &str, times: usize) {
        wait_for(&format!("{line} in\n{}", self.said()), || (self.said().matches(line).count() >= times).then_some(()));
    }

    fn tell(&self, words: &[&str]) {
        let (program, words) = words.split_first().unwrap();
        assert!(Command::new(program).args(words).arg(self.dir.join("service")).status().unwrap().success());
    }

    /// What the supervisor says of the service.
    fn ask(&self, words: &str) -> String {
        let (program, words) = words.split_once(' ').map_or((words, None), |(program, word)| (program, Some(word)));
        let output = Command::new(program).args(words).arg(self.dir.join("service")).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn serves(&self) -> bool {
        let mut client = Client::connect(self.address);
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
        client.response().status == 200
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let pid = self.supervisor.id();
        let edge = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        for victim in edge.split_whitespace().map(str::to_owned).chain([pid.to_string()]) {
            let _ = Command::new("kill").args(["-KILL", &victim]).stderr(Stdio::null()).status();
        }
        let _ = self.supervisor.wait();
    }
}

fn copy(from: &Path, to: &PathBuf, dir: &str) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target, dir);
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap();
        let text = text
            .replace("/usr/libexec/fosse", &programs().to_string_lossy())
            .replace("/etc/fosse/", &format!("{dir}/"));
        let text = text.replace("/run/fosse", &format!("{dir}/run")).replace("/var/log/fosse", &format!("{dir}/log"));
        fs::write(&target, text).unwrap();
        fs::set_permissions(&target, entry.metadata().unwrap().permissions()).unwrap();
    }
}

/// Up, reload, end; then a configuration that cannot work: after `up` the supervisor gives up by
/// itself. `state` prints whether it has.
fn lives(kind: &str, supervisor: &str, state: &str, [reload, down, up]: [&[&str]; 3]) {
    let backend = Backend::start();
    let Some(service) = Service::start(kind, supervisor, &backend.address()) else { return };
    assert!(service.serves(), "{}", service.said());
    service.tell(reload);
    service.wait_for_line("event=serving generation=2", 1);
    assert!(service.serves(), "{}", service.said());
    service.tell(down);
    service.wait_for_line("event=ended", 1);
    fs::write(service.dir.join("fosse.toml"), "nonsense = 1\n").unwrap();
    service.tell(up);
    service.wait_for_line("nonsense", 1);
    wait_for("the supervisor to give up", || {
        let said = service.ask(state);
        (said.contains("down") && !said.contains("want up")).then_some(())
    });
    // supervise(8) may see the exit before the order not to start again, and then tries once more.
    let tries = service.said().matches("fosse-start: fatal: ").count();
    assert!((1..=2).contains(&tries), "{}", service.said());
}

#[test]
fn runit_runs_reloads_and_ends_the_edge() {
    lives("runit", "runsv", "sv status", [&["sv", "hup"], &["sv", "down"], &["sv", "up"]]);
}

#[test]
fn daemontools_runs_reloads_and_ends_the_edge() {
    lives("daemontools", "supervise", "svstat", [&["svc", "-h"], &["svc", "-d"], &["svc", "-u"]]);
}

#[test]
fn s6_runs_reloads_and_ends_the_edge() {
    lives("s6", "s6-supervise", "s6-svstat", [&["s6-svc", "-h"], &["s6-svc", "-d"], &["s6-svc", "-u"]]);
}
