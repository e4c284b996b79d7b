//! The store: one process for the whole edge, there as long as any rules keep records. It outlives generations of lanes, so
//! that counters do; each filter whose rules keep records has a socket to it. Where it dies the next one begins empty.

use fosse_die::alert;
use fosse_eventloop::slab::Key;
use fosse_wire::{launch::Program, start::ToChild};
use rustix::{io::Errno, net::SocketType};

use crate::{
    PROGRAM,
    births::{Gifts, pair},
    edge::Edge,
};

impl Edge {
    /// A template says that its rules keep records, before it says that it is ready.
    pub(crate) fn keeps_records(&mut self, template: Key) {
        if self.current.template == Some(template) {
            self.current.keeps_records = true;
            if self.store.is_none() && !self.options.check {
                self.start_store();
            }
        }
    }

    /// Starts the store, and gives every filter that lives and needs one a way to it.
    pub(crate) fn start_store(&mut self) {
        match self.spawn(Program::Store, Gifts::default()) {
            Ok(key) => {
                self.store = Some(key);
                let filters = self.processes.iter().filter(|(_, process)| process.keeps_records);
                for filter in filters.map(|(key, _)| key).collect::<Vec<_>>() {
                    self.introduce_to_store(filter);
                }
            }
            Err(errno) => self.not_started(Program::Store, errno),
        }
    }

    /// After an upgrade the new program takes the place of the old, and begins empty: what it keeps has no form that both must
    /// know. Filters have the way to it before the other closes.
    pub(crate) fn renew_store(&mut self) {
        if !std::mem::take(&mut self.store_outdated) {
            return;
        }
        let old = self.store.take();
        self.start_store();
        old.into_iter().for_each(|old| self.leave(old));
    }

    /// A filter of the current generation has been begun: it finds the way to the store before it reads a request.
    pub(crate) fn filter_begun(&mut self, filter: Key) {
        if !self.current.keeps_records {
            return;
        }
        if let Some(process) = self.processes.get_mut(filter) {
            process.keeps_records = true;
        }
        self.introduce_to_store(filter);
    }

    fn introduce_to_store(&self, filter: Key) {
        let Some(store) = self.store else { return };
        let lane = self.processes.get(filter).and_then(|process| process.lane).unwrap_or(u32::MAX);
        let joined = pair(SocketType::STREAM).map(|(one, other)| {
            self.tell(store, ToChild::Records { lane }, Some(&one));
            self.tell(filter, ToChild::Records { lane }, Some(&other));
        });
        joined.unwrap_or_else(|errno: Errno| {
            alert(PROGRAM, format_args!("event=no-way-to-store lane={lane} error=\"{errno}\""));
        });
    }

    /// Once no rules keep records any more, and nobody is left of those whose rules did, the store goes.
    pub(crate) fn release_store(&mut self) {
        let used = self.current.keeps_records || self.processes.iter().any(|(_, process)| process.keeps_records);
        if let Some(store) = self.store.filter(|_| !used && !self.change.waits_for_lanes()) {
            self.leave(store);
        }
    }
}
