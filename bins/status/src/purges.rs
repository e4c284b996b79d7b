//! Orders of people about what is kept: who may give them, and the session with fosse-cache, which
//! carries them out.

use std::{collections::HashMap, os::fd::OwnedFd};

use fosse_die::{Escaped, info, warning};
use fosse_eventloop::{EventLoop, slab::Key};
use fosse_session::{Disconnect, Replies, Socket};
use fosse_wire::{
    Inbox, WireError,
    cache::{FromCache, ToCache, split},
    session::Heard,
};

use crate::{limits::PURGES_BYTES_MAX, policy::POLICY, request::PurgeOrder, response::Response};

/// An order that waits for its end.
#[derive(Debug)]
struct Order {
    client: Key,
    uid: u32,
    order: PurgeOrder,
}

/// A client that has waited, and the response that it gets.
pub(crate) type Reply = (Key, Response);

/// The orders that wait, and the session.
#[derive(Debug)]
pub(crate) struct Purges {
    /// The user who may give orders beside root.
    uid: Option<u32>,
    /// The token of the session's events.
    token: u64,
    session: Option<Session>,
    waiting: HashMap<u32, Order>,
    last_tag: u32,
}

/// A session with the cache.
#[derive(Debug)]
struct Session {
    socket: Socket,
    inbox: Inbox,
    heard: Heard,
    out: Replies,
}

impl Purges {
    /// Begins without a session. `uid` runs the edge.
    pub(crate) fn new(uid: Option<u32>, token: u64) -> Self {
        Self { uid, token, session: None, waiting: HashMap::new(), last_tag: 0 }
    }

    /// Begins a session in place of the one before. Returns the responses of those that waited for
    /// that.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub(crate) fn begin(&mut self, fd: OwnedFd, event_loop: &EventLoop) -> Result<Vec<Reply>, rustix::io::Errno> {
        let replies = self.end(event_loop);
        let mut session = Session {
            socket: Socket::new(fd),
            inbox: Inbox::default(),
            heard: Heard::Nothing,
            out: Replies::new(PURGES_BYTES_MAX),
        };
        // A HELLO always fits.
        let _ = ToCache::Hello.encode(&mut session.out.bytes);
        session.socket.begin(event_loop, self.token)?;
        self.session = Some(session);
        Ok(replies)
    }

    /// Passes an order of a user on.
    ///
    /// # Errors
    /// The response where it is not passed on.
    pub(crate) fn order(&mut self, order: PurgeOrder, client: Key, uid: u32) -> Result<(), Response> {
        if uid != 0 && Some(uid) != self.uid {
            return Err(Response::said(403, "root alone, or the user who runs the edge, may purge\n"));
        }
        let Some(session) = &mut self.session else {
            let words = "there is no cache: no site has \"cache\", or it has not begun yet\n";
            return Err(Response::said(503, words));
        };
        self.last_tag = self.last_tag.wrapping_add(1);
        let purge = ToCache::Purge { tag: self.last_tag, purge: order.purge() };
        if session.out.is_full() || purge.encode(&mut session.out.bytes).is_err() {
            return Err(Response::said(503, "the cache takes no more orders now\n"));
        }
        self.waiting.insert(self.last_tag, Order { client, uid, order });
        Ok(())
    }

    /// Reads and writes, once each. Returns the responses of those whose orders are over.
    pub(crate) fn work(&mut self, event_loop: &EventLoop, reads: bool) -> Vec<Reply> {
        let mut replies = Vec::new();
        match self.exchange(event_loop, reads, &mut replies) {
            Ok(()) => {}
            Err(why) => {
                if let Disconnect::Broken(why) = why {
                    warning(POLICY.program, format_args!("event=cache-broke why=\"{why}\""));
                }
                replies.extend(self.end(event_loop));
            }
        }
        replies
    }

    fn exchange(&mut self, event_loop: &EventLoop, reads: bool, replies: &mut Vec<Reply>) -> Result<(), Disconnect> {
        let Self { session: Some(session), waiting, token, .. } = self else { return Ok(()) };
        if reads {
            session.socket.read(&mut session.inbox, &Replies::new(1))?;
        }
        while let Some(message) = session.inbox.next_of(split)? {
            let message = FromCache::decode(message)?;
            session.heard = session.heard.after(message == FromCache::Hello)?;
            match message {
                FromCache::Hello => {}
                FromCache::Purged { tag, responses, is_partial } => {
                    let order = waiting.remove(&tag).ok_or(WireError::Field("purge tag"))?;
                    replies.push(order.finish(responses, is_partial));
                }
                _ => return Err(WireError::Field("message of another session").into()),
            }
        }
        session.socket.write(&mut session.out, event_loop, *token)
    }

    /// Ends the session. Nobody knows what became of the orders that waited.
    fn end(&mut self, event_loop: &EventLoop) -> Vec<Reply> {
        if let Some(session) = self.session.take() {
            session.socket.end(event_loop);
        }
        let words = "the cache has ended before all was purged; say it again\n";
        self.waiting.drain().map(|(_, order)| (order.client, Response::said(503, words))).collect()
    }
}

impl Order {
    /// Returns what its client is told of its end. `is_partial`: the disk could not be written.
    fn finish(self, responses: u64, is_partial: bool) -> Reply {
        let Self { client, uid, order } = self;
        let host = if order.host.is_empty() { "*" } else { &order.host };
        let (by, text) = (order.word(), Escaped(order.text.as_bytes()));
        info(
            POLICY.program,
            format_args!("event=purged by={by} host={host} what={text} responses={responses} uid={uid}"),
        );
        let response = if is_partial {
            let cure = "remove what is in cache_directory before the edge is started again";
            Response::said(500, &format!("{responses} purged, but the disk cannot be written; {cure}\n"))
        } else {
            Response::said(200, &format!("{responses} purged\n"))
        };
        (client, response)
    }
}
