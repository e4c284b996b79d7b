//! The programs' files, opened once for each generation: a respawn never mixes versions.

use std::{
    collections::HashMap,
    os::fd::{BorrowedFd, OwnedFd},
};

use fosse_wire::launch::Program;
use rustix::{
    fs::{Mode, OFlags, openat},
    io::Errno,
};

/// O_PATH descriptors of the programs.
#[derive(Debug, Default)]
pub(crate) struct Programs(HashMap<Program, OwnedFd>);

impl Programs {
    /// Opens all programs that are there in a directory.
    ///
    /// # Errors
    /// The error of open(2) for fosse-config, without which nothing can be configured.
    pub(crate) fn refresh(&mut self, directory: BorrowedFd<'_>) -> Result<(), Errno> {
        let mut fresh = HashMap::new();
        // Only fosse-config is missed now: a program that no configuration asks for need not be
        // there.
        for program in Program::ALL {
            let name = format!("fosse-{}", program.name());
            if let Ok(fd) = openat(directory, name.as_str(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
                fresh.insert(program, fd);
            }
        }
        if !fresh.contains_key(&Program::Config) {
            return Err(Errno::NOENT);
        }
        self.0 = fresh;
        Ok(())
    }

    /// Returns a program's file.
    ///
    /// # Errors
    /// `NOENT` where it is not installed.
    pub(crate) fn get(&self, program: Program) -> Result<&OwnedFd, Errno> {
        self.0.get(&program).ok_or(Errno::NOENT)
    }
}
