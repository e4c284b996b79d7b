//! Private keys by their names and kinds, and the schemes that each kind signs with.

use crate::WireError;

/// Bytes of the SHA-256 of a SubjectPublicKeyInfo.
pub const SPKI_HASH_BYTES: usize = 32;

/// A private key's name: the SHA-256 of its SubjectPublicKeyInfo in DER.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpkiHash(pub [u8; SPKI_HASH_BYTES]);

/// Shows it as people compare it: in hexadecimal digits.
impl core::fmt::Display for SpkiHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl core::fmt::Debug for SpkiHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

/// The kind of a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// ECDSA on P-256.
    EcdsaP256 = 1,
    /// ECDSA on P-384.
    EcdsaP384 = 2,
    /// Ed25519.
    Ed25519 = 3,
    /// RSA.
    Rsa = 4,
}

impl KeyKind {
    /// All kinds, the cheapest to sign with first.
    pub const ALL: [Self; 4] = [Self::EcdsaP256, Self::Ed25519, Self::EcdsaP384, Self::Rsa];

    /// Reads a kind.
    ///
    /// # Errors
    /// [`WireError::Field`] for another byte.
    pub const fn of_byte(byte: u8) -> Result<Self, WireError> {
        match byte {
            1 => Ok(Self::EcdsaP256),
            2 => Ok(Self::EcdsaP384),
            3 => Ok(Self::Ed25519),
            4 => Ok(Self::Rsa),
            _ => Err(WireError::Field("key kind")),
        }
    }

    /// Returns the schemes that such a key signs with, the preferred ones first.
    #[must_use]
    pub const fn schemes(self) -> &'static [Scheme] {
        match self {
            Self::EcdsaP256 => &[Scheme::EcdsaP256Sha256],
            Self::EcdsaP384 => &[Scheme::EcdsaP384Sha384],
            Self::Ed25519 => &[Scheme::Ed25519],
            Self::Rsa => &[
                Scheme::RsaPssSha256,
                Scheme::RsaPssSha384,
                Scheme::RsaPssSha512,
                Scheme::RsaPkcs1Sha256,
                Scheme::RsaPkcs1Sha384,
                Scheme::RsaPkcs1Sha512,
            ],
        }
    }
}

/// A signature scheme by its number in TLS (RFC 8446, section 4.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// rsa_pkcs1_sha256, in TLS 1.2 alone.
    RsaPkcs1Sha256 = 0x0401,
    /// rsa_pkcs1_sha384, in TLS 1.2 alone.
    RsaPkcs1Sha384 = 0x0501,
    /// rsa_pkcs1_sha512, in TLS 1.2 alone.
    RsaPkcs1Sha512 = 0x0601,
    /// ecdsa_secp256r1_sha256
    EcdsaP256Sha256 = 0x0403,
    /// ecdsa_secp384r1_sha384
    EcdsaP384Sha384 = 0x0503,
    /// rsa_pss_rsae_sha256
    RsaPssSha256 = 0x0804,
    /// rsa_pss_rsae_sha384
    RsaPssSha384 = 0x0805,
    /// rsa_pss_rsae_sha512
    RsaPssSha512 = 0x0806,
    /// ed25519
    Ed25519 = 0x0807,
}

impl Scheme {
    /// Reads the number of a scheme.
    ///
    /// # Errors
    /// [`WireError::Field`] for one that is not signed with.
    pub const fn of_number(number: u16) -> Result<Self, WireError> {
        Ok(match number {
            0x0401 => Self::RsaPkcs1Sha256,
            0x0501 => Self::RsaPkcs1Sha384,
            0x0601 => Self::RsaPkcs1Sha512,
            0x0403 => Self::EcdsaP256Sha256,
            0x0503 => Self::EcdsaP384Sha384,
            0x0804 => Self::RsaPssSha256,
            0x0805 => Self::RsaPssSha384,
            0x0806 => Self::RsaPssSha512,
            0x0807 => Self::Ed25519,
            _ => return Err(WireError::Field("scheme")),
        })
    }

    /// Returns whether TLS 1.3 has it for a CertificateVerify (RFC 8446, section 4.2.3).
    #[must_use]
    pub const fn is_of_tls13(self) -> bool {
        !matches!(self, Self::RsaPkcs1Sha256 | Self::RsaPkcs1Sha384 | Self::RsaPkcs1Sha512)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_has_its_number_and_belongs_to_one_kind_of_key() {
        for number in 0..=u16::MAX {
            let Ok(scheme) = Scheme::of_number(number) else { continue };
            assert_eq!(scheme as u16, number);
            assert_eq!(KeyKind::ALL.iter().filter(|kind| kind.schemes().contains(&scheme)).count(), 1);
        }
    }
}
