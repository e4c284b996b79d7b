//! Log files of a real edge that are renamed, switched on and off, and rotated by logrotate.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fosse_harness::{Backend, Client, Dir, Edge, WAIT_MAX, fosse, get, is_root, programs, sockets, wait_for};

fn configuration(backend: &Backend, more: &str) -> String {
    format!(
        "lanes = 1\n{more}\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nbackend = \"app\"\n\
         [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        backend.address()
    )
}

const ON: &str = "access_log = \"access.log\"";

/// Returns the status of the response.
fn ask(edge: &Edge, target: &str) -> u16 {
    get(edge.address(), target).status
}

fn count(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

fn wait_for_lines(edge: &Edge, name: &str, lines: usize) {
    wait_for(&format!("{lines} lines in {name}"), || (count(&edge.dir().join(name)) == lines).then_some(()));
}

fn reopen(edge: &Edge) {
    let before = edge.log().matches("event=logs-reopened").count();
    let done = edge.fosse(&["reopen"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    wait_for("the word of start", || (edge.log().matches("event=logs-reopened").count() > before).then_some(()));
}

/// A file in a small file system of its own, in the place of another.
struct SmallDisk {
    dir: Dir,
    file: PathBuf,
}

impl SmallDisk {
    fn below(file: &Path) -> Self {
        let dir = Dir::new();
        mount(&["-t", "tmpfs", "-o", "size=32k,mode=755", "tmpfs"], dir.path());
        fs::write(dir.join("filler"), [0; 16 * 1024]).unwrap();
        fs::write(dir.join("file"), "").unwrap();
        mount(&["--bind", &dir.join("file").to_string_lossy()], file);
        Self { dir, file: file.to_owned() }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        for place in [self.file.as_path(), self.dir.path()] {
            let _ = Command::new("umount").arg("--lazy").arg(place).status();
        }
    }
}

fn mount(words: &[&str], place: &Path) {
    assert!(Command::new("mount").args(words).arg(place).status().unwrap().success());
}

#[test]
fn lines_that_a_full_disk_has_no_room_for_are_told_of_and_the_next_ones_are_whole() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, ON), &[]);
    let log = edge.dir().join("access.log");
    assert_eq!(ask(&edge, "/1"), 200);
    wait_for_lines(&edge, "access.log", 1);
    let disk = SmallDisk::below(&log);
    reopen(&edge);
    wait_for("the event", || {
        assert_eq!(ask(&edge, "/"), 200);
        edge.log().contains("fosse-log: warning: event=lines-lost log=access count=").then_some(())
    });
    assert!(edge.log().contains(" why=\"No space left on device"), "{}", edge.log());
    fs::remove_file(disk.dir.join("filler")).unwrap();
    assert_eq!(ask(&edge, "/after"), 200);
    let text = || fs::read_to_string(disk.dir.join("file")).unwrap();
    wait_for("the next line", || text().contains("/after").then_some(()));
    let is_whole = |line: &&str| line.starts_with('{') && line.ends_with('}');
    assert_eq!(text().lines().filter(|line| !is_whole(line)).count(), 1, "{}", text());
    assert!(text().lines().any(|line| line.contains("/after") && is_whole(&line)), "{}", text());
}

#[test]
fn a_renamed_log_is_a_new_file_after_reopen_and_after_reload() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, ON), &[]);
    let log = edge.dir().join("access.log");
    let rename = |to: &str| fs::rename(&log, edge.dir().join(to)).unwrap();
    assert_eq!(ask(&edge, "/1"), 200);
    wait_for_lines(&edge, "access.log", 1);
    rename("access.log.1");
    assert_eq!(ask(&edge, "/still-in-the-old-one"), 200);
    wait_for_lines(&edge, "access.log.1", 2);
    reopen(&edge);
    assert_eq!(ask(&edge, "/3"), 200);
    wait_for_lines(&edge, "access.log", 1);
    rename("access.log.2");
    edge.reload(&configuration(&backend, ON));
    assert_eq!(ask(&edge, "/4"), 200);
    wait_for_lines(&edge, "access.log", 1);
    assert_eq!((count(&edge.dir().join("access.log.1")), count(&edge.dir().join("access.log.2"))), (2, 1));
}

#[test]
fn no_line_is_lost_while_logs_are_renamed_under_load() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, ON), &[]);
    let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = Client::connect(edge.address());
            while !stop.load(Ordering::Relaxed) {
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                assert_eq!(client.response().status, 200);
                sent.fetch_add(1, Ordering::Relaxed);
            }
        });
        for round in 0..5 {
            let before = sent.load(Ordering::Relaxed);
            wait_for("requests", || (sent.load(Ordering::Relaxed) > before + 50).then_some(()));
            let log = edge.dir().join("access.log");
            wait_for("a log", || log.exists().then_some(()));
            fs::rename(log, edge.dir().join(&format!("old.{round}"))).unwrap();
            reopen(&edge);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let all = || {
        let names = ["access.log", "old.0", "old.1", "old.2", "old.3", "old.4"];
        names.iter().map(|name| count(&edge.dir().join(name))).sum::<usize>()
    };
    wait_for("all lines", || (all() == sent.load(Ordering::Relaxed)).then_some(()));
    assert_eq!((edge.counter("parse", "access_dropped"), edge.counter("log", "failed")), (0, 0));
}

