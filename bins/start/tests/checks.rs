//! What `fosse check` passes a start serves, and what a start refuses a check refuses, with the
//! same words.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

use fosse_harness::{Backend, Dir, Edge, free_port, get, is_root, programs, wait_for};
use rustix::process::Signal;

/// A directory of a configuration with what it names, some of it wrong.
struct Site {
    dir: Dir,
}

impl Site {
    fn new() -> Self {
        let site = Self { dir: Dir::new() };
        for name in ["rules", "lists", "logs", "logs/directory.log"] {
            fs::create_dir(site.dir.join(name)).unwrap();
            mode(&site.dir.join(name), 0o755);
        }
        let files = [
            ("rules/good.conf", "SecRule ARGS:word \"@streq bezoar\" \"id:1,phase:1,deny,status:403\"\n"),
            ("rules/pattern.conf", "SecRule ARGS \"@rx (\" \"id:1,phase:1,deny\"\n"),
            ("rules/more.conf", "Include absent.conf\n"),
            ("rules/all.conf", "SecAction \"id:2,phase:1,pass\"\n"),
            ("rules/mine.conf", "SecAction \"id:3,phase:1,pass\"\n"),
            ("lists/good.txt", "192.0.2.0/24\n"),
            ("lists/bad.txt", "192.0.2.1\n1.2.3.4/40\n"),
        ];
        for (name, text) in files {
            fs::write(site.dir.join(name), text).unwrap();
            mode(&site.dir.join(name), 0o644);
        }
        mode(&site.dir.join("rules/all.conf"), 0o666);
        mode(&site.dir.join("rules/mine.conf"), 0o600);
        site
    }

    /// Writes the configuration, in which keys of the edge, a listener and a site differ.
    fn configure(&self, edge: &str, listener: &str, site: &str) {
        let dir = self.dir.path().display();
        let listener = listener.replace("{dir}", &dir.to_string());
        let text = format!(
            "lanes = 1\nuid_base = {}\nstatus_socket = \"{dir}/status.sock\"\n{edge}\n[[listen]]\naddress = \"127.0.0.1:{}\"\n{listener}\n\
             [[site]]\ndefault = true\nbackend = \"app\"\n{site}\n[[backend]]\nname = \"app\"\nservers = [\"unix:{dir}/app.sock\"]\n",
            fosse_harness::uid_base(),
            free_port()
        );
        fs::write(self.dir.join("fosse.toml"), text).unwrap();
    }

    /// Exit status and words of a program of the edge.
    fn run(&self, program: &str, words: &[&str]) -> (Option<i32>, String) {
        let said = self.dir.join("said");
        let mut child = Command::new(programs().join(program))
            .args(words)
            .args(["--log-dir", &self.dir.join("logs").to_string_lossy()])
            .env("FOSSE_PROGRAMS", programs())
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let status = wait_for(&format!("the end of {program}"), || child.try_wait().unwrap());
        (status.code(), words_alone(&fs::read_to_string(said).unwrap()))
    }

    fn check(&self, file: &str) -> (Option<i32>, String) {
        self.run("fosse", &["check", file])
    }

