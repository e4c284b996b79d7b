//! The ends of an exchange: whole, by a local response, or not at all. Each is counted and logged
//! once.

use fosse_counters::parse as count;
use fosse_wire::Outbox;
use fosse_wire::frame::ResetReason;
use fosse_wire::response::Cause;

use crate::access::{End, Who};
use crate::caller::Caller;
use crate::context::Context;
use crate::exchange::SITE_NONE;
use crate::local::Local;
use crate::pages::{self, Subject};
use crate::refused::{Refused, Whose};
use crate::settings::Settings;
use crate::stream::Stream;
use crate::{slow, traffic};

impl Stream {
    /// Ends the exchange after its whole response. Returns whether the request was cut short by
    /// that: what its client still sends of it cannot be told from a request that follows.
    #[inline]
    pub fn complete(&mut self, context: &mut Context, out: &mut Outbox) -> bool {
        context.counters.add(count::RESPONSES, 1);
        self.end_log(End::Complete, "", context);
        traffic::count(&mut self.exchange, true, context);
        // Bytes that do not become a request are nobody's.
        (self.exchange.site, self.exchange.policy) = (SITE_NONE, u32::MAX);
        self.discharge(context);
        let cut_short = self.stop_request(ResetReason::Limit, out);
        self.exchange.open = false;
        self.exchange.is_head = false;
        cut_short
    }

    /// Ends the exchange at once, as its client is gone or has to go, and resets the stream.
    pub fn abort(&mut self, reason: ResetReason, context: &mut Context, out: &mut Outbox) {
        self.leave(reason, context, out);
        let end = match reason {
            ResetReason::Timeout => End::Timeout,
            ResetReason::Client => End::Client,
            _ => End::Reset,
        };
        self.end_log(end, "", context);
        traffic::count(&mut self.exchange, false, context);
        self.discharge(context);
        self.end_pace(context);
    }

    /// Ends the exchange because of something that is said to the client in its place, as
    /// [`Stream::local`] has it. `host` is that of a request that has not come as far as to a site.
    pub fn give_up(&mut self, host: &[u8], refused: Refused, caller: &Caller, context: &mut Context, out: &mut Outbox) {
        self.report(host, refused, caller, context);
        self.leave(ResetReason::Client, context, out);
        self.discharge(context);
    }

    /// Returns the local response of a refusal.
    #[must_use]
    pub fn local<'a>(&self, host: &[u8], refused: Refused, caller: &Caller, settings: &'a Settings) -> Local<'a> {
        let Refused { status, why, .. } = refused;
        let request = self.exchange.open.then_some(self.exchange.request);
        let subject = Subject { status, request, detail: why, host };
        let page = pages::of_refusal(&subject, self.reader.as_deref(), (settings, caller.record.listener));
        let methods = settings.policy(self.exchange.policy).map(|policy| policy.methods.as_slice());
        let request_id = self.exchange.shown_request_id(settings);
        Local { status, why, methods: methods.unwrap_or_default(), page, request_id }
    }

    /// Ends the request, where it has not ended yet. Returns whether that was so.
    pub fn stop_request(&mut self, reason: ResetReason, out: &mut Outbox) -> bool {
        let is_open = !self.exchange.forward_done;
        if is_open {
            out.reset(self.id, reason);
            self.exchange.forward_done = true;
        }
        is_open
    }

    /// Resets the stream of the exchange, for which no client waits any more. That is done after
    /// the end of the request as well: the response can stop.
    fn leave(&mut self, reason: ResetReason, context: &mut Context, out: &mut Outbox) {
        if self.exchange.open && !self.exchange.discard {
            out.reset(self.id, reason);
            if let Some(encode) = context.to_encode.as_mut().filter(|_| self.exchange.is_encoded) {
                // dispatch may have sent all of the response, and will not end it again.
                encode.outbox.reset(self.id, reason);
            }
            self.exchange.forward_done = true;
            self.exchange.discard = true;
        }
    }

    /// Writes the event line of a refusal.
    pub fn report_refusal(&self, host: &[u8], refused: Refused, caller: &Caller, context: &mut Context) {
        let of = Whose { host, site: self.exchange.site, policy: self.exchange.policy };
        let Context { program, refusals, settings, now_ms, .. } = context;
        refusals.note(program, refused, &self.client(caller), &of, settings, *now_ms);
    }

    /// Counts and logs a refusal.
    fn report(&mut self, host: &[u8], refused: Refused, caller: &Caller, context: &mut Context) {
        context.counters.add(count::REFUSED, 1);
        self.report_refusal(host, refused, caller, context);
        traffic::count_refused(&mut self.exchange, refused.status, context);
        if self.log.is_empty() {
            let (connection, client, peer) = (caller.record.id, self.client(caller), caller.record.peer);
            let handshake = caller.handshake();
            let who = Who { request: 0, request_id: None, connection, client, peer, site: "", handshake };
            return context.access.refused(&who, host, refused);
        }
        self.exchange.status = refused.status;
        self.exchange.cause = Cause::of_status(refused.status);
        self.end_log(End::Complete, refused.why, context);
    }

    fn end_log(&mut self, end: End, why: &str, context: &mut Context) {
        slow::report(&mut self.asked, &self.exchange, context);
        let Context { access, settings, .. } = context;
        access.end(&mut self.log, &self.exchange, end, settings.server_name(self.exchange.backend), why);
    }
}
