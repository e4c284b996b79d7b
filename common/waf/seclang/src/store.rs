//! Persistent collections (`initcol`, `setsid`, `setuid`): what the engine asks of whoever keeps
//! them.

pub use fosse_collections::{Change, Collection, Field, Record, RecordAddress};

/// The response to a load.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Load {
    /// The record; an empty one for a key never seen.
    Ready(Record),
    /// It is on its way: the phase ends its turn with [`Outcome::Wait`](crate::Outcome::Wait), and
    /// goes on when it is called again after [`Transaction::provide`](crate::Transaction::provide).
    Later,
}

/// The store of the persistent collections.
///
/// A record is asked for when a rule is about to look at it, together with all others that are open
/// and that any rule looks at: rules that only write, or are jumped over, never wait.
pub trait Store {
    /// Asks for a record.
    fn load(&mut self, place: RecordAddress<'_>) -> Load;

    /// Takes the changes a transaction made to a record, in order, when its phase 5 is over.
    fn save(&mut self, place: RecordAddress<'_>, changes: &[(Vec<u8>, Change)], timeout_seconds: u32);
}

/// Keeps nothing: every record is new, for rule sets without persistent collections and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStore;

impl Store for NoStore {
    fn load(&mut self, _place: RecordAddress<'_>) -> Load {
        Load::Ready(Record::default())
    }

    fn save(&mut self, _place: RecordAddress<'_>, _changes: &[(Vec<u8>, Change)], _timeout_seconds: u32) {}
}
