//! The facts of a request by which it is routed and of which texts with variables are made.

use std::net::IpAddr;

use fosse_handshake::Handshake;

/// The header fields of a request.
pub trait Headers {
    /// Returns whether a test holds for the value of some field of a name, in lower case.
    fn any(&self, name: &[u8], test: &mut dyn FnMut(&[u8]) -> bool) -> bool;
}

impl Headers for fosse_http1::Fields<'_> {
    fn any(&self, name: &[u8], test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.iter().any(|field| fosse_http1::same_name(field.name, name) && test(field.value))
    }
}

/// The facts of a request.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// Address of the client; none for one behind a unix socket.
    pub client: Option<IpAddr>,
    /// The same as 16 bytes, IPv4 mapped into IPv6; zeros without an address.
    pub client_bytes: [u8; 16],
    /// Port of the client, 0 where it is not known.
    pub client_port: u16,
    /// Index of the listener.
    pub listener: u16,
    /// The client came by https.
    pub secure: bool,
    /// Method.
    pub method: &'a [u8],
    /// Canonical host.
    pub host: &'a [u8],
    /// Port that the client wrote with it, 0 for none.
    pub host_port: u16,
    /// Number of the request.
    pub request: u64,
    /// Target as the client sent it.
    pub target: &'a [u8],
    /// The client's TLS handshake.
    pub handshake: Handshake<'a>,
    /// Header fields.
    pub headers: &'a dyn Headers,
}

impl core::fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Facts").field("request", &self.request).finish_non_exhaustive()
    }
}
