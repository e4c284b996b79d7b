//! One lane: its processes, its channel, and where in life it stands.

use std::os::fd::OwnedFd;

use fosse_eventloop::slab::Key;
use fosse_wire::launch::Program;

use crate::process::End;

/// Where in life a lane stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its processes are being born.
    Starting,
    /// It serves.
    Live,
    /// It finishes what is under way, at most until then.
    Draining(u64),
    /// It lost a process; what is left of it may answer until then.
    Dying(u64),
}

/// A lane.
#[derive(Debug)]
pub struct Lane {
    /// Unique over the edge's life.
    pub number: u32,
    /// The generation it belongs to.
    pub generation: u32,
    /// Its core.
    pub core: u32,
    /// Its processes.
    pub processes: Vec<Key>,
    /// accept's end of its channel; start keeps it so that a new accept can have it. `None` at the very end.
    pub accept_end: Option<OwnedFd>,
    /// Where in life it stands.
    pub stage: Stage,
    /// Its first process to go ended with 111, as stages do when a neighbour is gone: whose fault that was the next
    /// deaths tell, as a neighbour's descriptors close before start hears of its end.
    pub suspect: Option<(Program, i32, End)>,
}
