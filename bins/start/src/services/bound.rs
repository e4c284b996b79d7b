//! The services that are bound to a generation: each generation that has lanes has its own, so that
//! every lane has what its configuration says. They go when its lanes have gone.

use std::os::fd::OwnedFd;

use fosse_eventloop::slab::Key;
use fosse_wire::{files::CHANNEL_FD_FIRST, launch::Program};
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use super::{
    files::{self, FilesBackend},
    passwords::{self, Users},
};
use crate::{children::Children, generation::Generation, lanes::Lanes, launch::launcher::SpawnContext};

/// The job of such a service.
#[derive(Debug)]
pub(crate) enum Job {
    /// To serve the files of a backend.
    Files(FilesBackend),
    /// To check the passwords of users.
    Passwords(Users),
}

impl Job {
    /// Returns the jobs of a generation: makes what each needs.
    ///
    /// # Errors
    /// The reason, as it is reported.
    pub(crate) fn all_of(generation: &Generation) -> Result<Vec<Self>, String> {
        let files = FilesBackend::open_all(&generation.plan)?.into_iter().map(Self::Files);
        let users = Users::of(generation).map_err(|errno| format!("unable to hand over the users: {errno}"))?;
        Ok(files.chain(users.map(Self::Passwords)).collect())
    }

    pub(crate) const fn program(&self) -> Program {
        match self {
            Self::Files(_) => Program::Static,
            Self::Passwords(_) => Program::Password,
        }
    }
}

/// A job of a generation with the process that does it.
#[derive(Debug)]
pub(crate) struct BoundService {
    /// Unique over the edge's life.
    pub number: u32,
    pub generation: u32,
    pub job: Job,
    pub process: Option<Key>,
}

/// The ends of the channels to fosse-acme that lanes get, where its authorities ask that way.
#[derive(Debug, Default)]
pub(crate) struct Challenges {
    /// For connects.
    pub over_http: Option<OwnedFd>,
    /// For tls.
    pub over_tls: Option<OwnedFd>,
}

/// Those of all generations that live.
#[derive(Debug, Default)]
pub(crate) struct BoundServices {
    all: Vec<BoundService>,
    next_number: u32,
    /// The channels to fosse-acme, for the lanes of the generation of that number.
    challenges: (u32, Challenges),
}

impl BoundServices {
    /// Adds those of a generation, in the order of its plan.
    pub(crate) fn add(&mut self, generation: u32, jobs: Vec<Job>) {
        for job in jobs {
            self.push(BoundService { number: 0, generation, job, process: None });
        }
    }

    /// Adds one, with a number of its own.
    pub(crate) fn push(&mut self, service: BoundService) {
        self.all.push(BoundService { number: self.next_number, ..service });
        // Reloads are counted in 32 bits too, and end before they have all been used.
        self.next_number = self.next_number.wrapping_add(1);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &BoundService> {
        self.all.iter()
    }

    pub(crate) fn find_mut(&mut self, number: u32) -> Option<&mut BoundService> {
        self.all.iter_mut().find(|one| one.number == number)
    }

    /// Returns those that lanes may still need.
    pub(crate) fn needed<'s>(
        &'s self,
        in_force: &'s Generation,
        next: u32,
        lanes: &'s Lanes,
    ) -> impl Iterator<Item = &'s BoundService> {
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

    /// Returns the process that checks passwords for a generation.
    pub(crate) fn passwords(&self, generation: u32) -> Option<Key> {
        let is_it = |one: &&BoundService| one.generation == generation && matches!(one.job, Job::Passwords(_));
        self.all.iter().find(is_it)?.process
    }

    /// Returns the channels for a connect of a generation, with the number of each.
    ///
    /// # Errors
    /// Those of fcntl(2).
    pub(crate) fn channels(&self, generation: u32) -> Result<Vec<(u8, OwnedFd)>, Errno> {
        let of_it = self.all.iter().filter(|one| one.generation == generation);
        let files = of_it.filter_map(|one| if let Job::Files(files) = &one.job { Some(files) } else { None });
        // acme is behind them.
        let challenges = self.challenges(generation).and_then(|challenges| challenges.over_http.as_ref());
        (CHANNEL_FD_FIRST..)
            .zip(files.map(|files| &files.to).chain(challenges))
            .map(|(number, to)| Ok((number, fcntl_dupfd_cloexec(to, 3)?)))
            .collect()
    }

    /// Returns the channel to fosse-acme for a tls of a generation, where there is one.
    ///
    /// # Errors
    /// Those of fcntl(2).
    pub(crate) fn challenges_over_tls(&self, generation: u32) -> Result<Option<OwnedFd>, Errno> {
        let to = self.challenges(generation).and_then(|challenges| challenges.over_tls.as_ref());
        to.map(|to| fcntl_dupfd_cloexec(to, 3)).transpose()
    }

    fn challenges(&self, generation: u32) -> Option<&Challenges> {
        Some(&self.challenges.1).filter(|_| self.challenges.0 == generation)
    }

    /// Gives the lanes of a generation the channels to fosse-acme.
    pub(crate) fn set_challenges(&mut self, generation: u32, challenges: Challenges) {
        self.challenges = (generation, challenges);
    }

    /// Starts the process of one.
    ///
    /// # Errors
    /// Those of [`spawn`].
    pub(crate) fn start(&mut self, number: u32, children: &mut Children, cx: SpawnContext<'_>) -> Result<(), Errno> {
        if let Some(one) = self.find_mut(number) {
            one.process = Some(match &one.job {
                Job::Files(backend) => files::start(backend, children, cx)?,
                Job::Passwords(users) => passwords::start(users, children, cx)?,
            });
        }
        Ok(())
    }
}
