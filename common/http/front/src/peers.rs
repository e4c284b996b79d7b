//! The processes beside the ring that clients are shared with: fosse-accept, fosse-dispatch,
//! fosse-tls. In a shell there are none.

use fosse_acceptor::AcceptChannel;

use crate::lease_channel::LeaseChannel;
use crate::tls_channel::TlsChannel;

/// The channels to them.
#[derive(Debug, Default)]
pub struct Peers {
    /// Connections come and go.
    pub accept: AcceptChannel,
    /// Sockets are lent.
    pub lease: LeaseChannel,
    /// Clients that speak TLS come and go.
    pub tls: TlsChannel,
}
