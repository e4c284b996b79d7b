//! The directories files may be read from, and reading one: below it whatever the name says, a
//! regular file, of an owner who is trusted, not too long.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use fosse_sys::openat2::Openat2Error;
use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2};
use rustix::io::Errno;

/// Entries of a directory that are looked at for one pattern.
const ENTRIES_COUNT_MAX: usize = 100_000;

/// Permission of others to write, with which any user of the machine could change the rules.
const OTHERS_WRITE: u32 = 0o002;

/// Permission of others to read, with which any user of the machine would know the secret.
const OTHERS_READ: u32 = 0o004;

/// One directory, opened before the lock.
#[derive(Debug)]
pub struct Place {
    /// Its absolute path, for names that are absolute.
    pub path: String,
    /// The directory.
    pub directory: OwnedFd,
}

/// All directories; the first is where relative names begin.
#[derive(Debug)]
pub struct Places {
    places: Vec<Place>,
    owner: u32,
}

/// The reason a file is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The name is absolute and below none of the directories, or leads out of its own.
    Outside(String),
    /// There is no such file.
    Missing,
    /// A directory.
    Directory,
    /// A device, a pipe, a socket.
    NotAFile,
    /// It belongs to this UID, which is neither root nor the user who runs the program.
    Owner(u32),
    /// Others may write to it (o+w).
    Writable,
    /// Others may read it (o+r), and it is a secret.
    Readable,
    /// This program may not read it, and it is a secret.
    Secret,
    /// Its name holds a character that means something else where rules name files.
    Name,
    /// Longer than this many bytes.
    Long(usize),
    /// One file more than this many.
    Many(usize),
    /// Anything else the kernel says.
    Kernel(Errno),
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside(places) => write!(out, "it is outside of {places}; move it there, or add its directory"),
            Self::Missing => out.write_str("there is no such file"),
            Self::Directory => out.write_str("it is a directory; name its files, as in DIRECTORY/*.conf"),
            Self::NotAFile => out.write_str("it is not a regular file"),
            Self::Owner(uid) => write!(out, "it belongs to UID {uid}; give it to root"),
            Self::Writable => out.write_str("everybody may write to it; take that right away (chmod o-w)"),
            Self::Readable => out.write_str(
                "everybody may read it; take that right away (chmod o-r), and give it to the group of the edge (chgrp)",
            ),
            Self::Secret => out.write_str(
                "permission denied; let the group of the edge read it and others not (chgrp fosse, chmod 640)",
            ),
            Self::Name => out.write_str("its name holds a quote, a backslash or a pattern character; rename it"),
            Self::Many(most) => write!(out, "it is one more than {most} files"),
            Self::Long(most) => write!(out, "it is longer than {most} bytes"),
            Self::Kernel(Errno::ACCESS) => {
                out.write_str("permission denied; let everybody read it and its directories")
            }
            Self::Kernel(errno) => Openat2Error(*errno).fmt(out),
        }
    }
}

impl Places {
    /// Takes the directories. `owner` may own files beside root: the user who runs the program.
    #[must_use]
    pub fn new(places: Vec<Place>, owner: u32) -> Self {
        Self { places, owner }
    }

    /// Returns the directories, for Landlock's grants.
    pub fn grants(&self) -> Vec<BorrowedFd<'_>> {
        self.places.iter().map(|place| place.directory.as_fd()).collect()
    }

    /// Reads a file of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// The reason it is not read.
    pub fn read(&self, name: &str, bytes_max: usize) -> Result<Vec<u8>, Refused> {
        let (file, _) = self.open_file(name)?;
        read_all(&file, bytes_max)
    }

    /// Reads a file of at most `bytes_max` bytes that others must not read.
    ///
    /// # Errors
    /// The reason it is not read.
    pub fn read_secret(&self, name: &str, bytes_max: usize) -> Result<Vec<u8>, Refused> {
        let is_denied = |refused| if refused == Refused::Kernel(Errno::ACCESS) { Refused::Secret } else { refused };
        let (file, stat) = self.open_file(name).map_err(is_denied)?;
        if stat.st_mode & OTHERS_READ != 0 {
            return Err(Refused::Readable);
        }
        read_all(&file, bytes_max)
    }

    /// Returns the names of the entries of a directory, in order.
    ///
    /// # Errors
    /// The reason it is not read.
    pub fn list(&self, name: &str) -> Result<Vec<String>, Refused> {
        let directory = self.open(if name.is_empty() { "." } else { name }, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut names = Vec::new();
        for entry in Dir::new(directory).map_err(Refused::Kernel)?.take(ENTRIES_COUNT_MAX) {
            let entry = entry.map_err(Refused::Kernel)?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// Opens a regular file of an owner who is trusted.
    fn open_file(&self, name: &str) -> Result<(OwnedFd, Stat), Refused> {
        // open(2) of a FIFO waits for a writer: without waiting it is opened, and refused by its
        // type.
        let file = self.open(name, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let stat = fstat(&file).map_err(Refused::Kernel)?;
        self.judge(&stat)?;
        Ok((file, stat))
    }

    fn open(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Refused> {
        let (directory, relative) = self.place(name).ok_or_else(|| Refused::Outside(self.named()))?;
        // Symbolic links are followed below the directory, as packages have some, and not out of
        // it.
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        openat2(directory, relative, flags | OFlags::CLOEXEC, Mode::empty(), resolve).map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTDIR => Refused::Missing,
            Errno::XDEV => Refused::Outside(self.named()),
            Errno::NXIO | Errno::NODEV => Refused::NotAFile,
            other => Refused::Kernel(other),
        })
    }

    /// The directory a name belongs to, and the rest of the name: for absolute names the deepest
    /// that holds it.
    fn place<'n>(&self, name: &'n str) -> Option<(BorrowedFd<'_>, &'n str)> {
        if !name.starts_with('/') {
            return self.places.first().map(|place| (place.directory.as_fd(), name));
        }
        let below = |place: &Place| {
            let rest = name.strip_prefix(place.path.trim_end_matches('/'))?;
            // The directory itself is listed for an absolute pattern.
            if rest.is_empty() || rest == "/" { Some(".") } else { rest.strip_prefix('/') }
        };
        let holding = self.places.iter().filter_map(|place| Some((place, below(place)?)));
        holding.min_by_key(|(_, rest)| rest.len()).map(|(place, rest)| (place.directory.as_fd(), rest))
    }

    fn named(&self) -> String {
        self.places.iter().map(|place| place.path.as_str()).collect::<Vec<_>>().join(" and ")
    }

    fn judge(&self, stat: &Stat) -> Result<(), Refused> {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(Refused::Directory),
            _ => return Err(Refused::NotAFile),
        }
        if stat.st_uid != 0 && stat.st_uid != self.owner {
            return Err(Refused::Owner(stat.st_uid));
        }
        if stat.st_mode & OTHERS_WRITE != 0 {
            return Err(Refused::Writable);
        }
        Ok(())
    }
}

fn read_all(file: &OwnedFd, bytes_max: usize) -> Result<Vec<u8>, Refused> {
    const PIECE_BYTES: usize = 64 << 10;
    let mut bytes = Vec::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let len = match rustix::io::read(file, &mut piece) {
            Ok(0) => return Ok(bytes),
            Ok(len) => len,
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(Refused::Kernel(errno)),
        };
        bytes.extend_from_slice(&piece[..len]);
        if bytes.len() > bytes_max {
            return Err(Refused::Long(bytes_max));
        }
    }
}