    fn start(&self, file: &str) -> (Option<i32>, String) {
        self.run("fosse-start", &["--config", file])
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Returns the lines without process IDs, and without those about an ordinary user.
fn words_alone(said: &str) -> String {
    let of_a_user = ["event=ordinary-user", "checked by an ordinary user"];
    let lines = said.lines().filter(|line| !of_a_user.iter().any(|words| line.contains(words)));
    let without_pid =
        |line: &str| line.split(' ').filter(|word| !word.starts_with("pid=")).collect::<Vec<_>>().join(" ");
    lines.map(|line| without_pid(line) + "\n").collect()
}

/// Whether the last line says why in words, and not by the exit status of another program.
fn ends_with_a_reason(said: &str) -> bool {
    said.lines().last().is_some_and(|last| last.starts_with("fosse-start: fatal: ") && !last.contains("exit="))
}

/// Keys of the edge, of a listener and of a site that are refused, with the exit status and words.
const REFUSED: &[(&str, &str, &str, i32, &str)] = &[
    ("", "", "rules = [\"nope.conf\"]", 100, "nope.conf: there is no such file"),
    ("", "", "rules = [\"rules\"]", 100, "rules: it is a directory; name its files"),
    ("", "", "rules = [\"rules/more.conf\"]", 100, "rules/more.conf:1:9: there is no file absent.conf"),
    ("", "", "rules = [\"rules/pattern.conf\"]", 100, "rules/pattern.conf:1:19: in this pattern: ( without its )"),
    ("", "", "rules = [\"rules/all.conf\"]", 100, "everybody may write to it"),
    ("", "", "rules = [\"/etc/modsecurity/crs/crs-setup.conf\"]", 100, "it is outside of "),
    ("", "deny = [\"lists/none.txt\"]", "", 100, "lists/none.txt: there is no such file"),
    ("", "deny = [\"lists/bad.txt\"]", "", 100, "lists/bad.txt:2:1: 1.2.3.4/40: the prefix length must be"),
    ("access_log = \"directory.log\"", "", "", 100, "log file directory.log: it is a directory"),
    ("", "", "waf = \"blok\"", 100, "fosse.toml:11:7: waf takes"),
    ("", "[[listen]]\naddress = \"unix:/nonexistent/s.sock\"\npeer_uids = [\"no-such-user\"]", "", 100, "no-such-user"),
    (
        "",
        "[[listen]]\naddress = \"unix:/nonexistent/in.sock\"",
        "",
        111,
        "unable to listen on unix:/nonexistent/in.sock",
    ),
    (
        "",
        "[[listen]]\naddress = \"unix:{dir}/rules/good.conf\"",
        "",
        111,
        "rules/good.conf: there is a file that is no socket; remove it",
    ),
    ("", "[[listen]]\naddress = \"unix:{dir}/lists\"", "", 111, "lists: there is a file that is no socket"),
    ("", "[[listen]]\naddress = \"192.0.2.77:80\"\npublic = true", "", 111, "unable to listen on 192.0.2.77:80"),
];

#[test]
fn what_a_start_refuses_a_check_refuses_with_the_same_words() {
    let site = Site::new();
    for (edge, listener, of_site, status, words) in REFUSED.iter().copied() {
        if !is_root() && listener.contains("public") {
            println!("skipped: an ordinary user's edge listens on loopback only");
            continue;
        }
        site.configure(edge, listener, of_site);
        let (check, start) = (site.check("fosse.toml"), site.start("fosse.toml"));
        assert_eq!(check.0, Some(status), "{edge}{listener}{of_site}: {}", check.1);
        assert!(check.1.contains(words) && ends_with_a_reason(&check.1), "{words} is not in {}", check.1);
        assert_eq!(check, start, "{edge}{listener}{of_site}");
    }
}

#[test]
fn a_check_by_root_reads_as_the_users_that_a_start_makes() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let site = Site::new();
    site.configure("", "", "rules = [\"rules/mine.conf\"]");
    let check = site.check("fosse.toml");
    assert!(check.1.contains("rules/mine.conf: permission denied; let everybody read it"), "{}", check.1);
    assert_eq!(check, site.start("fosse.toml"));
}

#[test]
fn a_configuration_that_is_not_there_is_no_reason_to_try_again() {
    let site = Site::new();
    let check = site.check("absent.toml");
    assert_eq!(
        check,
        (Some(100), "fosse-start: fatal: there is no absent.toml; fosse.toml(5) has one to begin with\n".into())
    );
    assert_eq!(check, site.start("absent.toml"));
}

#[test]
fn a_configuration_from_a_pipe_is_checked_like_a_file() {
    let site = Site::new();
    let rows = [("rules/good.conf", Some(0)), ("rules/pattern.conf", Some(100))];
    for (rules, status) in rows {
        site.configure("", "", &format!("rules = [\"{rules}\"]"));
        let output = Command::new(programs().join("fosse"))
            .args(["check", "-"])
            .env("FOSSE_PROGRAMS", programs())
            .current_dir(site.dir.path())
            .stdin(File::open(site.dir.join("fosse.toml")).unwrap())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), status, "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_named_pipe_that_nobody_writes_to_keeps_no_edge_waiting() {
    let site = Site::new();
    let (pipe, kind) = (site.dir.join("pipe"), rustix::fs::FileType::Fifo);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, rustix::fs::Mode::RUSR, 0).unwrap();
    let (status, said) = site.start("pipe");
    assert_eq!(status, Some(100), "{said}");
    assert!(said.contains("pipe:1:1: there is no [[listen]]"), "{said}");
    let backend = Backend::start();
    let edge = Edge::with_config(
        &format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nbackend = \"app\"\n\
             [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
            backend.address()
        ),
        &[],
    );
    fs::rename(&pipe, edge.dir().join("fosse.toml")).unwrap();
    edge.signal(Signal::HUP);
    edge.wait_for_log("event=reload-failed");
    edge.process("accept").signal(Signal::KILL);
    assert_eq!(get(edge.address(), "/").status, 200, "{}", edge.log());
}

