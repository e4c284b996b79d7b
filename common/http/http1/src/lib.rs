//! fosse-http1: HTTP/1.1 messages as bytes: heads checked, split and written, chunked bodies
//! decoded and encoded.
//!
//! No I/O, no clock, no state beyond one message. Where RFC 9112 leaves a choice the safe one is
//! taken, because the next program may take another: a message that two programs could read in two
//! ways is refused. What is served and what is not:
//!
//! - lines end in CR LF; a bare LF or CR, a folded line, a space before a colon, a control byte, a
//!   NUL are refused;
//! - one Host, but for HTTP/1.0, which may have none; a target in absolute form must name the same
//!   host;
//! - paths without `"`, `<`, `>` and backslashes, with whole escapes;
//! - Connection names no field that is for the server;
//! - Content-Length once and in digits without leading zeros, or Transfer-Encoding once and
//!   `chunked`, never both, never the latter in HTTP/1.0;
//! - names that differ from those two only in an underscore are refused, since CGI reads them as
//!   the same;
//! - CONNECT, HTTP/0.9, HTTP/2 and its preface are refused; one empty line before a request line is
//!   skipped (`leading`).
#![forbid(unsafe_code)]

mod accept_encoding;
mod auth;
mod chunked;
mod class;
mod fields;
mod forwarded;
mod framing;
mod host;
mod lenient;
mod limits;
mod media;
mod names;
pub mod percent;
mod refusal;
mod request;
mod response;
mod scan;
mod target;
mod via;
pub mod websocket;
mod whole;
mod write;

pub use accept_encoding::AcceptEncoding;
pub use auth::{names_connection_scheme, other_challenges};
pub use chunked::{ChunkedDecoder, LAST_CHUNK, Piece, trailer_allowed, write_chunk};
pub use class::{REQUEST_ID_BYTES_MAX, is_request_id, is_target, is_token, is_value, members, trim};
pub use fields::{Field, Fields, FieldsIter};
pub use forwarded::{ForwardedHop, forwarded_hops};
pub use framing::{BodyLength, Version};
pub use host::{HOST_BYTES_MAX, Host};
pub use lenient::{find_response_end, strict_response};
pub use limits::*;
pub use media::{content_type, is_grpc};
pub use names::{Name, NameSet, NameSieve, has_underscore, same_name};
pub use refusal::Refusal;
pub use request::{RequestHead, check_limits};
pub use response::{ResponseBody, ResponseHead};
pub use scan::{Lead, find_head_end, leading, unfinished_too_long};
pub use target::Target;
pub use via::{VIA_NAME, via_passages};
pub use whole::whole_body;
pub use write::{HeadWriter, Unwritable, check_field, reason, write_field, write_number};
