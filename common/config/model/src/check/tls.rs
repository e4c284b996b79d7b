//! TLS: that what is written has something to work on.

use std::collections::BTreeMap;

use crate::address::{ListenAddress, is_loopback};
use crate::choices::{ClientCertificates, TlsVersion};
use crate::model::{Edge, Listen, SiteTls};
use crate::problem::Problems;
use crate::section::At;

/// Notes listeners that have TLS and nothing to show, certificates that nobody sees, and sites that
/// say one thing and another.
pub(super) fn tls(edge: &Edge, problems: &mut Problems) {
    edge.listen.iter().for_each(|listen| listener(listen, problems));
    certificates(edge, problems);
    for site in edge.site.iter() {
        if let Some(tls) = site.tls.sound() {
            of_site(tls, problems);
            without_certificate(tls, edge, problems);
        }
    }
    lists(edge, problems);
}

fn listener(listen: &Listen, problems: &mut Problems) {
    if listen.tls.written() != Some(&true) {
        if listen.tls.sound().is_some() && matches!(listen.public_port.written(), Some(Some(_))) {
            let what = "public_port is for listeners with TLS";
            problems.note_with_cure(&listen.public_port.span, what, "remove the line, or add tls = true");
        }
        return;
    }
    if let Some(ListenAddress::Unix(_)) = listen.address.sound() {
        problems.note_with_cure(&listen.tls.span, "tls is for TCP", "remove the line");
    }
    if listen.behind_tls.written() == Some(&true) {
        let what = "behind_tls says that TLS ends before this socket, and tls that it ends here";
        problems.note_with_cure(&listen.behind_tls.span, what, "remove one of the two");
    }
}

fn certificates(edge: &Edge, problems: &mut Problems) {
    let Some(certificates) = edge.certificate.sound() else { return };
    let with_tls = edge.listen.iter().find(|listen| listen.tls.sound() == Some(&true));
    match (with_tls, certificates.first()) {
        (Some(listen), None) => {
            let cure = "add [[certificate]] with file and key";
            problems.note_with_cure(&listen.tls.span, "tls, and there is no certificate", cure);
        }
        (None, Some(certificate)) if edge.listen.iter().all(|listen| listen.tls.sound().is_some()) => {
            let what = "a certificate, and no listener has TLS";
            problems.note_with_cure(&certificate.span, what, "add tls = true to a [[listen]]");
        }
        _ => {}
    }
    let mut seen = BTreeMap::new();
    for certificate in certificates {
        let Some(Some(file)) = certificate.file.sound() else { continue };
        if seen.insert(&file.0, ()).is_some() {
            problems.note_with_cure(&certificate.file.span, "an earlier certificate has this file", "remove one");
        }
        if matches!(certificate.key.sound(), Some(Some(key)) if key == file) {
            let what = "the file of the certificate is named as that of its key";
            problems.note_with_cure(&certificate.key.span, what, "give the key a file of its own");
        }
    }
}

/// Notes sites that ask for certificates where everybody comes in who does not ask for TLS.
fn without_certificate(tls: &SiteTls, edge: &Edge, problems: &mut Problems) {
    let is_required = tls.client_certificates.sound() == Some(&ClientCertificates::Required);
    let asks = matches!(tls.client_ca.sound(), Some(Some(_))) && is_required && tls.enabled.sound() == Some(&true);
    let public = |listen: &Listen| match listen.address.sound() {
        Some(ListenAddress::Tcp(address)) if !is_loopback(address) => Some(*address),
        _ => None,
    };
    let is = |key: &At<bool>, wanted| key.sound() == Some(&wanted);
    let plain = edge.listen.iter().filter(|listen| is(&listen.tls, false) && is(&listen.behind_tls, false));
    let Some(address) = plain.filter_map(|listen| public(listen)).next().filter(|_| asks) else { return };
    if tls.redirect.sound() == Some(&false) {
        let what = format!("client_ca is for TLS, and with redirect = false {address} serves the site without");
        problems.note_with_cure(&tls.redirect.span, what, "remove the line");
    } else if !edge.listen.iter().any(|listen| listen.tls.sound() != Some(&false) && public(listen).is_some()) {
        let what = format!("client_ca is for TLS, and {address} serves the site without");
        problems.note_with_cure(&tls.client_ca.span, what, "add tls = true to that [[listen]], or another one with it");
    }
}

/// Notes lists of ciphers that leave a version without any, and what is listed twice.
fn lists(edge: &Edge, problems: &mut Problems) {
    let Some(tls) = edge.tls.sound() else { return };
    twice("ciphers", tls.ciphers.sound().map_or(&[], Vec::as_slice), problems);
    twice("groups", tls.groups.sound().map_or(&[], Vec::as_slice), problems);
    let Some(ciphers) = tls.ciphers.sound().filter(|ciphers| !ciphers.is_empty()) else { return };
    let has = |is_tls13| ciphers.iter().any(|cipher| cipher.sound().is_none_or(|one| one.0.is_tls13 == is_tls13));
    if !has(true) {
        let sites = edge.site.iter().filter_map(|site| site.tls.sound()).map(|tls| &tls.minimum_version);
        let of_site = sites.filter(|version| version.sound() == Some(&Some(TlsVersion::Tls13))).map(|one| &one.span);
        let of_all = Some(&tls.minimum_version).filter(|version| version.sound() == Some(&TlsVersion::Tls13));
        if let Some(span) = of_all.map(|version| &version.span).into_iter().chain(of_site).next() {
            let what = "minimum_version is that of TLS 1.3, and ciphers names none of its suites";
            problems.note_with_cure(span, what, "add TLS_AES_128_GCM_SHA256 to ciphers");
        }
    }
}

fn twice<T: PartialEq>(key: &str, list: &[At<T>], problems: &mut Problems) {
    for (at, one) in list.iter().enumerate() {
        if one.sound().is_some_and(|value| list[..at].iter().any(|earlier| earlier.sound() == Some(value))) {
            problems.note_with_cure(&one.span, format!("{key} names it twice"), "remove one");
        }
    }
}

fn of_site(tls: &SiteTls, problems: &mut Problems) {
    if tls.client_certificates.written() == Some(&ClientCertificates::Optional)
        && matches!(tls.client_ca.sound(), Some(None))
    {
        let what = "client_certificates, and nothing says from whom they may be";
        problems.note_with_cure(&tls.client_certificates.span, what, "add client_ca = \"FILE\"");
    }
    if tls.client_crl.written().is_some() && matches!(tls.client_ca.sound(), Some(None)) {
        let what = "client_crl, and clients are asked for no certificate";
        problems.note_with_cure(&tls.client_crl.span, what, "add client_ca = \"FILE\"");
    }
    if tls.enabled.sound() == Some(&false) {
        let written = [
            ("minimum_version", tls.minimum_version.written().is_some(), &tls.minimum_version.span),
            ("redirect", tls.redirect.written() == Some(&true), &tls.redirect.span),
            ("client_ca", tls.client_ca.written().is_some(), &tls.client_ca.span),
        ];
        for (key, _, span) in written.into_iter().filter(|(_, is_written, _)| *is_written) {
            problems.note_with_cure(span, format!("{key}, and the site has no TLS"), "remove the line, or enabled");
        }
    }
}
