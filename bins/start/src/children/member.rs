//! A child as the next step is derived from it.

use fosse_eventloop::slab::Key;
use fosse_wire::{launch::Program, start::Stream};

use crate::children::{
    delivered::Delivered,
    process::{Process, number_of},
};

/// One process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member<'a> {
    pub key: Key,
    pub program: Program,
    pub lane: Option<u32>,
    /// Its process ID; 0 until its maker has replied.
    pub pid: u32,
    pub ready: bool,
    /// It was asked to go, or killed.
    pub leaving: bool,
    pub killed: bool,
    /// It is a filter whose rules keep records.
    pub keeps_records: bool,
    /// Its pipes, one at most of each kind.
    pub pipes: [Option<Stream>; 2],
    pub delivered: &'a Delivered,
}

impl<'a> Member<'a> {
    pub(crate) fn of(key: Key, process: &'a Process) -> Self {
        let mut pipes = process.pipes.iter().map(|(stream, _)| *stream);
        Self {
            key,
            program: process.program,
            lane: process.lane,
            pid: process.pid.map_or(0, number_of),
            ready: process.ready,
            leaving: process.leaving,
            killed: process.killed,
            keeps_records: process.keeps_records,
            pipes: [pipes.next(), pipes.next()],
            delivered: &process.delivered,
        }
    }
}
