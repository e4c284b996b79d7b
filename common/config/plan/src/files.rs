//! The backends that serve files: a process each, with one directory.

use fosse_wire::{
    WireError,
    cursor::{Cursor, put_long, put_short},
    files::FILES_BACKENDS_MAX,
};

/// A backend that serves files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesPlan {
    /// Its name, for logs.
    pub name: Vec<u8>,
    /// The directory, which start opens.
    pub root: Vec<u8>,
    /// The settings of its fosse-static.
    pub settings: Vec<u8>,
}

impl FilesPlan {
    pub(crate) fn put(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        put_short(out, &self.name, "name")?;
        put_short(out, &self.root, "path")?;
        put_long(out, &self.settings, "settings")
    }

    pub(crate) fn take_all(c: &mut Cursor<'_>) -> Result<Vec<Self>, WireError> {
        let count = usize::from(c.u16()?);
        if count > FILES_BACKENDS_MAX {
            return Err(WireError::Field("files"));
        }
        (0..count).map(|_| Self::take(c)).collect()
    }

    fn take(c: &mut Cursor<'_>) -> Result<Self, WireError> {
        let (name, root, settings) = (c.short_bytes()?, c.short_bytes()?, c.long_bytes()?);
        if root.is_empty() || root.contains(&0) {
            return Err(WireError::Field("directory"));
        }
        Ok(Self { name: name.to_vec(), root: root.to_vec(), settings: settings.to_vec() })
    }
}
