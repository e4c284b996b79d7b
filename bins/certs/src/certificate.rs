//! One certificate: what is read of it, and what is asked of it alone.

use std::time::Duration;

use rustls_pki_types::SignatureVerificationAlgorithm;
use x509_cert::{
    Certificate as X509,
    der::{Decode as _, Encode as _, Reader as _, SliceReader, oid::ObjectIdentifier},
    ext::pkix::{BasicConstraints, ExtendedKeyUsage, SubjectAltName, name::GeneralName},
};

/// id-kp-serverAuth and anyExtendedKeyUsage (RFC 5280, section 4.2.1.12).
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const ANY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// Signatures by a hash for which a second message can be found (RFC 9155; RFC 6151).
const WEAK_SIGNATURES: &[(ObjectIdentifier, &str)] = &[
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.2"), "MD2"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"), "MD5"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"), "SHA-1"),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"), "SHA-1"),
];

/// A certificate as it was read.
#[derive(Debug)]
pub(crate) struct Certificate<'a> {
    /// The part of its bytes that is signed.
    signed: &'a [u8],
    x509: X509,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate, consuming exactly `der`; `None` where it is none.
    #[must_use]
    pub(crate) fn of_der(der: &'a [u8]) -> Option<Self> {
        let x509 = X509::from_der(der).ok()?;
        let mut outer = SliceReader::new(der).ok()?;
        let header = x509_cert::der::Header::decode(&mut outer).ok()?;
        let length = usize::try_from(header.length).ok()?;
        let mut inner = SliceReader::new(der.get(der.len().checked_sub(length)?..)?).ok()?;
        Some(Self { signed: inner.tlv_bytes().ok()?, x509 })
    }

    /// Returns its SubjectPublicKeyInfo.
    #[must_use]
    pub(crate) fn spki(&self) -> Option<Vec<u8>> {
        self.x509.tbs_certificate.subject_public_key_info.to_der().ok()
    }

    /// Returns the seconds since 1970 between which it holds.
    #[must_use]
    pub(crate) fn validity(&self) -> (Duration, Duration) {
        let validity = &self.x509.tbs_certificate.validity;
        (validity.not_before.to_unix_duration(), validity.not_after.to_unix_duration())
    }

    /// Returns the times between which it holds, for people.
    #[must_use]
    pub(crate) fn validity_shown(&self) -> (String, String) {
        let validity = &self.x509.tbs_certificate.validity;
        (validity.not_before.to_string(), validity.not_after.to_string())
    }

    /// Returns the names of hosts that it has, in lower case: a star stands for the first label.
    #[must_use]
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.extension::<SubjectAltName>().map(|names| names.0).unwrap_or_default();
        let mut names: Vec<String> = names
            .into_iter()
            .filter_map(|name| match name {
                GeneralName::DnsName(name) => Some(name.as_str().trim_end_matches('.').to_ascii_lowercase()),
                _ => None,
            })
            .filter(|name| !name.is_empty() && name.len() <= 253)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Returns whether it may be shown by a server.
    #[must_use]
    pub(crate) fn is_for_servers(&self) -> bool {
        self.extension::<ExtendedKeyUsage>()
            .is_none_or(|usage| usage.0.iter().any(|of| [SERVER_AUTH, ANY_USAGE].contains(of)))
    }

    /// Returns whether it may issue others.
    #[must_use]
    pub(crate) fn is_authority(&self) -> bool {
        self.extension::<BasicConstraints>().is_some_and(|constraints| constraints.ca)
    }

    /// Returns the hash of its signature, where that is one that no longer counts.
    #[must_use]
    pub(crate) fn weak_hash(&self) -> Option<&'static str> {
        let own = self.x509.signature_algorithm.oid;
        WEAK_SIGNATURES.iter().find(|(oid, _)| *oid == own).map(|(_, hash)| *hash)
    }

    /// Returns whether it is issued under its own name, as roots are.
    #[must_use]
    pub(crate) fn is_its_own_issuer(&self) -> bool {
        self.x509.tbs_certificate.issuer == self.x509.tbs_certificate.subject
    }

    /// Returns its subject, for people.
    #[must_use]
    pub(crate) fn subject(&self) -> String {
        self.x509.tbs_certificate.subject.to_string()
    }

    /// Returns the name of its issuer, for people.
    #[must_use]
    pub(crate) fn issuer(&self) -> String {
        self.x509.tbs_certificate.issuer.to_string()
    }

    /// Returns whether the other one has its issuer's name.
    #[must_use]
    pub(crate) fn names_issuer(&self, issuer: &Certificate<'_>) -> bool {
        self.x509.tbs_certificate.issuer == issuer.x509.tbs_certificate.subject
    }

    /// Returns whether the other one has signed it.
    #[must_use]
    pub(crate) fn is_signed_by(&self, issuer: &Certificate<'_>) -> bool {
        let spki = &issuer.x509.tbs_certificate.subject_public_key_info;
        let (Some(key), Some(signature)) = (spki.subject_public_key.as_bytes(), self.x509.signature.as_bytes()) else {
            return false;
        };
        let (Ok(of_key), Ok(of_signature)) = (value(&spki.algorithm), value(&self.x509.signature_algorithm)) else {
            return false;
        };
        let fits = |algorithm: &&&dyn SignatureVerificationAlgorithm| {
            algorithm.public_key_alg_id().as_ref() == of_key && algorithm.signature_alg_id().as_ref() == of_signature
        };
        let mut fitting = webpki::ALL_VERIFICATION_ALGS.iter().filter(fits);
        fitting.any(|algorithm| algorithm.verify_signature(key, self.signed, signature).is_ok())
    }

    fn extension<'s, T: x509_cert::der::Decode<'s> + x509_cert::der::oid::AssociatedOid>(&'s self) -> Option<T> {
        let extensions = self.x509.tbs_certificate.extensions.as_ref()?;
        let extension = extensions.iter().find(|extension| extension.extn_id == T::OID)?;
        T::from_der(extension.extn_value.as_bytes()).ok()
    }
}

/// Returns the content of an AlgorithmIdentifier, as the algorithms of webpki name themselves:
/// without the header of its sequence.
fn value(algorithm: &x509_cert::spki::AlgorithmIdentifierOwned) -> x509_cert::der::Result<Vec<u8>> {
    let mut value = algorithm.oid.to_der()?;
    if let Some(parameters) = &algorithm.parameters {
        value.extend(parameters.to_der()?);
    }
    Ok(value)
}
