//! The state that an edge should be in.

use fosse_eventloop::slab::Key;
use fosse_wire::{launch::Program, start::Stream};

use crate::{penalties::Crash, shutdown::ending::Ending};

/// A place for one process of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub program: Program,
    /// The process that has it, if any.
    pub holder: Option<Key>,
}

/// The desired state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desired {
    /// Programs outside of lanes, in the order in which they are started.
    pub places: Vec<Place>,
    /// Processes outside of lanes that stay although there is no such place.
    pub others: Vec<Key>,
    /// The numbers of the services of generations that have no process, with their programs.
    pub bound: Vec<(u32, Program)>,
    /// The process that checks passwords, of each generation that has one.
    pub passwords: Vec<(u32, Key)>,
    pub generation: u32,
    /// The cores that should have a lane of this generation; none where no lane may be started.
    pub cores: Vec<u32>,
    /// Each lane of this generation should have an encode.
    pub encodes: bool,
    /// Each lane of this generation should have a keys, with the set of certificates of this
    /// number.
    pub set: Option<u32>,
    /// The set of certificates of the generation that serves.
    pub set_in_force: Option<u32>,
    /// The programs beside connect that each lane of this generation should have.
    pub beside: Vec<Program>,
    /// Somebody waits for this generation: no pause of a program delays it.
    pub is_urgent: bool,
    /// Lanes that drain may be asked to.
    pub drains: bool,
    pub ending: Option<Ending>,
    pub now_ms: u64,
    /// The listeners and the address lists that accept is given.
    pub listeners: u16,
    pub addresses: Vec<u16>,
    /// Connections that a stage crashed over.
    pub crashes: Vec<Crash>,
    /// The files that the logger has, and which opening of them it is.
    pub log_files: Vec<Stream>,
    pub log_edition: u64,
    /// The limit of lines that the logger was last given.
    pub line_limit: u64,
    /// The last reload and its state, as status has it.
    pub report: u64,
    /// The sets of certificates that have come in force, and the refusals of one since the last.
    pub certificates: u64,
    pub refusals: Option<u64>,
}

impl Desired {
    /// Returns whether a process outside of lanes is where it should be.
    pub(crate) fn has_place(&self, key: Key) -> bool {
        self.places.iter().any(|place| place.holder == Some(key)) || self.others.contains(&key)
    }

    /// Returns the process that has the place of a program.
    pub(crate) fn holder(&self, program: Program) -> Option<Key> {
        self.places.iter().find(|place| place.program == program)?.holder
    }
}
