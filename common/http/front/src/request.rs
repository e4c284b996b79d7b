//! A request in the terms of HTTP, whatever bytes it came in.

use fosse_http1::{Fields, HeadLimits, Host, Refusal};
use fosse_wire::request::{BodyLength, Endpoint, Version};

/// The head of a request that keeps every rule of its protocol.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Method, target and version with a space between them, as it came or would have come: for
    /// rules, and what the lengths of a head are.
    pub line: &'a [u8],
    /// The method, a token, case-sensitive.
    pub method: &'a [u8],
    /// Path and query beginning with `/`, or `*`.
    pub target: &'a [u8],
    /// The version.
    pub version: Version,
    /// All fields in order.
    pub fields: &'a Fields<'a>,
    /// The canonical host.
    pub host: &'a Host,
    /// The length of the body.
    pub body: BodyLength,
    /// The client waits for 100 before it sends its body.
    pub expect_continue: bool,
    /// The one protocol that the client would switch to.
    pub upgrade: Option<&'a [u8]>,
    /// It came through a proxy: it has a Via.
    pub has_via: bool,
}

impl<'a> From<&'a fosse_http1::RequestHead<'a>> for Request<'a> {
    fn from(head: &'a fosse_http1::RequestHead<'a>) -> Self {
        Self {
            line: head.line,
            method: head.method,
            target: head.target,
            version: match head.version {
                fosse_http1::Version::Http10 => Version::Http10,
                fosse_http1::Version::Http11 => Version::Http11,
                fosse_http1::Version::Http2 => Version::Http2,
            },
            fields: &head.fields,
            host: &head.host,
            body: match head.body {
                fosse_http1::BodyLength::None => BodyLength::None,
                fosse_http1::BodyLength::Exact(length) => BodyLength::Exact(length),
                fosse_http1::BodyLength::Chunked => BodyLength::Chunked,
            },
            expect_continue: head.expect_continue,
            upgrade: head.upgrade,
            has_via: head.has_via,
        }
    }
}

impl Request<'_> {
    /// Returns whether the response has no body whatever its head says (RFC 9110, section 9.3.2).
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.method == b"HEAD"
    }

    /// Checks the lengths of the head again, by narrower limits than it was read by.
    pub(crate) fn check_limits(&self, limits: &HeadLimits) -> Result<(), Refusal> {
        fosse_http1::check_limits(self.line, self.fields, limits)
    }
}

/// The client of a request.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// The client, behind trusted proxies the one that they name.
    pub(crate) client: Endpoint,
    /// It came over TLS.
    pub(crate) secure: bool,
}
