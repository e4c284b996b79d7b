//! fosse-status: shows what the programs of an edge count, to people and to Prometheus, on a unix socket.

#![forbid(unsafe_code)]

pub mod board;
pub mod limits;
pub mod policy;
pub mod request;
pub mod serve;
pub mod text;
