//! fosse-clients: clients that no library would be. Each says what it sees of a server, whichever
//! it is: fosse, nginx or HAProxy.
//!
//! [`conformance`] has a row for each MUST of RFC 9113 and RFC 7541 that a client can provoke,
//! [`hellos`] handshakes that no library begins, [`attack`] what is done to servers beside a client
//! that behaves, and [`load`] handshakes by the thousand, for the benches.

#![forbid(unsafe_code)]

pub mod attack;
pub mod conformance;
pub mod hellos;
pub mod http2;
pub mod load;
pub mod peers;
pub mod records;
pub mod sockets;
pub mod tls;
