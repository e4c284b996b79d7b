//! The addresses that connections come from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use toml::Spanned;
use toml::de::DeValue;

use super::{Wrong, checked, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// An address of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceAddress(pub IpAddr);

impl FromValue for SourceAddress {
    const TAKES: &'static str = "a list of addresses such as \"192.0.2.10\" or \"2001:db8::10\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, source_address)
    }

    fn placeholder() -> Self {
        Self(Ipv4Addr::UNSPECIFIED.into())
    }
}

fn source_address(written: &str) -> Result<SourceAddress, Wrong> {
    let shown = quoted(written);
    let Ok(address) = written.trim_matches(['[', ']']).parse::<IpAddr>() else {
        let cure = match (written.parse::<SocketAddr>(), written.contains('%')) {
            (Ok(_), _) => "leave out the port: the kernel chooses one",
            (_, true) => "addresses with a zone are not supported",
            _ => "write an IP address of this machine",
        };
        return wrong(format!("{shown} is not an address"), cure);
    };
    if address.is_unspecified() || address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return wrong(format!("no connection can come from {address}"), "write an IP address of this machine");
    }
    if let IpAddr::V6(v6) = address {
        // One address has one form (ipv6(7)).
        if let Some(v4) = v6.to_ipv4_mapped() {
            return wrong(format!("{shown} is an IPv4 address in disguise"), &format!("write \"{v4}\""));
        }
        // The same one may be on every link: which it is a zone would say.
        if v6.is_unicast_link_local() {
            return wrong(format!("{shown} is an address of a link"), "addresses with a zone are not supported");
        }
    }
    Ok(SourceAddress(address))
}
