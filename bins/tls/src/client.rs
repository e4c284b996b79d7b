//! One client: its sockets, what waits for either side, and how far it is.

use fosse_counters::Counters;
use fosse_counters::tls as count;
use fosse_deadlines::{Deadlines, Timer, after};
use fosse_eventloop::{EventLoop, Interest, Watched};
use fosse_hello::Hello;
use fosse_records::{Output, Session};
use fosse_settings::tls::TlsSettings;
use fosse_source::Source;
use fosse_wire::channel::Connection;
use fosse_wire::handshaken::How;
use fosse_wire::request::Endpoint;
use rustix::io::Errno;
use rustix::net::sockopt;
use rustls::server::UnbufferedServerConnection;
use std::rc::Rc;

use crate::limit::Limit;
use crate::limits::{OUTPUT_BYTES_MAX, READ_BYTES_MAX};
use crate::set::Set;

/// The parts that handlers of a client share.
pub(crate) struct Context {
    pub(crate) settings: TlsSettings,
    pub(crate) counters: Rc<Counters>,
    pub(crate) deadlines: Deadlines,
    pub(crate) now_ms: u64,
    /// Records of a client, the rest of the turn before first; or plaintext of a front.
    pub(crate) input: Box<[u8]>,
    /// Plaintext of a client.
    pub(crate) plain: Vec<u8>,
    /// Records for a client.
    pub(crate) output: Output,
}

/// The progress of a client.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Its first message is not whole.
    Opening,
    /// It waits for its turn to have a handshake.
    Queued(Box<Hello>),
    /// The handshake is under way.
    Shaking(Box<Shaking>),
    /// Its plaintext moves.
    Open(Box<Open>),
    /// The last bytes for it are on their way, or what it still sends is thrown away.
    Parting,
}

/// A handshake.
#[derive(Debug)]
pub(crate) struct Shaking {
    /// The set that it has begun with.
    #[expect(dead_code, reason = "it is there until the handshake ends: whoever drops the last one ends its keys")]
    pub(crate) set: Rc<Set>,
    pub(crate) session: Session<UnbufferedServerConnection>,
    pub(crate) ja4: String,
    pub(crate) sni: Box<str>,
    /// The client has said that nothing more comes, in the same breath.
    pub(crate) client_is_done: bool,
}

/// A client whose handshake is done.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) session: Session<UnbufferedServerConnection>,
    /// Our end of the plaintext; `None` once it is over in both directions.
    pub(crate) plain: Option<Watched>,
    /// Plaintext that the front has not taken.
    pub(crate) to_front: Vec<u8>,
    /// The client has said that nothing more comes.
    pub(crate) client_is_done: bool,
    /// The front has been told that.
    pub(crate) front_knows: bool,
    /// The front's word of how this ends.
    pub(crate) ended: Option<How>,
}

/// The consequence of an event for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It stays as it is.
    Stays,
    /// Its first message is here.
    Hello,
    /// It is a certificate authority that asks for a proof.
    Challenge,
    /// Its handshake is done.
    Through,
    /// Nothing of it is left to do: it is closed, with a reset unless it was told otherwise.
    Gone,
}

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) record: Connection,
    pub(crate) socket: Watched,
    /// The client itself, which may not be the socket's peer.
    pub(crate) endpoint: Endpoint,
    /// A trusted proxy has named it.
    pub(crate) proxied: bool,
    /// A PROXY header comes first.
    pub(crate) awaits_header: bool,
    pub(crate) stage: Stage,
    /// The handshake is counted for its source.
    pub(crate) counted: bool,
    pub(crate) timer: Timer<Limit>,
    /// Bytes that have come and are no whole record, or wait for their turn.
    pub(crate) input: Vec<u8>,
    /// Records that the client has not taken.
    output: Vec<u8>,
    /// Bytes taken of the output since its limit was started.
    progress: usize,
    /// The FIN is sent.
    is_shut: bool,
}

/// Bytes that a slow client has to take for its limit to begin again: a byte now and then is no
/// progress.
const PROGRESS_BYTES: usize = 8 * 1024;

impl Client {
    /// Takes over a connection.
    pub(crate) fn new(record: Connection, socket: Watched, awaits_header: bool) -> Self {
        Self {
            record,
            socket,
            endpoint: record.peer,
            proxied: false,
            awaits_header,
            stage: Stage::Opening,
            counted: false,
            timer: Timer::default(),
            input: Vec::new(),
            output: Vec::new(),
            progress: 0,
            is_shut: false,
        }
    }

    /// Returns the source that it counts for.
    pub(crate) fn source(&self) -> Source {
        Source::of(&self.endpoint.addr)
    }

    /// Returns the time since which its handshake waits for it; `None` where it does not.
    pub(crate) fn waits_since_ms(&self, settings: &TlsSettings) -> Option<u64> {
        let waits = matches!(self.stage, Stage::Opening | Stage::Shaking(_));
        let at_ms = self.timer.at_ms().filter(|_| waits && self.timer.kind() == Some(Limit::Handshake))?;
        Some(at_ms - after(0, Limit::Handshake.time(settings)))
    }

    /// Starts a limit in place of the one that runs.
    pub(crate) fn start(&mut self, slot: u32, limit: Limit, context: &mut Context) {
        let at_ms = after(context.now_ms, limit.time(&context.settings));
        self.timer.start(&mut context.deadlines, slot, limit, at_ms);
    }

