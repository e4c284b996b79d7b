//! TLS: that what is written has something to work on.

use std::collections::BTreeMap;

use crate::address::ListenAddress;
use crate::choices::ClientCertificates;
use crate::model::{Edge, Listen, SiteTls};
use crate::problem::Problems;

/// Notes listeners that have TLS and nothing to show, certificates that nobody sees, and sites that
/// say one thing and another.
pub(super) fn tls(edge: &Edge, problems: &mut Problems) {
    edge.listen.iter().for_each(|listen| listener(listen, problems));
    certificates(edge, problems);
    for site in edge.site.iter() {
        if let Some(tls) = site.tls.sound() {
            of_site(tls, problems);
        }
    }
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
        let Some(file) = certificate.file.sound() else { continue };
        if seen.insert(&file.0, ()).is_some() {
            problems.note_with_cure(&certificate.file.span, "an earlier certificate has this file", "remove one");
        }
        if certificate.key.sound() == Some(file) {
            let what = "the file of the certificate is named as that of its key";
            problems.note_with_cure(&certificate.key.span, what, "give the key a file of its own");
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
