//! The messages of HTTP/1.1 under way on a connection: how the bodies of a request and of its
//! response are delimited, and what that leaves of the connection.

use fosse_http1::{BodyLength, ChunkedDecoder, RequestHead, Version};

/// The rest of a request body.
#[derive(Debug)]
pub(crate) enum Body {
    /// This number of bytes.
    Exact(u64),
    /// Chunks.
    Chunked(ChunkedDecoder),
}

/// The wait of a client for 100 Continue (RFC 9110, section 10.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// It does not wait.
    No,
    /// It waits before it sends its body.
    Pending,
}

/// The request that is under way, or the last one, and its response.
#[derive(Debug)]
pub(crate) struct Message {
    /// The rest of the request body.
    pub(crate) body: Body,
    /// The client's wait for 100 Continue.
    pub(crate) expect: Expect,
    /// The client speaks HTTP/1.0, which has no chunks: the end of the connection is that of a
    /// response whose length is not known.
    pub(crate) http10: bool,
    /// The connection ends after this response.
    pub(crate) close: bool,
    /// The client asked for that itself.
    pub(crate) client_closes: bool,
}

impl Message {
    /// Returns the state before the first request of a connection.
    pub(crate) const fn none() -> Self {
        Self { body: Body::Exact(0), expect: Expect::No, http10: false, close: false, client_closes: false }
    }

    /// Begins with a request whose head has just come.
    pub(crate) const fn of(head: &RequestHead<'_>) -> Self {
        Self {
            body: match head.body {
                BodyLength::None => Body::Exact(0),
                BodyLength::Exact(length) => Body::Exact(length),
                BodyLength::Chunked => Body::Chunked(ChunkedDecoder::new()),
            },
            expect: if head.expect_continue { Expect::Pending } else { Expect::No },
            http10: matches!(head.version, Version::Http10),
            close: false,
            client_closes: !head.keep_alive,
        }
    }
}
