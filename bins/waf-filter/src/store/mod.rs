//! The client of fosse-store: records are loaded for evaluations that wait, and changes are sent.

pub(crate) mod client;
pub(crate) mod connection;
