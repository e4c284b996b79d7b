//! The parts of fosse-canary: actions, the fixture they attack, the policies they are tried under,
//! and the table of outcomes.

#![forbid(unsafe_code)]

mod action;
mod actions;
mod attempt;
mod below;
mod fixture;
mod matrix;
mod network;
pub mod programs;
pub mod run;
mod trace;

/// Name in messages.
pub const PROGRAM: &str = "fosse-canary";
/// Its usage.
pub const USAGE: &str = "fosse-canary [--sandbox-strict] [--landlock-only | --seccomp-only | --no-layers | --launcher] [--golden FILE] [PROGRAM...]
fosse-canary --traces DIRECTORY [PROGRAM...] (logs of strace -ff -X raw: reads before the lock, rows never seen)
Exit 0 where nothing is allowed beyond the listed exceptions (and, with --golden, nothing is looser than in FILE), else 1.";
