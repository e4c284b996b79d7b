//! A store for the fuzzers: it answers late, in part, or with nonsense.

use std::{collections::VecDeque, os::fd::OwnedFd};

use fosse_eventloop::EventLoop;
use fosse_seclang::{Field, Record};
use fosse_wire::store::{FromStore, ToStore, split};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, socketpair};

use fosse_waf_filter::Filter;

const TOKEN: u64 = 1;

/// The other end of the way to the store.
pub(super) struct FakeStore {
    event_loop: EventLoop,
    socket: Option<OwnedFd>,
    heard: Vec<u8>,
    asked: VecDeque<u32>,
    seen: u64,
    saves: u32,
}

impl Default for FakeStore {
    fn default() -> Self {
        let event_loop = EventLoop::new().expect("epoll");
        Self { event_loop, socket: None, heard: Vec::new(), asked: VecDeque::new(), seen: 0, saves: 0 }
    }
}

impl FakeStore {
    pub(super) fn comes(&mut self, filter: &mut Filter) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).expect("a pair");
        (self.heard, self.asked, self.saves) = (Vec::new(), VecDeque::new(), 0);
        self.socket = Some(theirs);
        filter.connect_store(ours, &self.event_loop, TOKEN).expect("it is watched");
        let mut hello = Vec::new();
        FromStore::Hello.encode(&mut hello).expect("a greeting");
        self.says(filter, &hello);
    }

    /// Answers some of what it was asked for.
    pub(super) fn answers(&mut self, filter: &mut Filter, count: usize) {
        filter.flush_store(&self.event_loop, TOKEN).expect("it is watched");
        let (Some(socket), mut piece) = (&self.socket, [0; 4096]) else { return };
        while let Ok(length @ 1..) = rustix::io::read(socket, &mut piece[..]) {
            self.heard.extend_from_slice(piece.get(..length).unwrap_or_default());
        }
        while let Some((message, taken)) = split(&self.heard).expect("filters keep the protocol") {
            match ToStore::decode(message).expect("filters keep the protocol") {
                ToStore::Load { tag, .. } => self.asked.push_back(tag),
                ToStore::Save { .. } => self.saves = self.saves.wrapping_add(1),
                ToStore::Hello => {}
            }
            self.heard.drain(..taken);
        }
        let mut bytes = Vec::new();
        if count == 0 {
            let kept = FromStore::Kept { some: self.seen % 2 == 1, saves: self.saves };
            kept.encode(&mut bytes).expect("a short message");
        }
        for tag in self.asked.drain(..count.min(self.asked.len())) {
            self.seen = self.seen.wrapping_add(1);
            let value = self.seen.to_string().into_bytes();
            let n = Field { name: b"n".to_vec(), value, expires: None };
            let record = Record { fields: vec![n], updates: self.seen, ..Record::default() };
            FromStore::Record { tag, record }.encode(&mut bytes).expect("a small record");
        }
        self.says(filter, &bytes);
    }

    pub(super) fn says(&self, filter: &mut Filter, bytes: &[u8]) {
        if let Some(socket) = &self.socket {
            let _ = rustix::net::send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        }
        filter.read_store();
        filter.time_out_store(&self.event_loop, 0);
    }

    /// Lets everything that was asked for be overdue.
    pub(super) fn is_late(&self, filter: &mut Filter) {
        filter.time_out_store(&self.event_loop, u64::MAX);
    }
}
