//! One request under way: what is known of it, what waits for the backend, what parse may still send and take.

use fosse_eventloop::slab::Key;
use fosse_wire::{
    StreamId,
    frame::WINDOW_BYTES_INITIAL,
    order::{Forward, Interims},
    request::{BodyLength, Endpoint, RequestHead},
};

use crate::{
    buffering::{self, Buffering},
    limits::{SPARE_BUFFER_BYTES_MAX, SPARE_BUFFERS_MAX},
    pins::{self, Pin},
};

/// How far the body from parse has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// So many bytes are still to come.
    Exact(u64),
    /// Chunks until the end.
    Chunked,
    /// END has come.
    Done,
}

/// Whether dispatch writes the answer's body itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It goes through the ring.
    No,
    /// Asked for with the head.
    Wanted,
    /// Held, until RESPONSE_END.
    Held,
}

/// What the stream waits for, with a time limit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The rest of a request body that is buffered.
    RequestBody,
    /// A connection to its backend.
    Connection,
    /// The backend's 100 Continue.
    Continue,
    /// The first byte of the answer.
    FirstByte,
    /// The next bytes, of whichever direction.
    Bytes,
}

/// A request under way.
#[derive(Debug)]
pub struct Stream {
    /// Its name on the ring.
    pub id: StreamId,
    /// How far the request's direction is.
    pub forward: Forward,
    /// RESPONSE_END or RESET has been sent: what still comes from parse is swallowed.
    pub answered: bool,
    /// Index of the site.
    pub site: u32,
    /// A filter judges the answer: it may put a verdict in its place, and nothing is leased but an upgrade.
    pub inspected: bool,
    /// accept's number of the connection.
    pub connection: u64,
    /// All requests of the client connection are one client's.
    pub single_client: bool,
    /// It logs in the backend connection that it goes over.
    pub logs_in: bool,
    /// Number of the request.
    pub request: u64,
    /// The client, for a PROXY header.
    pub client: Endpoint,
    /// Index of the backend.
    pub backend: usize,
    /// The server that was chosen last.
    pub server: Option<usize>,
    /// Its backend connection.
    pub link: Option<Key>,
    /// Bytes for the backend: head and body, kept from the start while they may have to be sent again.
    pub out: Vec<u8>,
    /// How many of them are sent.
    pub out_sent: usize,
    /// Nothing was dropped from the front of `out`.
    pub out_whole: bool,
    /// The request's body.
    pub body: Body,
    /// Body bytes parse may send before it is granted more.
    pub window: u32,
    /// The window as it has grown.
    pub window_size: u32,
    /// Bytes still to come that a filter held and has granted again already.
    pub held: u32,
    /// What this stream adds to the lane's held bytes, until the backend has them.
    pub held_counted: u32,
    /// How long the request's body is buffered, before a server is chosen.
    pub buffering: Buffering,
    /// Where in `out` the framing of a buffered chunked body is to be written.
    pub framing_at: Option<usize>,
    /// What this stream adds to the lane's buffered bytes, until the backend has them.
    pub buffered: u64,
    /// Bytes taken from parse and not granted again.
    pub owed: u32,
    /// Answer bytes parse will take.
    pub credit: u64,
    /// The method is HEAD.
    pub to_head: bool,
    /// The method is safe or idempotent.
    pub repeatable: bool,
    /// `out` begins with a PROXY header.
    pub announced: bool,
    /// Servers tried.
    pub tries: u32,
    /// Times it was sent again after bytes of it had gone out.
    pub retries: u8,
    /// The WebSocket key, for checking the answer; empty without.
    pub key: Vec<u8>,
    /// The token offered for an upgrade; empty without.
    pub upgrade: Vec<u8>,
    /// Interim answers so far.
    pub interims: Interims,
    /// Behind a 101: the client has sent its end.
    pub client_ended: bool,
    /// The final head has gone to parse.
    pub head_sent: bool,
    /// Who writes the body.
    pub lease: Lease,
    /// Body bytes written under the lease.
    pub leased_bytes: u64,
    /// What it waits for.
    pub wait: Wait,
    /// Until when.
    pub deadline_ms: u64,
    /// When it came, on the clock in microseconds.
    pub since_us: u64,
    /// It is in the list of streams with bytes to send in this turn.
    pub queued: bool,
}

