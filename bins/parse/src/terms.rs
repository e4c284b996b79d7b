//! The terms of a request: the site and policy that have it, and the target that goes on.

use fosse_http1::RequestHead;
use fosse_routing::{Changed, Facts};
use fosse_wire::request::Endpoint;

use crate::checks;
use crate::conn::Conn;
use crate::context::Context;
use crate::pages::Reader;
use crate::refused::Refused;

/// The terms of one request.
#[derive(Debug)]
pub(crate) struct Terms {
    /// Index of the site.
    pub(crate) site: u32,
    /// Number of the policy.
    pub(crate) policy: u32,
    /// Body bytes that it takes.
    pub(crate) body_bytes_max: u64,
    /// The request ends when its client has closed its side.
    pub(crate) abort_on_close: bool,
    /// The response has the number of the request.
    pub(crate) send_request_id: bool,
    /// The target that goes on, where it is another one.
    pub(crate) target: Option<Vec<u8>>,
    /// Location of a redirect.
    pub(crate) location: Option<Vec<u8>>,
}

impl Conn {
    /// Decides the terms of a request: once, for all programs.
    ///
    /// # Errors
    /// [`Refused`] where no site has the host, or the policy does not take the request.
    pub(crate) fn terms(
        &mut self,
        head: &RequestHead<'_>,
        (client, secure): (Endpoint, bool),
        context: &Context,
    ) -> Result<Terms, Refused> {
        let settings = &context.settings;
        let site = settings.router.site(head.host.name(), self.record.listener).map_err(|_| Refused::UNDECIDED)?;
        let site = site.ok_or(Refused::HOST)?;
        self.exchange.site = site;
        let facts = || Facts {
            client: client.ip(),
            client_bytes: client.addr,
            client_port: client.port,
            listener: self.record.listener,
            secure,
            method: head.method,
            host: head.host.name(),
            host_port: head.host.port().unwrap_or(0),
            request: context.request_to_come(),
            target: head.target,
            headers: &head.fields,
        };
        let policy = settings.router.policy(site, facts).map_err(|_| Refused::UNDECIDED);
        self.reader = Reader::of(policy.unwrap_or_else(|_| settings.own_policy(site)), head, settings);
        let policy = policy?;
        self.exchange.policy = policy;
        let known = settings.policy(policy);
        if let Some(known) = known {
            checks::check(head, &client, known)?;
        }
        let Changed { target, location } = if settings.router.changes(policy) {
            let changed = settings.router.changed(policy, &facts(), settings.head.target_bytes);
            changed.map_err(|_| Refused::REWRITE)
        } else {
            Ok(Changed::default())
        }?;
        Ok(Terms {
            site,
            policy,
            // A shell has no limits.
            body_bytes_max: known.map_or(u64::MAX, |known| known.body_bytes_max),
            abort_on_close: known.is_some_and(|known| known.abort_on_close),
            send_request_id: known.is_some_and(|known| known.send_request_id),
            target,
            location,
        })
    }
}
