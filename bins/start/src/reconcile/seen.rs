//! The state of an edge as start has seen it: the processes that live, the orders that they were
//! given, and the lanes.

use std::collections::HashSet;

use fosse_eventloop::slab::Key;
use fosse_wire::{launch::Program, start::Stream};

use crate::{
    children::member::Member,
    lanes::{Lane, Lanes},
};

/// The state that was seen.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub members: Vec<Member<'a>>,
    keys: HashSet<Key>,
    /// Pipes of processes that are gone.
    pub unread: Vec<(Key, Stream)>,
    /// Processes that are gone and not summed up: the number of each, and its place where it had
    /// one.
    pub uncounted: Vec<(u32, Option<Key>)>,
    pub lanes: &'a Lanes,
    /// Programs that may not be started yet, as they crashed or could not be started.
    pub paused: Vec<Program>,
}

impl<'a> Seen<'a> {
    pub(crate) fn new(
        members: Vec<Member<'a>>,
        unread: Vec<(Key, Stream)>,
        uncounted: Vec<(u32, Option<Key>)>,
        lanes: &'a Lanes,
        paused: Vec<Program>,
    ) -> Self {
        let keys = members.iter().map(|member| member.key).collect();
        Self { members, keys, unread, uncounted, lanes, paused }
    }

    pub(crate) fn lives(&self, key: Key) -> bool {
        self.keys.contains(&key)
    }

    /// Returns whether a process of this program lives, also one that leaves.
    pub(crate) fn has(&self, program: Program) -> bool {
        self.members.iter().any(|member| member.program == program)
    }

    pub(crate) fn may_start(&self, program: Program) -> bool {
        !self.paused.contains(&program)
    }

    /// Returns the lane of a process; `None` where it is in none that lives.
    pub(crate) fn lane_of(&self, member: &Member<'_>) -> Option<&'a Lane> {
        self.lanes.find(member.lane?)
    }
}
