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
