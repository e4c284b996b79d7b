//! fosse-waf-filter: evaluates requests and responses between parse and dispatch. Frames come in,
//! frames or verdicts go out.
//!
//! [`Filter`] decides and holds no socket but that to the store; `server` has the sockets and the
//! loop. `request` and `response` are the handlers of the two directions; `slots` has what belongs
//! to one stream, `context` what all share.

#![forbid(unsafe_code)]

mod budget;
mod content_encoding;
mod context;
mod denial;
pub mod descriptors;
mod evaluation;
mod evaluator;
mod filter;
mod limits;
mod log;
mod lost_fronts;
mod memory;
mod outputs;
mod pipeline;
mod policies;
pub mod policy;
mod queue;
mod report;
mod request;
mod response;
mod rules;
mod server;
mod slots;
mod spool;
pub mod startup;
mod store;
pub mod usage;
pub mod zygote;

pub use filter::Filter;
pub use log::Log;
pub use outputs::Outputs;
pub use rules::Rules;

/// Name in messages.
pub const PROGRAM: &str = "fosse-waf-filter";
