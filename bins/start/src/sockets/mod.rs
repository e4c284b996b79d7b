//! The sockets that an edge listens on.

pub(crate) mod activation;
pub(crate) mod listeners;
pub(crate) mod port_finder;
pub(crate) mod socket;
