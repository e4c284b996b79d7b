//! The included files of a configuration as fosse-gather finds them, with names for messages.

use fosse_bundle::Bundle;

use super::Source;

/// The files that a configuration includes, in their order.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    files: Vec<(String, Vec<u8>)>,
}

impl Gathered {
    /// Takes the files of a bundle. A relative name is one below the directory of the file called
    /// `main`, and is shown so.
    #[must_use]
    pub fn of(main: &str, bundle: &Bundle) -> Self {
        let directory = main.rsplit_once('/').map(|(directory, _)| directory);
        let shown = |name: &str| match directory {
            Some(directory) if !name.starts_with('/') => format!("{directory}/{name}"),
            _ => name.to_owned(),
        };
        let entries = bundle.entries_in_order().into_iter();
        Self { files: entries.map(|(name, bytes)| (shown(name), bytes.to_vec())).collect() }
    }

    /// Returns the files.
    #[must_use]
    pub fn sources(&self) -> Vec<Source<'_>> {
        self.files.iter().map(|(name, bytes)| Source { name, bytes }).collect()
    }
}
