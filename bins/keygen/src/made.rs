//! A private key, and the request for a certificate.

use aws_lc_rs::signature::Ed25519KeyPair;
use fosse_settings::tls::{Keygen, KeygenKey};
use rcgen::{
    CertificateParams, DistinguishedName, Error, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_RSA_SHA256, RsaKeySize,
};
use zeroize::Zeroizing;

/// A key with the request that is signed with it.
pub(crate) struct Made {
    /// PKCS#8 in PEM.
    pub(crate) key: Zeroizing<String>,
    /// PKCS#10 in DER (RFC 2986).
    pub(crate) request: Vec<u8>,
}

/// Shows nothing of the key.
impl core::fmt::Debug for Made {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Made").field("request", &self.request.len()).finish_non_exhaustive()
    }
}

/// Makes a key, and the request for a certificate of all names: in subjectAltName, and nowhere
/// else, as authorities want it (RFC 8555, section 7.4).
///
/// # Errors
/// A name that no certificate can have, or what the library says.
pub(crate) fn make(task: &Keygen) -> Result<Made, Error> {
    let key = key(task.key)?;
    let mut request = CertificateParams::new(task.names.clone())?;
    request.distinguished_name = DistinguishedName::new();
    let request = request.serialize_request(&key)?.der().to_vec();
    Ok(Made { key: Zeroizing::new(key.serialize_pem()), request })
}

/// Makes a key.
///
/// # Errors
/// What the library says.
pub(crate) fn key(kind: KeygenKey) -> Result<KeyPair, Error> {
    let rsa = |size| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size);
    match kind {
        KeygenKey::EcdsaP256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        KeygenKey::EcdsaP384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
        // In the form that has no public key in it, which all readers know (RFC 5958, section 2).
        KeygenKey::Ed25519 => {
            let der = Ed25519KeyPair::generate().and_then(|key| key.to_pkcs8v1());
            KeyPair::try_from(der.map_err(|_| Error::RingUnspecified)?.as_ref())
        }
        KeygenKey::Rsa2048 => rsa(RsaKeySize::_2048),
        KeygenKey::Rsa3072 => rsa(RsaKeySize::_3072),
        KeygenKey::Rsa4096 => rsa(RsaKeySize::_4096),
    }
}
