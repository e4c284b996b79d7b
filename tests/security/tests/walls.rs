//! What every process of a running edge is, as the kernel sees it.

use std::collections::BTreeSet;
use std::fs;

use fosse_harness::{Backend, Edge, Process, get, is_root};

/// The hash of some password.
const HASH: &str = "$2y$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";

/// All processes that serve. The zygote, which makes filters and serves nobody, is not among them.
fn everybody(edge: &Edge) -> Vec<Process> {
    assert_eq!(get(edge.address(), "/").status, 200);
    let processes: Vec<Process> = edge.processes().into_iter().filter(|process| !is_zygote(process)).collect();
    let programs: BTreeSet<&str> = processes.iter().map(|process| process.program.as_str()).collect();
    let lane = ["accept", "parse", "waf-filter", "dispatch", "connect"];
    let services = ["log", "status", "store", "prober", "spool", "password"];
    for program in lane.into_iter().chain(services) {
        assert!(programs.contains(program), "{program} is not in {programs:?}");
    }
    processes
}

fn is_zygote(process: &Process) -> bool {
    process.program == "waf-filter" && process.lane.is_none()
}

fn edge(backend: &Backend) -> Option<Edge> {
    if !is_root() {
        println!("skipped: needs root");
        return None;
    }
    // Rules that keep records: only for those there is a store.
    let rules = backend.path().with_file_name("records.conf");
    fs::write(&rules, "SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR},setvar:ip.hits=+1\"\n").unwrap();
    // And only for a backend that has checks there is a prober, for a site with users a password.
    let configuration = format!(
        "uid_base = {{uid_base}}\nlanes = 2\n[[listen]]\naddress = \"{{address}}\"\n\
         [[site]]\ndefault = true\nbackend = \"app\"\nrules = [\"records.conf\"]\n\
         [[site.route]]\npath = \"/users\"\nbasic_auth = {{ users = [\"ann:{HASH}\"] }}\n\
         [[backend]]\nname = \"app\"\nservers = [{:?}]\nhealth = {{ path = \"/health\" }}\n",
        backend.address()
    );
    let directory = rules.parent().unwrap();
    Some(Edge::with_config(&configuration, &["--dir", &directory.to_string_lossy()]))
}

#[test]
fn every_process_has_a_user_of_its_own_and_nothing_else() {
    let backend = Backend::start();
    let Some(edge) = edge(&backend) else { return };
    let (mut users, mut groups, mut shared) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let processes = everybody(&edge);
    for process in &processes {
        let uids = process.field("Uid");
        let gids = process.field("Gid");
        let (uid, gid) = (uids.split('\t').next().unwrap().to_owned(), gids.split('\t').next().unwrap().to_owned());
        // Real, effective, saved and file system: there is no way back.
        assert!(uids.split('\t').all(|id| id == uid) && uid != "0", "{process:?}: {uids}");
        assert!(gids.split('\t').all(|id| id == gid) && gid != "0", "{process:?}: {gids}");
        assert_eq!(process.field("Groups"), "", "{process:?}");
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert!(process.field(set).chars().all(|digit| digit == '0'), "{process:?}: {set} {}", process.field(set));
        }
        assert_eq!((process.field("NoNewPrivs"), process.field("Seccomp")), ("1".into(), "2".into()), "{process:?}");
        assert_eq!(process.field("Threads"), "1", "{process:?}");
        users.insert(uid);
        if process.program == "connect" {
            shared.insert(gid)
        } else {
            groups.insert(gid)
        };
    }
    assert_eq!(users.len(), processes.len());
    // Those that connect to the sockets of applications may have one group for that, and nobody
    // else has it.
    let connects = processes.iter().filter(|process| process.program == "connect").count();
    assert_eq!(groups.len(), processes.len() - connects);
    assert!(shared.len() == 1 || shared.len() == connects, "{shared:?}");
    assert!(groups.is_disjoint(&shared), "{shared:?}");
}

#[test]
fn who_makes_processes_has_what_that_needs_and_nothing_else() {
    let backend = Backend::start();
    let Some(edge) = edge(&backend) else { return };
    // KILL, SETGID, SETUID, SETPCAP; start has NET_BIND_SERVICE, CHOWN, DAC_OVERRIDE, FOWNER
    // and SYS_NICE beside them.
    let (spawns, listens) = (0x1e0, 0x0080_040b);
    let start = edge.start();
    let mut makers: Vec<(Process, u64)> = vec![(start, spawns | listens)];
    makers.extend(edge.processes().into_iter().filter(is_zygote).map(|zygote| (zygote, spawns)));
    for (maker, expected) in makers {
        for set in ["CapPrm", "CapEff", "CapBnd"] {
            let found = u64::from_str_radix(&maker.field(set), 16).unwrap();
            assert_eq!(found & !expected, 0, "{maker:?}: {set} {found:x}");
        }
        // What it gave up, all that it makes has given up too.
        assert_eq!((maker.field("NoNewPrivs"), maker.field("Seccomp")), ("1".into(), "2".into()), "{maker:?}");
    }
}

#[test]
fn nobody_but_connect_sees_the_hosts_network_and_files() {
    let backend = Backend::start();
    let Some(edge) = edge(&backend) else { return };
    let namespace = |pid: &str, kind: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
    for process in everybody(&edge) {
        let pid = process.pid.to_string();
        let apart = process.program != "connect";
        for kind in ["net", "mnt", "ipc"] {
            assert_eq!(namespace(&pid, kind) != namespace("self", kind), apart, "{process:?}: {kind}");
        }
        if apart {
            assert_eq!(fs::read_dir(format!("/proc/{pid}/root")).unwrap().count(), 0, "{process:?}");
            let addresses = fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap();
            // Its loopback alone, which is down.
            assert_eq!(addresses.lines().skip(2).count(), 1, "{process:?}: {addresses}");
        }
    }
}

#[test]
fn no_process_can_be_looked_into() {
    let backend = Backend::start();
    let Some(edge) = edge(&backend) else { return };
    for process in everybody(&edge) {
        // What cannot be dumped belongs to root in /proc, so its own user cannot open its memory
        // either.
        let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(format!("/proc/{}/mem", process.pid)).unwrap());
        assert_eq!(owner, 0, "{process:?}");
        let limits = fs::read_to_string(format!("/proc/{}/limits", process.pid)).unwrap();
        let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(cores.split_whitespace().nth(4), Some("0"), "{process:?}: {cores}");
    }
}

#[test]
fn descriptors_left_open_by_whoever_starts_it_reach_no_program() {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../demo/demo.sh");
    let shell = "exec \"$0\" --check \"$1\" 7< /dev/null 8< /dev/null 9< /dev/null 10< /dev/null 11< /dev/null";
    let out =
        std::process::Command::new("bash").args(["-c", shell, demo]).arg(fosse_harness::programs()).output().unwrap();
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}

#[test]
fn an_ordinary_users_edge_listens_where_only_this_machine_comes() {
    if !is_root() {
        println!("skipped: needs root, to become an ordinary user");
        return;
    }
    let backend = Backend::start();
    let edge = Edge::up_as(1234, &backend.address(), &["--lanes", "1"]);
    assert_eq!(get(edge.address(), "/").status, 200);
    let refused = std::process::Command::new("setpriv")
        .args(["--reuid=1234", "--regid=1234", "--clear-groups"])
        .arg(fosse_harness::programs().join("fosse"))
        .args(["up", "--listen", "0.0.0.0:18399", "--backend", &backend.address(), "--status-socket", "off"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("an ordinary user's edge listens on loopback"), "{said}");
}
