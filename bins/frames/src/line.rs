//! The JSON form: one object a frame, named by `frame`; the fields are those of fosse-frames(7).
//! What is left out has the value it has most often, so that people can write heads by hand.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use crate::bytes::Bytes;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum Line {
    /// Kind 0.
    Hello(Hello),
    /// Kind 1.
    Request(Box<Request>),
    /// Kind 2.
    RequestData(Data),
    /// Kind 3.
    RequestEnd(RequestEnd),
    /// Kind 4.
    Response(Response),
    /// Kind 5.
    ResponseData(Data),
    /// Kind 6.
    ResponseEnd(ResponseEnd),
    /// Kind 7.
    Reset(Reset),
    /// Kind 8.
    RequestCredit(Credit),
    /// Kind 9.
    ResponseCredit(Credit),
    /// Kind 10.
    Verdict(Verdict),
    /// Kind 11.
    Lease(Data),
    /// Kind 12.
    ReleaseCredit(Credit),
    /// Kind 13.
    Encode(Box<Encode>),
    /// Kind 14.
    Tunnel(Data),
    /// A frame of any kind with any body: how one that breaks the rules is shown, and can be made.
    Raw(Raw),
}

/// Header or trailer fields: name and value each, in order.
pub type Fields = Vec<(Bytes, Bytes)>;

/// HELLO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hello {
    /// Always 5.
    pub protocol: u16,
    /// Nobody will grant credit.
    pub credit_unlimited: bool,
    /// Number of the front whose slots frames are of.
    pub front: u8,
    /// Number of the fronts of the lane.
    pub fronts: u8,
}

impl Default for Hello {
    fn default() -> Self {
        Self { protocol: fosse_wire::PROTOCOL, credit_unlimited: false, front: 0, fronts: 1 }
    }
}

/// The length of a body: `"none"`, `"chunked"`, or a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Length {
    /// A number of bytes.
    Exact(u64),
    /// A word.
    Word(LengthWord),
}

impl Default for Length {
    fn default() -> Self {
        Self::Word(LengthWord::None)
    }
}

/// The words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LengthWord {
    /// No body.
    None,
    /// Known when the end comes.
    Chunked,
}

/// HTTP versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// HTTP/1.0
    #[serde(rename = "HTTP/1.0")]
    Http10,
    /// HTTP/1.1
    #[default]
    #[serde(rename = "HTTP/1.1")]
    Http11,
    /// HTTP/2
    #[serde(rename = "HTTP/2")]
    Http2,
}

/// REQUEST.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(
    missing_docs,
    reason = "the fields of fosse_wire::request::RequestHead, described there and in fosse-frames(7)"
)]
pub struct Request {
    pub stream: u32,
    pub version: Version,
    pub secure: bool,
    pub expect_continue: bool,
    pub single_client: bool,
    pub trusted: bool,
    pub released: bool,
    pub forwarded: bool,
    pub paced: bool,
    pub body: Length,
    pub held: u32,
    pub site: u32,
    pub policy: u32,
    pub listener: u16,
    pub client: Address,
    pub peer: Address,
    pub tls_version: u16,
    pub tls_cipher: u16,
    pub connection: u64,
    pub request: u64,
    pub host_port: u16,
    pub method: Bytes,
    pub host: Bytes,
    pub sni: Bytes,
    pub facts: Bytes,
    pub upgrade: Bytes,
    pub target: Bytes,
    pub received: Bytes,
    pub location: Bytes,
    pub line: Bytes,
    pub fields: Fields,
}

/// An address and a port as one writes them, IPv4 where it is a mapped one; `[::]:0` where there is
/// none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(pub std::net::SocketAddr);

impl Default for Address {
    fn default() -> Self {
        Self((std::net::Ipv6Addr::UNSPECIFIED, 0).into())
    }
}

/// Body bytes, or those of LEASE and TUNNEL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "its two fields say what they are")]
pub struct Data {
    pub stream: u32,
    pub data: Bytes,
}

/// REQUEST_END.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "its two fields say what they are")]
pub struct RequestEnd {
    pub stream: u32,
    pub trailers: Fields,
}

/// RESPONSE.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(
    missing_docs,
    reason = "the fields of fosse_wire::response::ResponseHead, described there and in fosse-frames(7)"
)]
pub struct Response {
    pub stream: u32,
    pub status: u16,
    pub lease: bool,
    pub interim: bool,
    pub upgrade: bool,
    pub close: bool,
    pub denied: bool,
    pub own: bool,
    pub pinned: bool,
    pub usual: bool,
    pub body: Length,
    /// Absent where the response is of no server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<u32>,
    pub backend_us: u32,
    pub rule: u32,
    pub cause: ResponseCause,
    pub retries: u8,
    pub fields: Fields,
}

/// ENCODE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the fields of fosse_wire::encode::EncodeHead, described there and in fosse-frames(7)")]
pub struct Encode {
    pub stream: u32,
    pub coding: Coding,
    pub level: u8,
    pub no_body: bool,
    pub bytes_min: u32,
    pub connection: u64,
    pub named_source: u64,
    pub client: Ipv6Addr,
    /// The head that follows; its stream is that of the frame.
    pub response: Response,
}

impl Default for Encode {
    fn default() -> Self {
        Self {
            stream: 0,
            coding: Coding::default(),
            level: 1,
            no_body: false,
            bytes_min: 0,
            connection: 0,
            named_source: 0,
            client: Ipv6Addr::UNSPECIFIED,
            response: Response::default(),
        }
    }
}

/// Coding of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "as in fosse_wire::encode::Coding")]
pub enum Coding {
    #[default]
    Gzip,
    Brotli,
    Zstd,
}

/// Cause of a response that no application sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "as in fosse_wire::response::Cause")]
pub enum ResponseCause {
    #[default]
    None,
    Backend,
    Busy,
    Timeout,
    Request,
    QueueFull,
    QueueTimeout,
    BufferFull,
    Access,
    /// Written as the reason of the denial alone.
    #[serde(untagged)]
    Denied(Cause),
}

/// RESPONSE_END.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the fields of fosse_wire::response::ResponseEnd")]
pub struct ResponseEnd {
    pub stream: u32,
    pub leased_bytes: u64,
    pub trailers: Fields,
}

/// RESET.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "its two fields say what they are")]
pub struct Reset {
    pub stream: u32,
    pub reason: Reason,
}

/// Reason of a RESET.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "as in fosse_wire::frame::ResetReason")]
pub enum Reason {
    Client,
    Backend,
    Timeout,
    Limit,
    Echo,
    Denied,
}

/// Credit of either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "its two fields say what they are")]
pub struct Credit {
    pub stream: u32,
    pub bytes: u32,
}

/// VERDICT.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the fields of fosse_wire::verdict::Verdict, described there and in fosse-frames(7)")]
pub struct Verdict {
    pub stream: u32,
    pub status: u16,
    pub cause: Cause,
    pub rule: u32,
    pub retry_after: u32,
    pub site: u32,
    pub request: u64,
    pub location: Bytes,
    pub message: Bytes,
}

/// Reason of a denial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "as in fosse_wire::verdict::Cause")]
pub enum Cause {
    #[default]
    Rule,
    Protocol,
    BodySize,
    BodyEncoding,
    Memory,
    Budget,
    Rate,
    Spool,
    SpoolFull,
    RulesLimit,
}

/// Any frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// The stream.
    pub stream: u32,
    /// 0 to 14.
    pub kind: u8,
    /// The body.
    #[serde(default)]
    pub body: Bytes,
    /// Error of the frame's own reader; written for people, and ignored when encoding.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub wrong: String,
}
