//! One request under way: its facts, its bytes for the backend, and the credit of both directions.

use std::time::Duration;

use fosse_deadlines::Timer;
use fosse_eventloop::slab::Key;
use fosse_source::Source;
use fosse_wire::{
    StreamId, WireError,
    frame::WINDOW_BYTES_INITIAL,
    order::{Forward, Interims},
    request::{BodyLength, Endpoint, RequestHead, Version},
};

use super::{
    access::Access, ahead::Ahead, clients::Clients, effect::Effect, encoding, headers::Values, limit::Limit,
    send_file::SendFile,
};
use crate::{
    cache::cached::Cached,
    upstream::{connection::Pin, pins, supply::Waiting, tried::Wanted},
};

/// The extent to which the body of a request is buffered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buffering {
    /// Not at all: each part goes on as it comes.
    No,
    /// A chunked body, until it ends, is longer than [`BUFFERED_BYTES_MAX`], or pauses.
    ///
    /// [`BUFFERED_BYTES_MAX`]: crate::limits::BUFFERED_BYTES_MAX
    Brief,
}

/// The rest of the body that comes from parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// That many bytes are still to come.
    Exact(u64),
    /// Chunks until the end.
    Chunked,
    /// END has come.
    Done,
}

/// The permission to write a response's body to the client's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lease {
    /// It goes through the ring.
    No,
    /// Asked for with the head.
    Wanted,
    /// Held, until RESPONSE_END.
    Held,
}

