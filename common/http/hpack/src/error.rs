//! The reasons why a header block cannot be decoded.

use core::fmt;

/// One reason; each is a COMPRESSION_ERROR of the connection (RFC 9113, section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Error {
    /// The block ends within a field (RFC 7541, section 5).
    Cut,
    /// An integer beyond what any length or index can be (RFC 7541, section 5.1).
    Integer,
    /// A string with a code that is none, EOS, or padding that is none (RFC 7541, section 5.2).
    Huffman,
    /// An index of no entry (RFC 7541, section 2.3.3; 0 by section 6.1).
    Index,
    /// A dynamic table larger than was allowed (RFC 7541, section 6.3).
    TableSize,
    /// More bytes of names and values than the caller looks at (RFC 7541, section 7.3).
    ListSize,
    /// A change of the table's size after the first field (RFC 7541, section 4.2).
    LateTableSize,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Cut => "the header block ends within a field (RFC 7541 5)",
            Self::Integer => "an integer is too large (RFC 7541 5.1)",
            Self::Huffman => "a string is no Huffman code (RFC 7541 5.2)",
            Self::Index => "an index has no entry (RFC 7541 2.3.3)",
            Self::TableSize => "the dynamic table would be too large (RFC 7541 6.3)",
            Self::ListSize => "the header list is beyond all limits (RFC 7541 7.3)",
            Self::LateTableSize => "the dynamic table changes its size after a field (RFC 7541 4.2)",
        })
    }
}

impl core::error::Error for Error {}
