//! Requests that a server has failed: another one gets them, on the terms of their policy and
//! within the budget of their backend, or their client hears of it.

use fosse_counters::dispatch as count;
use fosse_die::warning;
use fosse_settings::{Backend, Retry, RetryMethods};
use fosse_wire::response::Cause;

use crate::{
    PROGRAM,
    context::Context,
    exchange::{effect::Effect, failure::Failure, stream::Stream},
    lane::Lane,
    policies::Policy,
    upstream::{
        Upstream,
        budget::Permit,
        supply::{Event, Waiting},
    },
};

/// Times that a request may come back from servers that have not looked at it: each closes its
/// connection meanwhile, and one that does nothing else is no server.
const RETURNED_COUNT_MAX: u8 = 3;

/// The terms of a request and how it stands to them.
#[derive(Clone, Copy, Debug)]
struct Standing<'a> {
    terms: &'a Retry,
    now_us: u64,
}

impl<'a> Standing<'a> {
    fn of(policy: &'a Policy, backend: &'a Backend, context: &Context<'_>) -> Self {
        let terms = policy.settings.retry.as_ref().unwrap_or(&backend.retry);
        Self { terms, now_us: context.event_loop.now_us() }
    }

    /// Returns whether the request may still go elsewhere.
    fn is_in_time(self, stream: &Stream) -> bool {
        let Some(most) = self.terms.seconds_max else { return true };
        u128::from(self.now_us - stream.since_us) < most.as_micros()
    }

    /// Returns whether a second server may hear of the request.
    fn may_repeat(self, stream: &Stream) -> bool {
        let harmless = match self.terms.methods {
            RetryMethods::Safe => stream.effect == Effect::None,
            RetryMethods::Idempotent => stream.effect != Effect::Repeated,
            RetryMethods::Any => true,
        };
        harmless && stream.is_at_hand()
    }

    /// Returns whether one more server may.
    fn may_reach_another(self, stream: &Stream) -> bool {
        u32::from(stream.retries) + 1 < self.terms.attempts_max && self.is_in_time(stream) && self.may_repeat(stream)
    }
}

/// Returns the statuses after which a request goes to another server; none where it stays where it
/// is.
pub(crate) fn statuses<'a>(
    stream: &Stream,
    policy: &'a Policy,
    backend: &'a Backend,
    upstream: &mut Upstream,
    context: &Context<'_>,
) -> &'a [(u16, u16)] {
    let standing = Standing::of(policy, backend, context);
    if standing.terms.status.is_empty() || !standing.may_reach_another(stream) {
        return &[];
    }
    let (mut tried, now_ms) = (stream.wanted.tried, context.now_ms());
    stream.server.iter().for_each(|at| tried.add(upstream.servers[*at].place));
    let room = upstream.servers.has_room_elsewhere(stream.backend, tried, now_ms);
    if room && upstream.servers.may_retry(stream.backend, now_ms) { &standing.terms.status } else { &[] }
}

