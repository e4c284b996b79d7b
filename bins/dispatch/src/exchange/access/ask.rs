//! A question to a server, on its way there, and the reading of its response.

use std::time::Duration;

use fosse_eventloop::{Interest, slab::Key};
use fosse_http1::HeadLimits;
use fosse_settings::{Backend, ForwardAuth};
use fosse_source::Source;
use fosse_wire::request::{Endpoint, RequestHead};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send as send_bytes},
};

use super::{
    Decision,
    decision::{Reading, Reply},
    sign_in, subrequest,
};
use crate::{
    context::Context,
    exchange::{affinity, failure::Failure, proxy_header::put_proxy_header, refused::Refused},
    limits,
    policies::Policy,
    upstream::{
        connection::{At, Connection},
        pins,
        supply::Waiting,
        tried::Wanted,
    },
};

/// A question to a server. It has a connection of its own, so that no byte of the request it
/// is about can go over it.
#[derive(Debug)]
pub(crate) struct Ask {
    /// Index of the backend.
    pub(crate) backend: usize,
    /// Longest wait for the decision.
    pub(crate) decision_seconds: Duration,
    /// Location of a redirect in place of a 401; empty for none.
    pub(super) sign_in: Vec<u8>,
    /// Bytes for the server.
    out: Vec<u8>,
    out_sent: usize,
    /// It carries a login that is bound to a connection.
    logs_in: bool,
    /// `out` begins with a PROXY header.
    announced: bool,
    /// The server that was chosen last.
    pub(crate) server: Option<usize>,
    /// The thing it waits for while it has no connection.
    pub(crate) supply: Waiting,
    /// Servers that were asked in vain, and the client's claim to one.
    pub(crate) wanted: Wanted,
    pub(crate) connection: Option<Key>,
    /// It has been put to another server after bytes of it had gone out.
    pub(crate) repeated: bool,
    /// Time at which it had gone out whole, in microseconds.
    pub(crate) sent_us: u64,
    /// As much of the response as has come.
    pub(super) reply: Reply,
}

impl Ask {
    /// Writes the question about a request.
    ///
    /// # Errors
    /// [`Refused`] where a field of the client cannot be written.
    pub(crate) fn of(
        head: &RequestHead<'_>,
        source: Source,
        (policy, auth): (&Policy, &ForwardAuth),
        backends: &[Backend],
    ) -> Result<Self, Refused> {
        let number = usize::try_from(auth.backend).unwrap_or(usize::MAX);
        // Records are read elsewhere: the configuration names a backend that speaks HTTP/1.1.
        let backend = backends.get(number).filter(|backend| backend.fastcgi.is_none()).ok_or(Refused::NoServer)?;
        let mut out = Vec::new();
        subrequest::write(&mut out, head, policy, auth, backend)?;
        let affinity = affinity::of(head, source, backend);
        Ok(Self {
            backend: number,
            decision_seconds: auth.decision_seconds,
            sign_in: sign_in::location(head, auth),
            out,
            out_sent: 0,
            logs_in: pins::logs_in(head.fields),
            announced: false,
            server: None,
            supply: Waiting::No,
            wanted: Wanted { affinity, ..Wanted::default() },
            connection: None,
            repeated: false,
            sent_us: 0,
            reply: Reply::default(),
        })
    }

    /// Takes what the response means, of which all has come.
    pub(crate) fn take_decision(&mut self) -> (u16, Decision) {
        let reply = std::mem::take(&mut self.reply);
        (reply.status(), reply.decision(&self.sign_in))
    }

    /// Returns whether all of it has gone out.
    pub(crate) fn is_sent(&self) -> bool {
        self.out_sent >= self.out.len()
    }

    /// Gives it a connection.
    pub(crate) fn begin(&mut self, key: Key, connection: &mut Connection, backend: &Backend, client: Endpoint) {
        self.supply = Waiting::No;
        self.connection = Some(key);
        self.server = Some(connection.server);
        (self.out_sent, self.reply) = (0, Reply::default());
        if backend.proxy_protocol > 0 && !connection.used_before {
            if !std::mem::replace(&mut self.announced, true) {
                put_proxy_header(&mut self.out, backend.proxy_protocol, client);
            }
            connection.keep = false;
        }
        if self.logs_in {
            // Nobody else may be asked about over a connection that somebody has logged in.
            connection.keep = false;
        }
    }
}

/// Returns whether something came over a connection out of the pool before a byte of the question
/// went out.
pub(crate) const fn went_bad_in_pool(ask: &Ask, connection: &Connection) -> bool {
    connection.used_before && !connection.heard && ask.out_sent == 0
}

/// Writes once to the server.
pub(crate) fn send(ask: &mut Ask, key: Key, connection: &mut Connection, context: &Context<'_>) {
    if ask.is_sent() {
        return;
    }
    match send_bytes(&connection.fd, &ask.out[ask.out_sent..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        Ok(sent) => ask.out_sent += sent,
        Err(Errno::AGAIN | Errno::INTR) => {}
        // What the server says, or its end, comes as a read.
        Err(_) => ask.out_sent = ask.out.len(),
    }
    if ask.is_sent() {
        ask.sent_us = context.event_loop.now_us();
    }
    let blocked = !ask.is_sent();
    let wanted = if blocked { connection.interest | Interest::OUT } else { connection.interest - Interest::OUT };
    connection.watch(key, wanted, context.event_loop);
}

/// Reads once from the server.
pub(crate) fn read(
    ask: &mut Ask,
    connection: &mut Connection,
    auth: &ForwardAuth,
    (head, lenient): (&HeadLimits, bool),
    context: &mut Context<'_>,
) -> Reading {
    let mut scratch = std::mem::take(&mut context.shared.scratch);
    let room = limits::READ_HEAD_BYTES.min(scratch.len());
    let reading = match recv(&connection.fd, &mut scratch[..room], RecvFlags::DONTWAIT) {
        Ok((0, _)) => {
            connection.ended = true;
            ended(ask, connection)
        }
        Ok((length, _)) => {
            connection.heard = true;
            ask.reply.take(connection, &scratch[..length], auth, (head, lenient))
        }
        Err(Errno::AGAIN | Errno::INTR) => Reading::More,
        Err(_) => Reading::Failed(Failure::Reset),
    };
    context.shared.scratch = scratch;
    reading
}

/// Handles a server that closed: right for a body that ends so, wrong in any other place.
fn ended(ask: &Ask, connection: &Connection) -> Reading {
    match connection.at {
        At::UntilClose if connection.is_cut() => Reading::Failed(Failure::ClosedInBody),
        At::UntilClose => Reading::Whole { clean: true },
        At::Head if connection.input.is_empty() && ask.reply.is_new() => Reading::Failed(Failure::ClosedBeforeResponse),
        At::Head => Reading::Failed(Failure::ClosedInHead),
        _ => Reading::Failed(Failure::ClosedInBody),
    }
}
