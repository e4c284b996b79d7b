//! The backends by name: a configuration may have 10,000 sites and 10,000 backends, and what a site
//! names is found without a look at all of them.

use std::collections::HashMap;

use crate::model::Backend;
use crate::names::Name;
use crate::section::At;

/// The backends of a configuration by their names; of two with one name the first.
#[derive(Debug)]
pub struct Backends<'a> {
    by_name: HashMap<&'a str, (usize, &'a Backend)>,
    /// The name of some backend is none.
    pub(crate) some_unnamed: bool,
}

impl<'a> Backends<'a> {
    /// Arranges the backends of a configuration.
    #[must_use]
    pub fn of(backends: &'a [At<Backend>]) -> Self {
        let mut by_name = HashMap::with_capacity(backends.len());
        for (number, backend) in backends.iter().enumerate() {
            by_name.entry(backend.name.value.0.as_str()).or_insert((number, &backend.value));
        }
        Self { by_name, some_unnamed: backends.iter().any(|backend| backend.name.sound().is_none()) }
    }

    /// Returns the backend of that name.
    pub(crate) fn get(&self, name: &Name) -> Option<&'a Backend> {
        self.by_name.get(name.0.as_str()).map(|(_, backend)| *backend)
    }

    /// Returns the place of the backend of that name among all.
    pub(crate) fn number(&self, name: &Name) -> Option<u32> {
        self.by_name.get(name.0.as_str()).and_then(|(number, _)| u32::try_from(*number).ok())
    }
}
