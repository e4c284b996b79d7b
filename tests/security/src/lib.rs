//! fosse-security: what SECURITY.md promises of a running edge, as tests with the same words.

#![forbid(unsafe_code)]

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;

use fosse_harness::Dir;

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
