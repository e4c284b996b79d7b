//! Lists of certificates that authorities have revoked (RFC 5280, section 5).

use std::time::Duration;

use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject as _;
use webpki::BorrowedCertRevocationList;
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode as _;

/// Lists of a file.
const LISTS_COUNT_MAX: usize = 255;

/// The lists of a file, and what is to be said of the first that has ended.
pub(crate) type Lists = (Vec<CertificateRevocationListDer<'static>>, Option<String>);

/// Reads the lists of a file in PEM; what else there is in it is left alone.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn lists(pem: &[u8], now: Duration) -> Result<Lists, String> {
    let (mut lists, mut ended) = (Vec::new(), None);
    for list in CertificateRevocationListDer::pem_slice_iter(pem) {
        let list = list.map_err(|error| format!("not PEM: {error}"))?;
        let number = lists.len() + 1;
        let broken = |why: &dyn std::fmt::Display| format!("list {number} is not one of revoked certificates: {why}");
        BorrowedCertRevocationList::from_der(&list).map_err(|error| broken(&error))?;
        let read = CertificateList::from_der(&list).map_err(|error| broken(&error))?.tbs_cert_list;
        let until = read.next_update.filter(|until| until.to_unix_duration() < now);
        ended = ended.or(until.map(|until| format!("list {number}, of {}, has ended at {until}", read.issuer)));
        lists.push(list);
    }
    match lists.len() {
        0 => Err("no list of revoked certificates (X509 CRL) in it".to_owned()),
        1..=LISTS_COUNT_MAX => Ok((lists, ended)),
        count => Err(format!("{count} lists, more than {LISTS_COUNT_MAX}")),
    }
}
