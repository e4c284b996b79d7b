//! fosse-http2: both sides of an HTTP/2 connection (RFC 9113), without I/O and clock: the server's,
//! towards clients, and in [`Client`] that of a client, towards servers.
//!
//! [`Connection::next`] takes bytes and returns what they mean; responses go in by
//! [`Connection::respond`] and its like, and what is to be written lies in [`Connection::output`].
//! A request comes out as the head that HTTP/1.1 would have, so that whoever reads those reads it
//! by the same rules; whatever could mean something else there (a line end, a space, a second path,
//! a framing field) has ended its stream before.
//!
//! - A window is credit: a stream of a client has [`WINDOW_BYTES_INITIAL`] to begin with, and what
//!   [`Connection::grant`] adds. Response bytes beyond the client's windows wait in their streams,
//!   so whoever calls `data` bounds them by what it was told has gone.
//! - A place is taken until [`Connection::release`] gives it back, also when its stream was reset:
//!   what a reset leaves behind counts against the one who sent it.
//! - Everything a peer may do for nothing has a budget (`floods.rs`), and every buffer a limit
//!   (`limits.rs`).
//! - Server push does not exist, priorities are those of RFC 9218.
#![forbid(unsafe_code)]

mod client;
mod connection;
mod error;
mod fault;
mod floods;
mod frame;
mod head;
mod history;
mod limits;
mod priority;
mod settings;
mod stream;
mod trailers;

pub use client::{Client, Cut, Head, Request, Said};
pub use connection::{Connection, Event, Local};
pub use error::{Broken, Code};
pub use fault::Fault;
pub use head::Scratch;
pub use limits::{OUTPUT_BYTES_FULL, PLACES_COUNT_MAX, WINDOW_BYTES_INITIAL};
