//! The terms on which a name is served: the site of the name, and rustls' configuration for it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use ::aws_lc_rs::digest::{Context, SHA256};
use fosse_routing::Sites;
use fosse_settings::tls::{ClientCertificates, TlsSettings, TlsSite, TlsVersion};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};

use crate::certificates::Certificates;
use crate::client_certificate::Readable;
use crate::keys::Keys;
use crate::tickets::Tickets;

/// The number of the terms for names of no site.
const NO_SITE: u32 = u32::MAX;

/// The terms of all sites.
#[derive(Debug)]
pub(crate) struct Terms {
    sites: Sites,
    /// The number of each site's terms; none where it is not served over TLS.
    of_site: Vec<Option<u32>>,
    /// The site of each listener for names that no site has.
    defaults: Vec<Option<u32>>,
    configs: HashMap<u32, Arc<ServerConfig>>,
}

impl Terms {
    /// Makes a configuration of rustls for each set of terms.
    ///
    /// # Errors
    /// What cannot be used, for people.
    pub(crate) fn new(settings: &TlsSettings, certificates: &Arc<Certificates>, keys: &Keys) -> Result<Self, String> {
        let provider = Arc::new(provider(settings)?);
        let made = |terms, version, clients| {
            let mut config = config(&provider, version, clients, certificates)?;
            config.alpn_protocols = protocols(settings.http2);
            let configuration = settings.configuration ^ of_clients(certificates, clients);
            config.ticketer = Arc::new(Tickets::new(keys.clone(), configuration, terms));
            Ok::<_, String>(Arc::new(config))
        };
        let mut configs = HashMap::new();
        configs.insert(NO_SITE, made(NO_SITE, settings.minimum_version, ClientCertificates::None)?);
        for site in settings.sites.iter().filter(|site| site.enabled) {
            if let Entry::Vacant(place) = configs.entry(site.terms) {
                place.insert(made(site.terms, site.minimum_version, site.client_certificates)?);
            }
        }
        let of_site = |site: &TlsSite| site.enabled.then_some(site.terms);
        Ok(Self {
            sites: Sites::new(settings.sites.iter().map(|site| &site.hosts[..])),
            defaults: settings
                .listeners
                .iter()
                .map(|listener| listener.default_site.or(settings.default_site))
                .collect(),
            of_site: settings.sites.iter().map(of_site).collect(),
            configs,
        })
    }

    /// Returns the configuration for a name, an empty one where the client says none, on a
    /// listener: that of the site that serves it there, as fronts choose it for requests.
    pub(crate) fn of_name(&self, name: &str, listener: u16) -> Option<Arc<ServerConfig>> {
        let default = || self.defaults.get(usize::from(listener)).copied().flatten();
        let site = self.sites.of_host(name.as_bytes()).ok().flatten().or_else(default);
        let terms = site.and_then(|site| self.of_site.get(usize::try_from(site).ok()?).copied().flatten());
        self.configs.get(&terms.unwrap_or(NO_SITE)).map(Arc::clone)
    }
}

/// Returns the ciphers that are spoken, in the order of the settings, and the groups.
fn provider(settings: &TlsSettings) -> Result<CryptoProvider, String> {
    let mut provider = aws_lc_rs::default_provider();
    if !settings.ciphers.is_empty() {
        let of_number = |number: &u16| {
            let known = aws_lc_rs::ALL_CIPHER_SUITES.iter().find(|suite| u16::from(suite.suite()) == *number);
            known.copied().ok_or_else(|| format!("no cipher suite {number:#06x}"))
        };
        provider.cipher_suites = settings.ciphers.iter().map(of_number).collect::<Result<_, _>>()?;
    }
    if !settings.groups.is_empty() {
        let of_number = |number: &u16| {
            let known = aws_lc_rs::ALL_KX_GROUPS.iter().find(|group| u16::from(group.name()) == *number);
            known.copied().ok_or_else(|| format!("no group {number:#06x}"))
        };
        provider.kx_groups = settings.groups.iter().map(of_number).collect::<Result<_, _>>()?;
    }
    Ok(provider)
}

/// Returns what clients are offered, the first of which that they speak is taken (RFC 7301).
fn protocols(http2: bool) -> Vec<Vec<u8>> {
    let offered: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    offered.iter().map(|protocol| protocol.to_vec()).collect()
}

fn config(
    provider: &Arc<CryptoProvider>,
    version: TlsVersion,
    clients: ClientCertificates,
    certificates: &Arc<Certificates>,
) -> Result<ServerConfig, String> {
    let versions = match version {
        TlsVersion::Tls12 => &[&TLS13, &TLS12][..],
        TlsVersion::Tls13 => &[&TLS13][..],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider)).with_protocol_versions(versions);
    let builder = builder.map_err(|error| error.to_string())?;
    let builder = match clients {
        ClientCertificates::None => builder.with_no_client_auth(),
        ClientCertificates::Optional(authority) | ClientCertificates::Required(authority) => {
            let roots = Arc::new(roots(certificates, authority)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
            let is_optional = matches!(clients, ClientCertificates::Optional(_));
            let verifier = if is_optional { verifier.allow_unauthenticated() } else { verifier };
            let lists: Vec<_> = certificates.revoked(authority).map(|der| der.to_vec().into()).collect();
            // With lists who has no list, or one that has ended, is let in no more: nobody knows.
            let verifier = verifier.with_crls(lists).only_check_end_entity_revocation().enforce_revocation_expiration();
            let verifier = verifier.build().map_err(|error| error.to_string())?;
            builder.with_client_cert_verifier(Arc::new(Readable(verifier)))
        }
    };
    let mut config = builder.with_cert_resolver(Arc::clone(certificates) as _);
    // The order is ours: the strongest first, which is as fast here.
    config.ignore_client_order = true;
    // Tickets hold all there is of a session: nothing is stored for clients that may never return.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// Returns a number of what certificates of clients were held against: a ticket says of a client
/// that it has shown one, and is none where that would be held against others.
fn of_clients(certificates: &Certificates, clients: ClientCertificates) -> u64 {
    let (ClientCertificates::Optional(number) | ClientCertificates::Required(number)) = clients else { return 0 };
    let mut digest = Context::new(&SHA256);
    let der = certificates.authority(number).into_iter().flatten().chain(certificates.revoked(number));
    der.for_each(|der| digest.update(der));
    digest.finish().as_ref().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn roots(certificates: &Certificates, authority: u32) -> Result<RootCertStore, String> {
    let authority = certificates.authority(authority).ok_or_else(|| format!("no authority {authority}"))?;
    let mut roots = RootCertStore::empty();
    for der in authority {
        roots.add(CertificateDer::from_slice(der)).map_err(|error| error.to_string())?;
    }
    Ok(roots)
}
