//! /etc/resolv.conf and /etc/hosts, as far as they concern a client that asks for whole names.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::fd::OwnedFd,
};

use fosse_dns::Name;
use rustix::io::Errno;

use crate::limits::{FILE_BYTES_MAX, NAME_SERVERS_MAX};

/// The port of name servers.
const PORT: u16 = 53;

/// Reads a file from its beginning, up to its limit. One that cannot be read is empty.
pub(crate) fn read(file: Option<&OwnedFd>) -> Vec<u8> {
    let Some(file) = file else { return Vec::new() };
    let mut bytes = vec![0; FILE_BYTES_MAX];
    let mut length = 0;
    while length < bytes.len() {
        match rustix::io::pread(file, &mut bytes[length..], u64::try_from(length).unwrap_or(u64::MAX)) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    bytes.truncate(length);
    bytes
}

/// Returns the name servers of /etc/resolv.conf; this machine's, where it names none
/// (resolv.conf(5)). Search domains and options are for people's names: they are not looked at.
#[must_use]
pub fn name_servers(file: &[u8]) -> Vec<SocketAddr> {
    let lines = String::from_utf8_lossy(file);
    let named = lines.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        // An address with a zone (fe80::1%eth0) would need the number of a link.
        let address = (words.next() == Some("nameserver")).then(|| words.next())??.parse::<IpAddr>().ok()?;
        Some(SocketAddr::new(address, PORT))
    });
    let named: Vec<_> = named.take(NAME_SERVERS_MAX).collect();
    if named.is_empty() { vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT)] } else { named }
}

/// Returns the addresses that /etc/hosts has for each of these names (hosts(5)), IPv4 mapped into
/// IPv6.
#[must_use]
pub fn hosts(file: &[u8], names: &[Name]) -> HashMap<Name, Vec<[u8; 16]>> {
    let mut found: HashMap<Name, Vec<[u8; 16]>> = HashMap::new();
    for line in String::from_utf8_lossy(file).lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else { continue };
        let address = mapped(address);
        for name in words.filter_map(Name::parse).filter(|name| names.contains(name)) {
            let addresses = found.entry(name).or_default();
            if addresses.len() < fosse_dns::ADDRESSES_MAX && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    found
}

/// Returns an address with IPv4 mapped into IPv6.
pub(crate) const fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_those_of_the_file_or_this_machine() {
        let file = b"# x\nsearch a b\nnameserver 10.0.0.53\n nameserver\t2001:db8::53 # y\nnameserver fe80::1%eth0\nnameserver\n\xff\nnameserver x\noptions ndots:5\n";
        let text = |servers: Vec<SocketAddr>| servers.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text(name_servers(file)), ["10.0.0.53:53", "[2001:db8::53]:53"]);
        assert_eq!(text(name_servers(b"")), ["127.0.0.1:53"]);
        assert_eq!(name_servers("nameserver 10.0.0.1\n".repeat(99).as_bytes()).len(), NAME_SERVERS_MAX);
    }

    #[test]
    fn hosts_has_the_names_that_are_asked_for_whatever_else_it_has() {
        let app = Name::parse("app.internal").unwrap();
        let file = b"127.0.0.1 localhost\n10.0.0.1\tx App.Internal y # app.internal\n#10.9.9.9 app.internal\n::1%lo app.internal\n2001:db8::1 app.internal\n10.0.0.1 app.internal\n10.0.0.2 b\xff\n";
        let found = hosts(file, std::slice::from_ref(&app));
        let mapped = |text: &str| mapped(text.parse().unwrap());
        assert_eq!(found, HashMap::from([(app, vec![mapped("10.0.0.1"), mapped("2001:db8::1")])]));
    }
}
