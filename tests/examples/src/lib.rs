//! fosse-examples: the examples of README, INSTALL and the manual pages, run as they stand there.
//!
//! [`examples`] finds them in a page, [`steps`] cuts those in a shell into commands and the output
//! shown beside each, [`configuration::completed`] makes a whole configuration of a part, and a
//! [`Stage`] is a machine of its own to run them on: a root file system over this one's, a loopback
//! device, processes that end with it, fosse as `make install` puts it there. It needs root.

#![forbid(unsafe_code)]

pub mod configuration;
mod page;
mod stage;
mod transcript;

pub use page::{Example, Kind, examples};
pub use stage::{Outcome, Stage, User, core_rule_set};
pub use transcript::{Step, fits, steps};
