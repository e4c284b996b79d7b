//! fosse-encode: encodes responses between dispatch, or the filter that judges them, and parse.
//!
//! [`Encoder`] has the responses under way and holds no socket; `server` has the sockets and the
//! loop. `response` is one response, `coder` the libraries that encode, `head` the changes that a
//! coding makes to a response's head.

#![forbid(unsafe_code)]

mod coder;
mod encoder;
mod head;
mod limits;
pub mod policy;
mod response;
pub mod server;
mod shared;

pub use coder::{Coder, CoderError, Operation, memory_bytes};
pub use encoder::{Encoder, Outputs};
pub use limits::EXPANSION;