#[test]
fn what_a_check_passes_a_start_serves_and_the_check_leaves_nothing_behind() {
    let site = Site::new();
    let backend = Backend::start();
    let configuration = format!(
        "lanes = 1\naccess_log = \"access.log\"\naudit_log = \"audit.log\"\n[[listen]]\naddress = \"{{address}}\"\n\
         deny = [\"{0}/lists/good.txt\"]\n[[listen]]\naddress = \"unix:{{dir}}/in.sock\"\npeer_uids = [\"root\"]\n\
         [[site]]\ndefault = true\nbackend = \"app\"\nrules = [\"builtin\", \"{0}/rules/good.conf\"]\n\
         [[backend]]\nname = \"app\"\nservers = [\"{1}\"]\n",
        site.dir.path().display(),
        backend.address()
    );
    let directory = site.dir.path().to_string_lossy().into_owned();
    let edge = Edge::with_config(&configuration, &["--dir", &directory]);
    assert_eq!(get(edge.address(), "/?word=bezoar").status, 403);
    // The configuration of an edge that runs: its ports and sockets are taken, and it does not
    // notice.
    let file = edge.dir().join("fosse.toml").to_string_lossy().into_owned();
    let supervisor = UnixDatagram::bind(site.dir.join("notify.sock")).unwrap();
    supervisor.set_nonblocking(true).unwrap();
    let processes = edge.processes();
    let check = Command::new(programs().join("fosse"))
        .args(["check", &file, "--dir", &directory, "--log-dir", &format!("{directory}/logs")])
        .env("FOSSE_PROGRAMS", programs())
        .env("NOTIFY_SOCKET", site.dir.join("notify.sock"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert_eq!(check.status.code(), Some(0), "{said}");
    assert!(String::from_utf8_lossy(&check.stdout).contains("2 listeners, 1 site, 1 backend"));
    assert!(!is_root() || said.is_empty(), "{said}");
    assert!(supervisor.recv(&mut [0; 64]).is_err(), "whoever waits for a start hears nothing of a check");
    assert_eq!(fs::read_dir(site.dir.join("logs")).unwrap().count(), 1);
    assert_eq!(edge.processes(), processes);
    assert_eq!(get(edge.address(), "/").status, 200);
}

#[test]
fn a_program_that_is_missing_is_found_before_the_one_that_serves_leaves() {
    let (backend, copies) = (Backend::start(), Dir::new());
    for program in fs::read_dir(programs()).unwrap().map(|entry| entry.unwrap()) {
        if program.file_name().to_string_lossy().starts_with("fosse") {
            std::os::unix::fs::symlink(program.path(), copies.join(&program.file_name().to_string_lossy())).unwrap();
        }
    }
    let edge = Edge::up(&backend.address(), &["--lanes", "1", "--programs", &copies.path().to_string_lossy()]);
    for program in ["accept", "parse", "log"] {
        let words = format!("fosse-{program} is not in the directory of the programs, or cannot be executed");
        let file = copies.join(&format!("fosse-{program}"));
        let there = fs::read_link(&file).unwrap();
        fs::remove_file(&file).unwrap();
        for is_there in [false, true] {
            if is_there {
                File::create(&file).unwrap();
            }
            let failed = edge.log().matches(&words).count();
            edge.signal(Signal::HUP);
            wait_for(&words, || (edge.log().matches(&words).count() > failed).then_some(()));
            // What served has its own files still, and what dies of it is made of them.
            edge.process("accept").signal(Signal::KILL);
            assert_eq!(get(edge.address(), "/").status, 200, "{}", edge.log());
        }
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(there, &file).unwrap();
    }
    // One that is there and does not run is no better.
    let file = copies.join("fosse-accept");
    let there = fs::read_link(&file).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, "no program").unwrap();
    mode(&file, 0o755);
    edge.signal(Signal::HUP);
    edge.wait_for_log("fosse-accept of the new generation: exit=111");
    assert_eq!(get(edge.address(), "/").status, 200, "{}", edge.log());
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(there, &file).unwrap();
    edge.signal(Signal::HUP);
    wait_for("the next generation", || (edge.log().matches("event=serving").count() == 2).then_some(()));
    assert_eq!(get(edge.address(), "/").status, 200);
}
