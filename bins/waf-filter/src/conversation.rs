//! One conversation with fosse-store: what is said, what is heard, who waits. It ends with the first thing that is wrong.

use std::{collections::VecDeque, os::fd::OwnedFd};

use fosse_eventloop::clock_ms;
use fosse_seclang::{Collection, Place, Record};
use fosse_wire::{
    Inbox, StreamId,
    store::{FromStore, Heard, ToStore, split},
};
use rustix::{
    io::Errno,
    net::{RecvFlags, recv},
};

use crate::{
    limits::{CHANGES_BYTES_MAX, RECORD_WAIT_MS_MAX},
    link::Provided,
};

/// A record that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    tag: u32,
    collection: Collection,
    /// Who waits for it; nobody any more where it came too late.
    stream: Option<StreamId>,
    pub(crate) until_ms: u64,
}

/// The store's end, what waits to be said to it, and who waits for what.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) fd: OwnedFd,
    inbox: Inbox,
    heard: Heard,
    pub(crate) out: Vec<u8>,
    pub(crate) sent: usize,
    pub(crate) armed: bool,
    asked: VecDeque<Asked>,
    next_tag: u32,
    /// It owes an answer for too long.
    pub(crate) silent: bool,
    /// SAVEs sent, counted round.
    saves: u32,
    /// It keeps nothing, as far as it and we know.
    pub(crate) empty: bool,
    /// Why nothing more is read.
    pub(crate) end: Option<String>,
}

impl Open {
    /// A conversation that begins; `None` where a greeting cannot be laid out, which does not happen.
    pub(crate) fn new(fd: OwnedFd) -> Option<Self> {
        let mut out = Vec::new();
        ToStore::Hello.encode(&mut out).ok()?;
        let (inbox, heard, asked) = (Inbox::default(), Heard::Nothing, VecDeque::new());
        Some(Self {
            fd,
            inbox,
            heard,
            out,
            sent: 0,
            armed: false,
            asked,
            next_tag: 0,
            silent: false,
            saves: 0,
            empty: false,
            end: None,
        })
    }

    /// Asks for a record, for a request that waits from now on; false where that cannot be said.
    pub(crate) fn ask(&mut self, place: Place<'_>, stream: StreamId) -> bool {
        let tag = self.next_tag;
        self.next_tag = tag.wrapping_add(1);
        let until_ms = clock_ms().saturating_add(RECORD_WAIT_MS_MAX);
        let asked = ToStore::Load { tag, place }.encode(&mut self.out).is_ok();
        if asked {
            self.asked.push_back(Asked { tag, collection: place.collection, stream: Some(stream), until_ms });
        }
        asked
    }

    /// Says a SAVE; false where there is no room for it. From then on the store may keep something.
    pub(crate) fn change(&mut self, save: &ToStore<'_>) -> bool {
        let said = self.has_room() && save.encode(&mut self.out).is_ok();
        if said {
            self.saves = self.saves.wrapping_add(1);
            self.empty = false;
        }
        said
    }

    /// Whether more may wait to be said.
    pub(crate) fn has_room(&self) -> bool {
        self.out.len().saturating_sub(self.sent) < CHANGES_BYTES_MAX
    }

    /// The one that has waited longest.
    pub(crate) fn waiting(&self) -> Option<&Asked> {
        self.asked.iter().find(|asked| asked.stream.is_some())
    }

    /// Nobody waits any more; what stands for the answers.
    pub(crate) fn forget(&mut self) -> Vec<Provided> {
        let waiting = self.asked.iter_mut().filter_map(|asked| Some((asked.stream.take()?, asked.collection)));
        waiting.map(|(stream, collection)| Provided { stream, collection, record: Record::default() }).collect()
    }

    /// Reads once.
    ///
    /// # Errors
    /// The end of the conversation, in words.
    pub(crate) fn read(&mut self, all: &mut Vec<Provided>) -> Result<(), String> {
        match recv(&self.fd, self.inbox.spare(), RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err("it closed the conversation".into()),
            Ok((length, _)) => self.inbox.filled(length),
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(errno) => return Err(errno.to_string()),
        }
        while let Some(message) = self.inbox.next_of(split).map_err(|error| error.to_string())? {
            let message = FromStore::decode(message).map_err(|error| error.to_string())?;
            self.heard = self.heard.after(message == FromStore::Hello).map_err(|error| error.to_string())?;
            let (tag, record) = match message {
                FromStore::Hello => continue,
                FromStore::Kept { some, saves } => {
                    self.empty = !some && saves == self.saves;
                    continue;
                }
                FromStore::Record { tag, record } => (tag, record),
            };
            // Whoever waits for another answer goes on waiting in the list, for the end of this conversation.
            let asked = self.asked.pop_front_if(|asked| asked.tag == tag).ok_or("an answer nobody asked for")?;
            if let Some(stream) = asked.stream {
                all.push(Provided { stream, collection: asked.collection, record });
            }
        }
        self.silent &= !self.asked.is_empty();
        Ok(())
    }
}
