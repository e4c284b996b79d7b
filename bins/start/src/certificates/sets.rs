//! The state of sets of certificates: what is in force, what is being read, and what is still to
//! be.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use fosse_eventloop::slab::Key;
use fosse_plan::Plan;

use super::{
    copy::Copied,
    files,
    run::{Filled, OneShot},
    store::{Id, Store},
};
use crate::{children::process::End, generation::Generation, options::Options};

/// The state of the sets of an edge.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    /// The number of the newest set; 0 before the first.
    pub(super) set: u32,
    pub(super) run: Option<Run>,
    /// The files are to be read again; the number by which that was asked for, 0 for none.
    pub(super) wanted: Option<u32>,
    /// The certificates that authorities have issued, and that are in no set yet.
    pub(super) issued: VecDeque<Issued>,
    /// The keys that are to be made; the first is being made.
    pub(super) keys: VecDeque<KeyOrder>,
    /// The store, once it was needed.
    pub(super) store: Option<Store>,
    /// The number by which a set was asked for that not all lanes have adopted.
    pub(super) unreported: Option<u32>,
    pub report: Report,
}

/// The parts of what status is told.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Counts what was told of sets in force.
    pub served: u64,
    /// The last set that was asked for, by the number of that.
    pub tag: u32,
    /// Counts what was refused.
    pub refusals: u64,
    /// The last refusal: the number by which that set was asked for, and why.
    pub refused: Option<(u32, OwnedFd)>,
}

/// A run of fosse-certs.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) one_shot: OneShot,
    pub(super) generation: u32,
    pub(super) cause: Cause,
    pub(super) filled: Filled,
}

/// The reason for another set.
#[derive(Debug)]
pub(super) enum Cause {
    /// All files are to be read again, for the request of this number.
    Wanted(u32),
    /// An authority has issued one.
    Issued(Issued),
}

impl Certificates {
    /// Returns the number of the next set.
    pub(crate) fn take_number(&mut self) -> u32 {
        self.set = self.set.wrapping_add(1);
        self.set
    }

    /// Goes on from the numbers of a predecessor.
    pub(crate) fn go_on_from(&mut self, set: u32) {
        self.set = set;
        self.report.served = u64::from(set);
    }

    /// Has the files read again.
    pub(crate) fn want(&mut self, tag: u32) {
        self.wanted = Some(tag);
    }

    /// Notes that a generation serves, with its own set.
    pub(crate) fn serves(&mut self) {
        self.report.served += 1;
        self.report.refused = None;
    }

    /// Returns the processes that run.
    pub(crate) fn processes(&self) -> impl Iterator<Item = Key> {
        let making = self.keys.iter().filter_map(KeyOrder::process);
        self.run.iter().filter_map(|run| run.one_shot.process()).chain(making)
    }

    /// Notes the end of a process, where it is one of these.
    pub(crate) fn note_exit(&mut self, key: Key, end: End) {
        self.run.iter_mut().for_each(|run| run.one_shot.note(key, end));
        self.keys.iter_mut().for_each(|order| order.note_exit(key, end));
    }

    /// Returns the store of a configuration, opened when it is first needed.
    ///
    /// # Errors
    /// The reason that there is none.
    pub(crate) fn store(&mut self, options: &Options) -> Result<&Store, String> {
        if self.store.is_none() {
            self.store = Some(Store::open_directory(options.certificates_directory())?);
        }
        self.store.as_ref().ok_or_else(|| "no store".to_owned())
    }

    /// Removes what was staged of a certificate.
    pub(super) fn discard(&self, id: Id) {
        self.store.iter().for_each(|store| store.discard(id));
    }

    /// Returns whether fosse-certs looks at a certificate that was issued.
    pub(super) fn is_looked_at(&self, id: Id) -> bool {
        self.run.as_ref().is_some_and(|run| matches!(&run.cause, Cause::Issued(issued) if issued.id == id))
    }

    /// Copies the files of a plan for a run of fosse-certs.
    ///
    /// # Errors
    /// As those of [`files::copied`], and that there is no store.
    pub(crate) fn copied(&mut self, plan: &Plan, options: &Options) -> Result<Copied, String> {
        let store = if plan.acme.is_empty() { None } else { Some(self.store(options)?) };
        files::copied(plan, options, store)
    }
}

impl Cause {
    pub(super) fn args(&self) -> Vec<String> {
        match self {
            Self::Wanted(_) => Vec::new(),
            Self::Issued(issued) => vec!["--issued".to_owned(), issued.certificate.to_string()],
        }
    }
}

/// A key that is to be made.
#[derive(Debug)]
pub(super) struct KeyOrder {
    pub(super) certificate: u16,
    /// The generation in which the certificate has this number.
    pub(super) generation: u32,
    pub(super) making: Option<(OneShot, OwnedFd)>,
}

impl KeyOrder {
    pub(super) fn process(&self) -> Option<Key> {
        self.making.as_ref().and_then(|(one_shot, _)| one_shot.process())
    }

    pub(super) fn note_exit(&mut self, key: Key, end: End) {
        self.making.iter_mut().for_each(|(one_shot, _)| one_shot.note(key, end));
    }
}

/// A certificate that was issued.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) id: Id,
    /// Its number in the generation in force when it was last looked at.
    pub(super) certificate: u16,
    /// The file of the store that has it, with its key, and its length.
    pub(super) staged: (OwnedFd, usize),
    pub(super) tries: u8,
}

impl Issued {
    /// Returns the files of a set with it: those of the set in force but for this one, as files
    /// that somebody is writing are no reason to let a certificate expire.
    pub(super) fn files(
        &self,
        generation: &Generation,
        certificates: &mut Certificates,
        options: &Options,
    ) -> Result<Copied, String> {
        let number = generation.plan.tls_files.len() + usize::from(self.certificate);
        let staged = (&self.staged.0, self.staged.1);
        let with = |files: &Copied| {
            files.with(number, staged).map_err(|errno| format!("unable to copy certificates: {errno}"))
        };
        match generation.tls.as_ref().and_then(|images| images.files.as_ref()) {
            Some(files) => with(files),
            // A predecessor has had them.
            None => with(&certificates.copied(&generation.plan, options)?),
        }
    }
}
