//! The application behind the edge: every response is made from the request line alone, every
//! request held against it. What does not fit is a finding: a backend sees what got past the edge.
//!
//! It is a process of its own, whose threads all exist before the first connection. Large responses
//! are written by one of them at a time: a thousand that want a core would otherwise come between
//! the edge and its cores, and the machine would be measured.

mod connection;
mod judge;
mod seen;

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::Path,
    process::exit,
    sync::{Arc, Mutex},
    thread,
};

use crate::{
    apart::{self, Apart},
    limits,
};
use connection::Connection;
use seen::Seen;

/// Connections at a time: more than any scenario lets the edge have.
const CONNECTIONS_MAX: usize = 2048;
/// Stack of the thread of a connection.
const STACK_BYTES: usize = 256 * 1024;

/// A backend that serves until it is dropped.
#[derive(Debug)]
pub struct Backend(Mutex<Apart>);

impl Backend {
    /// Starts one that listens on a unix socket; `name` goes into each response as X-Backend.
    ///
    /// # Panics
    /// Where it does not.
    #[must_use]
    pub fn start(program: &str, path: &Path, name: &str) -> Self {
        let mut apart = Apart::start(program, &["backend", &path.to_string_lossy(), name]);
        // It responds once it listens.
        let _ = apart.ask();
        Self(Mutex::new(apart))
    }

    /// Returns its counts as one line.
    ///
    /// # Panics
    /// Where it has ended.
    #[must_use]
    pub fn line(&self) -> String {
        self.0.lock().unwrap().ask().swap_remove(0)
    }

    /// Returns everything that must not have come to it.
    ///
    /// # Panics
    /// Where it has ended.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        self.0.lock().unwrap().ask().split_off(1)
    }
}

/// What the connections of a backend have in common.
#[derive(Debug)]
struct Shared {
    listener: UnixListener,
    name: String,
    seen: Seen,
    /// The right to write a piece of a large response.
    large: Mutex<()>,
}

/// Is a backend, in a process that is nothing else.
///
/// # Panics
/// Where it cannot listen.
pub fn serve(path: &str, name: &str) -> ! {
    limits::all_descriptors();
    let _ = fs::remove_file(path);
    let listener = UnixListener::bind(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    let shared = Shared { listener, name: name.to_owned(), seen: Seen::default(), large: Mutex::default() };
    let shared = Arc::new(shared);
    for _ in 0..CONNECTIONS_MAX {
        let shared = Arc::clone(&shared);
        thread::Builder::new().stack_size(STACK_BYTES).spawn(move || serve_connections(&shared)).unwrap();
    }
    apart::respond(|| shared.seen.lines())
}

/// Serves one connection after the other.
fn serve_connections(shared: &Shared) {
    loop {
        let Ok((stream, _)) = shared.listener.accept() else { exit(111) };
        let _busy = shared.seen.connected(CONNECTIONS_MAX);
        Connection::new(stream, shared).serve();
    }
}
