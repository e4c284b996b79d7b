//! The private keys, each made ready when it is first asked for: 10,000 keys of RSA would take
//! seconds, of which nobody needs most.

use std::collections::HashMap;

use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
        RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
        RsaEncoding, RsaKeyPair,
    },
};
use fosse_images::{Keys, RSA_BITS_MAX, RSA_BITS_MIN};
use fosse_sys::blob::Mapped;
use fosse_wire::{
    WireError,
    signing::{KeyKind, Refusal, SIGNATURE_BYTES_MAX, Scheme, SpkiHash},
};

use crate::{form::Form, limits::READY_KEYS_MAX};

/// A key that is ready to sign.
#[derive(Debug)]
pub enum SigningKey {
    /// On either curve.
    Ecdsa(EcdsaKeyPair),
    /// Ed25519
    Ed25519(Ed25519KeyPair),
    /// RSA, boxed for its size.
    Rsa(Box<RsaKeyPair>),
}

impl SigningKey {
    /// Reads a key of PKCS#8; `None` where it is none of this kind, or an RSA key of a length that
    /// is not served.
    #[must_use]
    pub fn of_pkcs8(kind: KeyKind, pkcs8: &[u8]) -> Option<Self> {
        match kind {
            KeyKind::EcdsaP256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8).ok().map(Self::Ecdsa)
            }
            KeyKind::EcdsaP384 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, pkcs8).ok().map(Self::Ecdsa)
            }
            // Files have the form without the public key, which is computed then.
            KeyKind::Ed25519 => Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok().map(Self::Ed25519),
            KeyKind::Rsa => {
                let key = RsaKeyPair::from_pkcs8(pkcs8).ok()?;
                let bits = key.public_modulus_len().checked_mul(8)?;
                (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits).then(|| Self::Rsa(Box::new(key)))
            }
        }
    }

    /// Returns the name of the key by what it is.
    #[must_use]
    pub fn spki_hash(&self) -> Option<SpkiHash> {
        let der = match self {
            Self::Ecdsa(key) => AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()),
            Self::Ed25519(key) => AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()),
            Self::Rsa(key) => AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()),
        };
        let digest = digest(&SHA256, der.ok()?.as_ref());
        digest.as_ref().first_chunk().map(|hash| SpkiHash(*hash))
    }

    fn sign(&self, scheme: Scheme, message: &[u8], out: &mut Vec<u8>) -> Option<()> {
        out.clear();
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(key) => out.extend_from_slice(key.sign(&random, message).ok()?.as_ref()),
            Self::Ed25519(key) => out.extend_from_slice(key.sign(message).as_ref()),
            Self::Rsa(key) => {
                out.resize(key.public_modulus_len().min(SIGNATURE_BYTES_MAX), 0);
                key.sign(rsa_encoding(scheme)?, &random, message, out).ok()?;
            }
        }
        Some(())
    }
}

fn rsa_encoding(scheme: Scheme) -> Option<&'static dyn RsaEncoding> {
    Some(match scheme {
        Scheme::RsaPkcs1Sha256 => &RSA_PKCS1_SHA256,
        Scheme::RsaPkcs1Sha384 => &RSA_PKCS1_SHA384,
        Scheme::RsaPkcs1Sha512 => &RSA_PKCS1_SHA512,
        Scheme::RsaPssSha256 => &RSA_PSS_SHA256,
        Scheme::RsaPssSha384 => &RSA_PSS_SHA384,
        Scheme::RsaPssSha512 => &RSA_PSS_SHA512,
        Scheme::EcdsaP256Sha256 | Scheme::EcdsaP384Sha384 | Scheme::Ed25519 => return None,
    })
}

/// All keys: where each lies in the image, and those that are ready.
#[derive(Debug)]
pub(crate) struct Keyring {
    image: Mapped,
    /// Kind, first byte and end of each key.
    places: HashMap<SpkiHash, (KeyKind, usize, usize)>,
    ready: HashMap<SpkiHash, SigningKey>,
}

impl Keyring {
    /// Reads where the keys lie.
    ///
    /// # Errors
    /// The image is none.
    pub(crate) fn new(image: Mapped) -> Result<Self, WireError> {
        let begin = image.as_ref().as_ptr().addr();
        let place = |pkcs8: &[u8]| {
            let from = pkcs8.as_ptr().addr() - begin;
            (from, from + pkcs8.len())
        };
        let keys = Keys::decode(image.as_ref())?.keys;
        let places = keys.iter().map(|key| {
            let (from, to) = place(key.pkcs8);
            (key.spki, (key.kind, from, to))
        });
        Ok(Self { places: places.collect(), ready: HashMap::new(), image })
    }

    /// Returns name and kind of each key, in the order of the names.
    #[must_use]
    pub(crate) fn names(&self) -> Vec<(SpkiHash, KeyKind)> {
        let mut names: Vec<_> = self.places.iter().map(|(spki, (kind, ..))| (*spki, *kind)).collect();
        names.sort_unstable_by_key(|(spki, _)| *spki);
        names
    }

    /// Signs a message of a handshake.
    ///
    /// # Errors
    /// The first reason for which it is not signed.
    pub(crate) fn sign(
        &mut self,
        spki: SpkiHash,
        scheme: Scheme,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let (kind, from, to) = *self.places.get(&spki).ok_or(Refusal::UnknownKey)?;
        if !kind.schemes().contains(&scheme) {
            return Err(Refusal::Scheme);
        }
        let form = Form::of(message).ok_or(Refusal::Form)?;
        if !form.permits(scheme) {
            return Err(Refusal::Scheme);
        }
        if !self.ready.contains_key(&spki) {
            let pkcs8 = self.image.as_ref().get(from..to).ok_or(Refusal::Failed)?;
            let key = SigningKey::of_pkcs8(kind, pkcs8).filter(|key| key.spki_hash() == Some(spki));
            self.keep(spki, key.ok_or(Refusal::Failed)?);
        }
        self.ready.get(&spki).and_then(|key| key.sign(scheme, message, out)).ok_or(Refusal::Failed)
    }

    fn keep(&mut self, spki: SpkiHash, key: SigningKey) {
        if self.ready.len() >= READY_KEYS_MAX {
            self.ready.clear();
        }
        self.ready.insert(spki, key);
    }

    /// Wipes what is ready: the library clears the memory of a key that it frees.
    pub(crate) fn wipe(&mut self) {
        self.ready.clear();
    }
}
