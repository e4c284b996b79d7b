//! The things that all responses share: memory for encoders, encoders that are kept, counters.

use std::rc::Rc;

use fosse_counters::{Counters, encode as count};
use fosse_source::{Budget, Source};
use fosse_wire::encode::Coding;

use crate::{
    coder::{Coder, CoderError, memory_bytes},
    limits::{SCRATCH_BYTES, SPARE_CODERS_MAX},
};

/// The things that all responses share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) counters: Rc<Counters>,
    pub(crate) scratch: Box<[u8]>,
    memory: Budget,
    spare: Vec<Coder>,
}

impl Shared {
    /// Makes them, with this memory for encoders.
    pub(crate) fn new(lane_encode_bytes_max: u64, counters: Rc<Counters>) -> Self {
        let scratch = vec![0; SCRATCH_BYTES].into_boxed_slice();
        Self { counters, scratch, memory: Budget::new(lane_encode_bytes_max), spare: Vec::new() }
    }

    /// Takes an encoder, and the bytes that it is counted with; none where memory is used up: each
    /// source may have as much of it as it leaves.
    ///
    /// # Errors
    /// The library's.
    pub(crate) fn coder(
        &mut self,
        coding: Coding,
        level: u8,
        source: Source,
    ) -> Result<Option<(Coder, usize)>, CoderError> {
        let bytes = memory_bytes(coding, level);
        if self.memory.room(source) < bytes {
            self.counters.add(count::PLAIN_MEMORY, 1);
            return Ok(None);
        }
        let coder = match self.spare.iter().rposition(|spare| spare.is(coding, level)) {
            Some(at) => self.spare.swap_remove(at),
            None => Coder::new(coding, level)?,
        };
        self.memory.add(source, bytes);
        self.counters.set(count::ENCODERS_BYTES, self.memory.bytes());
        Ok(Some((coder, bytes)))
    }

    /// Takes an encoder back.
    pub(crate) fn give_back(&mut self, coder: Coder, source: Source, bytes: usize) {
        self.memory.sub(source, bytes);
        self.counters.set(count::ENCODERS_BYTES, self.memory.bytes());
        if self.spare.len() < SPARE_CODERS_MAX {
            self.spare.extend(coder.into_spare());
        }
    }
}