    /// Receives what the client has sent behind what is here already. Returns the number of all
    /// bytes in the context's input; `Err` where nothing goes on with them.
    pub(crate) fn receive(&mut self, context: &mut Context) -> Result<usize, Step> {
        let kept = self.input.len();
        let room = context.input.len().min(kept + READ_BYTES_MAX);
        context.input[..kept].copy_from_slice(&self.input);
        context.counters.work_on(self.record.id, Source::word_of_named(&self.endpoint.addr, &self.record.peer.addr));
        match self.socket.receive(&mut context.input[kept..room]) {
            // Nothing but a close_notify is an end: whoever cuts a connection could cut a message.
            Ok(0) => Err(Step::Gone),
            Ok(length) => {
                context.counters.add(count::BYTES_IN, u64::try_from(length).unwrap_or(0));
                Ok(kept + length)
            }
            Err(Errno::AGAIN | Errno::INTR) => Err(Step::Stays),
            Err(_) => Err(Step::Gone),
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
    /// client is gone, or makes this end say more than it reads.
    pub(crate) fn send_output(&mut self, slot: u32, context: &mut Context) -> bool {
        let written = context.output.written();
        if written.is_empty() {
            return true;
        }
        let mut sent = 0;
        if self.output.is_empty() {
            let Some(now) = self.socket.send(written) else { return false };
            sent = now;
            context.counters.add(count::BYTES_OUT, u64::try_from(sent).unwrap_or(0));
        }
        self.output.extend_from_slice(&written[sent..]);
        context.output.clear();
        if !self.output.is_empty() && self.timer.kind().is_none() {
            self.start(slot, Limit::Write, context);
        }
        self.output.len() <= OUTPUT_BYTES_MAX
    }

    /// Sends what waits for the client. Returns false where the client is gone.
    pub(crate) fn send_rest(&mut self, slot: u32, context: &mut Context) -> bool {
        if self.output.is_empty() {
            return true;
        }
        let Some(sent) = self.socket.send(&self.output) else { return false };
        context.counters.add(count::BYTES_OUT, u64::try_from(sent).unwrap_or(0));
        self.output.drain(..sent);
        self.progress += sent;
        let is_writing = self.timer.kind() == Some(Limit::Write);
        if self.output.is_empty() {
            self.output = Vec::new();
            if is_writing {
                self.timer.stop();
            }
        } else if is_writing && self.progress >= PROGRESS_BYTES {
            self.progress = 0;
            self.start(slot, Limit::Write, context);
        }
        true
    }

    /// Returns whether records wait for the client.
    pub(crate) const fn is_blocked(&self) -> bool {
        !self.output.is_empty()
    }

    /// Begins the end of a client that gets last words, which are in the context's output.
    pub(crate) fn part(&mut self, slot: u32, context: &mut Context) -> Step {
        self.stage = Stage::Parting;
        self.input = Vec::new();
        self.timer.stop();
        if !self.send_output(slot, context) {
            return Step::Gone;
        }
        self.shut(slot, context)
    }

    /// Sends the FIN once all is written, and lets what was written arrive.
    pub(crate) fn shut(&mut self, slot: u32, context: &mut Context) -> Step {
        if self.is_blocked() || self.is_shut {
            return Step::Stays;
        }
        self.is_shut = true;
        // If the kernel refuses, the client sees a reset: never a part that looks whole.
        let _ = sockopt::set_socket_linger(&self.socket, None);
        if self.socket.shut().is_err() {
            return Step::Gone;
        }
        self.start(slot, Limit::Linger, context);
        Step::Stays
    }

    /// Throws away what a client sends that is parting.
    pub(crate) fn discard(&self, context: &mut Context) -> Step {
        match self.socket.receive(&mut context.input) {
            Ok(0) => Step::Gone,
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Step::Stays,
            Err(_) => Step::Gone,
        }
    }

    /// Watches both sockets for what is wanted now.
    pub(crate) fn watch(&mut self, event_loop: &EventLoop) {
        let mut of_client = Interest::empty();
        of_client.set(Interest::OUT, self.is_blocked());
        let blocked = self.is_blocked();
        match &mut self.stage {
            Stage::Queued(_) => {}
            Stage::Open(open) => {
                of_client.set(Interest::IN, open.to_front.is_empty() && !open.client_is_done);
                let mut of_plain = Interest::empty();
                of_plain.set(Interest::IN, !blocked);
                of_plain.set(Interest::OUT, !open.to_front.is_empty());
                open.plain.iter_mut().for_each(|plain| plain.watch(event_loop, of_plain));
            }
            Stage::Opening | Stage::Shaking(_) | Stage::Parting => of_client |= Interest::IN,
        }
        self.socket.watch(event_loop, of_client);
    }

    /// Tells the front that nothing more comes, once it has taken what did.
    pub(crate) fn pass_end(&mut self) {
        if let Stage::Open(open) = &mut self.stage
            && open.client_is_done
            && open.to_front.is_empty()
            && !open.front_knows
        {
            open.front_knows = true;
            // Where this fails the front is gone, which is heard of.
            if let Some(plain) = &open.plain {
                let _ = plain.shut();
            }
        }
    }
}
