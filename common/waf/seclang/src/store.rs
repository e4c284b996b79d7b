//! Persistent collections (`initcol`, `setsid`, `setuid`): what the engine asks of whoever keeps them.

pub use fosse_collections::{Change, Collection, Field, Place, Record};

/// The answer to a load.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Load {
    /// The record; an empty one for a key never seen.
    Ready(Record),
    /// It is on its way: the phase ends its turn with [`Outcome::Wait`](crate::Outcome::Wait), and goes on when it is called
    /// again after [`Transaction::provide`](crate::Transaction::provide).
    Later,
}

/// Who keeps the persistent collections.
///
/// A record is asked for when a rule is about to look at it, together with all others that are open and that any rule looks
/// at: rules that only write, or are jumped over, never wait.
pub trait Store {
    /// Asks for a record.
    fn load(&mut self, place: Place<'_>) -> Load;

    /// Takes the changes a transaction made to a record, in order, when its phase 5 is over.
    fn save(&mut self, place: Place<'_>, changes: &[(Vec<u8>, Change)], timeout_seconds: u32);
}

/// Keeps nothing: every record is new, for rule sets without persistent collections and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStore;

impl Store for NoStore {
    fn load(&mut self, _place: Place<'_>) -> Load {
        Load::Ready(Record::default())
    }

    fn save(&mut self, _place: Place<'_>, _changes: &[(Vec<u8>, Change)], _timeout_seconds: u32) {}
}

/// A set of collections.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Collections(u8);

impl Collections {
    pub fn insert(&mut self, collection: Collection) {
        self.0 |= 1 << collection.index();
    }

    pub fn contains(self, collection: Collection) -> bool {
        self.0 >> collection.index() & 1 == 1
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = Collection> {
        Collection::ALL.into_iter().filter(move |collection| self.contains(*collection))
    }
}

impl<'v> FromIterator<&'v crate::variable::Variable> for Collections {
    fn from_iter<I: IntoIterator<Item = &'v crate::variable::Variable>>(variables: I) -> Self {
        let mut all = Self::default();
        variables.into_iter().filter_map(|variable| variable.persistent()).for_each(|one| all.insert(one));
        all
    }
}
