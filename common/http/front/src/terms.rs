//! The terms of a request: the site and policy that have it, and the target that goes on.

use fosse_routing::{Changed, Facts};

use crate::caller::Caller;
use crate::checks;
use crate::context::Context;
use crate::pages::Reader;
use crate::refused::Refused;
use crate::request::{Asker, Request};
use crate::settings::Settings;
use crate::stream::Stream;

/// The terms of one request.
#[derive(Debug)]
pub struct Terms {
    /// Index of the site.
    pub site: u32,
    /// Number of the policy.
    pub policy: u32,
    /// Body bytes that it takes.
    pub body_bytes_max: u64,
    /// The request ends when its client has closed its side.
    pub abort_on_close: bool,
    /// The response has the number of the request.
    pub send_request_id: bool,
    /// The target that goes on, where it is another one.
    pub target: Option<Vec<u8>>,
    /// Location of a redirect.
    pub location: Option<Vec<u8>>,
}

impl Stream {
    /// Decides the terms of a request: once, for all programs.
    ///
    /// # Errors
    /// [`Refused`] where no site has the host, or the policy does not take the request.
    pub fn terms(
        &mut self,
        request: &Request<'_>,
        asker: Asker,
        caller: &Caller,
        context: &Context,
    ) -> Result<Terms, Refused> {
        let (Asker { client, secure }, listener) = (asker, caller.record.listener);
        let settings = &context.settings;
        let found = settings.router.site(request.host.name(), listener);
        let site = found.map_err(|_| Refused::UNDECIDED)?.ok_or(Refused::HOST)?;
        self.exchange.site = site;
        check_terms(site, caller, settings)?;
        let facts = || Facts {
            client: client.ip(),
            client_bytes: client.addr,
            client_port: client.port,
            listener,
            secure,
            method: request.method,
            host: request.host.name(),
            host_port: request.host.port().unwrap_or(0),
            request: context.request_to_come(),
            target: request.target,
            handshake: caller.handshake(),
            headers: request.fields,
        };
        let policy = settings.router.policy(site, facts).map_err(|_| Refused::UNDECIDED);
        self.reader = Reader::of(policy.unwrap_or_else(|_| settings.own_policy(site)), request, settings);
        let policy = policy?;
        self.exchange.policy = policy;
        let known = settings.policy(policy);
        if let Some(known) = known {
            checks::check(request, &client, known)?;
        }
        let changed = || settings.router.changed(policy, &facts(), settings.head.target_bytes);
        let changed = if settings.router.changes(policy) { changed() } else { Ok(Changed::default()) };
        let Changed { target, location } = changed.map_err(|_| Refused::REWRITE)?;
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

/// Refuses a site to clients over TLS whose handshake was on other terms than its own. Who has
/// shown no certificate to one site could ask for another's pages else.
fn check_terms(site: u32, caller: &Caller, settings: &Settings) -> Result<(), Refused> {
    let Some(tls) = &caller.tls else { return Ok(()) };
    let terms = |site: u32| settings.blob.sites.get(usize::try_from(site).ok()?).map(|site| site.tls_terms);
    let of_handshake = settings.router.site(&tls.name, caller.record.listener).ok().flatten();
    let wanted = terms(site).unwrap_or(0);
    let is_same = wanted != 0 && Some(wanted) == of_handshake.and_then(terms);
    if is_same { Ok(()) } else { Err(Refused::OTHER_TERMS) }
}
