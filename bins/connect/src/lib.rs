//! fosse-connect: connects to entry N of its table and passes the connected socket on; its request is one number.

#![forbid(unsafe_code)]

pub mod policy;
pub mod serve;
