//! Requests that come with a name and a password: what becomes of them.

use std::os::fd::OwnedFd;

use fosse_counters::dispatch as count;
use fosse_die::{Escaped, warning};
use fosse_settings::BasicAuth;
use fosse_wire::{StreamId, password::Outcome};
use zeroize::Zeroize as _;

use super::Decided;
use crate::{
    PROGRAM,
    context::token,
    exchange::{
        access::{Decision, Digest, Given, Login, Question, challenge, given, too_many},
        limit::Limit,
        stream::Stream,
        streams::Streams,
    },
    lane::Lane,
    limits::LOGIN_WAIT,
    policies::Policies,
    upstream::supply::Event,
};

impl Lane<'_> {
    /// Decides about a request by its name and password, where that can be done at once; else has
    /// them checked.
    pub(crate) fn ask_password(&mut self, stream: &mut Stream) -> Option<Event> {
        let Some(auth) = basic_auth(self.policies, stream) else {
            self.context.state_error("a login without users");
            return self.decided(stream, Decision::Deny(too_many()));
        };
        let (id, source, logins) = (stream.id, stream.source(), &mut self.context.shared.logins);
        let Some(Question::Password(login)) = stream.question() else { return None };
        let decision = match &mut **login {
            (Login::Anonymous, _) => Decision::Pass(Given::default()),
            (Login::Missing, _) => Decision::Deny(challenge(auth)),
            (Login::User(credentials), digest) => {
                let own = logins.digest(auth.list, credentials);
                if !logins.is_remembered(&own, self.context.event_loop.now_ms()) {
                    *digest = Some(own);
                    logins.check(id, own, (auth.list, source, credentials));
                    // It is with fosse-password now.
                    credentials.password.zeroize();
                    stream.start_limit(Limit::Access, LOGIN_WAIT, &mut self.context);
                    return None;
                }
                Decision::Pass(given(auth, &credentials.name))
            }
        };
        self.decided(stream, decision)
    }

    /// Forgets a request that waits for no result any more.
    pub(crate) fn forget_login(&mut self, stream: StreamId, login: &(Login, Option<Digest>)) {
        if let (_, Some(digest)) = login {
            self.context.shared.logins.forget(stream, digest);
        }
    }

    /// Takes a session with fosse-password that start has opened.
    pub(crate) fn on_password_session(&mut self, fd: OwnedFd, streams: &mut Streams) {
        let lost = self.context.shared.logins.begin(fd, token::of(token::PASSWORDS), self.context.event_loop);
        self.decide_logins(lost, streams);
    }

    /// Takes the results of fosse-password.
    pub(crate) fn on_passwords(&mut self, streams: &mut Streams) {
        let now_ms = self.context.now_ms();
        let decided = self.context.shared.logins.hear(self.context.event_loop, now_ms);
        self.decide_logins(decided, streams);
    }

    fn decide_logins(&mut self, decided: Vec<Decided>, streams: &mut Streams) {
        for (ids, outcome) in decided {
            for id in ids {
                let Some(stream) = streams.get(id) else {
                    self.context.state_error("stream with a login is gone");
                    continue;
                };
                let news = self.decide_login(stream, outcome);
                let over = stream.is_over();
                self.follow(streams, id, over, news);
            }
        }
    }

    fn decide_login(&mut self, stream: &mut Stream, outcome: Option<Outcome>) -> Option<Event> {
        let auth = basic_auth(self.policies, stream)?;
        let (client, request) = (stream.client.ip(), stream.request);
        let Some(Question::Password(login)) = stream.question() else {
            self.context.state_error("a result for a request without a login");
            return None;
        };
        // It is no more among those that wait.
        login.1 = None;
        let Login::User(credentials) = &login.0 else { return None };
        let decision = match outcome {
            Some(Outcome::Passed) => Decision::Pass(given(auth, &credentials.name)),
            Some(Outcome::Refused) => {
                self.context.counters.add(count::LOGINS_FAILED, 1);
                let (name, client) = (Escaped(&credentials.name), client.map_or("unix".into(), |ip| ip.to_string()));
                warning(PROGRAM, format_args!("event=login-failed client={client} request={request:016x} user={name}"));
                Decision::Deny(challenge(auth))
            }
            Some(Outcome::Busy) => {
                self.context.counters.add(count::LOGINS_LIMITED, 1);
                Decision::Deny(too_many())
            }
            None => return self.undecided(stream),
        };
        self.decided(stream, decision)
    }
}

fn basic_auth<'a>(policies: &'a Policies, stream: &Stream) -> Option<&'a BasicAuth> {
    policies.get(stream.policy).settings.access.as_ref()?.basic_auth.as_ref()
}
