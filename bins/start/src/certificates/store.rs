//! The store: certificates that are got by ACME, each in a file with its key, in a directory of
//! root's. What is there is renamed into its place whole; no byte of it is in start's memory, and
//! no text from outside in a name.

use std::os::fd::OwnedFd;

use fosse_images::FILE_BYTES_MAX;
use fosse_plan::ACME_ID_BYTES;
use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, fdatasync, fstat, open, openat, renameat, unlinkat},
    io::Errno,
    process::geteuid,
};

use super::copy::{append, length_of};

/// Bytes of a chain as it comes from an authority: ten certificates.
const CHAIN_BYTES_MAX: usize = 256 * 1024;
/// The file of fosse-acme's state.
const STATE: &str = "acme.state";
/// Rights of all but the owner.
const OTHERS: u32 = 0o077;

/// The name of a certificate in the store.
pub(crate) type Id = [u8; ACME_ID_BYTES];

/// A file of a certificate in the store.
#[derive(Clone, Copy)]
enum Part {
    /// Key and chain, as they serve.
    Whole,
    /// A key that has no certificate yet.
    Key,
    /// Key and chain, as they are to serve.
    New,
}

/// The directory.
#[derive(Debug)]
pub(crate) struct Store {
    path: String,
    directory: OwnedFd,
}

