//! fosse: the command people type.
//!
//! It has no privilege and reads nothing from the network but an edge's status socket. `up` becomes
//! fosse-start; the others look, say so, and end: 0 done, 1 a finding, 100 wrong, 111 not now.

#![forbid(unsafe_code)]

mod access;
mod address;
mod advice;
mod audit;
mod check;
mod commands;
mod completions;
mod configuration;
mod doctor;
mod edge;
mod explain;
mod output;
mod port;
mod process_stat;
mod programs;
mod reload;
mod reopen;
mod rules;
mod run;
mod running;
mod site;
mod sockets;
mod start;
mod status;
mod text;
mod up;

const PROGRAM: &str = "fosse";

fn main() {
    fosse_sys::panic_hook(PROGRAM);
    std::process::exit(run::run(&fosse_args::Args::of_process(&commands::FOSSE)));
}
