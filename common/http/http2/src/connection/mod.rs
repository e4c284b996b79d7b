//! A connection: what it holds, and what its owner asks of it.

mod data;
mod headers;
mod reading;
mod receive;
mod schedule;
mod send;
mod streams;

use fosse_hpack::{Decoder, Encoder};

use crate::error::{Broken, Code};
use crate::fault::Fault;
use crate::floods::Floods;
use crate::frame::{kind, put};
use crate::limits::{OUTPUT_BYTES_FULL, WINDOW_BYTES_INITIAL};
use crate::settings::{Peer, WINDOW_BYTES_UNSAID, put_own};
use reading::Reading;
use schedule::Ready;
use streams::Streams;

/// The offer to one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// Bytes of a header list that are worth sending.
    pub list_bytes: usize,
    /// CONNECT may name a protocol (RFC 8441).
    pub extended_connect: bool,
}

/// One thing that bytes of the client mean. A stream is named by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'b> {
    /// A request; its head is the text in [`Scratch`](crate::Scratch).
    Request {
        /// The stream's place.
        place: usize,
        /// There is no body.
        is_ended: bool,
        /// It is an extended CONNECT, written as the GET that would switch protocols.
        switches: bool,
    },
    /// A request whose head has more than is kept of one. It has a place, and waits for a response.
    TooLong {
        /// The stream's place.
        place: usize,
    },
    /// Bytes of a request's body.
    Data {
        /// The stream's place.
        place: usize,
        /// Some bytes.
        bytes: &'b [u8],
    },
    /// A request is whole.
    Ended {
        /// The stream's place.
        place: usize,
    },
    /// A stream is over before its time; its place has to be released.
    Reset {
        /// The stream's place.
        place: usize,
        /// The reason of this side; `None` where the client did it.
        fault: Option<Fault>,
    },
    /// A malformed request has ended its stream before it had a place.
    Malformed {
        /// The reason.
        fault: Fault,
    },
    /// The client opens no more streams.
    Leaving,
}

/// The server's side of a connection.
#[derive(Debug)]
pub struct Connection {
    local: Local,
    reading: Reading,
    decoder: Decoder,
    encoder: Encoder,
    peer: Peer,
    /// The peer has acknowledged this side's settings.
    is_agreed: bool,
    floods: Floods,
    streams: Streams,
    ready: Ready,
    /// Bytes that the client may send on all streams together.
    window_in: i64,
    /// Of that, what it has sent and was not given back.
    used_in: u32,
    /// Bytes that may be sent on all streams together.
    window_out: i64,
    output: Vec<u8>,
    sent: usize,
    /// The place of the last frame of a message in the output, and its stream: its end may be told
    /// by a flag.
    last_frame: Option<(usize, u32)>,
    leaving: Leaving,
}

/// The steps of a connection to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Leaving {
    No,
    /// The client was asked to open no more streams; those that are on their way are taken.
    Asked,
    /// Streams above the last that was seen are not.
    Told,
}

/// The payload of the PING behind the first GOAWAY.
const LEAVING_PING: &[u8; 8] = b"leaving.";

impl Connection {
    /// Makes the state of a new connection; this side's settings lie in its output.
    #[must_use]
    pub fn new(local: Local) -> Self {
        let mut output = Vec::new();
        put_own(&mut output, local.list_bytes, local.extended_connect);
        Self {
            local,
            reading: Reading::default(),
            decoder: Decoder::default(),
            encoder: Encoder::default(),
            peer: Peer::default(),
            is_agreed: false,
            floods: Floods::default(),
            streams: Streams::default(),
            ready: Ready::default(),
            window_in: i64::from(WINDOW_BYTES_UNSAID),
            used_in: 0,
            window_out: i64::from(WINDOW_BYTES_UNSAID),
            output,
            sent: 0,
            last_frame: None,
            leaving: Leaving::No,
        }
    }

    /// Returns the bytes that are to be written.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.output[self.sent..]
    }

    /// Returns the memory of the output, which its owner may lend and take back while that is
    /// empty: few connections have output at a time.
    pub const fn memory(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Forgets the first `count` bytes of output, which were written.
    pub fn advance(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.output.len() {
            self.output.clear();
            self.last_frame = None;
            self.sent = 0;
        } else if self.sent >= OUTPUT_BYTES_FULL && self.sent >= self.output.len() - self.sent {
            self.output.drain(..self.sent);
            self.last_frame = None;
            self.sent = 0;
        }
    }

    /// Returns whether a header block has begun and goes on in CONTINUATION.
    #[must_use]
    pub const fn is_in_block(&self) -> bool {
        self.reading.block.is_some()
    }

    /// Returns how many places are taken.
    #[must_use]
    pub const fn places(&self) -> usize {
        self.streams.taken()
    }

    /// Asks the client to open no more streams: first without a number, so that those on their way
    /// are served, and with it as soon as the client has responded.
    pub fn leave(&mut self) {
        if self.leaving == Leaving::No {
            self.leaving = Leaving::Asked;
            self.goaway(0x7fff_ffff, Code::NoError, "");
            put(&mut self.output, kind::PING, 0, 0, LEAVING_PING);
        }
    }

    /// Takes no more streams, whether the client has responded or not.
    pub fn leave_now(&mut self) {
        if self.leaving < Leaving::Told {
            self.leaving = Leaving::Told;
            self.goaway(self.streams.last(), Code::NoError, "");
        }
    }

    /// Returns whether the client knows that no stream is taken any more.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.leaving == Leaving::Told
    }

    /// Tells the client why the connection is over. Nothing else is sent after it.
    pub fn break_off(&mut self, why: &Broken) {
        self.leaving = Leaving::Told;
        self.goaway(self.streams.last(), why.code, why.words);
    }

    fn goaway(&mut self, last: u32, code: Code, words: &str) {
        let payload = [&last.to_be_bytes()[..], &(code as u32).to_be_bytes(), words.as_bytes()].concat();
        put(&mut self.output, kind::GOAWAY, 0, 0, &payload);
    }
}

/// The bytes that a stream's window loses when the settings are agreed: until then a client may
/// take the window for one of which nobody has said anything.
const WINDOW_BYTES_EARLY: i64 = WINDOW_BYTES_UNSAID as i64 - WINDOW_BYTES_INITIAL as i64;

const _: () = assert!(WINDOW_BYTES_EARLY >= 0);
