//! The file that a path means: itself, the index of a directory, or another that the settings name.

use std::os::fd::OwnedFd;
use std::time::SystemTime;

use fosse_settings::{Coding, Files, TryFile};

use crate::encoding::ending;
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
    /// Returns the meaning of a path: that of the first place where something is.
    pub(crate) fn find(self, served: &ServedPath) -> Meaning {
        let mut places = self.files.try_files.iter().map(|place| self.look(served, place));
        places.find(|found| !matches!(found, Meaning::Nothing)).unwrap_or(Meaning::Nothing)
    }

    /// Returns the first of these codings of a file that lies beside it.
    pub(crate) fn coded(self, path: &[u8], codings: &[Coding]) -> Option<(Coding, File)> {
        codings.iter().find_map(|coding| match self.open([path, ending(*coding).as_bytes()].concat()) {
            Meaning::File(_, file) => Some((*coding, file)),
            _ => None,
        })
    }

    fn look(self, served: &ServedPath, place: &TryFile) -> Meaning {
        match place {
            TryFile::Path => self.path(served),
            // A directory has no name to make longer.
            TryFile::PathAnd(_) if served.is_directory() => Meaning::Nothing,
            TryFile::PathAnd(ending) => self.file([&served.path, ending.as_bytes()].concat()),
            TryFile::File(path) => self.file(path.clone().into_bytes()),
        }
    }

    fn path(self, served: &ServedPath) -> Meaning {
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

    /// Returns a file; a directory of that name is none.
    fn file(self, path: Vec<u8>) -> Meaning {
        match self.open(path) {
            Meaning::Directory => Meaning::Nothing,
            other => other,
        }
    }

    /// Returns the first index that is there of a directory, whose path ends in a slash or is
    /// empty.
    fn index(self, directory: &[u8]) -> Meaning {
        for name in &self.files.index {
            match self.file([directory, name.as_bytes()].concat()) {
                Meaning::Nothing => {}
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
