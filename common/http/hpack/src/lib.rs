//! fosse-hpack: header lists of HTTP/2 as HPACK has them (RFC 7541).
//!
//! No I/O, no clock. A decoder takes whole header blocks and shows their fields one by one; it
//! holds a dynamic table of at most [`TABLE_BYTES_MAX`] and one field, whatever a block expands to:
//! how many bytes of fields are kept is the caller's to bound, who is told each length. An encoder
//! writes what has come before as an index, and everything else as it is: what a connection says
//! once is not worth a table entry, and what is secret never gets one.
//!
//! An error means that both sides disagree about the table from here on, so that nothing after it
//! can be read (COMPRESSION_ERROR of RFC 9113, section 4.3).
#![forbid(unsafe_code)]

mod decoder;
mod encoder;
mod error;
mod huffman;
mod integer;
mod static_table;
mod table;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use error::Error;

/// Bytes of a dynamic table as section 4.1 of RFC 7541 counts them: what every peer may expect
/// without a word (RFC 9113, section 6.5.2), and enough for what a browser repeats.
pub const TABLE_BYTES_MAX: usize = 4096;
/// Bytes that an entry counts besides its name and value (RFC 7541, section 4.1).
pub(crate) const ENTRY_BYTES: usize = 32;
