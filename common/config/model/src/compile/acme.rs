//! Certificates that are ordered, as start, fosse-acme and the lanes see them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use core::time::Duration;

use fosse_dns::Name;
use fosse_plan::{AcmePlan, AuthoritiesPlan, AuthorityFiles, TlsFile};
use fosse_settings as blobs;
use fosse_settings::acme as settings;
use fosse_settings::tls::{CertsAcme, Keygen, KeygenKey};
use fosse_wire::blob::encode;

use super::{checks, listeners, names};
use crate::choices::{Challenge, KeyType};
use crate::model::{Acme, Certificate, Edge};
use crate::names::FilePath;
use crate::problem::{Problems, place_of};
use crate::section::At;
use crate::texts::Texts;

/// Addresses of an authority's name that are tried.
const ADDRESSES_MAX: u32 = 4;
/// Longest time of a connect to one of them: they are far away, and nobody waits.
const CONNECT_SECONDS: Duration = Duration::from_secs(10);

/// All that is compiled of it.
#[derive(Debug, Default)]
pub(crate) struct Ordered {
    /// The settings of fosse-acme.
    pub(crate) acme: settings::Acme,
    /// The part of the plan for the authorities.
    pub(crate) authorities: AuthoritiesPlan,
    /// The part for each certificate.
    pub(crate) certificates: Vec<AcmePlan>,
}

impl Ordered {
    /// Compiles it; `None` where no certificate is ordered. Names of authorities are added to those
    /// that are followed.
    pub(crate) fn of(
        edge: &Edge,
        texts: &Texts<'_>,
        resolve: &mut blobs::Resolve,
        problems: &mut Problems,
    ) -> Option<Self> {
        let certificates: Vec<&Certificate> = ordered(edge).collect();
        if certificates.is_empty() {
            return None;
        }
        let mut ordered = Self::default();
        ordered.authorities.ask_over_tls = asks(edge, Challenge::TlsAlpn01);
        ordered.authorities.ask_over_http = asks(edge, Challenge::Http01);
        let mut connect = blobs::Connect::default();
        for acme in edge.acme.iter() {
            let first = u32::try_from(connect.servers.len()).unwrap_or(u32::MAX);
            connect.servers.extend(servers(acme, resolve));
            let count = u32::try_from(connect.servers.len()).unwrap_or(u32::MAX) - first;
            ordered.acme.authorities.push(authority(acme, (first, count)));
            ordered.authorities.files.push(AuthorityFiles {
                roots: acme.ca_file.value.as_ref().map(|path| file(path, &acme.ca_file, false, texts)),
                binding_key: acme.key_file.value.as_ref().map(|path| file(path, &acme.key_file, true, texts)),
            });
        }
        match encode(&connect) {
            Ok(blob) => ordered.authorities.connect = blob,
            Err(error) => problems.note(&(0..0), format!("the addresses of certificate authorities: {error}")),
        }
        for certificate in certificates {
            ordered.add(edge, certificate, texts, problems);
        }
        Some(ordered)
    }

    fn add(&mut self, edge: &Edge, certificate: &Certificate, texts: &Texts<'_>, problems: &mut Problems) {
        let Some(name) = &certificate.acme.value else { return };
        let Some(at) = edge.acme.iter().position(|acme| acme.name.value.0 == name.0) else { return };
        let keygen = Keygen { names: names_of(certificate), key: key_type(certificate.key_type.value) };
        let directory = &edge.acme.value[at].directory.url;
        let id = id(directory, &keygen);
        self.acme.certificates.push(settings::AcmeCertificate {
            id,
            authority: u32::try_from(at).unwrap_or(u32::MAX),
            names: keygen.names.clone(),
            place: place_of(&certificate.acme.span, texts),
        });
        match encode(&keygen) {
            Ok(keygen) => self.certificates.push(AcmePlan { id, keygen }),
            Err(error) => problems.note(&certificate.names.span, format!("its names: {error}")),
        }
    }
}

/// The policy for questions of certificate authorities over HTTP, whose number follows those of
/// sites, routes and redirects; all sites share it. Rules, passwords and redirects have no say in
/// it: what is asked for is a token that the authority itself has made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Challenges {
    /// Its number.
    pub(super) policy: Option<u32>,
}

impl Challenges {
    /// Returns it, where challenges come over HTTP; `next` is its number then.
    pub(crate) fn of(edge: &Edge, next: u32) -> Self {
        Self { policy: responds_over_http(edge).then_some(next) }
    }

    /// Returns it as parse sees it.
    pub(super) fn parse(self) -> Option<blobs::ParsePolicy> {
        let methods = ["GET", "HEAD"].map(str::to_owned).to_vec();
        self.policy.map(|_| blobs::ParsePolicy { methods, ..blobs::ParsePolicy::default() })
    }

    /// Returns it as waf-filter sees it, which has this profile for it.
    pub(super) fn waf_filter(self, profile: usize) -> Option<blobs::WafPolicy> {
        let profile = u32::try_from(profile).unwrap_or(u32::MAX);
        self.policy.map(|_| blobs::WafPolicy { profile, buffer_requests: false, streams_calls: false })
    }

