//! The certificates of the set in force: what has to be known of those that were ordered.

use fosse_images::{CHAINS_BYTES_MAX, Chains};
use fosse_sys::blob::Mapped;
use instant_acme::CertificateIdentifier;
use rustls::pki_types::Der;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _, oid::AssociatedOid as _};
use x509_cert::ext::pkix::AuthorityKeyIdentifier;

use crate::schedule::Life;

/// A certificate that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub(crate) life: Life,
    /// Names it in questions to its authority (RFC 9773, section 4.1): the key identifier of the
    /// authority and the number of the certificate; none where it has no such identifier.
    identifier: Option<(Vec<u8>, Vec<u8>)>,
}

impl Leaf {
    /// Reads a certificate; `None` where it is none.
    #[must_use]
    pub fn of_der(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let tbs = &certificate.tbs_certificate;
        let (not_before, not_after) =
            (tbs.validity.not_before.to_unix_duration().as_secs(), tbs.validity.not_after.to_unix_duration().as_secs());
        let serial = tbs.serial_number.to_der().ok()?;
        // Tag and length: a number has 20 bytes at the most (RFC 5280, section 4.1.2.2).
        let serial = serial.get(2..)?.to_vec();
        let identifier = authority_key(&certificate).map(|key| (key, serial));
        Some(Self { life: Life { not_before, not_after }, identifier })
    }

    /// Returns the name of the certificate in questions to its authority.
    #[must_use]
    pub fn identifier(&self) -> Option<CertificateIdentifier<'static>> {
        let (key, serial) = self.identifier.as_ref()?;
        Some(CertificateIdentifier::new(Der::from_slice(key), Der::from_slice(serial)))
    }
}

fn authority_key(certificate: &Certificate) -> Option<Vec<u8>> {
    let extensions = certificate.tbs_certificate.extensions.as_ref()?;
    let extension = extensions.iter().find(|extension| extension.extn_id == AuthorityKeyIdentifier::OID)?;
    let identifier = AuthorityKeyIdentifier::from_der(extension.extn_value.as_bytes()).ok()?;
    identifier.key_identifier.map(|key| key.as_bytes().to_vec())
}

/// Reads the image of a set. Returns the certificate of each number, of `count`, that it has.
///
/// # Errors
/// What is wrong with the image.
pub(crate) fn leaves(image: std::os::fd::OwnedFd, count: usize) -> Result<Vec<Option<Leaf>>, String> {
    let mapped: Mapped = fosse_sys::blob::map(image, CHAINS_BYTES_MAX).map_err(|error| error.to_string())?;
    let chains = Chains::decode(mapped.as_ref()).map_err(|error| error.to_string())?;
    let mut leaves = vec![None; count];
    for certificate in chains.certificates() {
        let Some(place) = certificate.acme.and_then(|number| leaves.get_mut(usize::from(number))) else { continue };
        *place = certificate.chain.first().and_then(|der| Leaf::of_der(der));
    }
    Ok(leaves)
}
