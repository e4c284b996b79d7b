//! Every process of a running edge is what it may be, and an edge that is not is found out.

use std::os::unix::process::CommandExt as _;

use fosse_harness::{Backend, Client, Dir, Edge, get, is_root};

fn audit(edge: &Edge) -> (Option<i32>, String) {
    let output = edge.fosse(&["audit"]);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

#[test]
fn a_running_edge_differs_in_nothing_idle_under_load_and_after_a_reload() {
    if !is_root() {
        return println!("skipped: needs root to look at other users' processes");
    }
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "2"]);
    let (code, text) = audit(&edge);
    assert_eq!(code, Some(0), "{text}");
    for program in ["accept", "parse", "waf-filter", "dispatch", "connect", "log", "status"] {
        assert!(text.contains(&format!("fosse-{program}")), "{program}: {text}");
    }
    let mut busy: Vec<Client> = (0..20).map(|_| Client::connect(edge.address())).collect();
    for client in &mut busy {
        client.send(b"GET /sleep/1500/bytes/100000 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let (code, text) = audit(&edge);
    assert_eq!(code, Some(0), "{text}");
    assert!(edge.fosse(&["reload"]).status.success());
    let (code, text) = audit(&edge);
    assert_eq!(code, Some(0), "{text}");
    assert!(busy.iter_mut().all(|client| client.response().complete));
}

#[test]
fn an_edge_with_a_prober_differs_in_nothing_before_and_after_a_reload() {
    if !is_root() {
        return println!("skipped: needs root to look at other users' processes");
    }
    let backend = Backend::start();
    let configuration = format!(
        "uid_base = {{uid_base}}\nlanes = 2\n[[listen]]\naddress = \"{{address}}\"\n\
         [[site]]\ndefault = true\nbackend = \"app\"\n\
         [[backend]]\nname = \"app\"\nservers = [{:?}]\nhealth = {{ path = \"/\", interval_seconds = 1 }}\n",
        backend.address()
    );
    let edge = Edge::with_config(&configuration, &["--sandbox-strict"]);
    for _ in 0..2 {
        let checks = backend.requests();
        fosse_harness::wait_for("checks", || (backend.requests() >= checks + 2).then_some(()));
        let (code, text) = audit(&edge);
        assert!(code == Some(0) && text.contains("fosse-prober"), "{text}");
        assert!(edge.fosse(&["reload"]).status.success());
    }
}

#[test]
fn an_edge_with_tls_differs_in_nothing_before_and_after_a_reload() {
    if !is_root() {
        return println!("skipped: needs root to look at other users' processes");
    }
    let dir = Dir::new();
    let [file, key] = ["a.pem", "a.key"].map(|name| dir.join(name));
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]);
    openssl.args(["-subj", "/CN=a.example", "-addext", "subjectAltName=DNS:a.example"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]).arg("-keyout").arg(&key).arg("-out").arg(&file);
    assert!(openssl.output().unwrap().status.success());
    let backend = Backend::start();
    let configuration = format!(
        "uid_base = {{uid_base}}\nlanes = 2\n[[listen]]\naddress = \"{{address}}\"\ntls = true\n\
         [[certificate]]\nfile = {file:?}\nkey = {key:?}\n\
         [[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\n\
         [[backend]]\nname = \"app\"\nservers = [{:?}]\n",
        backend.address()
    );
    let edge = Edge::with_config(&configuration, &["--sandbox-strict"]);
    for _ in 0..2 {
        let (code, text) = audit(&edge);
        assert_eq!(code, Some(0), "{text}{}", edge.log());
        for program in ["tls", "keys", "parse", "parse-h2"] {
            assert!(text.contains(&format!("fosse-{program}.")), "{program}: {text}");
        }
        assert!(edge.fosse(&["reload"]).status.success(), "{}", edge.log());
    }
}

#[test]
fn an_upgraded_edge_differs_in_nothing() {
    if !is_root() {
        return println!("skipped: needs root to look at other users' processes");
    }
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1", "--sandbox-strict"]);
    let before = edge.process("parse");
    edge.signal(rustix::process::Signal::USR2);
    fosse_harness::wait_for("a new lane", || (edge.process("parse").lane > before.lane).then_some(()));
    assert_eq!(get(edge.address(), "/").status, 200, "{}", edge.log());
    let (code, text) = audit(&edge);
    assert_eq!(code, Some(0), "{text}{}", edge.log());
}

#[test]
fn an_ordinary_users_edge_serves_with_all_other_walls_and_says_what_it_lacks() {
    if !is_root() {
        return println!("skipped: needs root to become an ordinary user and to look at its processes");
    }
    let programs = fosse_harness::programs();
    let reachable = std::process::Command::new(programs.join("fosse")).arg("version").uid(65_534).status();
    if !reachable.is_ok_and(|status| status.success()) {
        return println!("skipped: an ordinary user cannot reach {}", programs.display());
    }
    let backend = Backend::start();
    let edge = Edge::up_as(65_534, &backend.address(), &["--lanes", "1"]);
    assert_eq!(get(edge.address(), "/").status, 200, "{}", edge.log());
    assert!(edge.log().contains("event=ordinary-user"), "{}", edge.log());
    // Once for all, not once for each program.
    let warnings = |log: &str| log.lines().filter(|line| line.contains("warning") && line.contains("rdinary")).count();
    assert_eq!(warnings(&edge.log()), 1, "{}", edge.log());
    let (code, text) = audit(&edge);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("note: an ordinary user's edge"), "{text}");
    // The user itself may not look at all, which is no difference.
    let mut command = std::process::Command::new(programs.join("fosse"));
    let output = command.args(["audit", "--pid", &edge.pid().to_string()]).uid(65_534).gid(65_534).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("unknown: namespaces and descriptors of") && text.contains(", 0 differences"), "{text}");
    assert!(!text.contains("difference:"), "{text}");
}