    /// Returns it as dispatch sees it: fosse-acme is a backend, after all those of the
    /// configuration.
    pub(super) fn dispatch(self, edge: &Edge) -> Option<blobs::DispatchPolicy> {
        let action = blobs::Action::Backend(super::number_of(edge.backend.len()));
        self.policy.map(|_| blobs::DispatchPolicy { action, ..blobs::DispatchPolicy::default() })
    }
}

/// Iterates over the certificates that are ordered.
pub(super) fn ordered(edge: &Edge) -> impl Iterator<Item = &Certificate> {
    edge.certificate.iter().map(|certificate| &certificate.value).filter(|certificate| certificate.acme.value.is_some())
}

/// Returns what fosse-certs is told of them.
pub(super) fn certs(edge: &Edge, texts: &Texts<'_>) -> Vec<CertsAcme> {
    let one = |certificate: &Certificate| CertsAcme {
        place: place_of(&certificate.acme.span, texts),
        names: names_of(certificate),
    };
    ordered(edge).map(one).collect()
}

/// Returns whether lanes respond to challenges over HTTP.
pub(super) fn responds_over_http(edge: &Edge) -> bool {
    asks(edge, Challenge::Http01)
}

/// Returns whether some certificate is ordered of an authority that asks for such a proof.
fn asks(edge: &Edge, challenge: Challenge) -> bool {
    let asks = |name: &str| edge.acme.iter().any(|acme| acme.name.value.0 == name && acme.challenge.value == challenge);
    ordered(edge).any(|certificate| certificate.acme.value.as_ref().is_some_and(|name| asks(&name.0)))
}

fn names_of(certificate: &Certificate) -> Vec<String> {
    let mut names: Vec<String> = certificate.names.iter().map(|name| name.value.written()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns what names a certificate in the store: whoever orders the same of the same authority has
/// it already.
fn id(directory: &str, keygen: &Keygen) -> [u8; 16] {
    let half = |seed: u8| {
        let mut digest = checks::Digest::default();
        digest.value(seed.into());
        digest.part(directory.as_bytes());
        keygen.names.iter().for_each(|name| digest.part(name.as_bytes()));
        digest.value(keygen.key as u128);
        digest.number()
    };
    let mut id = [0; 16];
    id[..8].copy_from_slice(&half(1).to_le_bytes());
    id[8..].copy_from_slice(&half(2).to_le_bytes());
    id
}

fn file(path: &FilePath, at: &At<Option<FilePath>>, is_key: bool, texts: &Texts<'_>) -> TlsFile {
    TlsFile { path: path.0.clone().into_bytes(), place: place_of(&at.span, texts).into_bytes(), is_key }
}

fn authority(acme: &Acme, servers: (u32, u32)) -> settings::CertificateAuthority {
    settings::CertificateAuthority {
        name: acme.name.value.0.clone(),
        directory: acme.directory.url.clone(),
        servers,
        challenge: match acme.challenge.value {
            Challenge::Http01 => settings::Challenge::Http01,
            Challenge::TlsAlpn01 => settings::Challenge::TlsAlpn01,
        },
        contact: acme.contact.iter().map(|contact| format!("mailto:{}", contact.0)).collect(),
        profile: acme.profile.value.as_ref().map(|word| word.0.clone()),
        key_id: acme.key_id.value.as_ref().map(|word| word.0.clone()),
    }
}

const fn key_type(key_type: KeyType) -> KeygenKey {
    match key_type {
        KeyType::EcdsaP256 => KeygenKey::EcdsaP256,
        KeyType::EcdsaP384 => KeygenKey::EcdsaP384,
        KeyType::Rsa2048 => KeygenKey::Rsa2048,
        KeyType::Rsa3072 => KeygenKey::Rsa3072,
        KeyType::Rsa4096 => KeygenKey::Rsa4096,
        KeyType::Ed25519 => KeygenKey::Ed25519,
    }
}

/// Returns the addresses of an authority, each an entry of its connect's table.
fn servers(acme: &Acme, resolve: &mut blobs::Resolve) -> Vec<blobs::Server> {
    let crate::names::DirectoryUrl { host, port, .. } = &acme.directory.value;
    let tcp = |ip: IpAddr| {
        let (addr, port) = listeners::mapped(&SocketAddr::new(ip, *port));
        blobs::Address::Tcp(addr, port)
    };
    let server = |address, second| blobs::Server {
        address,
        second,
        source_address: Vec::new(),
        peer_uids: Vec::new(),
        connect_seconds: CONNECT_SECONDS,
        // fosse-acme speaks it itself.
        tls: None,
        http2: false,
    };
    if let Ok(ip) = host.parse::<IpAddr>() {
        return vec![server(tcp(ip), None)];
    }
    if host == "localhost" {
        return vec![server(tcp(Ipv4Addr::LOCALHOST.into()), Some(tcp(Ipv6Addr::LOCALHOST.into())))];
    }
    let Some(name) = Name::parse(host) else { return Vec::new() };
    let numbers = names::follow_anywhere(resolve, &name, ADDRESSES_MAX);
    let named = |number| blobs::Address::Named(blobs::NamedServer { number, port: *port, networks: Vec::new() });
    numbers.into_iter().map(|number| server(named(number), None)).collect()
}
