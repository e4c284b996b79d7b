//! The client's side of a connection, towards a server (RFC 9113), without I/O and clock.
//!
//! [`Client::next`] takes bytes of the server and returns what they mean. Requests go in by
//! [`Client::open`] and its like; what is to be written lies in [`Client::output`]. A response
//! comes out as the lines that HTTP/1.1 would have, so that whoever reads those reads it by the
//! same rules.
//!
//! - Nothing of a request waits here: [`Client::room`] says how much of a body can go now, and no
//!   more is given.
//! - The window of a stream is what its owner grants; that of the connection is given back as bytes
//!   come, so that no stream waits for another's reader.
//! - What a server may do for nothing has the budget that a client has.

mod data;
mod headers;
mod receive;
mod response;
mod send;
mod streams;

use core::fmt;

use fosse_hpack::{Decoder, Encoder};

use crate::error::{Broken, Code};
use crate::fault::Fault;
use crate::floods::Floods;
use crate::frame::{PREFACE, kind, put, put_window};
use crate::limits::{CLIENT_WINDOW_BYTES, OUTPUT_BYTES_FULL, STREAMS_COUNT_MAX};
use crate::settings::{Peer, WINDOW_BYTES_UNSAID, put_client};
use data::Data;
use headers::Block;
use streams::Streams;

/// The parts of a request that come before its fields.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `http` or `https`.
    pub scheme: &'a [u8],
    /// The method; the response to HEAD has no body.
    pub method: &'a [u8],
    /// Host and port as Host would say them.
    pub authority: &'a [u8],
    /// Path and query, or `*`.
    pub path: &'a [u8],
    /// There is no body.
    pub is_ended: bool,
}

/// The head of a response, whose lines lie in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The stream's place.
    pub place: usize,
    /// 100 to 999; below 200 another head follows.
    pub status: u16,
    /// Content-Length, which is not among the lines.
    pub length: Option<u64>,
    /// Trailers may follow: the server says so, or it is gRPC.
    pub has_trailers: bool,
    /// Nothing follows.
    pub is_ended: bool,
}

/// The reason why a stream is over before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The server has reset it, with that code.
    Server(u32),
    /// The server has not looked at it: another one may have it.
    Unprocessed,
    /// The response is none.
    Malformed(Fault),
    /// The head or the trailers of the response are longer than is kept.
    TooLong,
    /// More data than the window, or data after the end.
    Overrun,
}

impl fmt::Display for Cut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(code) => write!(out, "reset by the server, code {code}"),
            Self::Unprocessed => out.write_str("not looked at by the server"),
            Self::Malformed(fault) => fault.fmt(out),
            Self::TooLong => out.write_str("head or trailers are too long"),
            Self::Overrun => out.write_str("more than the window, or after the end"),
        }
    }
}

/// One thing that bytes of the server mean. A stream is named by its place, which is taken until
/// [`Client::release`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'b> {
    /// A head; its lines are the text.
    Head(Head),
    /// Bytes of a response's body.
    Data {
        /// The stream's place.
        place: usize,
        /// Some bytes.
        bytes: &'b [u8],
    },
    /// A response is whole; the lines of its trailers are the text.
    Ended {
        /// The stream's place.
        place: usize,
    },
    /// A stream is over before its time.
    Cut {
        /// The stream's place.
        place: usize,
        /// The reason.
        why: Cut,
    },
    /// The server takes no more streams; [`Client::unprocessed`] names those that it has not
    /// looked at.
    Leaving,
}

/// The client's side of a connection.
#[derive(Debug)]
pub struct Client {
    phase: Phase,
    block: Option<Block>,
    decoder: Decoder,
    encoder: Encoder,
    peer: Peer,
    floods: Floods,
    streams: Streams,
    /// Bytes that the server may send on all streams together.
    window_in: i64,
    /// Of that, what it has sent and was not given back.
    used_in: u32,
    /// Bytes that may be sent on all streams together.
    window_out: i64,
    /// The last stream that the server looks at, where it leaves.
    last: Option<u32>,
    /// A PING of ours has no reply yet.
    awaits_pong: bool,
    output: Vec<u8>,
    sent: usize,
    /// The place of the last DATA frame in the output, and its stream: its end may be told by a
    /// flag.
    last_data: Option<(usize, u32)>,
}

