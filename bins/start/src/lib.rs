//! fosse-start: makes every process of an edge, watches them, replaces them; parses nothing but a
//! plan and fixed messages.

#![forbid(unsafe_code)]

mod accept;
mod activation;
mod check;
mod children;
mod compile;
mod fork_server;
mod generation;
mod kernel_log;
mod lane;
mod lanes;
mod launcher;
mod limits;
mod listeners;
mod logs;
mod losses;
mod namespaces;
mod notify;
mod options;
mod orders;
mod penalties;
mod process;
mod programs;
mod reap;
mod reload;
mod reload_report;
mod reload_state;
mod scheduling;
mod services;
mod shutdown;
mod spawn;
mod spawn_options;
mod startup;
mod state;
mod store;
mod successor_state;
mod supervisor;
mod throttle;
mod token;
mod uid_range;
mod upgrade;
mod waits;
mod zygote;

pub use startup::run;

pub(crate) const PROGRAM: &str = "fosse-start";
