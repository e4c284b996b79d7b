//! A kept response, as the tables have it: of those on the disk there may be millions.

use std::iter;
use std::num::NonZeroU64;

use fosse_arena::Record;

/// A kept response. Where it is in the memory and on the disk it is the same in both.
#[derive(Debug)]
pub(crate) struct Entry {
    /// In the memory there are fewer than on the disk: they pay for a place of their own.
    record: Option<Box<Record>>,
    /// Its number on the disk, where numbers begin with 1.
    number: Option<NonZeroU64>,
    /// Those of the application's target, and of the client's where that is another one.
    targets: (u64, Option<NonZeroU64>),
}

// What a million of them on a disk take of memory follows from this.
const _: () = assert!(size_of::<Entry>() == 32);

impl Entry {
    pub(crate) fn new(record: Option<Record>, number: Option<u64>, targets: (u64, Option<u64>)) -> Self {
        let (of_application, of_client) = targets;
        Self {
            record: record.map(Box::new),
            number: number.and_then(NonZeroU64::new),
            targets: (of_application, of_client.and_then(NonZeroU64::new)),
        }
    }

    /// Returns its record in the memory.
    pub(crate) fn record(&self) -> Option<Record> {
        self.record.as_deref().copied()
    }

    /// Puts another record in the place of the one before.
    pub(crate) fn set_record(&mut self, record: Option<Record>) {
        self.record = record.map(Box::new);
    }

    /// Returns its number on the disk.
    pub(crate) fn number(&self) -> Option<u64> {
        self.number.map(NonZeroU64::get)
    }

    /// Puts another number in the place of the one before. Returns that.
    pub(crate) fn replace_number(&mut self, number: Option<u64>) -> Option<u64> {
        std::mem::replace(&mut self.number, number.and_then(NonZeroU64::new)).map(NonZeroU64::get)
    }

    /// Iterates over the numbers of its targets.
    pub(crate) fn targets(&self) -> impl Iterator<Item = u64> + use<> {
        let (of_application, of_client) = self.targets;
        iter::once(of_application).chain(of_client.map(NonZeroU64::get))
    }
}
