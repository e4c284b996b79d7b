//! The processes beside the ring that clients are shared with: fosse-accept and fosse-dispatch. In
//! a shell there are none.

use crate::accept_channel::AcceptChannel;
use crate::lease_channel::LeaseChannel;

/// The channels to them.
#[derive(Debug, Default)]
pub struct Peers {
    /// Connections come and go.
    pub accept: AcceptChannel,
    /// Sockets are lent.
    pub lease: LeaseChannel,
}
