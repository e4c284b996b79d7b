//! One connection to a server: its sockets, what waits for either side, and how far it is.

use std::rc::Rc;

use fosse_counters::{Counters, connect_tls as count};
use fosse_deadlines::{Deadlines, Timer};
use fosse_eventloop::{EventLoop, Interest, Watched};
use fosse_records::{Output, Session};
use rustix::io::Errno;
use rustls::client::UnbufferedClientConnection;

use crate::{
    limit::Limit,
    limits::{OUTPUT_BYTES_MAX, READ_BYTES_MAX},
};

/// The parts that handlers of a connection share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) counters: Rc<Counters>,
    pub(crate) deadlines: Deadlines,
    pub(crate) now_ms: u64,
    /// Records of a server, the rest of the turn before first; or plaintext of dispatch.
    pub(crate) input: Box<[u8]>,
    /// Plaintext of a server.
    pub(crate) plain: Vec<u8>,
    /// Records for a server.
    pub(crate) output: Output,
}

/// The progress of a connection.
#[derive(Debug)]
pub(crate) enum Stage {
    /// The handshake is under way; connect waits for the word, by this tag.
    Shaking { tag: u32 },
    /// Its plaintext moves.
    Open(Box<Open>),
    /// dispatch is gone; the last bytes for the server are on their way.
    Parting,
}

/// A connection whose handshake is done.
#[derive(Debug)]
pub(crate) struct Open {
    /// Our end of the plaintext.
    pub(crate) plain: Watched,
    /// Plaintext that dispatch has not taken.
    pub(crate) to_dispatch: Vec<u8>,
    /// The end of what the server says, once it is there.
    pub(crate) ended: Option<Ended>,
    /// dispatch has been told that.
    pub(crate) dispatch_knows: bool,
    /// dispatch has said that nothing more comes.
    pub(crate) dispatch_is_done: bool,
    /// dispatch has said something that the server has not responded to.
    pub(crate) is_asked: bool,
}

/// The way in which a server has ended what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By close_notify: it is whole.
    Clean,
    /// Otherwise: it may have been cut by anybody.
    Broken,
}

/// The consequence of an event for a connection.
#[derive(Debug)]
pub(crate) enum Step {
    /// It stays as it is.
    Stays,
    /// Its handshake is done.
    Through,
    /// Its handshake has failed.
    Refused(Why),
    /// Nothing of it is left to do: it is closed.
    Gone,
}

/// The reason for which a handshake has failed.
#[derive(Debug)]
pub(crate) enum Why {
    /// The server was not to be spoken with.
    Tls(rustls::Error),
    /// It has ended the connection.
    Closed,
    /// It says more than a handshake has.
    TooLong,
    /// It speaks none of the protocols that it was offered.
    Protocol,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Number of its terms.
    pub(crate) terms: u32,
    pub(crate) server: Watched,
    pub(crate) session: Session<UnbufferedClientConnection>,
    pub(crate) stage: Stage,
    pub(crate) timer: Timer<Limit>,
    /// Bytes that have come and are no whole record.
    pub(crate) input: Vec<u8>,
    /// Records that the server has not taken.
    output: Vec<u8>,
}

impl Connection {
    /// Takes over a connected socket.
    pub(crate) fn new(tag: u32, terms: u32, server: Watched, session: Session<UnbufferedClientConnection>) -> Self {
        let (stage, timer) = (Stage::Shaking { tag }, Timer::default());
        Self { terms, server, session, stage, timer, input: Vec::new(), output: Vec::new() }
    }

    /// Receives what the server has sent behind what is here already. Returns the number of all
    /// bytes in the context's input; 0 where the server has ended the connection, `None` where
    /// there is nothing new.
    pub(crate) fn receive(&self, context: &mut Context) -> Option<usize> {
        let kept = self.input.len();
        let room = context.input.len().min(kept + READ_BYTES_MAX);
        context.input[..kept].copy_from_slice(&self.input);
        match self.server.receive(&mut context.input[kept..room]) {
            Ok(0) => Some(0),
            Ok(length) => {
                context.counters.add(count::BYTES_IN, u64::try_from(length).unwrap_or(0));
                Some(kept + length)
            }
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(_) => Some(0),
        }
    }

    /// Keeps what of the context's input is not done with.
    pub(crate) fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            // Most connections have nothing between two events, and no memory for it.
            self.input = Vec::new();
        } else {
            self.input.clear();
            self.input.extend_from_slice(rest);
        }
    }

    /// Sends what the context's output has, and keeps what does not go. Returns false where the
    /// server is gone, or makes this end say more than it reads.
    pub(crate) fn send_output(&mut self, context: &mut Context) -> bool {
        let written = context.output.written();
        let mut sent = 0;
        if self.output.is_empty() && !written.is_empty() {
            let Some(now) = self.server.send(written) else { return false };
            sent = now;
            context.counters.add(count::BYTES_OUT, u64::try_from(sent).unwrap_or(0));
        }
        self.output.extend_from_slice(&written[sent..]);
        context.output.clear();
        self.output.len() <= OUTPUT_BYTES_MAX
    }

    /// Sends what waits for the server. Returns false where that is gone.
    pub(crate) fn send_rest(&mut self, context: &Context) -> bool {
        if self.output.is_empty() {
            return true;
        }
        let Some(sent) = self.server.send(&self.output) else { return false };
        context.counters.add(count::BYTES_OUT, u64::try_from(sent).unwrap_or(0));
        self.output.drain(..sent);
        if self.output.is_empty() {
            self.output = Vec::new();
        }
        true
    }

    /// Returns whether records wait for the server.
    pub(crate) const fn is_blocked(&self) -> bool {
        !self.output.is_empty()
    }

    /// Watches both sockets for what is wanted now.
    pub(crate) fn watch(&mut self, event_loop: &EventLoop) {
        let blocked = self.is_blocked();
        let mut of_server = Interest::empty();
        of_server.set(Interest::OUT, blocked);
        match &mut self.stage {
            Stage::Shaking { .. } => of_server |= Interest::IN,
            Stage::Open(open) => {
                of_server.set(Interest::IN, open.to_dispatch.is_empty() && open.ended.is_none());
                let mut of_plain = Interest::empty();
                of_plain.set(Interest::IN, !blocked && !open.dispatch_is_done);
                of_plain.set(Interest::OUT, !open.to_dispatch.is_empty());
                if of_plain.is_empty() {
                    // That dispatch closes its end is reported whatever is watched for.
                    of_plain = Interest::PRI;
                }
                open.plain.watch(event_loop, of_plain);
            }
            Stage::Parting => {}
        }
        self.server.watch(event_loop, of_server);
    }
}
