//! TLS as fosse-tls, fosse-certs and start see it.

use core::hash::{Hash as _, Hasher as _};
use std::collections::HashMap;
use std::hash::DefaultHasher;

use fosse_plan::TlsFile;
use fosse_settings::tls as settings;

use super::{LINGER, listeners, sites};
use crate::choices::{ClientCertificates, TlsVersion, UnknownNames};
use crate::model::{Edge, Listen, Site};
use crate::names::HostPattern;
use crate::problem::place_of;
use crate::section::At;
use crate::texts::Texts;

/// The settings for TLS, where some listener has it.
#[derive(Debug)]
pub(crate) struct Tls {
    /// The settings of fosse-tls.
    pub(crate) tls: settings::TlsSettings,
    /// Those of fosse-certs.
    pub(crate) certs: settings::Certs,
    /// The files that start opens, in the order of their numbers.
    pub(crate) files: Vec<TlsFile>,
}

impl Tls {
    /// Compiles it; `None` where no listener has TLS.
    pub(crate) fn of(edge: &Edge, texts: &Texts<'_>) -> Option<Self> {
        if !edge.listen.iter().any(|listen| listen.tls.value) {
            return None;
        }
        let certs = certs(edge, texts);
        let numbered = certs.authorities.iter().map(|file| file.path.clone()).zip(0..);
        let tls = of_tls(edge, &numbered.collect());
        let is_key = |at: usize| at < 2 * certs.certificates.len() && at % 2 == 1;
        let files = certs.files().enumerate().map(|(at, file)| TlsFile {
            path: file.path.clone().into_bytes(),
            place: file.place.clone().into_bytes(),
            is_key: is_key(at),
        });
        let files = files.collect();
        Some(Self { tls, certs, files })
    }
}

fn certs(edge: &Edge, texts: &Texts<'_>) -> settings::Certs {
    let file = |path: &At<crate::names::FilePath>| settings::CertsFile {
        path: path.value.0.clone(),
        place: place_of(&path.span, texts),
    };
    let certificates = edge
        .certificate
        .iter()
        .map(|certificate| settings::CertificateFiles { file: file(&certificate.file), key: file(&certificate.key) });
    let mut certs = settings::Certs { certificates: certificates.collect(), ..settings::Certs::default() };
    for site in edge.site.iter().filter(|site| site.tls.enabled.value) {
        if let Some(path) = &site.tls.client_ca.value
            && certs.authorities.iter().all(|known| known.path != path.0)
        {
            let place = place_of(&site.tls.client_ca.span, texts);
            certs.authorities.push(settings::CertsFile { path: path.0.clone(), place });
        }
        // Clients name no address (RFC 6066, section 3), and what an expression takes is not known.
        let named = site.hosts.iter().filter(|host| match &host.value {
            HostPattern::Exact(name) => name.parse::<std::net::IpAddr>().is_err() && !name.starts_with('['),
            HostPattern::Below(_) => true,
            HostPattern::Regex(_) => false,
        });
        certs.hosts.extend(named.map(|host| (host.value.written(), place_of(&host.span, texts))));
    }
    certs
}

fn of_tls(edge: &Edge, authorities: &HashMap<String, u32>) -> settings::TlsSettings {
    let default_sites = sites::defaults_of_listeners_alone(edge);
    let mut terms = HashMap::new();
    let mut tls = settings::TlsSettings {
        listeners: edge.listen.iter().zip(default_sites).map(|(listen, site)| listener(listen, site)).collect(),
        sites: edge.site.iter().map(|site| of_site(site, edge, authorities, &mut terms)).collect(),
        default_site: edge.site.iter().position(|site| site.default.value).and_then(|at| u32::try_from(at).ok()),
        ciphers: edge.tls.ciphers.iter().map(|cipher| cipher.value.0.number).collect(),
        groups: edge.tls.groups.iter().map(|group| group.value.0.number).collect(),
        minimum_version: version(edge.tls.minimum_version.value),
        unknown_names: match edge.tls.unknown_names.value {
            UnknownNames::Refuse => settings::UnknownNames::Refuse,
            UnknownNames::Default => settings::UnknownNames::Default,
        },
        http2: edge.tls.http2.value,
        handshake_seconds: edge.tls.handshake_seconds.duration(),
        write_seconds: edge.timeouts.write_seconds.duration(),
        linger: LINGER,
        drain_seconds_max: edge.drain_seconds_max.duration(),
        address_lists: listeners::list_count(edge),
        configuration: 0,
    };
    tls.configuration = configuration(&tls);
    tls
}

/// Returns a number of everything that a ticket was made on.
fn configuration(tls: &settings::TlsSettings) -> u64 {
    // The same in every process: the hasher has fixed keys.
    let mut hasher = DefaultHasher::new();
    (tls.minimum_version, tls.default_site, &tls.ciphers, &tls.groups).hash(&mut hasher);
    for site in &tls.sites {
        (&site.hosts, site.enabled, site.terms, site.minimum_version, site.client_certificates).hash(&mut hasher);
    }
    hasher.finish()
}

fn listener(listen: &Listen, default_site: Option<u32>) -> settings::TlsListener {
    settings::TlsListener {
        tls: listen.tls.value,
        proxy_protocol: listen.proxy_protocol.value,
        trusted: listeners::networks(listen),
        address_connections_max: listen.address_connections_max.value,
        default_site,
    }
}

/// The numbers of the terms that sites have.
type Terms = HashMap<(settings::TlsVersion, settings::ClientCertificates), u32>;

fn of_site(site: &Site, edge: &Edge, authorities: &HashMap<String, u32>, terms: &mut Terms) -> settings::TlsSite {
    let minimum_version = version(site.tls.minimum_version.unwrap_or(edge.tls.minimum_version.value));
    let authority = site.tls.client_ca.value.as_ref().map(|path| authorities.get(&path.0).copied().unwrap_or(u32::MAX));
    let client_certificates = match (authority, site.tls.client_certificates.value) {
        (None, _) => settings::ClientCertificates::None,
        (Some(number), ClientCertificates::Required) => settings::ClientCertificates::Required(number),
        (Some(number), ClientCertificates::Optional) => settings::ClientCertificates::Optional(number),
    };
    let next = u32::try_from(terms.len() + 1).unwrap_or(u32::MAX);
    let terms = *terms.entry((minimum_version, client_certificates)).or_insert(next);
    settings::TlsSite {
        hosts: sites::hosts(site),
        enabled: site.tls.enabled.value,
        terms: if site.tls.enabled.value { terms } else { 0 },
        minimum_version,
        client_certificates,
    }
}

/// Returns the terms of each site, as parse compares them; 0 where it is not served over TLS.
pub(crate) fn terms(tls: Option<&Tls>, site: usize) -> u32 {
    tls.and_then(|tls| tls.tls.sites.get(site)).map_or(0, |site| site.terms)
}

const fn version(version: TlsVersion) -> settings::TlsVersion {
    match version {
        TlsVersion::Tls12 => settings::TlsVersion::Tls12,
        TlsVersion::Tls13 => settings::TlsVersion::Tls13,
    }
}
