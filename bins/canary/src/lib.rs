//! The parts of fosse-canary: what is tried, on what, under which policies, and the table of what came of it.

#![forbid(unsafe_code)]

pub mod actions;
pub mod below;
pub mod matrix;
mod network;
pub mod programs;
pub mod stage;
pub mod trace;
pub mod trial;
