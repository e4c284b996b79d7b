//! The parts of a plan, and that each is in force after a reload.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpStream,
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
};

use fosse_harness::{Backend, Client, Dir, Edge, free_port, get, is_root, stat_field, wait_for};
use fosse_plan::Plan;
use fosse_wire::launch::Program;
use rustix::process::Signal;

/// The parts of which a test here shows that a reload puts them in force, or says that it does not.
pub(crate) const PARTS: &[&str] = &[
    "lanes",
    "uid_base",
    "group",
    "drain_seconds_max",
    "stop_seconds_max",
    "lane_connections_max",
    "log_second_lines_max",
    "inspect_responses",
    "scheduling",
    "http2",
    "listeners",
    "access_log",
    "audit_log",
    "status_socket",
    "status_address",
    "spool",
    "files",
    "cache_bytes",
    "cache_disk",
    "tls_files",
    "acme",
    "authorities",
    // Rows of the pages of programs that are started anew.
    "sites",
    "backends",
    "accept",
    "tls",
    "certs",
    "parse",
    "waf-filter",
    "dispatch",
    "encode",
    "connect",
    "connect-tls",
    "dispatch-h2",
    "prober",
    "resolve",
    "load",
    "password",
    "cache",
];

/// Returns the parts in which two plans differ, by the names of their fields and programs.
#[expect(clippy::too_many_lines, reason = "every field of a plan, once, in one place")]
pub(crate) fn differing(one: &Plan, other: &Plan) -> BTreeSet<String> {
    // Without `..`: a new field has a name here, or this is no program.
    let Plan {
        lanes,
        uid_base,
        group,
        drain_seconds_max,
        stop_seconds_max,
        lane_connections_max,
        log_second_lines_max,
        inspect_responses,
        scheduling,
        http2,
        // A plan that serves is never one that asks for files.
        includes: _,
        listeners,
        access_log,
        audit_log,
        status_socket,
        status_address,
        spool,
        files,
        sites,
        backends,
        cache_bytes,
        cache_disk,
        tls_files,
        acme,
        authorities,
        blobs,
    } = one;
    let fields = [
        ("lanes", *lanes != other.lanes),
        ("uid_base", *uid_base != other.uid_base),
        ("group", *group != other.group),
        ("drain_seconds_max", *drain_seconds_max != other.drain_seconds_max),
        ("stop_seconds_max", *stop_seconds_max != other.stop_seconds_max),
        ("lane_connections_max", *lane_connections_max != other.lane_connections_max),
        ("log_second_lines_max", *log_second_lines_max != other.log_second_lines_max),
        ("inspect_responses", *inspect_responses != other.inspect_responses),
        ("scheduling", *scheduling != other.scheduling),
        ("http2", *http2 != other.http2),
        ("listeners", *listeners != other.listeners),
        ("access_log", *access_log != other.access_log),
        ("audit_log", *audit_log != other.audit_log),
        ("status_socket", *status_socket != other.status_socket),
        ("status_address", *status_address != other.status_address),
        ("spool", *spool != other.spool),
        ("files", *files != other.files),
        ("sites", *sites != other.sites),
        ("backends", *backends != other.backends),
        ("cache_bytes", *cache_bytes != other.cache_bytes),
        ("cache_disk", *cache_disk != other.cache_disk),
        ("tls_files", *tls_files != other.tls_files),
        ("acme", *acme != other.acme),
        ("authorities", *authorities != other.authorities),
    ];
    let fields = fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name);
    let blob = |plan: &Plan, program: Program| plan.blobs.iter().find(|(of, _)| *of == program).map(|(_, b)| b.clone());
    let programs: Vec<Program> = blobs.iter().chain(&other.blobs).map(|(program, _)| *program).collect();
    let programs = programs.into_iter().filter(|program| blob(one, *program) != blob(other, *program));
    fields.chain(programs.map(Program::name)).map(str::to_owned).collect()
}

/// An edge, and its configuration but for what changes.
struct Running {
    edge: Edge,
    backend: Backend,
}

impl Running {
    fn new() -> Self {
        let backend = Backend::start();
        let edge = Edge::with_config(&text(&backend, "lanes = 1", "", ""), &[]);
        Self { edge, backend }
    }

