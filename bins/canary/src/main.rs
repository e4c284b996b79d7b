//! fosse-canary: tries every forbidden action under each program's policy and prints what happened.
//!
//! Reads nothing. Every cell of the table is a process of its own that locks itself down as the
//! program would, does the one thing, and ends. A cell says `killed`, an errno, or `ALLOWED`.

#![forbid(unsafe_code)]

fn main() {
    fosse_sys::panic_hook(fosse_canary::PROGRAM);
    fosse_canary::run::run(&fosse_args::Args::of_process(&fosse_canary::run::USAGE));
}
