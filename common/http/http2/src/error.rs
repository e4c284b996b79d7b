//! Error codes (RFC 9113, section 7), and what breaks a connection.

use core::fmt;

/// An error code of RST_STREAM and GOAWAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Code {
    /// Nothing is wrong.
    NoError = 0,
    /// The protocol was broken in a way that has no code of its own.
    Protocol = 1,
    /// It is the server's fault.
    Internal = 2,
    /// More was sent than the window allows.
    FlowControl = 3,
    /// A frame for a stream that its sender has ended.
    StreamClosed = 5,
    /// A frame has a size that it cannot have.
    FrameSize = 6,
    /// The request was not looked at, and may be sent again.
    RefusedStream = 7,
    /// Nobody needs the stream any more.
    Cancel = 8,
    /// A header block cannot be decoded.
    Compression = 9,
    /// The peer does what costs it nothing and others much.
    EnhanceYourCalm = 11,
    /// The request has to come over HTTP/1.1.
    Http11Required = 13,
}

/// The reason why a connection is over: a code for the client, and an operator's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// The code of GOAWAY.
    pub code: Code,
    /// The client's deed.
    pub words: &'static str,
}

impl Broken {
    pub(crate) const fn protocol(words: &'static str) -> Self {
        Self { code: Code::Protocol, words }
    }

    pub(crate) const fn size(words: &'static str) -> Self {
        Self { code: Code::FrameSize, words }
    }

    pub(crate) const fn flow(words: &'static str) -> Self {
        Self { code: Code::FlowControl, words }
    }

    pub(crate) const fn closed(words: &'static str) -> Self {
        Self { code: Code::StreamClosed, words }
    }

    pub(crate) const fn calm(words: &'static str) -> Self {
        Self { code: Code::EnhanceYourCalm, words }
    }
}

impl From<fosse_hpack::Error> for Broken {
    fn from(why: fosse_hpack::Error) -> Self {
        let words = match why {
            fosse_hpack::Error::Cut => "a header block ends within a field",
            fosse_hpack::Error::Integer => "an integer of a header block is too large",
            fosse_hpack::Error::Huffman => "a string of a header block is no Huffman code",
            fosse_hpack::Error::Index => "an index of a header block has no entry",
            fosse_hpack::Error::TableSize => "the dynamic table would be too large",
            fosse_hpack::Error::ListSize => return Self::calm("a header list is beyond all limits"),
            fosse_hpack::Error::LateTableSize => "the dynamic table changes its size after a field",
        };
        Self { code: Code::Compression, words }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({:?})", self.words, self.code)
    }
}

impl core::error::Error for Broken {}