    fn reload(&self, top: &str, limits: &str, listen: &str) {
        self.edge.reload(&text(&self.backend, top, limits, listen));
    }

    fn pid(&self, program: &str) -> u32 {
        let serves =
            |p: &&fosse_harness::Process| p.program == program && (program != "waf-filter" || p.lane.is_some());
        let processes = self.edge.processes();
        processes.iter().filter(serves).max_by_key(|process| (process.lane, process.started())).unwrap().pid
    }
}

fn text(backend: &Backend, top: &str, limits: &str, listen: &str) -> String {
    format!(
        "{top}\n[limits]\n{limits}\n[[listen]]\naddress = \"{{address}}\"\n{listen}\n[[site]]\ndefault = true\n\
         backend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        backend.address()
    )
}

#[test]
fn programs_of_a_requests_path_are_started_anew_with_the_new_settings() {
    let running = Running::new();
    let pids =
        |running: &Running| ["accept", "parse", "waf-filter", "dispatch", "connect"].map(|name| running.pid(name));
    let before = pids(&running);
    running.reload("lanes = 2\n[timeouts]\nidle_seconds = 9", "", "");
    let after = wait_for("the old ones to be gone", || {
        (running.edge.children_of("accept").len() == 1 && running.edge.children_of("parse").len() == 2)
            .then(|| pids(&running))
    });
    assert!(before.iter().all(|pid| !after.contains(pid)), "{before:?} {after:?}");
}

#[test]
fn the_prober_is_started_anew_with_the_new_checks() {
    let running = Running::new();
    let text = |seconds: u32| {
        let check = format!("[backend.health]\npath = \"/\"\ninterval_seconds = {seconds}\n");
        text(&running.backend, "lanes = 1", "", "") + &check
    };
    running.edge.reload(&text(3));
    let before = wait_for("a prober", || running.edge.children_of("prober").into_iter().next());
    running.edge.reload(&text(2));
    wait_for("the next one alone", || {
        let probers = running.edge.children_of("prober");
        (probers.len() == 1 && probers[0].pid != before.pid).then_some(())
    });
}

#[test]
fn programs_that_speak_with_servers_are_started_anew_with_the_new_terms_and_go_with_the_last_that_need_them() {
    let running = Running::new();
    let reload = |servers: &str, keys: &str| {
        let text = text(&running.backend, "lanes = 1", "", "");
        running.edge.reload(&format!("{text}[[backend]]\nname = \"secure\"\nservers = [{servers}]\n{keys}\n"));
    };
    let pids = || {
        let pids = |program: &str| running.edge.children_of(program).iter().map(|one| one.pid).collect::<Vec<_>>();
        [pids("connect-tls"), pids("dispatch-h2")]
    };
    let next = |before: [u32; 2]| {
        wait_for("the next ones alone", || {
            let [Ok([tls]), Ok([http2])] = pids().map(<[u32; 1]>::try_from) else { return None };
            (tls != before[0] && http2 != before[1]).then_some([tls, http2])
        })
    };
    assert!(pids().iter().all(Vec::is_empty));
    let secure = "\"https://127.0.0.1:1\"";
    reload(secure, "protocol = \"h2\"\n[backend.tls]\nverify = false");
    let first = next([0; 2]);
    reload(secure, "protocol = \"h2\"\n[backend.tls]\nserver_name = \"b.example\"\nverify = false");
    let second = next(first);
    // Another server, without TLS beside the one that has it.
    reload(&format!("{secure}, \"127.0.0.1:1\""), "protocol = \"h2\"\n[backend.tls]\nverify = false");
    next(second);
    reload("\"127.0.0.1:1\"", "");
    wait_for("none", || pids().iter().all(Vec::is_empty).then_some(()));
}