/// The reason why a stream waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The rest of a request body that is buffered.
    RequestBody,
    /// A connection to its backend.
    Connection,
    /// The backend's 100 Continue.
    Continue,
    /// The first byte of the response.
    FirstByte,
    /// The next bytes, of whichever direction.
    Bytes,
    /// The client, which takes nothing of a leased response now.
    Client,
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    /// Progress of the request's direction.
    pub(crate) forward: Forward,
    /// RESPONSE_END or RESET has been sent: what still comes from parse is dropped.
    pub(crate) response_ended: bool,
    /// Number of the policy; that of an admitted request exists.
    pub(crate) policy: usize,
    /// The client came by https.
    pub(crate) secure: bool,
    /// Values of the response's fields that the policy changes, where they depend on the request.
    pub(crate) values: Option<Box<Values>>,
    /// Authority that the client asked for, where the policy changes prefixes of paths; else empty.
    pub(crate) authority: Vec<u8>,
    /// The file that its application may name in place of a body, where the policy lets it.
    pub(crate) send_file: Option<Box<SendFile>>,
    /// Location of the policy's redirect; empty without.
    pub(crate) location: Vec<u8>,
    /// Longest wait for the first byte of its response.
    pub(crate) first_byte_seconds: Duration,
    /// Longest silence within it.
    pub(crate) idle_seconds: Duration,
    /// A filter evaluates the response: it may put a verdict in its place, and nothing is leased
    /// but an upgrade.
    pub(crate) inspected: bool,
    /// parse sends the response no faster than its rates: nothing of it is leased but an upgrade.
    pub(crate) paced: bool,
    /// The checks of who asks, where its policy has some and they matter still.
    pub(crate) access: Option<Box<Access>>,
    /// Its client connection carries many requests at once: no socket of it is lent.
    pub(crate) multiplexed: bool,
    /// Codings that the request lets the body of its response have.
    pub(crate) wanted_coding: encoding::Wanted,
    /// The response goes to encode.
    pub(crate) is_encoded: bool,
    /// accept's number of the client connection.
    pub(crate) client_connection: u64,
    /// The word of its source, where a trusted proxy has named it; else 0.
    pub(crate) named_source: u64,
    /// All requests of the client connection are one client's.
    pub(crate) single_client: bool,
    /// It logs in the backend connection that it goes over.
    pub(crate) logs_in: bool,
    /// Number of the request.
    pub(crate) request: u64,
    /// The client, for a PROXY header.
    pub(crate) client: Endpoint,
    /// Index of the backend; that of an admitted request exists.
    pub(crate) backend: usize,
    /// It is a request for that backend.
    pub(crate) routed: bool,
    /// The backend speaks FastCGI: the request goes in records.
    pub(crate) fastcgi: bool,
    /// The server that was chosen last.
    pub(crate) server: Option<usize>,
    /// The thing it waits for while it has no connection.
    pub(crate) supply: Waiting,
    /// Servers that it was sent to in vain, and its claim to one.
    pub(crate) wanted: Wanted,
    /// The server that the client's cookie has to name from now on.
    pub(crate) new_owner: Option<u64>,
    /// Time at which its client gives it up, in milliseconds, where it has said so.
    pub(crate) deadline_ms: Option<u64>,
    /// Its backend connection.
    pub(crate) connection: Option<Key>,
    /// Bytes for the backend: head and body, buffered from the start while they may have to be sent
    /// again.
    pub(crate) out: Vec<u8>,
    /// Number of these bytes that are sent.
    pub(crate) out_sent: usize,
    /// Nothing was dropped from the front of `out`.
    pub(crate) out_whole: bool,
    /// The request's body.
    pub(crate) body: Body,
    /// Body bytes parse may send before it is granted more.
    pub(crate) window: u32,
    /// The window as it has grown.
    pub(crate) window_size: u32,
    /// Body bytes that a filter has, for which credit goes round to it.
    pub(crate) released: u64,
    /// Bytes still to come that a filter held and has granted again already.
    pub(crate) held: u32,
    /// Its part of the lane's held bytes, until the backend has them.
    pub(crate) held_counted: u32,
    /// Extent to which the request's body is buffered, before a server is chosen.
    pub(crate) buffering: Buffering,
    /// Offset in `out` at which the framing of a buffered chunked body is to be written.
    pub(crate) framing_at: Option<usize>,
    /// Its part of the lane's buffered bytes, until the backend has them.
    pub(crate) buffered: u64,
    /// Bytes taken from parse and not granted again.
    pub(crate) owed: u32,
    /// Response bytes parse will take.
    pub(crate) credit: u64,
    /// The method is HEAD.
    pub(crate) to_head: bool,
    /// The effect of its method.
    pub(crate) effect: Effect,
    /// It has a body that servers do not expect of its method, and may take for a request.
    pub(crate) odd_body: bool,
    /// `out` begins with a PROXY header.
    pub(crate) announced: bool,
    /// Times it was sent again after bytes of it had gone out; stale connections do not count.
    pub(crate) retries: u8,
    /// Times it has come back from servers that had not looked at it.
    pub(crate) returned: u8,
    /// The WebSocket key, for checking the response; empty without.
    pub(crate) key: Vec<u8>,
    /// The token offered for an upgrade; empty without.
    pub(crate) upgrade: Vec<u8>,
    /// Interim responses so far.
    pub(crate) interims: Interims,
    /// After a 101: the client has sent its end.
    pub(crate) client_ended: bool,
    /// After a 101: bytes go through the ring.
    pub(crate) tunnels: bool,
    /// The final head has gone to parse.
    pub(crate) head_sent: bool,
    /// Permission to write the response's body to the client.
    pub(crate) lease: Lease,
    /// Body bytes written under the lease.
    pub(crate) leased_bytes: u64,
    /// Time at which its client took something of the response last, in milliseconds.
    pub(crate) taken_ms: u64,
    /// Those of the leased bytes that were written when the client's time began to run.
    pub(crate) limit_bytes: u64,
    /// The response is read ahead of its client.
    pub(crate) reads_ahead: bool,
    /// Its bytes that were read and not yet taken.
    pub(crate) ahead: Option<Box<Ahead>>,
    /// The part that the cache has in it, where its policy has one.
    pub(crate) cached: Option<Box<Cached>>,
    /// Reason why it waits.
    pub(crate) wait: Wait,
    /// The limit of its wait, where it has one: none while it is the client's turn, which parse
    /// limits.
    pub(crate) timer: Timer<Limit>,
    /// Time of its arrival, in microseconds.
    pub(crate) since_us: u64,
    /// Time at which all of it had gone to the server, in microseconds; that of its arrival before.
    pub(crate) sent_us: u64,
    /// It is in the list of streams with bytes to send in this turn.
    pub(crate) queued: bool,
    /// It has been looked at whether it is copied.
    pub(crate) mirrored: bool,
}

/// Returns the bytes of a body that a filter releases.
const fn released_bytes(head: &RequestHead<'_>) -> u64 {
    match (head.released, head.body) {
        (false, _) | (true, BodyLength::None) => 0,
        (true, BodyLength::Exact(length)) if head.held == 0 => length,
        (true, _) => head.held as u64,
    }
}

