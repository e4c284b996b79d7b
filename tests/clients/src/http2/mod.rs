//! HTTP/2 in bytes of our own.

pub mod connection;
pub mod fields;
#[expect(missing_docs, reason = "names of RFC 9113, section 6")]
pub mod frame;