#[test]
fn a_reload_switches_logs_on_and_off_and_renames_them() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, ""), &[]);
    assert_eq!(ask(&edge, "/unlogged"), 200);
    edge.reload(&configuration(&backend, &format!("{ON}\naudit_log = \"audit.log\"")));
    assert_eq!(ask(&edge, "/"), 200);
    assert_eq!(ask(&edge, "/?q=%00"), 400);
    wait_for_lines(&edge, "access.log", 2);
    wait_for_lines(&edge, "audit.log", 1);
    edge.reload(&configuration(&backend, "access_log = \"other.log\""));
    assert_eq!(ask(&edge, "/"), 200);
    wait_for_lines(&edge, "other.log", 1);
    edge.reload(&configuration(&backend, ""));
    let generation = edge.process("parse").lane;
    assert_eq!(ask(&edge, "/unlogged"), 200);
    wait_for("the end of all older lanes", || {
        let parses = edge.processes().into_iter().filter(|process| process.program == "parse");
        parses.map(|process| process.lane).all(|lane| lane == generation).then_some(())
    });
    let all = ["access.log", "audit.log", "other.log"].map(|name| count(&edge.dir().join(name)));
    assert_eq!(all, [2, 1, 1]);
}

#[test]
fn a_reload_changes_the_limit_of_lines() {
    let backend = Backend::start();
    let limit = |lines: u32| configuration(&backend, &format!("[limits]\nlog_second_lines_max = {lines}"));
    let edge = Edge::with_config(&limit(10), &[]);
    // Each from an address of its own: one client has ten such lines in ten seconds.
    let refused = |last| {
        let mut client = sockets::connect_from(last, edge.address(), WAIT_MAX).unwrap();
        client.write_all(b"nonsense\r\n\r\n").unwrap();
        let mut response = String::new();
        client.read_to_string(&mut response).unwrap();
        assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    };
    wait_for("lines over the limit", || {
        (100..120).for_each(refused);
        (edge.counter("log", "limited") > 0).then_some(())
    });
    edge.reload(&limit(1_000_000));
    let (limited, lines) = (edge.counter("log", "limited"), edge.log().matches("event=refused").count());
    (1..=100).for_each(refused);
    wait_for("the lines", || (edge.log().matches("event=refused").count() >= lines + 100).then_some(()));
    assert_eq!(edge.counter("log", "limited"), limited);
}

#[test]
fn the_shipped_logrotate_file_rotates_without_a_lost_line() {
    let Some(logrotate) =
        ["/usr/sbin/logrotate", "/usr/bin/logrotate"].into_iter().find(|path| Path::new(path).exists())
    else {
        return println!("skipped: no logrotate; tests/setup.sh installs it");
    };
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, ON), &[]);
    assert_eq!(ask(&edge, "/1"), 200);
    wait_for_lines(&edge, "access.log", 1);
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/logrotate.d/fosse");
    let fosse =
        format!("{} reopen --status-socket {}", programs().join("fosse").display(), edge.status_socket().display());
    let text = fs::read_to_string(shipped).unwrap();
    assert!(text.contains("/usr/bin/fosse reopen") && text.contains("/var/log/fosse/*.log"), "{text}");
    let directory = edge.dir().path().display().to_string();
    let text = text.replace("/usr/bin/fosse reopen", &fosse).replace("/var/log/fosse", &directory);
    // logrotate takes no file that others than root may write.
    let file = edge.dir().join("rotate.conf");
    fs::write(&file, text).unwrap();
    let state = edge.dir().join("rotate.state");
    let run =
        Command::new(logrotate).args(["--force", "--verbose", "--state"]).arg(&state).arg(&file).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    edge.wait_for_log("event=logs-reopened");
    assert_eq!(ask(&edge, "/2"), 200);
    wait_for_lines(&edge, "access.log", 1);
    assert_eq!(count(&edge.dir().join("access.log.1")), 1);
}

#[test]
fn a_log_without_a_directory_is_refused_with_the_cure() {
    let backend = Backend::start();
    let dir = fosse_harness::Dir::new();
    let file = dir.join("fosse.toml");
    fs::write(&file, configuration(&backend, ON).replace("{address}", "127.0.0.1:1")).unwrap();
    let (file, missing) = (file.to_string_lossy().into_owned(), dir.join("missing").to_string_lossy().into_owned());
    let checked = fosse(&["check", &file, "--log-dir", &missing]);
    let text = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(checked.status.code(), Some(100), "{text}");
    assert!(text.contains(&missing), "{text}");
    // A reload that names the first log is refused the same way, and what served goes on.
    let edge = Edge::with_config(&configuration(&backend, ""), &[]);
    fs::create_dir(edge.dir().join("access.log")).unwrap();
    assert!(!edge.try_reload(&configuration(&backend, ON)));
    edge.wait_for_log("log file access.log: it is a directory");
    assert_eq!(ask(&edge, "/"), 200);
}
