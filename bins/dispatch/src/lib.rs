//! fosse-dispatch: takes request frames, speaks HTTP/1.1 to backends over pooled connections, sends response frames back.

#![forbid(unsafe_code)]

pub mod answer;
pub mod backend;
pub mod buffering;
pub mod connections;
pub mod frames;
pub mod health;
pub mod lease;
pub mod limits;
pub mod link;
pub mod overdue;
mod pins;
pub mod policy;
pub mod pool;
pub mod replies;
pub mod reply_heads;
pub mod request;
pub mod serve;
pub mod stream;
#[cfg(test)]
#[path = "../tests/trial/mod.rs"]
mod trial;
