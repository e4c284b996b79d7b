//! Sets of persistent collections.

use crate::store::Collection;
use crate::variable::Variable;

/// A set of collections.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct CollectionSet(u8);

impl CollectionSet {
    pub(crate) fn insert(&mut self, collection: Collection) {
        self.0 |= 1 << collection.index();
    }

    pub(crate) fn contains(self, collection: Collection) -> bool {
        self.0 >> collection.index() & 1 == 1
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Collection> {
        Collection::ALL.into_iter().filter(move |collection| self.contains(*collection))
    }
}

impl<'v> FromIterator<&'v Variable> for CollectionSet {
    fn from_iter<I: IntoIterator<Item = &'v Variable>>(variables: I) -> Self {
        let mut all = Self::default();
        variables.into_iter().filter_map(|variable| variable.persistent()).for_each(|one| all.insert(one));
        all
    }
}
