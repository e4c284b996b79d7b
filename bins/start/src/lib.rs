//! fosse-start: makes every process of an edge, watches them, replaces them; parses nothing but a
//! plan and fixed messages.

#![forbid(unsafe_code)]

mod activation;
mod carry_out;
mod check;
mod children;
mod compile;
mod delivered;
mod delivery;
mod desired;
mod ending;
mod exits;
mod fork_server;
mod generation;
mod kernel_log;
mod lane;
mod lanes;
mod launcher;
mod launches;
mod lifecycle;
mod limits;
mod listeners;
mod logs;
mod losses;
mod messages;
#[cfg(test)]
mod model;
mod namespaces;
mod notify;
mod options;
mod orders;
mod penalties;
mod port_finder;
mod prober;
mod process;
mod programs;
mod reap;
mod reload;
mod reload_report;
mod reload_state;
mod scheduling;
mod seen;
mod services;
mod shutdown;
mod spawn;
mod spawn_options;
mod spool;
mod startup;
mod state;
mod successor_state;
mod supervisor;
mod throttle;
mod token;
mod uid_range;
mod unread;
mod upgrade;
mod view;
mod waits;
mod zygote;

pub use startup::run;

pub(crate) const PROGRAM: &str = "fosse-start";
