//! A certificate with its issuers and its key: what is asked of them together. No I/O, no clock.

use core::time::Duration;

use fosse_images::CERTIFICATE_BYTES_MAX;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use crate::certificate::Certificate;
use crate::key::{PrivateKey, contains};

/// Reads all certificates of a file in PEM.
///
/// # Errors
/// What is wrong with it.
pub fn certificates(pem: &[u8], most: usize) -> Result<Vec<CertificateDer<'static>>, String> {
    if contains(pem, b"PRIVATE KEY-----") {
        return Err("there is a private key in it; leave that to the file that key names".to_owned());
    }
    certificates_beside_key(pem, most)
}

/// Reads all certificates of a file in PEM that may have a key as well, as those of the store do.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn certificates_beside_key(pem: &[u8], most: usize) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut all = Vec::new();
    for der in CertificateDer::pem_slice_iter(pem) {
        let der = der.map_err(|_| "the PEM of a certificate is malformed".to_owned())?;
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(format!("a certificate has more than {CERTIFICATE_BYTES_MAX} bytes"));
        }
        all.push(der);
        if all.len() > most {
            return Err(format!("there are more than {most} certificates in it"));
        }
    }
    if all.is_empty() { Err("there is no certificate in PEM".to_owned()) } else { Ok(all) }
}

fn read<'a>(all: &'a [CertificateDer<'static>]) -> Result<Vec<Certificate<'a>>, String> {
    let numbered = all.iter().zip(1..);
    let one = |(der, number): (&'a CertificateDer<'static>, usize)| {
        Certificate::of_der(der).ok_or_else(|| format!("certificate {number} is not one"))
    };
    numbered.map(one).collect()
}

/// A chain that is as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Names that it serves.
    pub names: Vec<String>,
    /// The second, since 1970, after which it is over.
    pub not_after: u64,
    /// The name of its issuer.
    pub issuer: String,
    /// The first of them that does not hold now, in words, and why: clients refuse it.
    pub untimely: Option<String>,
    /// Certificates that clients are sent: without the root, which they have, and of which they
    /// believe none that is sent.
    pub sent: usize,
}

/// Checks a chain against its key and the time, which is given in seconds since 1970.
///
/// # Errors
/// The first thing that is wrong, and the cure where it is one step.
pub fn check(chain: &[CertificateDer<'static>], key: Option<&PrivateKey>, now: Duration) -> Result<Checked, String> {
    let chain = read(chain)?;
    let Some(leaf) = chain.first() else { return Err("there is no certificate in PEM".to_owned()) };
    if let Some(key) = key {
        belongs(&chain, key)?;
    }
    if leaf.is_authority() && chain.len() > 1 {
        return Err("the first certificate is one of an authority; put that of the host first".to_owned());
    }
    (2..).zip(chain.windows(2)).try_for_each(|(number, pair)| issued(number, pair))?;
    let has_root = chain.len() > 1 && chain.last().is_some_and(Certificate::is_its_own_issuer);
    let sent = chain.len() - usize::from(has_root);
    (1..).zip(&chain[..sent]).try_for_each(|(number, one)| strong(one, number))?;
    if !leaf.is_for_servers() {
        return Err("the certificate is not for servers (extendedKeyUsage lacks serverAuth)".to_owned());
    }
    let names = leaf.names();
    if names.is_empty() {
        let cure = "have it issued with subjectAltName: browsers read nothing else";
        return Err(format!("the certificate names no host; {cure}"));
    }
    let not_after = chain[..sent].iter().map(|one| one.validity().1.as_secs()).min().unwrap_or(0);
    let untimely = (1..).zip(&chain[..sent]).find_map(|(number, one)| untimely(one, number, now));
    Ok(Checked { names, not_after, issuer: leaf.issuer(), untimely, sent })
}

/// Checks that the second of two certificates has issued the first.
fn issued(number: usize, pair: &[Certificate<'_>]) -> Result<(), String> {
    let [one, issuer] = pair else { return Ok(()) };
    if !one.names_issuer(issuer) {
        let (subject, cure) = (issuer.subject(), "put each issuer right after what it has issued");
        return Err(format!("certificate {number} ({subject}) is not the issuer of the one before; {cure}"));
    }
    if !one.is_signed_by(issuer) {
        return Err(format!("certificate {number} has the issuer's name, and has not signed the one before"));
    }
    Ok(())
}

fn belongs(chain: &[Certificate<'_>], key: &PrivateKey) -> Result<(), String> {
    let place = chain.iter().position(|one| one.spki().as_ref() == Some(&key.spki));
    match place {
        Some(0) => Ok(()),
        Some(at) => {
            Err(format!("the chain is in the wrong order: certificate {} is that of the key; put it first", at + 1))
        }
        None => Err("the key belongs to another certificate".to_owned()),
    }
}

/// Returns why a certificate does not hold at a time. Everything else of the edge is fine then, and
/// so it is for whoever starts it to know, and not for it to stay away: after a reboot, with a
/// clock that is wrong, every certificate may be out of its time.
fn untimely(one: &Certificate<'_>, number: usize, now: Duration) -> Option<String> {
    let ((not_before, not_after), (from, to)) = (one.validity(), one.validity_shown());
    let which = which(number);
    if now > not_after {
        return Some(format!("{which} has expired on {to}; renew it"));
    }
    (now < not_before).then(|| format!("{which} does not hold before {from}; look at the clock of this machine"))
}

fn strong(one: &Certificate<'_>, number: usize) -> Result<(), String> {
    let weak = |hash| format!("{} is signed with {hash}, which no client accepts; have it issued again", which(number));
    one.weak_hash().map_or(Ok(()), |hash| Err(weak(hash)))
}

fn which(number: usize) -> String {
    if number == 1 { "the certificate".to_owned() } else { format!("certificate {number}") }
}

/// Returns whether a name of a configuration is one that a certificate has: as it is, or by a star
/// in place of its first label.
#[must_use]
pub fn covers(names: &std::collections::HashSet<&str>, host: &str) -> bool {
    let starred = || host.split_once('.').is_some_and(|(_, below)| names.contains(format!("*.{below}").as_str()));
    names.contains(host) || !host.starts_with("*.") && starred()
}