#[test]
fn the_times_of_an_end_are_those_of_the_last_reload() {
    let mut running = Running::new();
    running.reload("lanes = 1\ndrain_seconds_max = 77\nstop_seconds_max = 1", "", "");
    let mut open = Client::connect(running.edge.address());
    open.send(b"GET /sleep/60000/late HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for("the request", || (running.edge.counter("parse", "connections") == 1).then_some(()));
    running.edge.signal(Signal::QUIT);
    running.edge.wait_for_log("seconds_at_most=77");
    assert_eq!(running.edge.terminate(), Some(0));
    assert!(running.edge.log().contains("event=ending-sooner seconds_at_most=1"), "{}", running.edge.log());
}

#[test]
fn limits_of_lanes_and_lines_are_those_of_the_last_reload() {
    let running = Running::new();
    running.reload("lanes = 1", "lane_connections_max = 16\nlog_second_lines_max = 10", "");
    let mut clients: Vec<Client> = (0..40).map(|_| Client::connect(running.edge.address())).collect();
    let last = clients.last_mut().unwrap();
    last.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(last.response().status, 200, "{}", running.edge.log());
    let live = running.edge.counter("accept", "live");
    assert!(live <= 16, "{live}");
    drop(clients);
    wait_for("lines over the limit", || {
        (0..20).for_each(|_| assert_eq!(get(running.edge.address(), "/?a=<script>alert(1)</script>").status, 403));
        (running.edge.counter("log", "limited") > 0).then_some(())
    });
}

#[test]
fn the_spool_has_the_place_of_the_last_reload_and_the_one_before_ends_with_its_filters() {
    let running = Running::new();
    let spools = || running.edge.children_of("spool").iter().map(|process| process.pid).collect::<Vec<_>>();
    let next = |before: u32| {
        wait_for("the next spool", || match spools()[..] {
            [pid] if pid != before => Some(pid),
            _ => None,
        })
    };
    let first = running.pid("spool");
    running.reload("lanes = 2", "", "");
    assert_eq!(running.pid("spool"), first, "{}", running.edge.log());
    running.reload("lanes = 2", "spool_bytes_max = \"64 MiB\"", "");
    let second = next(first);
    running.reload("lanes = 2\nspool_directory = \"/nonexistent\"", "spool_bytes_max = \"64 MiB\"", "");
    running.edge.wait_for_log("event=no-spool directory=/nonexistent ");
    running.reload("lanes = 2", "spool_bytes_max = 0", "");
    wait_for("no spool", || spools().is_empty().then_some(()));
    assert_ne!(first, second);
    assert_eq!(get(running.edge.address(), "/").status, 200, "{}", running.edge.log());
}

#[test]
fn the_cache_has_the_memory_and_the_settings_of_the_last_reload_and_goes_with_the_last_site_that_needs_it() {
    let running = Running::new();
    let caches = || running.edge.children_of("cache").iter().map(|process| process.pid).collect::<Vec<_>>();
    let next = |before: Option<u32>| {
        // Looked at once: it may go between two looks.
        wait_for("the next cache", || match caches()[..] {
            [pid] if Some(pid) != before => Some(pid),
            _ => None,
        })
    };
    assert_eq!(caches(), Vec::<u32>::new());
    let site = "[[site]]\nhosts = [\"b.example\"]\nbackend = \"app\"\ncache = true\n";
    running.reload("lanes = 1", "", site);
    let first = next(None);
    running.reload("lanes = 1", "cache_bytes_max = \"2 MiB\"", site);
    let second = next(Some(first));
    running.reload("lanes = 1", "cache_bytes_max = \"2 MiB\"\ncached_response_bytes_max = \"2 KiB\"", site);
    let third = next(Some(second));
    let kept = running.edge.dir().join("kept");
    fs::create_dir(&kept).unwrap();
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o700)).unwrap();
    let top = format!("lanes = 1\ncache_directory = \"{}\"", kept.display());
    running.reload(&top, "cache_disk_bytes_max = \"1 GiB\"", site);
    let fourth = next(Some(third));
    let length = |name: &str| fs::metadata(kept.join(name)).unwrap().len();
    assert_eq!(length("index") + length("responses"), 1 << 30);
    running.reload(&top, "cache_disk_bytes_max = \"2 GiB\"", site);
    next(Some(fourth));
    assert_eq!(length("index") + length("responses"), 2 << 30);
    running.reload("lanes = 1", "", "");
    wait_for("no cache", || caches().is_empty().then_some(()));
    assert_eq!(get(running.edge.address(), "/").status, 200, "{}", running.edge.log());
}

