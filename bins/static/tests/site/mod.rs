//! The real program over a directory of its own, behind its walls.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for something that must happen: no machine is so slow or busy.
const SOON: Duration = Duration::from_secs(60);

pub(crate) struct Site {
    pub place: PathBuf,
    pub child: Child,
}

impl Site {
    /// Serves a fresh directory that `fill` puts files into; they look an hour old where `fill`
    /// says so by [`old`].
    pub(crate) fn new(fill: impl FnOnce(&Path)) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let place = std::env::temp_dir().join(format!("fosse-static-{}-{number}", std::process::id()));
        let root = place.join("root");
        std::fs::create_dir_all(&root).unwrap();
        for open in [&place, &root] {
            std::fs::set_permissions(open, PermissionsExt::from_mode(0o755)).unwrap();
        }
        fill(&root);
        let child = Command::new(env!("CARGO_BIN_EXE_fosse-static"))
            .arg("--listen")
            .arg(format!("unix:{}", place.join("socket").display()))
            .args(["--mode", "0666", "--sandbox-trap"])
            .arg(&root)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let site = Self { place, child };
        let since = Instant::now();
        while UnixStream::connect(site.socket()).is_err() {
            assert!(since.elapsed() < SOON, "the program does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        site
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.place.join("root")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.place.join("socket")
    }

    pub(crate) fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    /// Sends bytes and reads until the program closes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        all
    }

    /// One GET with further field lines (each with its CR LF).
    pub(crate) fn get(&self, target: &str, fields: &str) -> Reply {
        self.ask("GET", target, fields)
    }

    pub(crate) fn ask(&self, method: &str, target: &str, fields: &str) -> Reply {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        Reply::of(&self.raw(request.as_bytes()))
    }

    /// The program lives, and has said nothing: no warning of its walls, no panic.
    pub(crate) fn ends_well(mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "the program has died");
        self.child.kill().unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let unexpected: Vec<&str> = said.lines().filter(|line| !line.contains(": warning: ")).collect();
        assert!(unexpected.is_empty(), "{unexpected:?}");
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.place);
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a response has a head") + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end..].to_vec() }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Waits until a file that was just written is old enough to have a strong entity tag.
pub(crate) fn let_age() {
    std::thread::sleep(Duration::from_millis(2100));
}

pub(crate) fn write(root: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let file = root.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    for made in file.parent().unwrap().ancestors().take_while(|made| made.starts_with(root)) {
        std::fs::set_permissions(made, PermissionsExt::from_mode(0o755)).unwrap();
    }
    std::fs::write(&file, bytes).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
}

/// Bytes each of which differs from the next.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}
