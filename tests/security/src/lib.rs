//! fosse-security: what SECURITY.md promises of a running edge, as tests with the same words.

#![forbid(unsafe_code)]

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};

use fosse_harness::{Dir, wait_for};

/// An application that answers every connection once, with the same bytes.
#[derive(Debug)]
pub struct Parrot {
    dir: Dir,
}

impl Parrot {
    /// Starts one.
    ///
    /// # Panics
    /// Where its socket cannot be made.
    #[must_use]
    pub fn saying(answer: &'static str) -> Self {
        let dir = Dir::new();
        let path = dir.join("app.sock");
        let listener = UnixListener::bind(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut bytes = [0; 4096];
                let asked = stream.read(&mut bytes).is_ok_and(|count| count > 0);
                let _ = asked.then(|| stream.write_all(answer.as_bytes()));
            }
        });
        Self { dir }
    }

    /// As the configuration writes it: `unix:PATH`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:{}", self.dir.join("app.sock").display())
    }
}

/// An application of which the test is every part: it responds when it is told to.
#[derive(Debug)]
pub struct Puppet {
    listener: UnixListener,
    dir: Dir,
}

impl Puppet {
    /// Starts one.
    ///
    /// # Panics
    /// Where its socket cannot be made.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it is started, not a value")]
    pub fn new() -> Self {
        let dir = Dir::new();
        let listener = UnixListener::bind(dir.join("app.sock")).unwrap();
        listener.set_nonblocking(true).unwrap();
        std::fs::set_permissions(dir.join("app.sock"), std::fs::Permissions::from_mode(0o666)).unwrap();
        Self { listener, dir }
    }

    /// As the configuration writes it: `unix:PATH`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:{}", self.dir.join("app.sock").display())
    }

    /// Waits for a connection and the head of a request on it.
    ///
    /// # Panics
    /// Where none comes, or it ends in its head.
    #[must_use]
    pub fn request(&self) -> (UnixStream, String) {
        let (mut stream, _) = wait_for("a request", || self.listener.accept().ok());
        let (mut head, mut piece) = (Vec::new(), [0; 4096]);
        while !head.windows(4).any(|four| four == b"\r\n\r\n") {
            let count = stream.read(&mut piece).unwrap();
            assert_ne!(count, 0, "the request ends in its head");
            head.extend_from_slice(&piece[..count]);
        }
        (stream, String::from_utf8_lossy(&head).into_owned())
    }

    /// Returns whether another connection has come.
    #[must_use]
    pub fn has_another(&self) -> bool {
        self.listener.accept().is_ok()
    }
}

/// Responds to a request, and ends the connection.
///
/// # Panics
/// Where the edge has ended it.
pub fn respond(stream: &mut UnixStream) {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").unwrap();
}
