//! Persistent collections (`initcol`, `setsid`, `setuid`): what the engine asks of whoever keeps them.

/// Which persistent collection.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Collection {
    /// One record per client address, as a rule.
    Ip,
    /// One record for all.
    Global,
    /// One record per session (`setsid`).
    Session,
    /// One record per user (`setuid`).
    User,
    /// One record per resource (`setrsc`).
    Resource,
}

impl Collection {
    /// Every collection, in the order of its number.
    pub const ALL: [Collection; 5] =
        [Collection::Ip, Collection::Global, Collection::Session, Collection::User, Collection::Resource];

    /// The collection's name as `initcol` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Collection::Ip => "ip",
            Collection::Global => "global",
            Collection::Session => "session",
            Collection::User => "user",
            Collection::Resource => "resource",
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|collection| collection.name().eq_ignore_ascii_case(name))
    }
}

/// One variable of a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Field {
    /// Its name, in lower case.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
    /// When it ends, in seconds since 1970; `None` as long as the record lives.
    pub expires: Option<u64>,
}

/// The variables of one key of a collection.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Record {
    /// The fields, no two of one name.
    pub fields: Vec<Field>,
}

/// The answer to a load.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Load {
    /// The record; an empty one for a key never seen.
    Ready(Record),
    /// It is on its way: the phase ends its turn after the current rule with [`Outcome::Wait`](crate::Outcome::Wait),
    /// and goes on when it is called again after [`Transaction::provide`](crate::Transaction::provide).
    Later,
}

/// One change to a field, as it is sent to the keeper: increments stay increments, so that two requests at the same
/// time both count.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// The field has this value.
    Set(Vec<u8>),
    /// The field, read as a number, grows by this (never below zero).
    Add(i64),
    /// The field is gone.
    Unset,
    /// The field ends at this time, in seconds since 1970.
    Expire(u64),
}

/// Who keeps the persistent collections.
pub trait Store {
    /// Asks for a record.
    fn load(&mut self, collection: Collection, key: &[u8]) -> Load;

    /// Takes the changes a transaction made to a record, in order, when its phase 5 is over.
    fn save(&mut self, collection: Collection, key: &[u8], changes: &[(Vec<u8>, Change)], timeout_seconds: u32);
}

/// Keeps nothing: every record is new, for rule sets without persistent collections and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStore;

impl Store for NoStore {
    fn load(&mut self, _collection: Collection, _key: &[u8]) -> Load {
        Load::Ready(Record::default())
    }

    fn save(&mut self, _collection: Collection, _key: &[u8], _changes: &[(Vec<u8>, Change)], _timeout_seconds: u32) {}
}
