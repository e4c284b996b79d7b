//! The programs' files, opened once for each generation: a respawn never mixes versions.

use std::{
    collections::HashMap,
    os::fd::{BorrowedFd, OwnedFd},
};

use fosse_wire::launch::Program;
use rustix::{
    fs::{FileType, Mode, OFlags, fstat, openat},
    io::Errno,
};

/// O_PATH descriptors of the programs.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    files: HashMap<Program, OwnedFd>,
    /// Those of the generation that serves, while another is made.
    before: Option<HashMap<Program, OwnedFd>>,
}

impl Programs {
    /// Opens all programs that are there in a directory and can be executed.
    ///
    /// # Errors
    /// The error of open(2) for fosse-config, without which nothing can be configured.
    pub(crate) fn refresh(&mut self, directory: BorrowedFd<'_>) -> Result<(), Errno> {
        let mut fresh = HashMap::new();
        // Only fosse-config is missed now: a program that no configuration asks for need not be
        // there.
        for program in Program::ALL {
            let name = format!("fosse-{}", program.name());
            let found = openat(directory, name.as_str(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
            if let Some(fd) = found.ok().filter(is_program) {
                fresh.insert(program, fd);
            }
        }
        if !fresh.contains_key(&Program::Config) {
            return Err(Errno::NOENT);
        }
        self.before = Some(std::mem::replace(&mut self.files, fresh));
        Ok(())
    }

    /// Drops those of the generation before, which the new one has taken the place of.
    pub(crate) fn settle(&mut self) {
        self.before = None;
    }

    /// Goes back to those of the generation that goes on serving.
    pub(crate) fn roll_back(&mut self) {
        if let Some(before) = self.before.take() {
            self.files = before;
        }
    }

    /// Returns the first of these programs that is not there.
    pub(crate) fn missing(&self, needed: impl IntoIterator<Item = Program>) -> Option<Program> {
        needed.into_iter().find(|program| !self.files.contains_key(program))
    }

    /// Returns a program's file.
    ///
    /// # Errors
    /// `NOENT` where it is not installed.
    pub(crate) fn get(&self, program: Program) -> Result<&OwnedFd, Errno> {
        self.files.get(&program).ok_or(Errno::NOENT)
    }
}

fn is_program(file: &OwnedFd) -> bool {
    let executable = Mode::XUSR | Mode::XGRP | Mode::XOTH;
    fstat(file).is_ok_and(|found| {
        FileType::from_raw_mode(found.st_mode) == FileType::RegularFile
            && Mode::from_raw_mode(found.st_mode).intersects(executable)
    })
}