impl Stream {
    /// Makes a stream whose head has just come.
    ///
    /// # Errors
    /// [`WireError::Field`] where more is held than a window can count.
    #[expect(clippy::too_many_lines, reason = "one field a line")]
    pub(crate) fn new(id: StreamId, head: &RequestHead<'_>, now_us: u64) -> Result<Self, WireError> {
        let held = if head.released { 0 } else { head.held };
        Ok(Self {
            id,
            forward: Forward::Open,
            response_ended: false,
            policy: usize::try_from(head.policy).unwrap_or(usize::MAX),
            secure: head.secure,
            values: None,
            authority: Vec::new(),
            send_file: None,
            location: Vec::new(),
            first_byte_seconds: Duration::ZERO,
            idle_seconds: Duration::ZERO,
            inspected: false,
            paced: head.paced,
            multiplexed: head.version == Version::Http2,
            access: None,
            wanted_coding: encoding::Wanted::Nothing,
            is_encoded: false,
            client_connection: head.connection,
            named_source: Source::word_of_named(&head.client.addr, &head.peer.addr),
            single_client: head.single_client,
            logs_in: pins::logs_in(head.fields),
            request: head.request,
            client: head.client,
            backend: 0,
            routed: false,
            fastcgi: false,
            server: None,
            supply: Waiting::No,
            wanted: Wanted::default(),
            new_owner: None,
            connection: None,
            out: Vec::new(),
            out_sent: 0,
            out_whole: true,
            body: match head.body {
                BodyLength::None => Body::Exact(0),
                BodyLength::Exact(length) => Body::Exact(length),
                BodyLength::Chunked => Body::Chunked,
            },
            window: WINDOW_BYTES_INITIAL.checked_add(held).ok_or(WireError::Field("held"))?,
            window_size: WINDOW_BYTES_INITIAL,
            released: released_bytes(head),
            held,
            held_counted: held,
            buffering: Buffering::No,
            framing_at: None,
            buffered: 0,
            owed: 0,
            credit: u64::from(WINDOW_BYTES_INITIAL),
            to_head: head.method == b"HEAD",
            effect: Effect::of(head.method),
            odd_body: !matches!(head.body, BodyLength::None | BodyLength::Exact(0))
                && matches!(head.method, b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE" | b"DELETE"),
            announced: false,
            retries: 0,
            returned: 0,
            deadline_ms: None,
            key: Vec::new(),
            upgrade: Vec::new(),
            interims: Interims::NONE,
            client_ended: false,
            tunnels: false,
            head_sent: false,
            lease: Lease::No,
            leased_bytes: 0,
            taken_ms: 0,
            limit_bytes: 0,
            reads_ahead: false,
            ahead: None,
            cached: None,
            wait: Wait::Connection,
            timer: Timer::default(),
            since_us: now_us,
            sent_us: now_us,
            queued: false,
            mirrored: false,
        })
    }

    /// Returns the owner of a backend connection that this stream logs in; `None` where its client
    /// connection carries requests of many.
    pub(crate) fn pin(&self) -> Option<Pin> {
        let pin = Pin { connection: self.client_connection, client: self.client.addr };
        self.single_client.then_some(pin)
    }

    /// Returns whose it is.
    pub(crate) const fn source(&self) -> Source {
        Source::of(&self.client.addr)
    }

    /// Returns the bytes for the backend that have not been sent.
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.out[self.out_sent..]
    }

    /// Returns whether the whole request has gone out.
    pub(crate) fn sent(&self) -> bool {
        self.body == Body::Done && self.out_sent >= self.out.len()
    }

    /// Returns whether its server waits for its client to take more of the response. A client that
    /// has just been asked for its socket looks the same for a moment.
    pub(crate) fn waits_for_client(&self) -> bool {
        self.head_sent
            && self.connection.is_some()
            && match self.lease {
                Lease::No => self.credit == 0 && !self.tunnels,
                Lease::Wanted => true,
                Lease::Held => self.wait == Wait::Client,
            }
    }

    /// Returns whether its client's socket may be lent for a response that has no server any more.
    pub(crate) fn may_lease(&self, clients: &Clients) -> bool {
        !self.paced
            && !self.inspected
            && matches!(self.body, Body::Done | Body::Exact(0))
            && clients.has_room_for(self.client_connection)
    }

    /// Returns whether both directions are over.
    pub(crate) fn is_over(&self) -> bool {
        self.response_ended && self.forward == Forward::Ended
    }

    /// Returns whether another server could get it: all of the request is at hand, nothing of a
    /// response has gone on, interim ones among them, and no handshake is bound to the first one.
    pub(crate) fn is_at_hand(&self) -> bool {
        self.out_whole && !self.head_sent && self.key.is_empty() && self.interims == Interims::NONE
    }
}