#[test]
fn files_are_those_of_the_last_reload_and_the_process_of_the_ones_before_ends() {
    let running = Running::new();
    let serve = |name: &str| {
        let root = running.edge.dir().join(name);
        fs::create_dir_all(&root).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(root.join("index.html"), name).unwrap();
        let files = format!("files = \"{}\"", root.display());
        let text = text(&running.backend, "lanes = 1", "", "");
        running.edge.reload(&text.replace(&format!("servers = [\"{}\"]", running.backend.address()), &files));
        assert_eq!(get(running.edge.address(), "/").text(), name);
        wait_for("one process", || {
            let [one] = <[_; 1]>::try_from(running.edge.children_of("static")).ok()?;
            Some(one.pid)
        })
    };
    let first = serve("one");
    assert_ne!(first, serve("two"));
    running.edge.reload(&text(&running.backend, "lanes = 1", "", ""));
    wait_for("none", || running.edge.children_of("static").is_empty().then_some(()));
}

#[test]
fn log_files_and_the_way_of_responses_are_those_of_the_last_reload() {
    let running = Running::new();
    let descriptors = |running: &Running| {
        let filters = running.edge.children_of("waf-filter");
        filters.iter().filter(|filter| filter.pid == running.pid("waf-filter")).map(|f| f.descriptors()).max().unwrap()
    };
    let before = descriptors(&running);
    let text = text(&running.backend, "lanes = 1\naccess_log = \"a.log\"\naudit_log = \"b.log\"", "", "");
    running.edge.reload(&text.replace("default = true", "default = true\ninspect_responses = true"));
    for name in ["a.log", "b.log"] {
        let path = running.edge.dir().join(name);
        wait_for(name, || {
            // The lane of before may have taken the connection.
            assert_eq!(get(running.edge.address(), "/?a=<script>alert(1)</script>").status, 403);
            fs::read_to_string(&path).is_ok_and(|text| !text.is_empty()).then_some(())
        });
    }
    // Two for the responses, and the pipe of the audit log.
    assert_eq!(descriptors(&running), before + 3, "{}", running.edge.log());
}

#[test]
fn responses_are_encoded_as_the_last_reload_says() {
    let running = Running::new();
    let text = text(&running.backend, "lanes = 1", "", "");
    let coding = || {
        let request =
            "GET /chunked/2000 HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nX-Say: Content-Type: text/plain\r\n\r\n";
        fosse_harness::request(running.edge.address(), request).header("content-encoding").map(str::to_owned)
    };
    assert_eq!((coding(), running.edge.children_of("encode").len()), (None, 0));
    running.edge.reload(&text.replace("default = true", "default = true\ncompress = true"));
    assert_eq!((coding().as_deref(), running.edge.children_of("encode").len()), (Some("gzip"), 1));
    running.edge.reload(&text);
    assert_eq!(coding(), None);
    wait_for("none", || running.edge.children_of("encode").is_empty().then_some(()));
}

#[test]
fn listeners_and_the_rights_of_their_files_are_those_of_the_last_reload() {
    let running = Running::new();
    let path = running.edge.dir().join("in.sock");
    let listen = |mode: &str| format!("[[listen]]\naddress = \"unix:{}\"\nmode = \"{mode}\"", path.display());
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    running.reload("lanes = 1", "", &listen("0600"));
    assert_eq!(mode(), 0o600);
    let inode = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(&path).unwrap());
    let before = inode();
    running.reload("lanes = 1", "", &listen("0666"));
    // The same socket: whoever waits in its queue is served.
    assert_eq!((mode(), inode()), (0o666, before));
    assert!(UnixStream::connect(&path).is_ok());
    running.reload("lanes = 1", "", "");
    assert!(!path.exists());
    assert!(TcpStream::connect(running.edge.address()).is_ok());
}

