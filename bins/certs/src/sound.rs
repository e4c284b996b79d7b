//! Certificates that are as they should be, and how strictly that is seen.

use rustls_pki_types::CertificateDer;

use crate::{chain::Checked, key::PrivateKey};

/// The rules for what is refused, and what is only said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strictness {
    /// A certificate that does not hold now is refused.
    pub untimely: bool,
    /// The number of a certificate by ACME that has just been issued: it has to be right, while
    /// others of the store that are not are left out.
    pub issued: Option<usize>,
}

/// A certificate that is as it should be.
#[derive(Debug)]
pub(crate) struct Sound {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) names: Vec<String>,
    pub(crate) not_after: u64,
    pub(crate) issuer: String,
    pub(crate) key: PrivateKey,
    pub(crate) from: Source,
}

/// The source of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The files of this number.
    Files(usize),
    /// The store: one by ACME, of this number.
    Store(usize),
}

impl Sound {
    /// Takes the parts of one that was checked.
    pub(crate) fn of(mut chain: Vec<CertificateDer<'static>>, checked: Checked, key: PrivateKey, from: Source) -> Self {
        chain.truncate(checked.sent);
        let Checked { names, not_after, issuer, .. } = checked;
        Self { chain, names, not_after, issuer, key, from }
    }

    /// Returns its number among those by ACME.
    pub(crate) fn acme(&self) -> Option<u16> {
        match self.from {
            Source::Files(_) => None,
            Source::Store(number) => u16::try_from(number).ok(),
        }
    }
}
