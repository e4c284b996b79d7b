//! fosse-status: shows what the programs of an edge count, to people and to Prometheus, on a unix
//! socket.

#![forbid(unsafe_code)]

mod certificates;
mod client;
mod connections;
mod limits;
mod listener;
mod metrics;
mod page;
mod pages;
mod places;
pub mod policy;
mod purges;
mod rate;
mod reload;
pub mod request;
mod response;
pub mod server;
mod states;
mod text;
mod traffic;
