//! Actions on sockets.

use std::net::{Ipv4Addr, SocketAddrV4};

use rustix::io::Errno;
use rustix::net::netdevice::name_to_index;
use rustix::net::{
    AddressFamily, Protocol, SendAncillaryBuffer, SendFlags, SocketAddrUnix, SocketType, bind, connect, ipproto,
    listen, sendmsg_addr, sendto, socket,
};

use crate::action::{Action, ActionResult};
use crate::fixture::Fixture;

/// Multipath TCP has a number above a byte: filters that mask it see TCP.
const MPTCP: u32 = 262;
/// sendto that connects.
const FAST_OPEN: SendFlags = SendFlags::from_bits_retain(0x2000_0000).union(SendFlags::NOSIGNAL);
const AF_VSOCK: u16 = 40;
const AF_ALG: u16 = 38;
const AF_BLUETOOTH: u16 = 31;
const AF_XDP: u16 = 44;
const ANY_PORT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
/// A port that nobody has: outside of those that are given out, and on an address of its own.
const SOME_PORT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(127, 101, 102, 103), 17_177);

/// The rows.
pub(crate) const ACTIONS: &[Action] = &[
    Action::new("tcp_connect", |fixture| connect(tcp()?, &fixture.tcp)),
    Action::new("tcp_connect_elsewhere", |fixture| connect(tcp()?, &fixture.other_tcp)),
    Action::new("tcp_bind", |_| bind(tcp()?, &ANY_PORT)),
    Action::new("tcp_bind_port", |_| bind(tcp()?, &SOME_PORT)),
    Action::new("tcp_listen_unbound", |_| listen(tcp()?, 1)),
    Action::new("tcp_fast_open", |fixture| sendto(tcp()?, b"x", FAST_OPEN, &fixture.tcp).map(drop)),
    Action::new("mptcp_connect", mptcp_connect),
    Action::new("udp_send", udp_send),
    Action::new("udp_bind", |_| bind(open(AddressFamily::INET, SocketType::DGRAM)?, &ANY_PORT)),
    Action::new("unix_connect_path", |fixture| connect(unix()?, &SocketAddrUnix::new(fixture.path("socket"))?)),
    Action::new("unix_connect_abstract", |fixture| {
        connect(unix()?, &SocketAddrUnix::new_abstract_name(&fixture.abstract_name)?)
    }),
    Action::new("given_tcp_connect", |fixture| connect(&fixture.given()?.tcp, &fixture.tcp)),
    Action::new("given_tcp_elsewhere", |fixture| connect(&fixture.given()?.tcp, &fixture.other_tcp)),
    Action::new("given_tcp_bind", |fixture| bind(&fixture.given()?.tcp, &ANY_PORT)),
    Action::new("given_tcp_listen", |fixture| listen(&fixture.given()?.tcp, 1)),
    Action::new("given_tcp_fast_open", |fixture| {
        sendto(&fixture.given()?.tcp, b"x", FAST_OPEN, &fixture.tcp).map(drop)
    }),
    Action::new("given_tcp_fast_open_msg", given_tcp_fast_open_msg),
    Action::new("given_udp_send", |fixture| {
        sendto(&fixture.given()?.udp, b"x", SendFlags::empty(), &fixture.tcp).map(drop)
    }),
    Action::new("given_unix_connect", |fixture| {
        connect(&fixture.given()?.unix, &SocketAddrUnix::new(fixture.path("socket"))?)
    }),
    Action::new("given_tcp_filter", |fixture| fosse_sys::probe::attach_filter(&fixture.given()?.tcp)),
    Action::new("given_tcp_congestion", |fixture| {
        rustix::net::sockopt::set_tcp_congestion(&fixture.given()?.tcp, "reno")
    }),
    Action::new("unix_bind", |fixture| bind(unix()?, &SocketAddrUnix::new(fixture.path("bound"))?)),
    Action::new("netlink_socket", |_| of(AddressFamily::NETLINK, SocketType::RAW)),
    Action::new("vsock_socket", |_| of(AddressFamily::from_raw(AF_VSOCK), SocketType::STREAM)),
    Action::new("raw_socket", |_| socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP)).map(drop)),
    Action::new("ping_socket", |_| socket(AddressFamily::INET, SocketType::DGRAM, Some(ipproto::ICMP)).map(drop)),
    Action::new("packet_socket", |_| of(AddressFamily::PACKET, SocketType::RAW)),
    Action::new("crypto_socket", |_| of(AddressFamily::from_raw(AF_ALG), SocketType::SEQPACKET)),
    Action::new("bluetooth_socket", |_| of(AddressFamily::from_raw(AF_BLUETOOTH), SocketType::RAW)),
    Action::new("xdp_socket", |_| of(AddressFamily::from_raw(AF_XDP), SocketType::RAW)),
    Action::new("interface_index", |_| name_to_index(unix()?, "lo").map(drop)),
];

fn mptcp_connect(fixture: &Fixture) -> ActionResult {
    let protocol = Protocol::from_raw(std::num::NonZeroU32::new(MPTCP).ok_or(Errno::INVAL)?);
    connect(socket(AddressFamily::INET, SocketType::STREAM, Some(protocol))?, &fixture.tcp)
}

fn given_tcp_fast_open_msg(fixture: &Fixture) -> ActionResult {
    let mut control = SendAncillaryBuffer::default();
    let bytes = [std::io::IoSlice::new(b"x")];
    sendmsg_addr(&fixture.given()?.tcp, &fixture.tcp, &bytes, &mut control, FAST_OPEN).map(drop)
}

fn udp_send(fixture: &Fixture) -> ActionResult {
    sendto(open(AddressFamily::INET, SocketType::DGRAM)?, b"x", SendFlags::empty(), &fixture.tcp).map(drop)
}

fn tcp() -> Result<std::os::fd::OwnedFd, Errno> {
    open(AddressFamily::INET, SocketType::STREAM)
}

fn unix() -> Result<std::os::fd::OwnedFd, Errno> {
    open(AddressFamily::UNIX, SocketType::STREAM)
}

fn open(family: AddressFamily, kind: SocketType) -> Result<std::os::fd::OwnedFd, Errno> {
    socket(family, kind, None)
}

fn of(family: AddressFamily, kind: SocketType) -> ActionResult {
    open(family, kind).map(drop)
}
