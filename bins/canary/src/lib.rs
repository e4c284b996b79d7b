//! The parts of fosse-canary: what is tried, on what, under which policies, and the table of what
//! came of it.

#![forbid(unsafe_code)]

pub mod action;
pub mod actions;
pub mod below;
pub mod matrix;
mod network;
pub mod programs;
pub mod run;
pub mod stage;
pub mod trace;
pub mod trial;

/// Name in messages.
pub const PROGRAM: &str = "fosse-canary";
/// How it is called.
pub const USAGE: &str = "fosse-canary [--sandbox-strict] [--landlock-only | --seccomp-only | --no-walls | --launcher] [--golden FILE] [PROGRAM...]
fosse-canary --traces DIRECTORY [PROGRAM...] (logs of strace -ff -X raw: reads before the lock, rows never seen)
Exit 0 where nothing is allowed beyond the listed exceptions (and, with --golden, nothing is looser than in FILE), else 1.";
