//! One request and its response.
//!
//! A handler takes the stream, its backend connection and the [`Context`](crate::context::Context),
//! changes those and nothing else, and returns an [`Outcome`].

pub(crate) mod access;
pub(crate) mod admission;
mod affinity;
pub(crate) mod ahead;
pub(crate) mod buffering;
mod checks;
pub(crate) mod clients;
mod deadline;
pub(crate) mod effect;
pub(crate) mod encoding;
pub(crate) mod failure;
mod forwarded;
pub(crate) mod framing;
pub(crate) mod headers;
pub(crate) mod lease;
pub(crate) mod limit;
pub(crate) mod local;
mod named_file;
pub(crate) mod names;
mod params;
mod passing;
pub(crate) mod prefix;
mod preflight;
mod proxy_header;
pub(crate) mod read_ahead;
mod refused;
mod request;
pub(crate) mod request_body;
pub(crate) mod response;
pub(crate) mod response_body;
pub(crate) mod response_head;
pub(crate) mod send;
pub(crate) mod send_file;
mod signed_link;
pub(crate) mod stream;
pub(crate) mod streams;
pub(crate) mod timeouts;
pub(crate) mod traffic;
pub(crate) mod tunnel;
mod usual_page;

use std::time::Duration;

use fosse_http1::HeadLimits;
use fosse_settings::Backend;
use fosse_wire::response::Cause;

use self::failure::Failure;
use crate::{policies::Policy, upstream::connection::Connection};

/// The work that a handler leaves to [`Lane`](crate::lane::Lane), which has all connections.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing: it goes on, or is over.
    Continue,
    /// A check of who asks has to decide first.
    Ask,
    /// It needs a connection.
    Connect,
    /// It needs another connection: this one failed before a byte of the request went out.
    Reconnect,
    /// The backend failed it.
    Failed(Failure),
    /// A local response with that status is due.
    Respond(u16),
    /// The policy's own response, or its redirect, is due.
    RespondByPolicy,
    /// A browser asks what pages of an origin may do: 204 is due, with these fields.
    Preflight(Vec<access::Field>),
    /// The response is to be asked for of the cache.
    AskCache,
    /// The response that the cache keeps is due.
    RespondKept,
    /// It cannot be served now: 503 is due, for that cause.
    Refuse(Cause),
    /// All of the response is read, and its client has not taken all of it.
    ReadWhole {
        /// No byte follows the response.
        clean: bool,
    },
    /// The response has named a file, for which the client waits now.
    SendFile {
        /// No byte follows the response.
        clean: bool,
    },
    /// The cache has what its client gets in place of the response.
    SendKept {
        /// No byte follows the response.
        clean: bool,
    },
    /// The response is complete. `clean`: no byte follows it.
    Complete {
        /// No byte follows the response.
        clean: bool,
    },
    /// The socket of the client is gone or broken.
    ClientLost,
}

impl Outcome {
    /// Returns the outcome of an exchange whose client socket is gone, as parse has said that its
    /// connection is over.
    pub(crate) const fn of_lost_client(connection: &Connection) -> Self {
        if connection.is_tunnel() { Self::Complete { clean: false } } else { Self::ClientLost }
    }
}

/// The settings for an exchange that has a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) backend: &'a Backend,
    /// Limits of the head of a response.
    pub(crate) head: HeadLimits,
    /// Statuses after which the request goes to another server: first and last of each range.
    pub(crate) retried: &'a [(u16, u16)],
    /// Time in which a client has to take something of a response.
    pub(crate) write_seconds: Duration,
    /// There is room for one more client socket; without, responses go through parse.
    pub(crate) may_lease: bool,
}
