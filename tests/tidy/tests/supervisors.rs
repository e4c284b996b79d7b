//! The service directories under the supervisors they are for: up, reload, restart, end, and no
//! restart where none would help; with rules, logs, a page of counters, a file for long bodies and
//! health checks.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
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
    uid_base: u32,
    address: SocketAddr,
    status: SocketAddr,
    backend: String,
}

/// A group and a user that every machine has.
const ACCOUNT: &str = "daemon";
/// Bytes of a body that memory has no room for.
const LONG_BODY_BYTES: usize = 1 << 20;
/// What always runs, each by its name.
const PROGRAMS: [&str; 9] =
    ["accept", "parse", "waf-filter", "dispatch", "connect", "prober", "spool", "status", "log"];

fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

impl Service {
    /// `None` where the supervisor is not installed.
    fn start(kind: &str, program: &str, backend: String) -> Option<Self> {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status();
        if !is_root() || !found.unwrap().success() {
            println!("skipped: needs root and {program}");
            return None;
        }
        let (dir, address, status) = (Dir::new(), free_address(), free_address());
        fs::create_dir(dir.join("spool")).unwrap();
        copy(&top().join("svc").join(kind).join("fosse"), &dir.join("service"), &dir.path().to_string_lossy());
        // The log service is another copy of the same thing; here the lines go where the test sees
        // them.
        fs::remove_dir_all(dir.join("service/log")).unwrap();
        let uid_base = fosse_harness::uid_base();
        let configuration = configuration(dir.path(), uid_base, address, status, 0o640, &backend);
        fs::write(dir.join("fosse.toml"), configuration).unwrap();
        let log = fs::File::create(dir.join("said")).unwrap();
        let supervisor = Command::new(program)
            .arg(dir.join("service"))
            .env("PATH", format!("{}:{}", programs().display(), std::env::var("PATH").unwrap()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        let service = Self { dir, supervisor, uid_base, address, status, backend };
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

    /// The status of a page.
    fn asks(&self, target: &str) -> u16 {
        let mut client = Client::connect(self.address);
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n").as_bytes());
        client.response().status
    }

    /// The status of a long upload.
    fn uploads(&self) -> u16 {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {LONG_BODY_BYTES}\r\nContent-Type: text/plain\r\n\r\n"
        );
        let mut client = Client::connect(self.address);
        client.send(&[head.as_bytes(), &[b'x'; LONG_BODY_BYTES]].concat());
        client.response().status
    }

    fn status_text(&self) -> String {
        page(Client::connect_unix(&self.dir.join("run/status.sock")), "/status.txt")
    }

    /// A counter of a program.
    fn counter(&self, program: &str, name: &str) -> u64 {
        let text = self.status_text();
        let line = text.lines().find(|line| line.split(' ').next() == Some(program));
        let word = line.and_then(|line| line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('=')));
        word.map_or(0, |number| number.parse().unwrap())
    }

    /// Rules, logs, the page of counters, the file for long bodies and the checks are there, and
    /// their keys hold.
    fn has_its_parts(&self, mode: u32) {
        assert_eq!((self.asks("/"), self.asks("/?q=%3Cscript%3Ealert(1)%3C/script%3E")), (200, 403), "{}", self.said());
        let accounts = fs::read_to_string("/etc/passwd").unwrap();
        let account = accounts.lines().find_map(|line| line.strip_prefix(&format!("{ACCOUNT}:x:"))).unwrap();
        let ids: Vec<u32> = account.split(':').take(2).map(|id| id.parse().unwrap()).collect();
        let socket = wait_for("the socket as it should be", || {
            fs::metadata(self.dir.join("run/status.sock"))
                .ok()
                .filter(|socket| socket.permissions().mode() & 0o777 == mode)
        });
        assert_eq!(vec![socket.uid(), socket.gid()], ids);
        wait_for("checks", || (self.counter("prober", "checks") > 0).then_some(()));
        assert_eq!((self.counter("prober", "servers"), self.counter("prober", "unhealthy")), (1, 0));
        let metrics = page(Client::connect(self.status), "/metrics");
        assert!(metrics.contains("fosse_prober_checks"), "{metrics}");
        let before = self.counter("spool", "written_bytes");
        assert_eq!(self.uploads(), 200, "{}", self.said());
        wait_for("the body in the file", || (self.counter("spool", "written_bytes") > before).then_some(()));
        assert_eq!(fs::read_dir(self.dir.join("spool")).unwrap().count(), 0, "the file has no name");
        PROGRAMS.into_iter().for_each(|program| self.has_process(program));
        self.has_logged("\"target\":\"/\"");
        self.has_logged("\"status\":403");
    }

    /// A process of a program has its name in the kernel's list, too. The zygote of a program has
    /// another.
    fn has_process(&self, program: &str) {
        // The kernel keeps 15 bytes of it.
        let name = format!("{:.15}", format!("fosse-{program}"));
        wait_for(&name, || {
            let text = self.status_text();
            let lines = text.lines().filter(|line| line.split(' ').next() == Some(program));
            let mut pids = lines.filter_map(|line| line.split(' ').nth(2));
            let has_name =
                |pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_end() == name);
            pids.any(has_name).then_some(())
        });
    }

