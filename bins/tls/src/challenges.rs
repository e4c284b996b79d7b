//! Certificate authorities that ask for a proof by a handshake (RFC 8737): fosse-acme makes it, and
//! gets the connection with what was read of it.

use std::os::fd::{AsFd as _, OwnedFd};

use fosse_counters::Counters;
use fosse_counters::tls as count;
use fosse_eventloop::{EventLoop, Interest};
use fosse_hello::Hello;
use fosse_wire::challenged::Challenged;
use rustix::net::sockopt;

use crate::client::Client;

/// The protocol of such handshakes (RFC 8737, section 6.2).
const PROTOCOL: &[u8] = b"acme-tls/1";

/// The channel to fosse-acme, where some certificate is ordered that way.
#[derive(Debug)]
pub(crate) struct Challenges(Option<OwnedFd>);

impl Challenges {
    /// Takes over the channel.
    pub(crate) const fn new(channel: Option<OwnedFd>) -> Self {
        Self(channel)
    }

    /// Returns whether a client that has sent `bytes`, which are this message, is an authority: one
    /// offers that protocol and no other (RFC 8737, section 3).
    pub(crate) fn are_for(&self, hello: &Hello, bytes: &[u8]) -> bool {
        let is_alone = matches!(&hello.protocols[..], [only] if **only == *PROTOCOL);
        self.0.is_some() && is_alone && Challenged::new(bytes).is_some()
    }

    /// Hands over a connection with what has come of it, which is the client's input. Where
    /// fosse-acme takes none now, the authority asks again.
    pub(crate) fn hand_over(&self, client: &mut Client, event_loop: &EventLoop, counters: &Counters) {
        // It lives on elsewhere, and would be reported here.
        client.socket.watch(event_loop, Interest::empty());
        // Its last words are those of fosse-acme, which closes it after an alert.
        let _ = sockopt::set_socket_linger(&client.socket, None);
        let message = Challenged::new(&client.input).zip(self.0.as_ref());
        let sent =
            message.map(|(message, channel)| fosse_fdpass::send(channel, &message.encode(), &[client.socket.as_fd()]));
        counters.add(if sent == Some(Ok(())) { count::CHALLENGED } else { count::REFUSED }, 1);
    }
}
