//! fosse-handshake: what is known of a TLS handshake, as applications, logs and rules read it, and
//! the names that people have for ciphers and groups.
//!
//! No I/O. Whatever a client has a hand in was checked where it was decoded (fosse-wire), and has
//! no byte that could end a header field or a line.

#![forbid(unsafe_code)]

mod ciphers;
mod facts;
mod groups;

pub use ciphers::{CIPHERS, Cipher};
pub use facts::Handshake;
pub use groups::{GROUPS, Group};
