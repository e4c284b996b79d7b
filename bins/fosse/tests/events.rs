//! Event lines of a real edge: priorities for the journal, replacements, slow requests.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use fosse_harness::{Backend, Client, Dir, Edge, get, is_alive, programs, sockets, wait_for};
use rustix::process::{Pid, Signal, kill_process};

fn configuration(backend: &Backend, more: &str) -> String {
    format!(
        "lanes = 1\n{more}\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nbackend = \"app\"\n\
         [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        backend.address()
    )
}

/// Runs fosse-start with its descriptor 2 in a file; what it and a request that is refused write
/// there. `named` is what JOURNAL_STREAM says of the file's device and inode.
fn lines_where(named: impl Fn(u64, u64) -> String, words: &[&str]) -> String {
    let (dir, backend) = (Dir::new(), Backend::start());
    let address = format!("127.0.0.1:{}", sockets::free_port());
    let (base, socket) = (fosse_harness::uid_base(), dir.join("status.sock"));
    let status = format!("uid_base = {base}\nstatus_socket = \"{}\"", socket.display());
    fs::write(dir.join("fosse.toml"), configuration(&backend, &status).replace("{address}", &address)).unwrap();
    let log = File::create(dir.join("log")).unwrap();
    let file = log.metadata().unwrap();
    let mut start = Command::new(programs().join("fosse-start"))
        .arg("--config")
        .arg(dir.join("fosse.toml"))
        .arg("--programs")
        .arg(programs())
        .args(words)
        .env("JOURNAL_STREAM", named(file.dev(), file.ino()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let text = || fs::read_to_string(dir.join("log")).unwrap();
    wait_for("the edge", || text().contains("event=serving").then_some(()));
    let mut client = Client::connect(address.parse().unwrap());
    client.send(b"nonsense\r\n\r\n");
    assert_eq!(client.response().status, 400);
    wait_for("the refusal", || text().contains("event=refused").then_some(()));
    kill_process(Pid::from_child(&start), Signal::TERM).unwrap();
    wait_for("the end", || start.try_wait().unwrap());
    text()
}

#[test]
fn lines_have_their_priority_where_the_journal_reads_them_and_nowhere_else() {
    let journal = lines_where(|device, inode| format!("{device}:{inode}"), &[]);
    assert!(journal.contains("<6>fosse-start: info: event=serving"), "{journal}");
    let refused = journal.lines().find(|line| line.contains("event=refused")).unwrap();
    assert!(refused.starts_with("<6>parse.") && refused.contains("] fosse-parse: info: "), "{journal}");
    let other = lines_where(|device, inode| format!("{device}:{}", inode + 1), &[]);
    assert!(!other.contains("<6>"), "{other}");
    let asked = lines_where(|_, _| String::new(), &["--syslog-prefix"]);
    assert!(asked.contains("<6>fosse-start: info: event=serving"), "{asked}");
}

#[test]
fn logger_passes_lines_on_to_syslog_with_their_priority() {
    if Command::new("logger").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("skipped: logger is not installed");
        return;
    }
    let (dir, text) = (Dir::new(), lines_where(|_, _| String::new(), &["--syslog-prefix"]));
    let syslog = UnixDatagram::bind(dir.join("syslog")).unwrap();
    fs::write(dir.join("lines"), text).unwrap();
    let mut logger = Command::new("logger")
        .args(["--prio-prefix", "--priority", "daemon.notice", "--tag", "fosse", "--socket"])
        .arg(dir.join("syslog"))
        .stdin(File::open(dir.join("lines")).unwrap())
        .spawn()
        .unwrap();
    // Facility 3 is daemon, and 6 info (RFC 5424, section 6.2.1).
    let (mut seen, mut line) = (Vec::new(), [0; 4096]);
    while !seen.last().is_some_and(|line: &String| line.contains("event=ended")) {
        let length = syslog.recv(&mut line).unwrap();
        seen.push(String::from_utf8_lossy(&line[..length]).into_owned());
    }
    assert!(logger.wait().unwrap().success());
    let refused = seen.iter().find(|line| line.contains("] fosse-parse: info: event=refused")).unwrap();
    assert!(refused.starts_with("<30>") && refused.contains(" fosse: parse."), "{refused}");
}

#[test]
fn what_was_lost_and_has_a_replacement_is_said_to_be_replaced() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let (log, dispatch) = (edge.process("log"), edge.process("dispatch"));
    log.signal(Signal::KILL);
    edge.wait_for_log("event=replaced program=log");
    dispatch.signal(Signal::KILL);
    edge.wait_for_log(&format!("event=replaced lane={} by=", dispatch.lane.unwrap()));
    assert!(!is_alive(dispatch.pid));
    assert_eq!(get(edge.address(), "/").status, 200);
    assert_eq!(edge.log().matches("event=replaced").count(), 2, "{}", edge.log());
}

#[test]
fn a_slow_request_has_a_line_that_says_where_the_time_went() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, "slow_request_seconds = 0.4"), &[]);
    assert_eq!(get(edge.address(), "/sleep/500/bytes/7").status, 200);
    edge.wait_for_log("event=slow-request");
    let log = edge.log();
    let line = log.lines().find(|line| line.contains("event=slow-request")).unwrap();
    let value = |name: &str| {
        let found = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("{name}: {line}")).parse::<u64>().unwrap()
    };
    assert!(line.contains(" client=127.0.0.1 site=default asked=\"GET /sleep/500/bytes/7\" status=200 "), "{line}");
    assert!(line.contains(&format!(" server={} ", backend.address())), "{line}");
    // The clocks of two programs are one, but each looks at it once a turn.
    assert!(value("ms") >= value("head_ms") && value("head_ms") >= value("request_ms"), "{line}");
    assert!(value("ms") >= 499 && value("server_ms") >= 499, "{line}");
}
