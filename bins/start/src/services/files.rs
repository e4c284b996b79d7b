//! The processes that serve files: one for each backend of that kind, bound to its generation.
//!
//! Each has a channel, over which the connects of its generation send it connections. start keeps
//! both ends: while there is no process, connections wait there for the next one.

use std::os::fd::OwnedFd;

use fosse_die::Escaped;
use fosse_eventloop::slab::Key;
use fosse_plan::Plan;
use fosse_wire::launch::Program;
use rustix::{
    fs::{Mode, OFlags, open},
    io::{Errno, fcntl_dupfd_cloexec},
    net::SocketType,
};

use crate::{
    children::Children,
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

/// Starts the process of a backend.
///
/// # Errors
/// Those of [`spawn`].
pub(super) fn start(backend: &FilesBackend, children: &mut Children, cx: SpawnContext<'_>) -> Result<Key, Errno> {
    let given = [(5, &backend.settings), (8, &backend.from), (9, &backend.root)];
    let copies = given.into_iter().map(|(number, fd)| Ok((number, fcntl_dupfd_cloexec(fd, 3)?)));
    let fds = copies.collect::<Result<_, Errno>>()?;
    spawn(children, cx, Program::Static, SpawnOptions { fds, ..SpawnOptions::default() })
}
