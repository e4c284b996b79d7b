//! The certificate that proves a name in a handshake (RFC 8737, section 3). Its key is made here,
//! is in memory alone, and is good for nothing else.

use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, Error, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::crypto::aws_lc_rs::sign::any_ecdsa_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

/// Bytes of the hash of a key authorisation: SHA-256.
const DIGEST_BYTES: usize = 32;

/// Makes the certificate of a name for a key authorisation with this hash.
///
/// # Errors
/// A name that no certificate can have, or what the library says.
pub(crate) fn make(name: &str, digest: &[u8]) -> Result<Arc<SingleCertAndKey>, String> {
    let digest: &[u8; DIGEST_BYTES] = digest.try_into().map_err(|_| "a hash of another length".to_owned())?;
    let (der, key) = signed(name, digest).map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = any_ecdsa_type(&key).map_err(|error| error.to_string())?;
    Ok(Arc::new(SingleCertAndKey::from(CertifiedKey::new(vec![der], key))))
}

fn signed(name: &str, digest: &[u8; DIGEST_BYTES]) -> Result<(CertificateDer<'static>, KeyPair), Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, "fosse proof of a name");
    params.distinguished_name = subject;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key)?;
    Ok((certificate.der().clone(), key))
}

#[cfg(test)]
mod tests {
    use x509_cert::Certificate;
    use x509_cert::der::Decode as _;
    use x509_cert::ext::pkix::SubjectAltName;
    use x509_cert::ext::pkix::name::GeneralName;

    use super::*;

    #[test]
    fn a_certificate_has_one_name_and_the_hash_in_a_critical_extension() {
        let (der, _) = signed("a.example.org", &[7; DIGEST_BYTES]).unwrap();
        let certificate = Certificate::from_der(&der).unwrap();
        let extensions = certificate.tbs_certificate.extensions.unwrap();
        let of = |oid: &str| extensions.iter().find(|one| one.extn_id.to_string() == oid).unwrap();
        let identifier = of("1.3.6.1.5.5.7.1.31");
        assert!(identifier.critical);
        assert_eq!(identifier.extn_value.as_bytes(), [&[4, 32][..], &[7; 32]].concat());
        let names = SubjectAltName::from_der(of("2.5.29.17").extn_value.as_bytes()).unwrap();
        assert!(matches!(&names.0[..], [GeneralName::DnsName(name)] if name.as_str() == "a.example.org"));
    }

    #[test]
    fn a_hash_of_another_length_is_no_proof() {
        assert!(make("a.example.org", &[7; 31]).is_err());
        assert!(make("a.example.org", &[7; 32]).is_ok());
    }
}