#[test]
fn an_edge_without_a_sandbox_is_found_out() {
    if !is_root() {
        return println!("skipped: needs root to look at other users' processes");
    }
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1", "--no-sandbox"]);
    assert_eq!(get(edge.address(), "/").status, 200);
    let (code, text) = audit(&edge);
    assert_eq!(code, Some(1), "{text}");
    for wall in ["seccomp is off", "no_new_privs is off", "dumpable"] {
        assert!(text.contains(wall), "{wall}: {text}");
    }
}

#[test]
fn a_stranger_below_start_is_found_out() {
    if !is_root() {
        return println!("skipped: needs root to look at other users' processes");
    }
    // A shell that becomes fosse-start keeps its child: a process of the edge's family that is none
    // of its programs.
    let backend = Backend::start();
    let dir = fosse_harness::Dir::new();
    let socket = dir.join("status.sock");
    let script = format!(
        "sleep 30 & exec {}/fosse up --listen 127.0.0.1:{} --backend {} --lanes 1 --status-socket {}",
        fosse_harness::programs().display(),
        fosse_harness::free_port(),
        backend.address(),
        socket.display()
    );
    let mut child = std::process::Command::new("sh").args(["-c", &script]).spawn().unwrap();
    fosse_harness::wait_for("the edge", || socket.exists().then_some(()));
    let path = socket.to_string_lossy().into_owned();
    let output = fosse_harness::fosse(&["audit", "--status-socket", &path]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let _ = child.kill();
    let _ = child.wait();
    assert!(output.status.code() == Some(1) && text.contains("no program of an edge: sleep"), "{text}");
}

#[test]
fn no_edge_is_not_a_clean_edge() {
    let output = fosse_harness::fosse(&["audit", "--status-socket", "/nowhere/status.sock"]);
    assert_eq!(output.status.code(), Some(111));
    let own = std::process::id().to_string();
    assert_eq!(fosse_harness::fosse(&["audit", "--pid", &own]).status.code(), Some(111));
}

#[test]
fn a_process_elsewhere_with_the_uid_of_a_program_is_found_out() {
    if !is_root() {
        return println!("skipped: needs root to have a process under another UID");
    }
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    assert_eq!(audit(&edge).0, Some(0));
    let uid = edge.process("connect").field("Uid").split_whitespace().next().unwrap().parse().unwrap();
    let mut stranger = std::process::Command::new("sleep").arg("1000").uid(uid).spawn().unwrap();
    let (code, text) = audit(&edge);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert_eq!(code, Some(1), "{text}");
    let shared = format!("UID {uid} is shared by fosse-connect");
    assert!(text.contains(&shared) && text.contains("sleep") && text.contains("of no part of this edge"), "{text}");
}

#[test]
fn two_edges_of_one_machine_share_no_uid() {
    if !is_root() {
        return println!("skipped: only an edge of root has UIDs of its own");
    }
    let backend = Backend::start();
    // Both by flags alone, so both with the default of uid_base.
    let edges = [Edge::up(&backend.address(), &["--lanes", "1"]), Edge::up(&backend.address(), &["--lanes", "1"])];
    let uids = |edge: &Edge| -> std::collections::BTreeSet<String> {
        edge.processes().iter().map(|process| process.field("Uid")).filter(|uids| !uids.starts_with("0\t")).collect()
    };
    let (one, other) = (uids(&edges[0]), uids(&edges[1]));
    assert!(one.len() > 5 && one.is_disjoint(&other), "{one:?} {other:?}");
    for edge in &edges {
        let (code, text) = audit(edge);
        assert_eq!(code, Some(0), "{text}");
    }
    // A configuration has its user IDs or is refused.
    let first: u32 = one.iter().filter_map(|uids| uids.split_whitespace().next()?.parse().ok()).min().unwrap();
    let dir = fosse_harness::Dir::new();
    let text = format!(
        "uid_base = {first}\nstatus_socket = \"off\"\n[[listen]]\naddress = \"127.0.0.1:{}\"\n[[site]]\ndefault = true\n\
         backend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        fosse_harness::free_port(),
        backend.address()
    );
    std::fs::write(dir.join("fosse.toml"), text).unwrap();
    let refused = fosse_harness::fosse(&["up", "--config", &dir.join("fosse.toml").to_string_lossy()]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(111), "{said}");
    let why = format!("user IDs from {first} on are those of another edge (fosse-start, PID ");
    assert!(said.contains(&why) && said.contains("uid_base"), "{said}");
}

#[test]
fn a_group_that_is_not_that_of_the_configuration_is_a_difference() {
    if !is_root() {
        return println!("skipped: needs root to look at other users' processes");
    }
    let backend = Backend::start();
    let configuration = format!(
        "lanes = 1\nuid_base = {{uid_base}}\ngroup = 4242\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\n\
         default = true\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        backend.address()
    );
    let edge = Edge::supervised(Dir::new(), &configuration);
    let (code, text) = audit(&edge);
    assert_eq!(code, Some(0), "{text}");
    // Changed, and not put in force.
    let path = edge.dir().join("fosse.toml");
    let changed = std::fs::read_to_string(&path).unwrap().replace("group = 4242", "group = 4343");
    std::fs::write(path, changed).unwrap();
    let (code, text) = audit(&edge);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(": its GID is 4242, and the group of ") && text.contains(" is 4343\n"), "{text}");
}
