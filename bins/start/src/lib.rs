//! fosse-start: makes every process of an edge, watches them, replaces them; parses nothing but a
//! plan and fixed messages.
//!
//! `startup` leads to the loop of `supervisor`. What it hears of its `children`, and their `exits`,
//! changes the `state`; `reconcile` derives from that what is to be done next, and has it done:
//! processes made (`launch`, for `lanes` and `services`), told what they should know, or ended. A
//! `reload`, an `upgrade` and the `shutdown` go on in steps of it.

#![forbid(unsafe_code)]

mod certificates;
mod check;
mod children;
mod exits;
mod generation;
mod lanes;
mod launch;
mod limits;
mod messages;
mod notify;
mod options;
mod penalties;
mod reconcile;
mod reload;
mod services;
mod shutdown;
mod sockets;
mod startup;
mod state;
mod supervisor;
mod token;
mod upgrade;

pub use startup::run;

pub(crate) const PROGRAM: &str = "fosse-start";
