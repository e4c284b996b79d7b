//! The counter page of a process of an edge, as start sees it.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use crate::{Edge, Process, wait_for};

/// The counter page of a process. Needs root.
#[derive(Debug)]
pub struct Page {
    file: File,
    address: u64,
}

impl Page {
    /// Finds the page of a process, which may just have begun.
    ///
    /// # Panics
    /// Where it is gone, or comes to no page of its own.
    #[must_use]
    pub fn of(edge: &Edge, process: &Process) -> Self {
        // A filter is forked from a zygote, whose page it still has mapped until it has its own.
        let (address, inode) = wait_for("a page of its own", || {
            let others = edge.children().into_iter().filter(|other| other.pid != process.pid);
            let pages = |pid: u32| shared(pid, &process.program);
            let theirs: Vec<u64> = others.flat_map(|other| pages(other.pid)).map(|(_, inode)| inode).collect();
            pages(process.pid).into_iter().find(|(_, inode)| !theirs.contains(inode))
        });
        let held = fs::read_dir(format!("/proc/{}/fd", edge.pid())).unwrap().flatten().map(|entry| entry.path());
        let path = held.into_iter().find(|path| fs::metadata(path).is_ok_and(|found| found.ino() == inode));
        let file = File::options().read(true).write(true).open(path.expect("start's copy")).unwrap();
        Self { file, address }
    }

    /// Returns one of its words.
    ///
    /// # Panics
    /// Where the page has no such word.
    #[must_use]
    pub fn word(&self, index: usize) -> u64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, offset(index)).unwrap();
        u64::from_le_bytes(bytes)
    }

    /// Writes one of its words, as nobody but the process does: it has to stand still meanwhile.
    ///
    /// # Panics
    /// Where the page has no such word.
    pub fn set_word(&self, index: usize, value: u64) {
        self.file.write_all_at(&value.to_le_bytes(), offset(index)).unwrap();
    }

    /// Returns where the process has one of its words mapped.
    #[must_use]
    pub fn address_of(&self, index: usize) -> u64 {
        self.address + offset(index)
    }
}

fn offset(index: usize) -> u64 {
    u64::try_from(index * 8).unwrap()
}

/// The memory of the name of a program that a process shares and writes: address and inode of each
/// mapping; nothing of one that is gone. Lanes share other pages as well.
fn shared(pid: u32, program: &str) -> Vec<(u64, u64)> {
    let (maps, name) =
        (fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default(), format!("/memfd:{program} "));
    let ours = maps.lines().filter(|line| line.contains(" rw-s ") && line.contains(&name));
    let parts = ours.map(|line| {
        let address = u64::from_str_radix(line.split('-').next()?, 16).ok()?;
        Some((address, line.split_whitespace().nth(4)?.parse().ok()?))
    });
    parts.map(|part| part.expect("a line of proc_pid_maps(5)")).collect()
}
