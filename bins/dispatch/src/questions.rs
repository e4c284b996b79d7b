//! Requests that wait for access: what is asked of whom about them, and what becomes of them then.

use fosse_counters::dispatch as count;
use fosse_die::warning;
use fosse_eventloop::{Event as Ready, Interest, slab::Key};
use fosse_settings::Retry;
use fosse_wire::{
    order::Forward,
    response::{BACKEND_NONE, Cause},
};

use crate::{
    PROGRAM,
    context::Shared,
    exchange::{
        access::{self, Decision, Denial, Question, Reading},
        admission,
        failure::Failure,
        limit::Limit,
        local::{self, LocalResponse},
        response_head,
        stream::Stream,
    },
    lane::Lane,
    upstream::supply::{Event, Supply, Waiting},
};

impl Lane<'_> {
    /// Puts the next question about a request; one about which there is none goes on.
    pub(crate) fn put_question(&mut self, stream: &mut Stream) -> Option<Event> {
        match stream.question() {
            None => {
                stream.release();
                let outcome = admission::go_on(stream, &mut self.context);
                self.settle(stream, outcome)
            }
            Some(Question::Password(_)) => self.ask_password(stream),
            Some(Question::Server(ask)) => {
                let decision_seconds = ask.decision_seconds;
                stream.start_limit(Limit::Access, decision_seconds, &mut self.context);
                self.ask(stream)
            }
        }
    }

    /// Takes the decision about a request.
    pub(crate) fn decided(&mut self, stream: &mut Stream, decision: Decision) -> Option<Event> {
        match decision {
            Decision::Pass(given) => match stream.passed(given) {
                Ok(()) => self.put_question(stream),
                Err(_) => {
                    self.respond(stream, 502, Cause::Access);
                    None
                }
            },
            Decision::Deny(mut denial) => {
                denial.fields.extend_from_slice(stream.response_fields());
                self.deny(stream, &denial);
                None
            }
        }
    }

    /// Ends what was asked about a request, which never gets access then.
    pub(crate) fn end_question(&mut self, stream: &mut Stream) {
        let ask = match stream.take_question() {
            Some(Question::Server(ask)) => ask,
            Some(Question::Password(login)) => return self.forget_login(stream.id, &login),
            None => return,
        };
        if ask.supply != Waiting::No {
            self.upstream.cancel(stream.id, ask.backend, &self.context);
        }
        if let Some(key) = ask.connection {
            self.upstream.close(key, &self.context);
        }
    }

    /// Ends the wait for a decision, whose time is over. A server that had the question has failed.
    pub(crate) fn undecided(&mut self, stream: &mut Stream) -> Option<Event> {
        let waiting = stream.ask().and_then(|ask| ask.connection.and(ask.server));
        if let Some(at) = waiting {
            self.asking_failed(stream.request, at, Failure::NoResponse, false);
        }
        self.refuse_access(stream);
        None
    }

    fn refuse_access(&mut self, stream: &mut Stream) {
        warning(PROGRAM, format_args!("event=access-undecided request={:016x}", stream.request));
        self.respond(stream, 503, Cause::Access);
    }

    /// Finds a connection for a question to a server, as for a request.
    fn ask(&mut self, stream: &mut Stream) -> Option<Event> {
        let (id, source) = (stream.id, stream.source());
        let ask = stream.ask()?;
        match self.upstream.request(id, source, ask.backend, ask.wanted, &self.context) {
            Supply::Ready(key) => self.ask_over(stream, key),
            Supply::Connecting(server) => (ask.server, ask.supply) = (Some(server), Waiting::Connecting),
            Supply::Queued => ask.supply = Waiting::Queued,
            Supply::QueueFull | Supply::NoServer => self.refuse_access(stream),
        }
        None
    }

    /// Sends a question over the connection that upstream has given it.
    pub(crate) fn ask_over(&mut self, stream: &mut Stream, key: Key) {
        let client = stream.client;
        let (Some(ask), Some(connection)) = (stream.ask(), self.upstream.connections.get_mut(key)) else {
            return self.context.state_error("connection for a question is gone");
        };
        ask.begin(key, connection, &self.settings.backends[ask.backend], client);
        access::send(ask, key, connection, &self.context);
    }

    /// Asks elsewhere, as that server cannot be reached.
    pub(crate) fn ask_elsewhere(&mut self, stream: &mut Stream, server: usize) -> Option<Event> {
        if let Some(ask) = stream.ask() {
            (ask.supply, ask.server) = (Waiting::No, Some(server));
            ask.wanted.tried.add(self.upstream.servers[server].place);
        }
        self.ask(stream)
    }

    /// Handles the connection of a question that has something to read, or room to write.
    pub(crate) fn decision_ready(&mut self, stream: &mut Stream, key: Key, event: Ready) -> Option<Event> {
        let Some(access) = &self.policies.get(stream.policy).settings.access else { return None };
        let auth = access.forward_auth.as_ref()?;
        let (Some(ask), Some(connection)) = (stream.ask(), self.upstream.connections.get_mut(key)) else {
            self.context.state_error("connection of a question is gone");
            return None;
        };
        if event.readable() && access::went_bad_in_pool(ask, connection) {
            ask.connection = None;
            self.upstream.close(key, &self.context);
            return self.ask(stream);
        }
        if event.flags.intersects(Interest::OUT | Interest::HUP | Interest::ERR) {
            access::send(ask, key, connection, &self.context);
        }
        if !event.readable() {
            return None;
        }
        let lenient = self.settings.backends[ask.backend].lenient_responses;
        let limits = response_head::limits(self.settings);
        match access::read(ask, connection, auth, (&limits, lenient), &mut self.context) {
            Reading::More => None,
            Reading::Failed(why) => self.question_failed(stream, why),
            Reading::Whole { clean } => self.decision_came(stream, key, clean),
        }
    }

    /// Takes the response to a question. Returns the news for the one that gets its connection,
    /// which comes first: the request may want one of the same backend.
    fn decision_came(&mut self, stream: &mut Stream, key: Key, clean: bool) -> Option<Event> {
        let ask = stream.ask()?;
        ask.connection = None;
        let ((status, decision), backend, sent) = (ask.take_decision(), ask.backend, ask.is_sent());
        let took_us = self.context.event_loop.now_us() - ask.sent_us;
        self.context.counters.count_status(backend, status);
        self.context.counters.count_time(backend, took_us);
        let news = self.free(key, clean && sent);
        let more = self.decided(stream, decision);
        debug_assert!(more.is_none(), "a request that has no connection yet has no news for others");
        news
    }

    /// Handles a question that a server failed: it is put to another one where that is safe, once.
    fn question_failed(&mut self, stream: &mut Stream, why: Failure) -> Option<Event> {
        let request = stream.request;
        let ask = stream.ask()?;
        let (backend, repeated) = (ask.backend, ask.repeated);
        let Retry { on, attempts_max, .. } = self.settings.backends[backend].retry;
        let connection = ask.connection.and_then(|key| self.upstream.connections.get(key));
        let heard = connection.is_some_and(|connection| connection.heard);
        let stale = connection.is_some_and(|connection| connection.used_before) && !heard;
        let may = on.reset && attempts_max > 1 && !heard && !repeated;
        ask.repeated |= !stale;
        let (key, server) = (ask.connection.take(), ask.server.filter(|_| !(stale && may)));
        if let Some(at) = server {
            ask.wanted.tried.add(self.upstream.servers[at].place);
            self.asking_failed(request, at, why, stale);
        }
        let tried = ask.wanted.tried;
        let again = may && (stale || self.upstream.servers.has_another(backend, tried) && self.take_retry(backend));
        if let Some(key) = key {
            self.upstream.close(key, &self.context);
        }
        if again {
            self.context.counters.add(count::RETRIES, 1);
            return self.ask(stream);
        }
        self.refuse_access(stream);
        None
    }

    /// Logs that a server failed a question, and counts it unless its connection was stale.
    fn asking_failed(&mut self, request: u64, at: usize, why: Failure, stale: bool) {
        let state = if !stale && self.upstream.failed(at, &self.context) { " state=down" } else { "" };
        let name = &self.upstream.servers[at].name;
        warning(
            PROGRAM,
            format_args!("event=backend-failed server={name} request={request:016x} why=\"{why}\"{state}"),
        );
    }

    /// Sends the response of a check that lets a request not pass.
    fn deny(&mut self, stream: &mut Stream, denial: &Denial) {
        self.abandon(stream);
        let policy = self.policies.get(stream.policy);
        let now_ms = self.context.now_ms();
        let mut local = LocalResponse {
            status: denial.status,
            page: denial.page.as_ref(),
            fields: &denial.fields,
            cause: Cause::Access,
            request: stream.request,
            to_head: stream.to_head,
            close: stream.forward == Forward::Open,
            backend: BACKEND_NONE,
            changes: response_head::changes(stream, policy),
            ..LocalResponse::default()
        };
        let page_bytes = denial.page.as_ref().map_or(0, |page| page.body.len());
        let is_long = page_bytes > usize::try_from(stream.credit).unwrap_or(usize::MAX) && !stream.to_head;
        // A response under way would let go on what still comes of the request.
        let may_wait =
            stream.forward == Forward::Ended && page_bytes <= self.context.shared.ahead.room(stream.source());
        let Shared { date, output, .. } = &mut *self.context.shared;
        if is_long && may_wait {
            let page = local::put_head(&mut output.outbox, stream.id, &local, date.at(now_ms)).into_owned();
            self.await_client(stream);
            return self.send_later(stream, page.into_bytes(), 0);
        }
        if is_long {
            local.page = None;
        }
        local::put(&mut output.outbox, stream.id, &local, date.at(now_ms));
        self.end_response(stream);
    }
}
