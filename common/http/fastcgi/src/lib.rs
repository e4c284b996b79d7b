//! fosse-fastcgi: FastCGI 1.0 as a web server speaks it to a responder (PHP-FPM and its kin):
//! records and parameters written, records decoded, the head of a CGI response (RFC 3875) made into
//! one of HTTP/1.1.
//!
//! No I/O, no clock. One request at a time on a connection, so every record has the same number. A
//! server is believed no more than a client: what no responder may send ends its connection.

#![forbid(unsafe_code)]

mod decoder;
mod head;
mod write;

pub use decoder::{Decoder, Ended, Fault, Piece};
pub use head::{HeadFault, http_head};
pub use write::{CONTENT_BYTES_MAX, END_OF_PARAMS, END_OF_STDIN, ParamsWriter, TooLong, write_begin, write_stdin};

/// Bytes of a record's header.
const HEADER_BYTES: usize = 8;
/// The version of the protocol.
const VERSION: u8 = 1;
/// The number of the one request that a connection has at a time.
const REQUEST_ID: [u8; 2] = [0, 1];

/// Kinds of records (FastCGI 1.0, section 8).
mod kind {
    pub(crate) const BEGIN_REQUEST: u8 = 1;
    pub(crate) const END_REQUEST: u8 = 3;
    pub(crate) const PARAMS: u8 = 4;
    pub(crate) const STDIN: u8 = 5;
    pub(crate) const STDOUT: u8 = 6;
    pub(crate) const STDERR: u8 = 7;
}
