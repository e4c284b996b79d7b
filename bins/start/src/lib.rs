//! fosse-start: makes every process of an edge, watches them, replaces them; parses nothing but a plan and fixed messages.

#![forbid(unsafe_code)]

mod births;
mod change;
mod check;
mod deaths;
mod edge;
mod generation;
mod kernel_log;
mod lane;
mod limits;
mod listeners;
mod logs;
mod marks;
mod namespaces;
mod notify;
mod nursery;
mod options;
mod process;
mod programs;
mod store;
mod template;
mod throttle;
mod upgrade;

pub mod serve;

pub(crate) const PROGRAM: &str = "fosse-start";
pub(crate) const USAGE: &str = "fosse-start [--check] [--config FILE | --config-fd N] [--programs DIR] [--dir DIR]... [--log-dir DIR] \
[--ready-fd N] [--sandbox-strict | --sandbox-trap | --no-sandbox]";
