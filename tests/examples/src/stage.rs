//! A machine of its own for the examples of one page.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use fosse_harness::{Dir, programs};

const MAKE: &str = include_str!("stage.sh");
const SERVE: &str = include_str!("serve.sh");

/// Seconds a command may take: that of a build without optimisation on a busy machine.
const COMMAND_SECONDS_MAX: &str = "120";

/// Who runs a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// root, in /root.
    Root,
    /// root, beside the sources.
    Builder,
    /// An ordinary user, at home.
    Visitor,
    /// A user of that name, who runs a server.
    Named(String),
}

/// What became of a command.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Exit status; `None` after a signal.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// The machine. Dropped, it is gone with everything on it.
#[derive(Debug)]
pub struct Stage {
    unshare: Child,
    pid: String,
    dir: Dir,
    runs: AtomicU32,
}

impl Stage {
    /// Makes one, with applications on these unix sockets, which everybody may connect to.
    ///
    /// # Panics
    /// Where it cannot be made.
    #[must_use]
    pub fn new(sockets: &[String]) -> Self {
        let dir = Dir::new();
        fs::create_dir(dir.join("root")).unwrap();
        let mut unshare = Command::new("unshare")
            .args(["--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "sh", "-c", MAKE, "stage.sh"])
            .arg(dir.join("root"))
            .args([&top(), programs()])
            .arg(core_rule_set().unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        BufReader::new(unshare.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        let stage = Self { unshare, pid: pid.trim().to_owned(), dir, runs: AtomicU32::new(0) };
        assert!(!stage.pid.is_empty(), "the machine for the examples cannot be made");
        stage.applications(sockets);
        stage
    }

    /// One fosse-static, run by the user app, on all sockets.
    fn applications(&self, sockets: &[String]) {
        if sockets.is_empty() {
            return;
        }
        let paths: Vec<&str> = sockets.iter().map(String::as_str).filter(|name| name.starts_with('/')).collect();
        let all = paths.join(" ");
        let kind = |name: &str| if name.starts_with('/') { "unix:" } else { "" };
        let listen: String = sockets.iter().map(|name| format!(" --listen {}{name}", kind(name))).collect();
        let script = format!(
            "mkdir -p $(dirname {all}); chmod 1777 /run $(dirname {all}); \
            setpriv --reuid app --regid app --clear-groups fosse-static --mode 0666{listen} /srv/site > /dev/null 2>&1 & \
            for _ in $(seq 300); do for path in {all}; do [ -S $path ] || {{ sleep 0.1; continue 2; }}; done; \
            chmod 755 /run; exit 0; done; exit 1"
        );
        let outcome = self.run(&User::Root, &script);
        assert_eq!(outcome.status, Some(0), "the applications do not start: {outcome:?}");
    }

    /// Runs a command of a shell, every part of which must succeed.
    ///
    /// # Panics
    /// Where it cannot be run at all.
    #[must_use]
    pub fn run(&self, user: &User, command: &str) -> Outcome {
        self.shell(user, &["bash", "-o", "pipefail", "-c", command])
    }

    /// Runs a command that serves, `ready` until it succeeds, then `ask`, which must succeed at
    /// once.
    ///
    /// # Panics
    /// Where it cannot be run at all.
    #[must_use]
    pub fn serve(&self, user: &User, command: &str, ready: &str, ask: &str) -> Outcome {
        self.shell(user, &["bash", "-c", SERVE, "serve.sh", command, ready, ask])
    }

    /// Writes a file of root's.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn write(&self, path: &str, text: &str) {
        let mut child =
            self.command(&User::Root, &["tee", path]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{path}");
    }

    fn shell(&self, user: &User, words: &[&str]) -> Outcome {
        // Files, since what goes on in the background would keep a pipe open.
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let (out, err) = (self.dir.join(&format!("{number}.out")), self.dir.join(&format!("{number}.err")));
        let mut command = self.command(user, words);
        command.stdin(Stdio::null()).stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        let status = command.status().unwrap().code();
        let read = |path: PathBuf| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        Outcome { status, stdout: read(out), stderr: read(err) }
    }

    fn command(&self, user: &User, words: &[&str]) -> Command {
        let (directory, name) = match user {
            User::Root => ("/root", None),
            User::Builder => ("/root/fosse", None),
            User::Visitor => ("/home/visitor", Some("visitor")),
            User::Named(name) => ("/", Some(name.as_str())),
        };
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pid, "--mount", "--net", "--pid", "--ipc", "--root"]);
        command.arg(format!("--wdns={directory}"));
        if let Some(name) = name {
            command.args(["setpriv", "--reuid", name, "--regid", name, "--init-groups", "--"]);
        }
        command.args(["timeout", "--foreground", COMMAND_SECONDS_MAX]).args(words);
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", directory);
        // A page names it.
        command.env("APP_PORT", "3000");
        if *user == User::Builder {
            command.env("FOSSE_PROGRAMS", "/opt/built");
        }
        command
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // All processes of the machine end with the first (pid_namespaces(7)), and with them its
        // files.
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A Core Rule Set, where this machine has one: `FOSSE_CORE_RULE_SET` names it, or Debian's
/// package.
#[must_use]
pub fn core_rule_set() -> Option<PathBuf> {
    let named = std::env::var_os("FOSSE_CORE_RULE_SET").map(PathBuf::from);
    named.into_iter().chain([PathBuf::from("/usr/share/modsecurity-crs")]).find(|path| path.join("rules").is_dir())
}