    /// Waits for a line with this text in the access log.
    fn has_logged(&self, text: &str) {
        let path = self.dir.join("log/access.log");
        wait_for("the access log", || fs::read_to_string(&path).is_ok_and(|lines| lines.contains(text)).then_some(()));
    }

    /// Gives it another configuration: the page at another address and with another mode.
    fn configure_anew(&mut self, mode: u32) {
        self.status = free_address();
        let Self { dir, uid_base, address, status, backend, .. } = self;
        let configuration = configuration(dir.path(), *uid_base, *address, *status, mode, backend);
        fs::write(dir.join("fosse.toml"), configuration).unwrap();
    }
}

fn configuration(
    dir: &Path,
    uid_base: u32,
    address: SocketAddr,
    status: SocketAddr,
    mode: u32,
    backend: &str,
) -> String {
    let dir = dir.display();
    format!(
        "lanes = 1\nuid_base = {uid_base}\naccess_log = \"access.log\"\nstatus_socket = \"{dir}/run/status.sock\"\n\
         status_socket_owner = \"{ACCOUNT}\"\nstatus_socket_group = \"{ACCOUNT}\"\nstatus_socket_mode = \"0{mode:o}\"\n\
         status_address = \"{status}\"\nspool_directory = \"{dir}/spool\"\n[limits]\nspool_bytes_max = \"16 MiB\"\n\
         lane_held_bytes_max = \"1 MiB\"\n[[listen]]\naddress = \"{address}\"\n[[site]]\ndefault = true\n\
         backend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{backend}\"]\n[backend.health]\n\
         path = \"/healthy\"\ninterval_seconds = 1\n"
    )
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

fn page(mut client: Client, target: &str) -> String {
    client.send(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes());
    let response = client.response();
    assert_eq!(response.status, 200);
    response.text().into_owned()
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

/// Up, reload, restart, end; then a configuration that cannot work: after `up` the supervisor gives
/// up by itself. `state` prints whether it has.
fn lives(kind: &str, supervisor: &str, state: &str, [reload, end, down, up]: [&[&str]; 4]) {
    let backend = Backend::start();
    let Some(mut service) = Service::start(kind, supervisor, backend.address()) else { return };
    service.has_its_parts(0o640);
    service.configure_anew(0o600);
    service.tell(reload);
    service.wait_for_line("event=serving generation=2", 1);
    service.has_its_parts(0o600);
    assert!(!service.said().contains("event=not-in-force"), "{}", service.said());
    // What ends without an error is started again: it has to find the places of the last one free.
    service.tell(end);
    service.wait_for_line("event=ended", 1);
    service.wait_for_line("event=serving generation=1", 2);
    service.has_its_parts(0o600);
    service.tell(down);
    service.wait_for_line("event=ended", 2);
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
fn runit_runs_reloads_restarts_and_ends_the_edge_with_all_its_parts() {
    lives("runit", "runsv", "sv status", [&["sv", "hup"], &["sv", "term"], &["sv", "down"], &["sv", "up"]]);
}

#[test]
fn daemontools_runs_reloads_restarts_and_ends_the_edge_with_all_its_parts() {
    lives("daemontools", "supervise", "svstat", [&["svc", "-h"], &["svc", "-t"], &["svc", "-d"], &["svc", "-u"]]);
}

#[test]
fn s6_runs_reloads_restarts_and_ends_the_edge_with_all_its_parts() {
    lives(
        "s6",
        "s6-supervise",
        "s6-svstat",
        [&["s6-svc", "-h"], &["s6-svc", "-t"], &["s6-svc", "-d"], &["s6-svc", "-u"]],
    );
}
