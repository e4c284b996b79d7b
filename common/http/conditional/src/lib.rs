//! fosse-conditional: conditional and range requests (RFC 9110, sections 13 and 14), for whoever
//! has a whole representation: a file, or a stored response. No I/O and no clock.

#![forbid(unsafe_code)]

mod condition;
mod range;

pub use condition::{Outcome, Validators, evaluate, range_holds};
pub use range::{Wanted, wanted};
