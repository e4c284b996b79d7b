//! fosse-harness: a real edge for tests that look at it from outside, as clients, backends and
//! administrators do.
//!
//! ```no_run
//! let backend = fosse_harness::Backend::start();
//! let edge = fosse_harness::Edge::up(&backend.address(), &["--lanes", "1"]);
//! let response = fosse_harness::get(edge.address(), "/hello");
//! assert_eq!((response.status, response.text().contains("GET /hello")), (200, true));
//! ```
//!
//! [`programs`] builds every program once for the whole test run. [`Edge`] is a running edge in a
//! directory of its own, on a free port, killed when the value is dropped. [`Stage`] is one program
//! by itself, with the test at its descriptors, and [`Session`] a session with it. [`Backend`] is
//! an application on a unix socket that says what it got, [`Pebble`] a CA, and [`server`] starts
//! whatever else is installed. [`Client`] speaks raw bytes; [`http`] reads them strictly.
//! Everything that waits has a limit and panics with what is known when it is over.

#![forbid(unsafe_code)]

mod backend;
mod client;
mod dir;
mod edge;
pub mod http;
mod launch;
mod login;
mod page;
pub mod pebble;
mod process;
mod programs;
pub mod server;
mod session;
pub mod sockets;
mod stage;

pub use backend::Backend;
pub use client::{Client, Response, get, request};
pub use dir::Dir;
pub use edge::{Edge, fosse, is_root, uid_base};
pub use page::Page;
pub use pebble::Pebble;
pub use process::{Process, children, is_alive, stat_field};
pub use programs::programs;
pub use session::Session;
pub use sockets::free_port;
pub use stage::Stage;

use std::time::{Duration, Instant};

/// The longest wait for anything: a test that needs more is stuck, however slow or busy the
/// machine.
pub const WAIT_MAX: Duration = Duration::from_secs(100);

/// Looks every 10 ms until `look` gives something.
///
/// # Panics
/// After [`WAIT_MAX`], with `what` was waited for.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    while begun.elapsed() < WAIT_MAX {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited {WAIT_MAX:?} in vain for {what}");
}
