//! Redirects to https: from listeners without TLS to those that have it.

use std::net::SocketAddr;

use fosse_settings as blobs;

use crate::address::{ListenAddress, is_loopback};
use crate::model::{Edge, Listen, Site};

/// Port of https, which locations need not name (RFC 9110, section 4.2.2).
const HTTPS_PORT: u32 = 443;

/// The redirects of an edge. Each has a policy, whose number follows those of sites and routes; all
/// sites share them.
#[derive(Debug, Default)]
pub(crate) struct Redirects {
    ports: Vec<u32>,
    /// Listeners that redirect, each with the number of its port.
    listeners: Vec<(u16, usize)>,
}

impl Redirects {
    /// Collects them; there are none where no listener has TLS, or none is without.
    pub(crate) fn of(edge: &Edge) -> Self {
        let mut redirects = Self::default();
        let secure: Vec<(&Listen, &SocketAddr)> =
            edge.listen.iter().filter(|listen| listen.tls.value).filter_map(|listen| public(listen)).collect();
        for (number, listen) in (0..u16::MAX).zip(edge.listen.iter()) {
            let is_plain = !listen.tls.value && !listen.behind_tls.value;
            let Some((_, address)) = public(listen).filter(|_| is_plain) else { continue };
            let Some(port) = nearest(address, &secure) else { continue };
            let known = redirects.ports.iter().position(|known| *known == port);
            redirects.listeners.push((number, known.unwrap_or(redirects.ports.len())));
            if known.is_none() {
                redirects.ports.push(port);
            }
        }
        redirects
    }

    /// Returns the redirects of a site, where `first` is the number of the first policy of one.
    pub(super) fn of_site(&self, site: &Site, first: u32) -> Vec<blobs::ToHttps> {
        if !(site.tls.enabled.value && site.tls.redirect.value) {
            return Vec::new();
        }
        let policy = |port: usize| first + super::number_of(port);
        self.listeners
            .iter()
            .map(|(listener, port)| blobs::ToHttps { listener: *listener, policy: policy(*port) })
            .collect()
    }

    /// Returns the number of their policies.
    pub(super) fn len(&self) -> u32 {
        super::number_of(self.ports.len())
    }

    /// Returns whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.ports.is_empty()
    }

    /// Iterates over their policies as parse sees them. Nothing of a request matters to one: what
    /// is asked for is judged when it comes by https.
    pub(super) fn parse(&self) -> impl Iterator<Item = blobs::ParsePolicy> {
        self.ports.iter().map(|port| blobs::ParsePolicy {
            other_methods: true,
            body_bytes_max: u64::MAX,
            redirect: Some(location(*port)),
            ..blobs::ParsePolicy::default()
        })
    }

    /// Iterates over their policies as waf-filter sees them, which has this profile for them.
    pub(super) fn waf_filter(&self, profile: usize) -> impl Iterator<Item = blobs::WafPolicy> {
        let profile = u32::try_from(profile).unwrap_or(u32::MAX);
        self.ports.iter().map(move |_| blobs::WafPolicy { profile, buffer_requests: false, streams_calls: false })
    }

    /// Iterates over their policies as dispatch sees them.
    pub(super) fn dispatch(&self) -> impl Iterator<Item = blobs::DispatchPolicy> {
        let action = blobs::Action::Redirect(308);
        self.ports
            .iter()
            .map(move |_| blobs::DispatchPolicy { action: action.clone(), ..blobs::DispatchPolicy::default() })
    }
}

/// Returns a listener that other machines reach, with its address.
fn public(listen: &Listen) -> Option<(&Listen, &SocketAddr)> {
    match &listen.address.value {
        ListenAddress::Tcp(address) => (!is_loopback(address)).then_some((listen, address)),
        ListenAddress::Unix(_) => None,
    }
}

/// Returns the port of the listener with TLS to which clients of an address are sent: of the same
/// address, else of the same family, else of any; among those the first.
fn nearest(address: &SocketAddr, secure: &[(&Listen, &SocketAddr)]) -> Option<u32> {
    let far = |other: &SocketAddr| (other.ip() != address.ip(), other.is_ipv4() != address.is_ipv4());
    let (listen, other) = secure.iter().min_by_key(|(_, other)| far(other))?;
    Some(listen.public_port.value.unwrap_or_else(|| u32::from(other.port())))
}

fn location(port: u32) -> blobs::Template {
    let port = if port == HTTPS_PORT { String::new() } else { format!(":{port}") };
    blobs::Template(vec![
        blobs::Part::Text("https://".into()),
        blobs::Part::Variable(blobs::Variable::Host),
        blobs::Part::Text(port),
        blobs::Part::Variable(blobs::Variable::Target),
    ])
}
