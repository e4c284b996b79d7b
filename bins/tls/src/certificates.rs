//! The certificates of the chains image: which one a client is shown, and rustls' view of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use fosse_images::{Loaded, LoadedChains};
use fosse_sys::blob::Mapped;
use fosse_wire::signing::{KeyKind, Scheme, SpkiHash};
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

use crate::keys::{Keys, NoSignature};
use crate::limits::CERTIFICATES_KEPT_MAX;

/// The chains of a set.
pub(crate) struct Certificates {
    chains: LoadedChains<Mapped>,
    keys: Keys,
    /// Names that no certificate has get the first one.
    has_default: bool,
    /// The parts that rustls wants of the certificates that were shown lately, by their key's name.
    kept: Mutex<HashMap<SpkiHash, Arc<CertifiedKey>>>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").field("count", &self.chains.certificates().len()).finish_non_exhaustive()
    }
}

impl Certificates {
    /// Arranges them.
    pub(crate) fn new(chains: LoadedChains<Mapped>, keys: Keys, has_default: bool) -> Self {
        Self { chains, keys, has_default, kept: Mutex::default() }
    }

    /// Returns whether there is one to be shown to clients that ask for this name; an empty one
    /// where they say none.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.of(name).next().is_some()
    }

    /// Returns the certificates in DER of the authority of that number.
    pub(crate) fn authority(&self, number: u32) -> Option<impl Iterator<Item = &[u8]>> {
        self.chains.authority(number)
    }

    /// Returns the lists in DER of what the authority of that number has revoked.
    pub(crate) fn revoked(&self, number: u32) -> impl Iterator<Item = &[u8]> {
        self.chains.revoked(number)
    }

    fn of(&self, name: &str) -> impl Iterator<Item = &Loaded> {
        let mut named = self.chains.of_name(name.as_bytes()).peekable();
        let is_default = named.peek().is_none() && self.has_default;
        named.chain(self.chains.certificates().iter().take(usize::from(is_default)))
    }

    fn certified(&self, certificate: &Loaded) -> Arc<CertifiedKey> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.get(&certificate.spki) {
            return Arc::clone(found);
        }
        let key = Key { keys: self.keys.clone(), spki: certificate.spki, kind: certificate.kind };
        let chain = self.chains.der(certificate).map(|der| CertificateDer::from(der.to_vec())).collect();
        let certified = Arc::new(CertifiedKey::new(chain, Arc::new(key)));
        if kept.len() >= CERTIFICATES_KEPT_MAX {
            kept.clear();
        }
        kept.insert(certificate.spki, Arc::clone(&certified));
        certified
    }
}

impl ResolvesServerCert for Certificates {
    /// The first certificate of the name whose key can sign what the client can check, the cheapest
    /// kind of key first. One that is over is shown only where no other is there.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let offered = hello.signature_schemes();
        let name = hello.server_name().unwrap_or_default();
        // As fosse-hello has it.
        let name = name.strip_suffix('.').unwrap_or(name);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let serves = |one: &&Loaded| scheme(one.kind, offered).is_some();
        let rank = |one: &&Loaded| (one.not_after < now, KeyKind::ALL.iter().position(|kind| *kind == one.kind));
        // Where none can, rustls says so of the first: nothing is wrong with the name.
        let best = self.of(name).filter(serves).min_by_key(rank).or_else(|| self.of(name).next());
        best.map(|one| self.certified(one))
    }
}

/// Returns the scheme that such a key signs with, of those that a client can check.
fn scheme(kind: KeyKind, offered: &[SignatureScheme]) -> Option<Scheme> {
    kind.schemes().iter().copied().find(|scheme| offered.iter().any(|one| u16::from(*one) == *scheme as u16))
}

/// A private key that is elsewhere.
#[derive(Clone, Debug)]
struct Key {
    keys: Keys,
    spki: SpkiHash,
    kind: KeyKind,
}

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = scheme(self.kind, offered)?;
        Some(Box::new(Signature { key: self.clone(), scheme }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.kind {
            KeyKind::EcdsaP256 | KeyKind::EcdsaP384 => SignatureAlgorithm::ECDSA,
            KeyKind::Ed25519 => SignatureAlgorithm::ED25519,
            KeyKind::Rsa => SignatureAlgorithm::RSA,
        }
    }
}

/// A signature that is to be made.
#[derive(Debug)]
struct Signature {
    key: Key,
    scheme: Scheme,
}

impl Signer for Signature {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.key.keys.sign(self.scheme, self.key.spki, message).map_err(|why| {
            Error::General(match why {
                NoSignature::Unavailable => "no signature in time".to_owned(),
                NoSignature::Refused(why) => format!("no signature: {why:?}"),
            })
        })
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::from(self.scheme as u16)
    }
}
