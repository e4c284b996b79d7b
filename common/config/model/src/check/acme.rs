//! Certificates that are ordered: that there is who issues them, and who vouches for their names.

use std::collections::{BTreeMap, HashSet};

use crate::choices::Challenge;
use crate::model::{Acme, Certificate, Edge};
use crate::names::HostPattern;
use crate::problem::Problems;
use crate::section::At;

/// Notes what keeps certificates from being ordered.
pub(super) fn acme(edge: &Edge, problems: &mut Problems) {
    let mut names = BTreeMap::new();
    for acme in edge.acme.iter() {
        authority(acme, problems);
        if acme.name.sound().is_some() && names.insert(&acme.name.value.0, acme).is_some() {
            problems.note_with_cure(&acme.name.span, "an earlier [[acme]] has this name", "give it another one");
        }
    }
    let served = served(edge);
    for certificate in edge.certificate.iter() {
        if let Some(Some(name)) = certificate.acme.sound() {
            match names.get(&name.0) {
                Some(acme) => {
                    ordered(certificate, (acme.challenge.value, &served), problems);
                    listener(certificate, acme, edge, problems);
                }
                None => {
                    let what = format!("there is no [[acme]] with the name \"{}\"", name.0);
                    problems.note_with_cure(&certificate.acme.span, what, "add one, or correct the name");
                }
            }
        } else if certificate.acme.sound().is_some() {
            of_files(certificate, problems);
        }
    }
}

fn authority(acme: &Acme, problems: &mut Problems) {
    if acme.agree_to_terms.sound() == Some(&false) {
        let cure = "read them at the authority, and write agree_to_terms = true";
        problems.note_with_cure(&acme.span, "its terms of service are not agreed to", cure);
    }
    let (id, key) = (acme.key_id.written().is_some(), acme.key_file.written().is_some());
    if id != key && acme.key_id.sound().is_some() && acme.key_file.sound().is_some() {
        let (span, other) = if id { (&acme.key_id.span, "key_file") } else { (&acme.key_file.span, "key_id") };
        problems.note_with_cure(span, "key_id and key_file go together", format!("add {other}"));
    }
}

/// A certificate without an authority has its files.
fn of_files(certificate: &Certificate, problems: &mut Problems) {
    for (name, key) in [("file", &certificate.file), ("key", &certificate.key)] {
        if matches!(key.sound(), Some(None)) {
            let takes = "it takes the path of a file, relative to the directory of the configuration";
            problems.note(&certificate.span, format!("[[certificate]] needs {name}; {takes}"));
        }
    }
    for (name, written, span) in [
        ("names", certificate.names.written().is_some(), &certificate.names.span),
        ("key_type", certificate.key_type.written().is_some(), &certificate.key_type.span),
    ] {
        if written {
            let what = format!("{name} is for certificates that are ordered");
            problems.note_with_cure(span, what, "remove the line, or add acme = \"NAME\" in place of file and key");
        }
    }
}

fn ordered(certificate: &Certificate, (challenge, served): (Challenge, &HashSet<String>), problems: &mut Problems) {
    for key in [&certificate.file, &certificate.key] {
        if key.written().is_some() {
            let what = "a file, and the certificate is ordered of an authority";
            problems.note_with_cure(&key.span, what, "remove the line, or that with acme");
        }
    }
    if certificate.names.sound().is_some_and(Vec::is_empty) {
        let what = "an ordered certificate needs names";
        problems.note_with_cure(&certificate.acme.span, what, "add names = [\"example.org\"]");
    }
    for name in certificate.names.iter().filter(|name| name.sound().is_some()) {
        of_name(name, (challenge, served), problems);
    }
}

fn of_name(name: &At<HostPattern>, (challenge, served): (Challenge, &HashSet<String>), problems: &mut Problems) {
    let written = name.value.written();
    match &name.value {
        HostPattern::Regex(_) => {
            problems.note_with_cure(&name.span, format!("{written} is an expression"), "write the names");
        }
        HostPattern::Below(_) => {
            let what = format!("{written}: authorities issue stars for a proof by DNS alone");
            problems.note_with_cure(&name.span, what, "list the names, or name files that another client writes");
        }
        HostPattern::Exact(host) if host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok() => {
            problems.note_with_cure(&name.span, format!("{written} is an address"), "write a name");
        }
        HostPattern::Exact(host) if !host.contains('.') || host.contains('_') => {
            let what = format!("{written} is no name that an authority issues for");
            problems.note_with_cure(&name.span, what, "write a whole name, such as www.example.org");
        }
        // Who asks over HTTP asks for the name, and a host that no site names may get nothing.
        HostPattern::Exact(host) if challenge == Challenge::Http01 && !served.contains(host) => {
            let what = format!("no site has the host {written}, where the authority asks for the proof");
            problems.note_with_cure(&name.span, what, "add it to the hosts of a site");
        }
        HostPattern::Exact(_) => {}
    }
}

/// Returns the hosts that some site serves, as far as they are written out.
fn served(edge: &Edge) -> HashSet<String> {
    let hosts = edge.site.iter().flat_map(|site| site.hosts.iter());
    hosts
        .filter_map(|host| match &host.value {
            HostPattern::Exact(name) => Some(name.clone()),
            HostPattern::Below(_) | HostPattern::Regex(_) => None,
        })
        .collect()
}

/// The authority must be able to ask.
fn listener(certificate: &Certificate, acme: &Acme, edge: &Edge, problems: &mut Problems) {
    let all_sound = edge.listen.iter().all(|listen| listen.tls.sound().is_some());
    let Some(challenge) = acme.challenge.sound().filter(|_| all_sound) else { return };
    let wants_tls = *challenge == Challenge::TlsAlpn01;
    if edge.listen.iter().any(|listen| listen.tls.value == wants_tls) {
        return;
    }
    let span = &certificate.acme.span;
    if wants_tls {
        let what = "challenge = \"tls-alpn-01\": the authority asks for its proof at port 443, and no listener has TLS";
        problems.note_with_cure(span, what, "add a [[listen]] with tls = true");
    } else {
        let what = "authorities ask for their proof at port 80, and no listener is without TLS";
        problems.note_with_cure(span, what, "add a [[listen]] for it");
    }
}
