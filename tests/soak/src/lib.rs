//! fosse-soak: the programs as they are, locked down and running, under load, crashes and attack.
//!
//! Each scenario is a function that runs short (tests/, without a word about times) or long (the
//! program `fosse-soak`, which measures). A scenario panics where a promise is broken and returns
//! what it has measured.

#![forbid(unsafe_code)]
#![allow(clippy::missing_panics_doc, reason = "a scenario that finds something panics; that is what it is for")]

pub mod apart;
pub mod backend;
pub mod client;
pub mod courteous;
pub mod double;
pub mod inventory;
pub mod limits;
pub mod load;
pub mod pattern;
pub mod random;
pub mod report;
pub mod request;
pub mod scenario;
pub mod scheduling;
pub mod site;
