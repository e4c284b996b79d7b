//! fosse-connect-tls: TLS towards servers. Takes connected sockets, gives back plaintext.

#![forbid(unsafe_code)]

mod connect_channel;
mod connection;
mod handshakes;
mod limit;
mod limits;
mod moving;
pub mod policy;
mod refused;
pub mod server;
mod terms;
mod trust;

/// The name of the program.
pub(crate) const PROGRAM: &str = "fosse-connect-tls";
