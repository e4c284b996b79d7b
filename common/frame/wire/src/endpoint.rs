//! One end of a connection.

use crate::{
    WireError,
    cursor::{Cursor, Fixed},
};

/// A socket address without its family: 16 bytes of IPv6, IPv4 mapped into it, all zero for a unix
/// socket; and a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// IPv6 or IPv4-mapped IPv6 address; all zero where the peer has none.
    pub addr: [u8; 16],
    /// Port in host order; 0 where the peer has none.
    pub port: u16,
}

impl Endpoint {
    /// The address for people and for header fields: IPv4 where it is a mapped one; `None` for a
    /// unix socket.
    #[must_use]
    pub fn ip(&self) -> Option<std::net::IpAddr> {
        let v6 = std::net::Ipv6Addr::from(self.addr);
        if v6.is_unspecified() { None } else { Some(v6.to_canonical()) }
    }

    /// From a standard socket address.
    #[must_use]
    pub fn from_socket(address: std::net::SocketAddr) -> Self {
        let addr = match address.ip() {
            std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            std::net::IpAddr::V6(v6) => v6.octets(),
        };
        Self { addr, port: address.port() }
    }

    #[inline]
    pub(crate) fn bytes(&self) -> [u8; 18] {
        Fixed::new().put(self.addr).put(self.port.to_le_bytes()).bytes()
    }

    pub(crate) fn take(cursor: &mut Cursor<'_>) -> Result<Self, WireError> {
        Ok(Self { addr: cursor.array()?, port: cursor.u16()? })
    }
}