#[test]
fn the_status_socket_is_that_of_the_last_reload_and_fosse_reload_follows_it() {
    let running = Running::new();
    let (old, new) = (running.edge.status_socket(), running.edge.dir().join("other.sock"));
    let path = running.edge.dir().join("fosse.toml");
    let change = |from: &str, to: &str| {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
    };
    change("status.sock", "other.sock");
    let reload = running.edge.fosse(&["reload"]);
    assert!(reload.status.success(), "{}{}", String::from_utf8_lossy(&reload.stderr), running.edge.log());
    assert!(!old.exists() && new.exists());
    let ask = |words: &[&str]| fosse_harness::fosse(&[words, &["--status-socket", new.to_str().unwrap()]].concat());
    let status = ask(&["status"]);
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    wait_for("one status", || (running.edge.children_of("status").len() == 1).then_some(()));
    change(&format!("\"{}\"", new.display()), "\"off\"");
    let reload = ask(&["reload"]);
    let said = String::from_utf8_lossy(&reload.stdout).into_owned();
    assert!(reload.status.success() && said.contains("no status socket any more"), "{said}");
    assert!(!new.exists());
    wait_for("no status", || running.edge.children_of("status").is_empty().then_some(()));
}

#[test]
fn the_address_of_status_and_the_rights_of_its_socket_are_those_of_the_last_reload() {
    let running = Running::new();
    let (port, other) = (free_port(), free_port());
    let mode = || fs::metadata(running.edge.status_socket()).unwrap().permissions().mode() & 0o777;
    let before = running.pid("status");
    running.reload("lanes = 1\nstatus_socket_mode = \"0666\"", "", "");
    // The same socket, and the same process with all that it has counted.
    assert_eq!((mode(), running.pid("status")), (0o666, before));
    running.reload(&format!("lanes = 1\nstatus_address = \"127.0.0.1:{port}\""), "", "");
    assert_eq!((mode(), get(([127, 0, 0, 1], port).into(), "/metrics").status), (0o660, 200));
    running.reload(&format!("lanes = 1\nstatus_address = \"127.0.0.1:{other}\""), "", "");
    assert_eq!(get(([127, 0, 0, 1], other).into(), "/metrics").status, 200);
    wait_for("the old address to be closed", || TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()));
    running.reload("lanes = 1", "", "");
    wait_for("the address to be closed", || TcpStream::connect(("127.0.0.1", other)).is_err().then_some(()));
}

#[test]
fn a_status_socket_that_cannot_be_opened_leaves_the_one_before_and_is_said() {
    let running = Running::new();
    let path = running.edge.dir().join("fosse.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("status.sock", "nowhere/other.sock", 1)).unwrap();
    for _ in 0..2 {
        let reload = running.edge.fosse(&["reload"]);
        let said = String::from_utf8_lossy(&reload.stderr).into_owned();
        assert!(reload.status.success() && said.contains("not in force: unable to listen on unix:"), "{said}");
    }
    assert!(running.edge.log().contains("event=no-status"), "{}", running.edge.log());
}

#[test]
fn user_ids_and_scheduling_of_the_last_reload_are_in_force_or_said_not_to_be() {
    if !is_root() {
        return println!("skipped: not root");
    }
    let running = Edge::supervised(Dir::new(), &text(&Backend::start(), "lanes = 1\nuid_base = {uid_base}", "", ""));
    let backend = Backend::start();
    let connect = |edge: &Edge| edge.process("connect");
    running.reload(&text(&backend, "lanes = 1\nuid_base = {uid_base}\nscheduling = \"batch\"\ngroup = 54321", "", ""));
    wait_for("SCHED_BATCH", || (stat_field(running.process("parse").pid, 41) == 3).then_some(()));
    wait_for("one connect", || (running.children_of("connect").len() == 1).then_some(()));
    assert!(connect(&running).field("Gid").starts_with("54321"), "{}", connect(&running).field("Gid"));
    let uid = connect(&running).field("Uid");
    running.reload(&text(&backend, "lanes = 1\nuid_base = 3000000000", "", ""));
    wait_for("one connect", || (running.children_of("connect").len() == 1).then_some(()));
    let base = |uid: &str| uid.split_whitespace().next().unwrap().parse::<u32>().unwrap() / 5000;
    assert_eq!(base(&connect(&running).field("Uid")), base(&uid));
    running.wait_for_log("event=not-in-force why=\"uid_base stays ");
    let reload = running.fosse(&["reload"]);
    let said = String::from_utf8_lossy(&reload.stderr).into_owned();
    assert!(reload.status.success() && said.contains("not in force: uid_base stays "), "{said}");
}
