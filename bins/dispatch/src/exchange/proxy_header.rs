//! The PROXY header, by which a server hears of the client before the first byte of HTTP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use fosse_wire::request::Endpoint;

/// Puts a PROXY header before the head: the client's address, and none for ours, which dispatch
/// does not know.
pub(super) fn put_proxy_header(out: &mut Vec<u8>, version: u8, client: Endpoint) {
    let ours =
        |ip: IpAddr| if ip.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let addresses = client.ip().map(|ip| (SocketAddr::new(ip, client.port), SocketAddr::new(ours(ip), 0)));
    let mut header = Vec::with_capacity(64);
    if version == 1 {
        fosse_proxyproto::encode_v1(&mut header, addresses);
    } else {
        fosse_proxyproto::encode_v2(&mut header, addresses);
    }
    out.splice(0..0, header);
}
