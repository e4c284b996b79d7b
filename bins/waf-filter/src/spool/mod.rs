//! The client of fosse-spool: bodies go there where memory has no room for them, and come back.

pub(crate) mod client;
mod connection;
mod digests;
pub(crate) mod news;
