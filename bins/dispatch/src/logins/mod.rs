//! Passwords of users: which were right before, which are being checked, and the session with
//! fosse-password.

mod lane;
mod remembered;
mod session;

use std::{collections::HashMap, os::fd::OwnedFd};

use fosse_eventloop::EventLoop;
use fosse_source::Source;
use fosse_wire::{
    StreamId,
    password::{Outcome, ToPassword},
};
use hmac::{Hmac, Mac as _};
use rustix::rand::{GetRandomFlags, getrandom};
use sha2::Sha256;
use zeroize::Zeroizing;

use self::{remembered::Remembered, session::Session};
use crate::exchange::access::{Credentials, Digest};

/// The state of all logins of a lane.
#[derive(Debug)]
pub(crate) struct Logins {
    secret: Secret,
    remembered: Remembered,
    /// Those that are being checked.
    pending: HashMap<Digest, Pending>,
    session: Option<Session>,
    next_tag: u32,
}

/// A name and a password that are being checked.
#[derive(Debug)]
struct Pending {
    tag: u32,
    /// The requests that came with them.
    streams: Vec<StreamId>,
    /// The question, as long as there is no session to ask it in.
    unsent: Option<Zeroizing<Vec<u8>>>,
}

/// The requests whose login has been decided.
pub(crate) type Decided = (Vec<StreamId>, Option<Outcome>);

struct Secret(Zeroizing<Digest>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Default for Logins {
    fn default() -> Self {
        let mut secret = Zeroizing::new(Digest::default());
        // The kernel has random bytes, or does not come back before it has (getrandom(2)).
        let filled = getrandom(&mut secret[..], GetRandomFlags::empty());
        assert_eq!(filled, Ok(secret.len()), "the kernel has no random bytes");
        Self {
            secret: Secret(secret),
            remembered: Remembered::default(),
            pending: HashMap::new(),
            session: None,
            next_tag: 0,
        }
    }
}

impl Logins {
    /// Returns the digest of a name and a password. It cannot be tried without the secret.
    pub(crate) fn digest(&self, list: u32, Credentials { name, password }: &Credentials) -> Digest {
        // A key of any length is taken (RFC 2104, section 2).
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret.0[..]) else { return Digest::default() };
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        for part in [&list.to_le_bytes()[..], &length.to_le_bytes(), name, password] {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Returns whether they were right a while ago.
    pub(crate) fn is_remembered(&self, digest: &Digest, now_ms: u64) -> bool {
        self.remembered.has(digest, now_ms)
    }

    /// Has a name and a password checked for a request, unless those of another one are.
    pub(crate) fn check(&mut self, stream: StreamId, digest: Digest, ask: (u32, Source, &Credentials)) {
        if let Some(pending) = self.pending.get_mut(&digest) {
            return pending.streams.push(stream);
        }
        let (list, source, Credentials { name, password }) = ask;
        let tag = self.next_tag;
        self.next_tag = tag.wrapping_add(1);
        let mut bytes = Zeroizing::new(Vec::with_capacity(64 + name.len() + password.len()));
        // Longer ones than fit were refused as they were read.
        let _ = ToPassword::Check { tag, list, source, name, password }.encode(&mut bytes);
        let unsent = match &mut self.session {
            Some(session) => {
                session.push(&bytes);
                None
            }
            None => Some(bytes),
        };
        self.pending.insert(digest, Pending { tag, streams: vec![stream], unsent });
    }

    /// Forgets a request that waits no more.
    pub(crate) fn forget(&mut self, stream: StreamId, digest: &Digest) {
        let Some(pending) = self.pending.get_mut(digest) else { return };
        pending.streams.retain(|other| *other != stream);
        if pending.streams.is_empty() {
            self.pending.remove(digest);
        }
    }

    /// Takes a session that start has opened, in place of the one before. Returns the requests that
    /// were asked about there.
    pub(crate) fn begin(&mut self, fd: OwnedFd, token: u64, event_loop: &EventLoop) -> Vec<Decided> {
        let lost = self.end(event_loop);
        let session = Session::new(fd, token);
        if event_loop.add(session.fd(), token, session::WATCHED).is_err() {
            return lost;
        }
        let session = self.session.insert(session);
        for pending in self.pending.values_mut() {
            if let Some(bytes) = pending.unsent.take() {
                session.push(&bytes);
            }
        }
        lost
    }

    /// Reads the results that have come. Returns the requests that they are about; those without a
    /// result, where the session has ended, wait for nothing any more.
    pub(crate) fn hear(&mut self, event_loop: &EventLoop, now_ms: u64) -> Vec<Decided> {
        let Some(session) = &mut self.session else { return Vec::new() };
        let (results, is_over) = session.read();
        let mut decided = Vec::new();
        for (tag, outcome) in results {
            let digest = self.pending.iter().find(|(_, pending)| pending.tag == tag).map(|(digest, _)| *digest);
            let Some((digest, pending)) = digest.and_then(|digest| self.pending.remove_entry(&digest)) else {
                continue;
            };
            if outcome == Outcome::Passed {
                self.remembered.add(digest, now_ms);
            }
            decided.push((pending.streams, Some(outcome)));
        }
        if is_over {
            decided.extend(self.end(event_loop));
        }
        decided
    }

    /// Writes what is to be asked.
    pub(crate) fn flush(&mut self, event_loop: &EventLoop) {
        if let Some(session) = &mut self.session {
            session.write(event_loop);
        }
    }

    /// Ends the session. What was asked there is lost; what was not waits for the next one.
    fn end(&mut self, event_loop: &EventLoop) -> Vec<Decided> {
        let Some(session) = self.session.take() else { return Vec::new() };
        // It may not have been watched.
        let _ = event_loop.remove(session.fd());
        let asked = self.pending.extract_if(|_, pending| pending.unsent.is_none());
        asked.map(|(_, pending)| (pending.streams, None)).collect()
    }
}

#[cfg(test)]
mod tests;
