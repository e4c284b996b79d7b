//! The spool: bodies of all filters in one file. What does not fit costs the source that has most.

use fosse_counters::{Counters, spool as count};
use fosse_eventloop::slab::Key;
use fosse_source::Source;
use fosse_wire::spool::LostCause;
use rustix::io::Errno;

use crate::{
    extents::{BodyId, Extents},
    file::File,
};

/// A body that is gone before its filter has freed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The body.
    pub id: BodyId,
    /// The cause.
    pub cause: LostCause,
}

/// All bodies and their file.
#[derive(Debug)]
pub struct Spool {
    file: File,
    extents: Extents,
    lost: Vec<Lost>,
    /// The last error of the file, until it is taken.
    error: Option<Errno>,
}

impl Spool {
    /// Makes an empty spool.
    ///
    /// # Errors
    /// As fstat(2).
    pub fn new(file: File) -> Result<Self, Errno> {
        let extents = Extents::new(file.length()?);
        Ok(Self { file, extents, lost: Vec::new(), error: None })
    }

    /// Begins a body. A number is used once.
    pub(crate) fn open(&mut self, id: BodyId, source: Source) {
        self.extents.open(id, source);
    }

    /// Appends to a body; false where it is gone, now or already.
    pub(crate) fn append(&mut self, id: BodyId, bytes: &[u8], counters: &Counters) -> bool {
        while self.extents.has(id) {
            let written = match self.extents.place(id, bytes.len()) {
                Some(segments) => self.file.write(&segments, bytes),
                None => Err(Errno::NOSPC),
            };
            match written {
                Ok(()) => {
                    self.extents.grown(id, bytes.len());
                    counters.add(count::WRITTEN_BYTES, u64::try_from(bytes.len()).unwrap_or(0));
                    return true;
                }
                // The file is full, or the disk is.
                Err(Errno::NOSPC | Errno::DQUOT) => {
                    let victim = self.extents.largest_of_heaviest().unwrap_or(id);
                    counters.add(count::GAVE_WAY, 1);
                    self.lose(victim, LostCause::Full);
                }
                Err(errno) => self.fail(id, errno, counters),
            }
        }
        false
    }

    /// Appends a piece of a body to `to`; `None` where the body has no such piece, false where it
    /// cannot be read.
    pub(crate) fn read(
        &mut self,
        id: BodyId,
        at: u64,
        length: usize,
        to: &mut Vec<u8>,
        counters: &Counters,
    ) -> Option<bool> {
        let segments = self.extents.find(id, at, length)?;
        let before = to.len();
        if let Err(errno) = self.file.read(&segments, to) {
            to.truncate(before);
            self.fail(id, errno, counters);
            return Some(false);
        }
        counters.add(count::READ_BYTES, u64::try_from(length).unwrap_or(0));
        Some(true)
    }

    /// Returns whether a body is there.
    pub(crate) fn has(&self, id: BodyId) -> bool {
        self.extents.has(id)
    }

    /// Ends a body.
    pub(crate) fn free(&mut self, id: BodyId) {
        self.extents.free(id).into_iter().for_each(|(at, length)| self.file.give_back(at, length));
    }

    /// Ends all bodies of a filter that is gone.
    pub fn forget(&mut self, filter: Key) {
        self.extents.of_filter(filter).into_iter().for_each(|id| self.free(id));
    }

    /// Takes the bodies that were lost since the last call.
    pub fn take_lost(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.lost)
    }

    /// Takes the last error of the file.
    pub(crate) const fn take_error(&mut self) -> Option<Errno> {
        self.error.take()
    }

    /// Returns the number of bodies.
    #[must_use]
    pub fn len(&self) -> usize {
        self.extents.len()
    }

    /// Returns whether there is no body.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes of the file that bodies have.
    #[must_use]
    pub fn taken_bytes(&self) -> u64 {
        self.extents.taken_bytes()
    }

    fn fail(&mut self, id: BodyId, errno: Errno, counters: &Counters) {
        counters.add(count::FAILED, 1);
        self.error = Some(errno);
        self.lose(id, LostCause::Failed);
    }

    fn lose(&mut self, id: BodyId, cause: LostCause) {
        self.free(id);
        self.lost.push(Lost { id, cause });
    }
}
