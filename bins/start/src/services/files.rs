//! The processes that serve files: one for each backend of that kind and each generation that has
//! lanes, so that every lane has the files that its configuration names.
//!
//! Each has a channel, over which the connects of its generation send it connections. start keeps
//! both ends: while there is no process, connections wait there for the next one.

use std::os::fd::OwnedFd;

use fosse_die::Escaped;
use fosse_eventloop::slab::Key;
use fosse_plan::Plan;
use fosse_wire::{files::CHANNEL_FD_FIRST, launch::Program};
use rustix::{
    fs::{Mode, OFlags, open},
    io::{Errno, fcntl_dupfd_cloexec},
    net::SocketType,
};

use crate::{
    children::Children,
    generation::Generation,
    lanes::Lanes,
    launch::{
        launcher::SpawnContext,
        spawn::{pair, spawn},
        spawn_options::SpawnOptions,
    },
};

/// A backend that serves files, of one generation.
#[derive(Debug)]
pub(crate) struct FilesBackend {
    /// The directory.
    pub root: OwnedFd,
    /// The sealed settings.
    pub settings: OwnedFd,
    /// The end of the channel that connects write to.
    pub to: OwnedFd,
    /// The end that its process reads.
    pub from: OwnedFd,
}

impl FilesBackend {
    /// Opens the directories of a plan and makes a channel for each.
    ///
    /// # Errors
    /// The directory, its backend and the error.
    pub(crate) fn open_all(plan: &Plan) -> Result<Vec<Self>, String> {
        let opened = plan.files.iter().map(|files| {
            Self::open(&files.root, &files.settings).map_err(|errno| {
                let (root, name) = (Escaped(&files.root), Escaped(&files.name));
                format!("unable to open the directory {root} of the backend {name}: {errno}")
            })
        });
        opened.collect()
    }

    fn open(root: &[u8], settings: &[u8]) -> Result<Self, Errno> {
        // As a place to look up names from: whether they may be read is a matter of the process.
        let root = open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let settings = fosse_sys::memfd::sealed("static", settings)?;
        let (to, from) = pair(SocketType::SEQPACKET)?;
        Ok(Self { root, settings, to, from })
    }
}

/// One that serves: a backend with the process that has it.
#[derive(Debug)]
pub(crate) struct FilesService {
    /// Unique over the edge's life.
    pub number: u32,
    pub generation: u32,
    pub backend: FilesBackend,
    pub process: Option<Key>,
}

/// Those of all generations that live.
#[derive(Debug, Default)]
pub(crate) struct FilesServices {
    all: Vec<FilesService>,
    next_number: u32,
}

impl FilesServices {
    /// Adds those of a generation, in the order of its plan.
    pub(crate) fn add(&mut self, generation: u32, backends: Vec<FilesBackend>) {
        for backend in backends {
            self.push(FilesService { number: 0, generation, backend, process: None });
        }
    }

    /// Adds one, with a number of its own.
    pub(crate) fn push(&mut self, service: FilesService) {
        self.all.push(FilesService { number: self.next_number, ..service });
        // Reloads are counted in 32 bits too, and end before they have all been used.
        self.next_number = self.next_number.wrapping_add(1);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &FilesService> {
        self.all.iter()
    }

    pub(crate) fn find_mut(&mut self, number: u32) -> Option<&mut FilesService> {
        self.all.iter_mut().find(|one| one.number == number)
    }

    /// Returns those that lanes may still send connections to.
    pub(crate) fn needed<'s>(
        &'s self,
        in_force: &'s Generation,
        next: u32,
        lanes: &'s Lanes,
    ) -> impl Iterator<Item = &'s FilesService> {
        let lives = move |generation| lanes.iter().any(|lane| lane.generation == generation);
        let of_configuration = move |generation| generation == in_force.number || generation == next;
        self.all.iter().filter(move |one| of_configuration(one.generation) || lives(one.generation))
    }

    /// Forgets those whose generation is gone.
    pub(crate) fn retain(&mut self, needed: &[u32]) {
        self.all.retain(|one| needed.contains(&one.number));
    }

    /// Goes back to the generation `before` one that failed, whose number it takes.
    pub(crate) fn roll_back(&mut self, failed: u32, before: u32) {
        self.all.retain(|one| one.generation != failed);
        let stays = self.all.iter_mut().filter(|one| one.generation == before);
        stays.for_each(|one| one.generation = failed);
    }

    /// Forgets a process that is gone. Returns whether it was one of a generation.
    pub(crate) fn forget(&mut self, key: Key) -> Option<u32> {
        let one = self.all.iter_mut().find(|one| one.process == Some(key))?;
        one.process = None;
        Some(one.generation)
    }

    /// Returns whether each of a generation is ready.
    pub(crate) fn are_ready(&self, generation: u32, children: &Children) -> bool {
        let mut of_it = self.all.iter().filter(|one| one.generation == generation);
        of_it.all(|one| one.process.is_some_and(|process| children.is_ready(process)))
    }

    /// Returns the channels for a connect of a generation, with the number of each.
    ///
    /// # Errors
    /// Those of fcntl(2).
    pub(crate) fn channels(&self, generation: u32) -> Result<Vec<(u8, OwnedFd)>, Errno> {
        let of_it = self.all.iter().filter(|one| one.generation == generation);
        (CHANNEL_FD_FIRST..)
            .zip(of_it)
            .map(|(number, one)| Ok((number, fcntl_dupfd_cloexec(&one.backend.to, 3)?)))
            .collect()
    }

    /// Starts the process of one.
    ///
    /// # Errors
    /// Those of [`spawn`].
    pub(crate) fn start(&mut self, number: u32, children: &mut Children, cx: SpawnContext<'_>) -> Result<(), Errno> {
        if let Some(one) = self.find_mut(number) {
            one.process = Some(spawn_one(&one.backend, children, cx)?);
        }
        Ok(())
    }
}

fn spawn_one(backend: &FilesBackend, children: &mut Children, cx: SpawnContext<'_>) -> Result<Key, Errno> {
    let given = [(5, &backend.settings), (8, &backend.from), (9, &backend.root)];
    let copies = given.into_iter().map(|(number, fd)| Ok((number, fcntl_dupfd_cloexec(fd, 3)?)));
    let fds = copies.collect::<Result<_, Errno>>()?;
    spawn(children, cx, Program::Static, SpawnOptions { fds, ..SpawnOptions::default() })
}
