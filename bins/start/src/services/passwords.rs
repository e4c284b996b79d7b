//! The process that checks passwords: one for each generation that has users. The dispatches of its
//! lanes have a session with it each.

use std::os::fd::OwnedFd;

use fosse_eventloop::slab::Key;
use fosse_wire::launch::Program;
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use crate::{
    children::Children,
    generation::Generation,
    launch::{launcher::SpawnContext, spawn::spawn, spawn_options::SpawnOptions},
};

/// The users of a generation.
#[derive(Debug)]
pub(crate) struct Users {
    /// The sealed settings.
    pub settings: OwnedFd,
    /// The files that were loaded, where users are in files.
    pub files: Option<OwnedFd>,
}

impl Users {
    /// Returns the users of a generation, where it has some.
    ///
    /// # Errors
    /// Those of fcntl(2).
    pub(super) fn of(generation: &Generation) -> Result<Option<Self>, Errno> {
        let Some(settings) = generation.blobs.get(&Program::Password) else { return Ok(None) };
        let copy = |fd: &OwnedFd| fcntl_dupfd_cloexec(fd, 3);
        Ok(Some(Self { settings: copy(settings)?, files: generation.users.as_ref().map(copy).transpose()? }))
    }
}

/// Starts the process.
///
/// # Errors
/// Those of [`spawn`].
pub(super) fn start(users: &Users, children: &mut Children, cx: SpawnContext<'_>) -> Result<Key, Errno> {
    let given = [(5, Some(&users.settings)), (8, users.files.as_ref())];
    let given = given.into_iter().filter_map(|(number, fd)| Some((number, fd?)));
    let fds = given.map(|(number, fd)| Ok((number, fcntl_dupfd_cloexec(fd, 3)?))).collect::<Result<_, Errno>>()?;
    spawn(children, cx, Program::Password, SpawnOptions { fds, ..SpawnOptions::default() })
}
