//! Servers and tools of other people, as they are installed.

use std::{
    fs,
    net::TcpStream,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use crate::{Dir, wait_for};

/// Returns the path of a program; says that a test is skipped where it is not installed.
#[must_use]
pub fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = own.map(|directory| directory.join(name)).find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: {name} is not installed");
    }
    found
}

/// A running server; dropped, it is ended.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a server whose working directory is `dir`, and whose log is a file there.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command, dir: &Dir) -> Self {
        let log = dir.join("server.log");
        let out = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        command.current_dir(dir.path()).stdin(Stdio::null()).stderr(out.try_clone().unwrap()).stdout(out);
        Self { child: command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")), log }
    }

    /// Waits until it listens on that port of loopback.
    ///
    /// # Panics
    /// Where it ends before.
    #[must_use]
    pub fn on_port(self, port: u16) -> Self {
        self.wait(|| TcpStream::connect(("127.0.0.1", port)).is_ok())
    }

    /// Waits until it listens on that unix socket.
    ///
    /// # Panics
    /// Where it ends before.
    #[must_use]
    pub fn on_socket(self, path: &Path) -> Self {
        self.wait(|| UnixStream::connect(path).is_ok())
    }

    fn wait(mut self, mut listens: impl FnMut() -> bool) -> Self {
        wait_for("a server that listens", || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {}", fs::read_to_string(&self.log).unwrap_or_default());
            listens().then_some(())
        });
        self
    }

    /// Returns its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server with workers ends them on SIGTERM; on SIGKILL it could not.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end and returns its standard output.
///
/// # Panics
/// Where it fails; what it said is shown.
#[must_use]
pub fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{out}{err}");
    out.into_owned()
}