/// The part of the conversation that the server's next byte belongs to.
#[derive(Debug, Default, Clone, Copy)]
enum Phase {
    /// The first frame, which is SETTINGS.
    #[default]
    First,
    Frames,
    /// Within a DATA frame.
    Data(Data),
}

/// Capacity that an empty output keeps.
const OUTPUT_KEPT_BYTES: usize = 4096;

impl Client {
    /// Makes the state of a new connection; the preface and this side's settings lie in its output.
    /// `list_bytes` is what a head of a response may have.
    #[must_use]
    pub fn new(list_bytes: usize) -> Self {
        let mut output = PREFACE.to_vec();
        put_client(&mut output, list_bytes);
        put_window(&mut output, 0, CLIENT_WINDOW_BYTES - WINDOW_BYTES_UNSAID);
        Self {
            phase: Phase::First,
            block: None,
            decoder: Decoder::default(),
            encoder: Encoder::default(),
            peer: Peer::default(),
            floods: Floods::default(),
            streams: Streams::default(),
            window_in: i64::from(CLIENT_WINDOW_BYTES),
            used_in: 0,
            window_out: i64::from(WINDOW_BYTES_UNSAID),
            last: None,
            awaits_pong: false,
            output,
            sent: 0,
            last_data: None,
        }
    }

    /// Returns the bytes that are to be written.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.output[self.sent..]
    }

    /// Forgets the first `count` bytes of output, which were written.
    pub fn advance(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.output.len() {
            self.output.clear();
            self.output.shrink_to(OUTPUT_KEPT_BYTES);
        } else if self.sent >= OUTPUT_BYTES_FULL {
            self.output.drain(..self.sent);
        } else {
            return;
        }
        (self.sent, self.last_data) = (0, None);
    }

    /// Returns whether the server's settings are known.
    #[must_use]
    pub const fn is_agreed(&self) -> bool {
        !matches!(self.phase, Phase::First)
    }

    /// Returns whether one more stream may be opened: one before anything is known of the server.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let most = if self.is_agreed() { self.peer.streams_count.min(STREAMS_COUNT_MAX) } else { 1 };
        !self.is_leaving() && self.streams.live() < most
    }

    /// Returns how many streams are open.
    #[must_use]
    pub const fn live(&self) -> usize {
        self.streams.live()
    }

    /// Returns whether no more streams are to be opened here, whatever room there is.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.last.is_some() || self.streams.is_used_up()
    }

    /// Returns the places of streams that a server which leaves has not looked at, and ends them.
    pub fn unprocessed(&mut self) -> Vec<usize> {
        let last = self.last.unwrap_or(u32::MAX);
        let places = self.streams.above(last);
        for place in &places {
            let _ = self.streams.cut(*place);
        }
        places
    }

    /// Asks the server for a sign of life.
    pub fn ping(&mut self) {
        if !core::mem::replace(&mut self.awaits_pong, true) {
            put(&mut self.output, kind::PING, 0, 0, b"  alive?");
        }
    }

    /// Returns whether the server owes a sign of life.
    #[must_use]
    pub const fn awaits_pong(&self) -> bool {
        self.awaits_pong
    }

    /// Says that the connection ends, and why. Nothing else is sent after it.
    pub fn break_off(&mut self, why: &Broken) {
        self.goaway(why.code, why.words);
    }

    /// Says that the connection ends, as nobody needs it any more.
    pub fn leave(&mut self) {
        self.goaway(Code::NoError, "");
    }

    fn goaway(&mut self, code: Code, words: &str) {
        self.last = Some(self.last.unwrap_or(u32::MAX));
        // No stream of the server's was ever seen.
        let payload = [&[0; 4][..], &(code as u32).to_be_bytes(), words.as_bytes()].concat();
        put(&mut self.output, kind::GOAWAY, 0, 0, &payload);
    }
}