impl Store {
    /// Opens a directory that nobody else can put files into.
    ///
    /// # Errors
    /// The reason, with the cure where it is one step.
    pub(crate) fn open_directory(path: &str) -> Result<Self, String> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open(path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT => format!("{path}: it is not there; make it with install -d -m 0700 {path}"),
            errno => format!("{path}: {errno}"),
        })?;
        let stat = fstat(&directory).map_err(|errno| format!("{path}: {errno}"))?;
        if stat.st_uid != geteuid().as_raw() || stat.st_mode & OTHERS != 0 {
            return Err(format!(
                "{path}: others may look into it; chmod it to 0700, and chown it to who runs the edge"
            ));
        }
        Ok(Self { path: path.to_owned(), directory })
    }

    /// Opens the file in which fosse-acme keeps its state, which is made where there is none.
    ///
    /// # Errors
    /// The reason for which it is not used.
    pub(crate) fn open_state(&self) -> Result<OwnedFd, String> {
        let failed = |why: &str| format!("{}/{STATE}: {why}", self.path);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&self.directory, STATE, flags, Mode::RUSR | Mode::WUSR);
        let file = file.map_err(|errno| failed(&errno.to_string()))?;
        let stat = fstat(&file).map_err(|errno| failed(&errno.to_string()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(failed("it is no regular file"));
        }
        if stat.st_uid != geteuid().as_raw() || stat.st_mode & OTHERS != 0 {
            return Err(failed("others may read or write it"));
        }
        Ok(file)
    }

    /// Opens the file of a certificate. Returns it with its length; `None` where there is none.
    ///
    /// # Errors
    /// The reason for which it is not used.
    pub(crate) fn open(&self, id: Id) -> Result<Option<(OwnedFd, usize)>, String> {
        let name = name(id, Part::Whole);
        let failed = |why: &str| format!("{}/{name}: {why}", self.path);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.directory, &name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            other => other.map_err(|errno| failed(&errno.to_string()))?,
        };
        let stat = fstat(&file).map_err(|errno| failed(&errno.to_string()))?;
        let length = length_of(&stat);
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(failed("it is no regular file"));
        }
        if stat.st_uid != geteuid().as_raw() || stat.st_mode & OTHERS != 0 {
            return Err(failed("others may read or write it"));
        }
        if length > FILE_BYTES_MAX {
            return Err(failed("it is too long"));
        }
        Ok(Some((file, length)))
    }

    /// Makes the empty file for a new key of a certificate, in place of one of an order before.
    ///
    /// # Errors
    /// Those of open(2) and unlink(2).
    pub(crate) fn make_key(&self, id: Id) -> Result<OwnedFd, Errno> {
        self.remove(id, Part::Key)?;
        self.make(id, Part::Key)
    }

    /// Copies the key of a certificate and a chain into a file beside the one that serves. Returns
    /// that with its length.
    ///
    /// # Errors
    /// Those of the calls; `NOENT` where there is no key, `FBIG` for a chain that is too long.
    pub(crate) fn stage(&self, id: Id, chain: &OwnedFd) -> Result<(OwnedFd, usize), Errno> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let key = openat(&self.directory, name(id, Part::Key), flags, Mode::empty())?;
        let lengths = [length_of(&fstat(&key)?), length_of(&fstat(chain)?)];
        if lengths[0] == 0 || lengths[1] == 0 || lengths[1] > CHAIN_BYTES_MAX {
            return Err(Errno::FBIG);
        }
        self.remove(id, Part::New)?;
        let new = self.make(id, Part::New)?;
        append(&new, &key, Some(0), lengths[0])?;
        append(&new, chain, Some(0), lengths[1])?;
        fdatasync(&new)?;
        Ok((new, lengths[0] + lengths[1]))
    }

    /// Has what was staged serve from the next start on: it takes the place of the one before, on
    /// the disk too, before this returns.
    ///
    /// # Errors
    /// Those of the calls. The one before is there still then.
    pub(crate) fn commit(&self, id: Id) -> Result<(), Errno> {
        renameat(&self.directory, name(id, Part::New), &self.directory, name(id, Part::Whole))?;
        // What is left of an order that has ended is removed by the next.
        let _ = self.remove(id, Part::Key);
        fdatasync(&self.directory)
    }

    /// Removes what was staged.
    pub(crate) fn discard(&self, id: Id) {
        for part in [Part::New, Part::Key] {
            // The next order removes it, too.
            let _ = self.remove(id, part);
        }
    }

    fn make(&self, id: Id, part: Part) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&self.directory, name(id, part), flags, Mode::RUSR | Mode::WUSR)
    }

    fn remove(&self, id: Id, part: Part) -> Result<(), Errno> {
        match unlinkat(&self.directory, name(id, part), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}

fn name(id: Id, part: Part) -> String {
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let suffix = match part {
        Part::Whole => "pem",
        Part::Key => "key",
        Part::New => "new",
    };
    format!("{hex}.{suffix}")
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::*;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str, mode: u32) -> Self {
            let path = std::env::temp_dir().join(format!("fosse-start-store-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            Self(path)
        }

        fn store(&self) -> Result<Store, String> {
            Store::open_directory(self.0.to_str().unwrap())
        }

        fn files(&self) -> Vec<String> {
            let entries = std::fs::read_dir(&self.0).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn memory(text: &str) -> OwnedFd {
        fosse_sys::memfd::sealed("chain", text.as_bytes()).unwrap()
    }

    fn write(fd: OwnedFd, text: &str) {
        std::fs::File::from(fd).write_all(text.as_bytes()).unwrap();
    }

    fn read(opened: Option<(OwnedFd, usize)>) -> Option<String> {
        let (fd, length) = opened?;
        let mut text = String::new();
        std::fs::File::from(fd).read_to_string(&mut text).unwrap();
        assert_eq!(text.len(), length);
        Some(text)
    }

    const ID: Id = [0xab; ACME_ID_BYTES];
    const HEX: &str = "abababababababababababababababab";

    #[test]
    fn a_certificate_takes_the_place_of_the_one_before_whole_or_not_at_all() {
        let directory = Directory::new("place", 0o700);
        let store = directory.store().unwrap();
        assert_eq!(read(store.open(ID).unwrap()), None);
        for (number, stays) in [(1, false), (2, true), (3, false)] {
            let before = read(store.open(ID).unwrap());
            write(store.make_key(ID).unwrap(), &format!("key {number}\n"));
            let (_, length) = store.stage(ID, &memory(&format!("chain {number}\n"))).unwrap();
            let new = format!("key {number}\nchain {number}\n");
            assert_eq!((length, read(store.open(ID).unwrap())), (new.len(), before.clone()));
            if stays {
                store.discard(ID);
                assert_eq!(read(store.open(ID).unwrap()), before);
            } else {
                store.commit(ID).unwrap();
                assert_eq!(read(store.open(ID).unwrap()), Some(new));
            }
            assert_eq!(directory.files(), [format!("{HEX}.pem")], "nothing is left beside it");
        }
    }

    #[test]
    fn what_an_order_before_has_left_is_in_nobodys_way() {
        let directory = Directory::new("left", 0o700);
        let store = directory.store().unwrap();
        for part in ["key", "new"] {
            std::fs::write(directory.0.join(format!("{HEX}.{part}")), "left").unwrap();
        }
        write(store.make_key(ID).unwrap(), "key\n");
        store.stage(ID, &memory("chain\n")).unwrap();
        store.commit(ID).unwrap();
        assert_eq!(read(store.open(ID).unwrap()).as_deref(), Some("key\nchain\n"));
        assert_eq!(store.stage(ID, &memory("chain\n")).unwrap_err(), Errno::NOENT, "its key is used up");
    }

    #[test]
    fn a_directory_or_a_file_that_others_may_use_is_not_used() {
        let directory = Directory::new("others", 0o750);
        assert!(directory.store().unwrap_err().contains("chmod it to 0700"));
        std::fs::set_permissions(&directory.0, std::fs::Permissions::from_mode(0o700)).unwrap();
        let store = directory.store().unwrap();
        let file = directory.0.join(format!("{HEX}.pem"));
        std::fs::write(&file, "key").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(store.open(ID).unwrap_err().contains("others may read"));
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &file).unwrap();
        assert!(store.open(ID).is_err());
    }
}
