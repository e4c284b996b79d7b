//! The addresses that connections to servers come from: each server needs one of its own family.

use std::net::IpAddr;

use crate::address::{ServerAddress, is_loopback};
use crate::model::{AddressFamily, Backend};
use crate::names::{Network, SourceAddress};
use crate::problem::Problems;
use crate::section::At;
use crate::servers::ServerEntry;

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    const ALL: [Self; 2] = [Self::V4, Self::V6];

    const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// Notes servers that have no address to be reached from, and addresses that no server is reached
/// from.
pub(super) fn source_address(backend: &Backend, problems: &mut Problems) {
    let sources: Option<Vec<&At<SourceAddress>>> = backend
        .source_address
        .sound()
        .and_then(|sources| sources.iter().map(|source| source.sound().map(|_| source)).collect());
    let Some(sources) = sources.filter(|sources| !sources.is_empty()) else { return };
    if let [first, second] = *sources.as_slice()
        && Family::of(first.0) == Family::of(second.0)
    {
        let what = format!("{} is an {} address as {} is", second.0, Family::of(first.0).name(), first.0);
        return problems.note_with_cure(&second.span, what, "write one of each kind at most");
    }
    if backend.files.sound().is_none_or(Option::is_some) || !backend.has_sound_servers() {
        return;
    }
    for server in backend.all_servers() {
        of_server(backend, server, &sources, problems);
    }
    for source in sources {
        let family = Family::of(source.0);
        let is_used = |server: ServerEntry<'_>| {
            server.address.sound().is_none_or(|url| families(&url.address, backend).contains(&family))
        };
        if !backend.all_servers().any(is_used) {
            let what = format!("no server is reached over {}", family.name());
            problems.note_with_cure(&source.span, what, "remove the address");
        }
    }
}

/// Notes what keeps a server from being reached from these addresses.
fn of_server(backend: &Backend, server: ServerEntry<'_>, sources: &[&At<SourceAddress>], problems: &mut Problems) {
    let (Some(address), span) = (server.address.sound().map(|url| &url.address), &server.address.span) else { return };
    if let ServerAddress::Unix(_) = address {
        let what = "connections to a unix socket come from no address, and this backend has source_address";
        return problems.note_with_cure(span, what, "give the socket a backend of its own, or remove source_address");
    }
    if let ServerAddress::Named(name, _) = address
        && backend.address_networks.sound().is_some_and(Vec::is_empty)
    {
        // Where nothing sets it, the address that a connection comes from tells whether it leads to
        // this machine, which names may not.
        let what = format!("with source_address it has to be written where {} may lead to", name.as_str());
        return problems.note_with_cure(span, what, "add address_networks, the networks of its addresses");
    }
    let of = |family: Family| sources.iter().find(|source| Family::of(source.0) == family);
    for family in families(address, backend) {
        match of(family) {
            None => {
                let what = format!("it is reached over {}, and source_address has no such address", family.name());
                problems.note_with_cure(span, what, cure(address, family));
            }
            Some(source) => {
                if let ServerAddress::Tcp(tcp) = address
                    && source.0.is_loopback()
                    && !is_loopback(tcp)
                {
                    let what = format!("nothing outside of this machine can be reached from {}", source.0);
                    problems.note_with_cure(span, what, "write an address of a network in source_address");
                }
            }
        }
    }
}

/// Returns the step that gives a server a source of that family.
fn cure(address: &ServerAddress, family: Family) -> String {
    match (address, family) {
        (ServerAddress::Localhost(port), Family::V4) => format!("add one, or write \"[::1]:{port}\""),
        (ServerAddress::Localhost(port), Family::V6) => format!("add one, or write \"127.0.0.1:{port}\""),
        (ServerAddress::Named(..), Family::V4) => "add one, or write address_family = \"ipv6\"".to_owned(),
        (ServerAddress::Named(..), Family::V6) => "add one, or write address_family = \"ipv4\"".to_owned(),
        (ServerAddress::Tcp(_) | ServerAddress::Unix(_), _) => "add one".to_owned(),
    }
}

/// Returns the families over which a server may be reached.
fn families(address: &ServerAddress, backend: &Backend) -> Vec<Family> {
    let may_be = |family: &Family| match address {
        ServerAddress::Tcp(tcp) => *family == Family::of(tcp.ip()),
        ServerAddress::Localhost(_) => true,
        ServerAddress::Named(..) => match backend.address_family.value {
            AddressFamily::Any => {
                let is_of = |network: &At<Network>| {
                    network.sound().is_none_or(|network| Family::of(network.0.address()) == *family)
                };
                backend.address_networks.is_empty() || backend.address_networks.iter().any(is_of)
            }
            AddressFamily::Ipv4 => *family == Family::V4,
            AddressFamily::Ipv6 => *family == Family::V6,
        },
        ServerAddress::Unix(_) => false,
    };
    Family::ALL.into_iter().filter(may_be).collect()
}
