//! A run of fosse-certs: from the files of a set to its images.

use std::os::fd::OwnedFd;

use fosse_eventloop::slab::Key;
use fosse_images::{CHAINS_BYTES_MAX, KEYS_BYTES_MAX};
use fosse_wire::launch::Program;
use rustix::{
    fs::fstat,
    io::{Errno, fcntl_dupfd_cloexec},
    pipe::{PipeFlags, pipe_with},
};

use super::copy::{Copied, length_of};
use crate::{
    children::{Children, process::End},
    generation::{Generation, TlsImages},
    launch::{launcher::SpawnContext, spawn::spawn, spawn_options::SpawnOptions},
};

/// Bytes of what there is to say of all certificates: 20,000 lines, each as long as its names.
const LISTING_BYTES_MAX: usize = 64 << 20;

/// The memories that a run fills, and what it reads.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) images: TlsImages,
    /// The descriptors of them that the process is given.
    given: Option<Vec<(u8, OwnedFd)>>,
}

impl Filled {
    /// Makes the memories for a set of these files.
    ///
    /// # Errors
    /// Those of memfd_create(2) and fcntl(2).
    pub(crate) fn new(generation: &Generation, files: Copied) -> Result<Self, Errno> {
        let copy = |fd: &OwnedFd| fcntl_dupfd_cloexec(fd, 3);
        let task = fosse_sys::memfd::sealed("certs", generation.plan.blob(Program::Certs))?;
        let [chains, keys, listing] = ["chains", "keys", "listing"].map(fosse_sys::memfd::empty);
        let (chains, keys, listing) = (chains?, keys?, listing?);
        let given = [(8, &files.memory), (9, &chains), (10, &keys), (11, &listing)];
        let given = given.into_iter().map(|(number, fd)| Ok((number, copy(fd)?)));
        let given = std::iter::once(Ok((5, task))).chain(given).collect::<Result<_, Errno>>()?;
        let images = TlsImages { set: 0, chains, keys, listing, files: Some(files) };
        Ok(Self { images, given: Some(given) })
    }

    /// Takes what the process is given.
    pub(crate) fn take_given(&mut self) -> Vec<(u8, OwnedFd)> {
        self.given.take().unwrap_or_default()
    }
}

impl TlsImages {
    /// Seals what fosse-certs has filled.
    ///
    /// # Errors
    /// One that is empty or too long, or the call that failed.
    pub(crate) fn seal(&self) -> Result<(), String> {
        let parts = [
            ("chains", &self.chains, 1, CHAINS_BYTES_MAX),
            ("keys", &self.keys, 1, KEYS_BYTES_MAX),
            ("listing", &self.listing, 0, LISTING_BYTES_MAX),
        ];
        for (name, fd, least, most) in parts {
            let failed = |errno: Errno| format!("unable to seal the image of {name}: {errno}");
            let length = length_of(&fstat(fd).map_err(failed)?);
            if length < least || length > most {
                return Err(format!("the image of {name} has {length} bytes"));
            }
            fosse_sys::memfd::seal(fd).map_err(failed)?;
        }
        Ok(())
    }
}

/// One process that runs to its end, outside of a reload.
#[derive(Debug)]
pub(super) struct OneShot {
    process: Key,
    end: Option<End>,
}

impl OneShot {
    /// Starts it.
    ///
    /// # Errors
    /// Those of the spawn.
    pub(super) fn start(
        children: &mut Children,
        cx: SpawnContext<'_>,
        program: Program,
        mut fds: Vec<(u8, OwnedFd)>,
        args: Vec<String>,
    ) -> Result<Self, Errno> {
        // Nobody reads it: what there is to say goes to descriptor 2.
        let (_, write) = pipe_with(PipeFlags::CLOEXEC)?;
        fds.push((1, write));
        let options = SpawnOptions { fds, args, own_stderr: true, ..SpawnOptions::default() };
        Ok(Self { process: spawn(children, cx, program, options)?, end: None })
    }

    /// Returns its process as long as that is there.
    pub(super) fn process(&self) -> Option<Key> {
        Some(self.process).filter(|_| self.end.is_none())
    }

    /// Notes its end.
    pub(super) fn note(&mut self, key: Key, end: End) {
        if self.process == key {
            self.end = Some(end);
        }
    }

    /// Returns how it has ended, once it has.
    pub(super) const fn end(&self) -> Option<End> {
        self.end
    }
}
