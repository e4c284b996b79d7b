//! TLS as fosse-tls, fosse-certs and start see it.

use core::hash::{Hash as _, Hasher as _};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::DefaultHasher;

use fosse_plan::{SYSTEM_ROOTS, TlsFile};
use fosse_settings::tls as settings;

use super::{LINGER, acme, listeners, sites};
use crate::choices::{ClientCertificates, TlsVersion, UnknownNames};
use crate::model::{Backend, Edge, Listen, Site};
use crate::names::{FilePath, HostPattern};
use crate::problem::{Span, place_of};
use crate::section::At;
use crate::texts::Texts;

/// The files that fosse-certs reads for TLS with clients and with servers, and their numbers.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// The settings of fosse-certs.
    pub(crate) certs: settings::Certs,
    /// The numbers of authorities.
    authorities: Authorities,
}

/// The numbers of authorities by their file and that of the certificates that they have revoked.
type Authorities = HashMap<(String, Option<String>), u32>;

impl Files {
    /// Collects them.
    pub(crate) fn of(edge: &Edge, texts: &Texts<'_>) -> Self {
        let mut files = Self::default();
        if has_tls(edge) {
            certificates(edge, texts, &mut files);
        }
        for backend in edge.backend.iter() {
            files.add_backend(backend, texts);
        }
        files
    }

    /// Returns the files that start opens, in the order of their numbers.
    pub(crate) fn all(&self) -> Vec<TlsFile> {
        let pairs = self.certs.certificates.len();
        let is_key = |at: usize| at < 2 * pairs && at % 2 == 1;
        let file = |(at, file): (usize, &settings::CertsFile)| TlsFile {
            path: file.path.clone().into_bytes(),
            place: file.place.clone().into_bytes(),
            is_key: is_key(at),
        };
        self.certs.files().enumerate().map(file).collect()
    }

    /// Returns whether there are any.
    pub(crate) fn is_empty(&self) -> bool {
        self.certs.files().next().is_none() && self.certs.acme.is_empty()
    }

    /// Returns the number of an authority of servers.
    fn authority(&self, path: &str) -> u32 {
        self.authorities.get(&(path.to_owned(), None)).copied().unwrap_or(u32::MAX)
    }

    fn add_authority(&mut self, file: settings::CertsFile, revoked: Option<settings::CertsFile>) {
        let number = u32::try_from(self.authorities.len()).unwrap_or(u32::MAX);
        let key = (file.path.clone(), revoked.as_ref().map(|file| file.path.clone()));
        if let Entry::Vacant(free) = self.authorities.entry(key) {
            free.insert(number);
            self.certs.authorities.push(file);
            self.certs.revoked.extend(revoked.map(|file| (number, file)));
        }
    }

    fn add_backend(&mut self, backend: &At<Backend>, texts: &Texts<'_>) {
        let tls = &backend.tls.value;
        let first = backend.all_servers().find(|server| server.address.tls);
        let Some(server) = first else { return };
        match &tls.ca_file.value {
            Some(path) => self.add_authority(file(path, &tls.ca_file.span, texts), None),
            None if tls.verify.value => {
                let place = place_of(&server.address.span, texts);
                self.add_authority(settings::CertsFile { path: SYSTEM_ROOTS[0].to_owned(), place }, None);
            }
            None => {}
        }
    }

    /// Returns the terms of TLS with a server of that backend.
    pub(crate) fn terms(&self, backend: &Backend, host: &str) -> settings::ServerTerms {
        let tls = &backend.tls.value;
        let trusted = tls.ca_file.as_ref().map_or(SYSTEM_ROOTS[0], |path| path.0.as_str());
        settings::ServerTerms {
            backend: backend.name.0.clone(),
            server_name: tls.server_name.as_ref().map_or_else(|| host.to_owned(), |name| name.0.clone()),
            authority: tls.verify.value.then(|| self.authority(trusted)),
            minimum_version: version(tls.minimum_version.value),
            http2: backend.speaks_http2(),
            connect_seconds: backend.connect_seconds.duration(),
        }
    }
}

/// Returns whether some listener has TLS.
fn has_tls(edge: &Edge) -> bool {
    edge.listen.iter().any(|listen| listen.tls.value)
}

/// Returns the settings of fosse-tls, where some listener has TLS.
pub(crate) fn tls(edge: &Edge, files: &Files) -> Option<settings::TlsSettings> {
    has_tls(edge).then(|| of_tls(edge, &files.authorities))
}

fn certificates(edge: &Edge, texts: &Texts<'_>, files: &mut Files) {
    let certificates = edge.certificate.iter().filter_map(|certificate| {
        let files = [&certificate.file, &certificate.key].map(|at| Some(file(at.value.as_ref()?, &at.span, texts)));
        let [Some(file), Some(key)] = files else { return None };
        Some(settings::CertificateFiles { file, key })
    });
    files.certs.certificates = certificates.collect();
    files.certs.acme = acme::certs(edge, texts);
    for site in edge.site.iter().filter(|site| site.tls.enabled.value) {
        if let Some(path) = &site.tls.client_ca.value {
            let revoked = &site.tls.client_crl;
            let revoked = revoked.value.as_ref().map(|path| file(path, &revoked.span, texts));
            files.add_authority(file(path, &site.tls.client_ca.span, texts), revoked);
        }
        // Clients name no address (RFC 6066, section 3), and what an expression takes is not known.
        let named = site.hosts.iter().filter(|host| match &host.value {
            HostPattern::Exact(name) => name.parse::<std::net::IpAddr>().is_err() && !name.starts_with('['),
            HostPattern::Below(_) => true,
            HostPattern::Regex(_) => false,
        });
        files.certs.hosts.extend(named.map(|host| (host.value.written(), place_of(&host.span, texts))));
    }
}

fn file(path: &FilePath, span: &Span, texts: &Texts<'_>) -> settings::CertsFile {
    settings::CertsFile { path: path.0.clone(), place: place_of(span, texts) }
}

fn of_tls(edge: &Edge, authorities: &Authorities) -> settings::TlsSettings {
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

fn of_site(site: &Site, edge: &Edge, authorities: &Authorities, terms: &mut Terms) -> settings::TlsSite {
    let minimum_version = version(site.tls.minimum_version.unwrap_or(edge.tls.minimum_version.value));
    let authority = site.tls.client_ca.value.as_ref().map(|path| {
        let revoked = site.tls.client_crl.as_ref().map(|path| path.0.clone());
        authorities.get(&(path.0.clone(), revoked)).copied().unwrap_or(u32::MAX)
    });
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
pub(crate) fn terms(tls: Option<&settings::TlsSettings>, site: usize) -> u32 {
    tls.and_then(|tls| tls.sites.get(site)).map_or(0, |site| site.terms)
}

const fn version(version: TlsVersion) -> settings::TlsVersion {
    match version {
        TlsVersion::Tls12 => settings::TlsVersion::Tls12,
        TlsVersion::Tls13 => settings::TlsVersion::Tls13,
    }
}
