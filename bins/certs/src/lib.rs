//! fosse-certs' parts: reading of certificates and of keys, what is asked of both, and the images
//! that are made of them.

#![forbid(unsafe_code)]

mod certificate;
pub mod chain;
pub mod images;
pub mod key;
mod listing;
pub mod options;
pub mod policy;
mod revoked;
pub mod sound;
mod stored;

/// The name in messages.
pub const PROGRAM: &str = "fosse-certs";
