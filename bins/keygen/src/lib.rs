//! fosse-keygen's parts: a private key, and the request for a certificate that is signed with it;
//! or a certificate that is for this machine alone, with an authority that ends as soon as it has
//! signed it.

#![forbid(unsafe_code)]

mod local;
mod made;
pub mod options;
pub mod outputs;
pub mod policy;

/// The name in messages.
pub const PROGRAM: &str = "fosse-keygen";
