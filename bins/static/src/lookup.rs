//! The file that a path means: itself, or the index of a directory.

use std::os::fd::OwnedFd;
use std::time::SystemTime;

use fosse_settings::Files;

use crate::file::{File, Found, open};
use crate::path::ServedPath;

/// The outcome of a lookup.
#[derive(Debug)]
pub(crate) enum Meaning {
    /// A file, with its path below the directory.
    File(Vec<u8>, File),
    /// A directory without its final slash: its index is one level further down for a browser.
    Directory,
    /// Nothing. 404.
    Nothing,
    /// A file that this program may not read. 403.
    Forbidden,
    /// The kernel has no descriptor or memory for it now. 503.
    Exhausted,
}

/// The directory that is served, as it is at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a> {
    pub root: &'a OwnedFd,
    pub files: &'a Files,
    pub now: SystemTime,
}

impl Lookup<'_> {
    /// Returns the meaning of a path.
    pub(crate) fn find(self, served: &ServedPath) -> Meaning {
        if served.is_directory() {
            return self.index(&served.path);
        }
        match self.open(served.path.clone()) {
            // Without an index there is nothing to go to.
            Meaning::Directory => match self.index(&[&served.path[..], b"/"].concat()) {
                Meaning::File(..) => Meaning::Directory,
                other => other,
            },
            other => other,
        }
    }

    /// Returns the first index that is there of a directory, whose path ends in a slash or is
    /// empty.
    fn index(self, directory: &[u8]) -> Meaning {
        for name in &self.files.index {
            match self.open([directory, name.as_bytes()].concat()) {
                // A directory of that name is no index.
                Meaning::Nothing | Meaning::Directory => {}
                found => return found,
            }
        }
        Meaning::Nothing
    }

    fn open(self, path: Vec<u8>) -> Meaning {
        match open(self.root, &path, self.now) {
            Found::File(file) => Meaning::File(path, file),
            Found::Directory => Meaning::Directory,
            Found::Nothing => Meaning::Nothing,
            Found::Forbidden => Meaning::Forbidden,
            Found::Exhausted => Meaning::Exhausted,
        }
    }
}