impl<'a> Lane<'a> {
    fn standing(&self, stream: &Stream) -> Standing<'a> {
        let backend = &self.settings.backends[stream.backend];
        Standing::of(self.policies.get(stream.policy), backend, &self.context)
    }

    /// Takes a retry out of the budget of a backend, where there is room for one.
    pub(crate) fn take_retry(&mut self, backend: usize) -> bool {
        let permit = self.upstream.servers.take_retry(backend, self.context.now_ms());
        if permit == Permit::Granted {
            return true;
        }
        self.context.counters.add(count::RETRIES_REFUSED, 1);
        if permit == Permit::UsedUp {
            let name = &self.settings.backends[backend].name;
            warning(PROGRAM, format_args!("event=retry-budget-used-up backend={name}"));
        }
        false
    }

    /// Sends a stream elsewhere whose server cannot be reached. No byte of the request has gone
    /// out: another server may have it, whatever its method.
    pub(crate) fn elsewhere(&mut self, stream: &mut Stream, server: usize) -> Option<Event> {
        if stream.awaits_access() {
            return self.ask_elsewhere(stream, server);
        }
        stream.supply = Waiting::No;
        stream.server = Some(server);
        stream.wanted.tried.add(self.upstream.servers[server].place);
        let standing = self.standing(stream);
        if standing.terms.on.connect && standing.is_in_time(stream) {
            self.connect(stream);
        } else {
            self.respond(stream, 502, Cause::Backend);
        }
        None
    }

    /// Handles a stream that the backend failed: another server gets it where its terms permit
    /// that, otherwise the client gets an error. A connection that the server had closed meanwhile
    /// says nothing of the server, and is not counted: the next one may be closed as well.
    pub(crate) fn backend_failed(&mut self, stream: &mut Stream, why: Failure) -> Option<Event> {
        let connection = self.connection_of(stream);
        let heard = connection.is_some_and(|c| c.heard);
        let stale = connection.is_some_and(|c| c.used_before) && !heard && !why.is_timeout();
        let standing = self.standing(stream);
        if why == Failure::Unprocessed && self.is_unprocessed(stream) {
            self.abandon(stream);
            stream.out_sent = 0;
            self.connect(stream);
            return None;
        }
        let meant = match why {
            Failure::Status(_) => true,
            Failure::NoResponse => standing.terms.on.timeout && !heard,
            _ => standing.terms.on.reset && !heard && !why.is_timeout(),
        };
        let may = if stale { standing.may_repeat(stream) } else { standing.may_reach_another(stream) };
        let server = stream.server.filter(|_| !(stale && meant && may));
        let news = match (server, why) {
            (Some(at), Failure::Status(status)) => self.response_dropped(stream, at, status),
            (Some(at), _) => {
                self.server_failed(stream, at, why, stale);
                None
            }
            (None, _) => None,
        };
        let again = meant
            && may
            && (stale
                || self.upstream.servers.has_another(stream.backend, stream.wanted.tried)
                    && self.take_retry(stream.backend));
        if !again {
            self.respond(stream, why.status(), Cause::of_status(why.status()));
            return news;
        }
        self.abandon(stream);
        self.context.counters.add(count::RETRIES, 1);
        stream.retries += u8::from(!stale);
        stream.out_sent = 0;
        self.connect(stream);
        news
    }

    /// Returns whether a request that no server has looked at may be sent again, whatever its
    /// method: it is all there, and has not been so often.
    fn is_unprocessed(&self, stream: &mut Stream) -> bool {
        let standing = self.standing(stream);
        stream.returned += 1;
        stream.returned <= RETURNED_COUNT_MAX && standing.is_in_time(stream) && stream.is_at_hand()
    }

    /// Logs that a server failed a request, and counts it unless its connection was stale.
    fn server_failed(&mut self, stream: &mut Stream, at: usize, why: Failure, stale: bool) {
        stream.wanted.tried.add(self.upstream.servers[at].place);
        let state = if !stale && self.upstream.failed(at, &self.context) { " state=down" } else { "" };
        let (name, request) = (&self.upstream.servers[at].name, stream.request);
        warning(
            PROGRAM,
            format_args!("event=backend-failed server={name} request={request:016x} why=\"{why}\"{state}"),
        );
    }

    /// Frees the connection of a response whose client gets that of another server. Returns the
    /// news for the one that gets it.
    fn response_dropped(&mut self, stream: &mut Stream, at: usize, status: u16) -> Option<Event> {
        stream.wanted.tried.add(self.upstream.servers[at].place);
        let (name, request) = (&self.upstream.servers[at].name, stream.request);
        warning(PROGRAM, format_args!("event=response-retried server={name} request={request:016x} status={status}"));
        let clean = stream.sent();
        stream.connection.take().and_then(|key| self.free(key, clean))
    }
}