impl Stream {
    /// A stream whose head has just come.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one field a line")]
    pub fn new(id: StreamId, head: &RequestHead<'_>, now_us: u64) -> Self {
        Self {
            id,
            forward: Forward::Open,
            answered: false,
            site: head.site,
            inspected: false,
            connection: head.connection,
            single_client: head.single_client,
            logs_in: pins::logs_in(head.fields),
            request: head.request,
            client: head.client,
            backend: 0,
            server: None,
            link: None,
            out: Vec::new(),
            out_sent: 0,
            out_whole: true,
            body: match head.body {
                BodyLength::None => Body::Exact(0),
                BodyLength::Exact(length) => Body::Exact(length),
                BodyLength::Chunked => Body::Chunked,
            },
            window: WINDOW_BYTES_INITIAL.saturating_add(head.held),
            window_size: WINDOW_BYTES_INITIAL,
            held: head.held,
            held_counted: head.held,
            buffering: Buffering::No,
            framing_at: None,
            buffered: 0,
            owed: 0,
            credit: u64::from(WINDOW_BYTES_INITIAL),
            to_head: head.method == b"HEAD",
            repeatable: matches!(head.method, b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE" | b"PUT" | b"DELETE"),
            announced: false,
            tries: 0,
            retries: 0,
            key: Vec::new(),
            upgrade: Vec::new(),
            interims: Interims::NONE,
            client_ended: false,
            head_sent: false,
            lease: Lease::No,
            leased_bytes: 0,
            wait: Wait::Connection,
            deadline_ms: u64::MAX,
            since_us: now_us,
            queued: false,
        }
    }

    /// Whose a backend connection is that this stream logs in.
    #[must_use]
    pub const fn pin(&self) -> Pin {
        Pin { connection: self.connection, client: self.client.addr }
    }

    /// Bytes for the backend that have not been sent.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        self.out.get(self.out_sent..).unwrap_or_default()
    }

    /// The whole request has gone out.
    #[must_use]
    pub fn sent(&self) -> bool {
        self.body == Body::Done && self.out_sent >= self.out.len()
    }

    /// It stands in the queue for a connection to that server.
    #[must_use]
    pub fn awaits(&self, server: usize) -> bool {
        self.link.is_none() && !self.answered && self.server == Some(server)
    }

    /// It may be sent to another server: nothing of an answer was seen, all of it is at hand, and it does no harm twice.
    #[must_use]
    pub fn may_repeat(&self) -> bool {
        self.repeatable && self.out_whole && self.retries == 0 && !self.head_sent && self.key.is_empty()
    }
}

/// All streams of the ring, by slot.
#[derive(Debug, Default)]
pub struct Streams {
    slots: Vec<Option<Box<Stream>>>,
    live: usize,
    /// Ended streams, each with the memory of its output, for the next ones.
    #[expect(clippy::vec_box, reason = "they go into the slots as they are")]
    spare: Vec<Box<Stream>>,
}

impl Streams {
    /// The stream of that id, if it is live.
    #[inline]
    pub fn get(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.slots.get_mut(id.slot())?.as_deref_mut().filter(|s| s.id == id)
    }

    /// Puts a new stream into its slot; false where another lives there.
    pub fn insert(&mut self, stream: Stream) -> bool {
        let slot = stream.id.slot();
        if slot >= self.slots.len() {
            self.slots.resize_with(slot.saturating_add(1), || None);
        }
        match self.slots.get_mut(slot) {
            Some(place @ None) => {
                *place = Some(match self.spare.pop() {
                    Some(mut used) => {
                        let out = std::mem::take(&mut used.out);
                        *used = Stream { out, ..stream };
                        used
                    }
                    None => Box::new(stream),
                });
                self.live = self.live.saturating_add(1);
                true
            }
            _ => false,
        }
    }

    /// Forgets a stream; what it added to the lane's held and buffered bytes, where it lived.
    pub fn remove(&mut self, id: StreamId) -> Option<(u32, u64)> {
        let place = self.slots.get_mut(id.slot())?;
        let mut stream = place.take_if(|s| s.id == id)?;
        self.live = self.live.saturating_sub(1);
        let counted = (stream.held_counted, stream.buffered);
        if self.spare.len() < SPARE_BUFFERS_MAX && stream.out.capacity() <= SPARE_BUFFER_BYTES_MAX {
            stream.out.clear();
            self.spare.push(stream);
        }
        Some(counted)
    }

    /// How many live.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.live
    }

    /// None lives.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Returns the stream that frees most memory of the source whose bodies take most of it.
    pub(crate) fn largest_of_heaviest_source(&self) -> Option<StreamId> {
        buffering::largest_of_heaviest(self.slots.iter().flatten().map(|stream| &**stream))
    }

    /// Ids of those whose time is over.
    pub fn overdue(&self, now_ms: u64) -> Vec<StreamId> {
        self.slots.iter().flatten().filter(|s| s.deadline_ms <= now_ms && !s.answered).map(|s| s.id).collect()
    }
}
