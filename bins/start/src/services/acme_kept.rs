//! The parts of fosse-acme that outlive a process of it.

use std::{collections::BTreeMap, os::fd::OwnedFd};

/// The parts that outlive a process of it.
#[derive(Debug, Default)]
pub(crate) struct AcmeKept {
    /// The end of the channel that connects write to, and that which it reads.
    pub over_http: Option<(OwnedFd, OwnedFd)>,
    /// The end of the channel that tls of lanes write to, and that which it reads.
    pub over_tls: Option<(OwnedFd, OwnedFd)>,
    /// The memories that the one that runs was given for chains, by the number of the certificate.
    pub rooms: BTreeMap<u16, OwnedFd>,
}
