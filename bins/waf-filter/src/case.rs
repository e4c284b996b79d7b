//! One request before the rules: its transaction, how far it is, and what it has cost.

use std::net::{IpAddr, Ipv4Addr};

use fosse_seclang::{Arena, Environment, Mode, Now, Outcome, Record, Ruleset, Scratch, Taken, Transaction};
use fosse_settings::{WafMode, WafSite};
use fosse_wire::{
    StreamId,
    request::{BodyLength, RequestHead, Version},
    response::ResponseHead,
    verdict::{Cause, Verdict},
};
use rustix::time::{ClockId, clock_gettime};

use crate::kept::inspects;
use crate::limits::{
    ARENAS_KEPT_MAX, BODY_KIB_PER_BUDGET, LOCATION_BYTES_MAX, LONG_BODY_BYTES, RULES_MILLISECONDS_DEFAULT,
};
use crate::link::Link;
use crate::watch::Watch;

/// How far a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The head is judged.
    Head,
    /// The body is awaited.
    Body,
    /// Everything is judged.
    Whole,
    /// The request has passed, its answer is awaited.
    Answer,
    /// The answer's head is judged.
    AnswerHead,
    /// The answer's body is awaited.
    AnswerBody,
    /// The whole answer is judged.
    AnswerWhole,
    /// The rules have their last word (phase 5); it changes nothing.
    Last,
    /// Over.
    Done,
}

/// Why a request is denied, before it is a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Status to answer with, 300 to 599.
    pub status: u16,
    /// Which kind of reason.
    pub cause: Cause,
    /// The rule, 0 where none was involved.
    pub rule: u32,
    /// For logs.
    pub message: Vec<u8>,
    /// Where the client is sent; empty without.
    pub location: Vec<u8>,
    /// Seconds for Retry-After, 0 for none.
    pub retry_after: u32,
}

impl Denial {
    /// A denial without a rule.
    #[must_use]
    pub fn new(status: u16, cause: Cause, message: &str) -> Self {
        Self { status, cause, rule: 0, message: message.into(), location: Vec::new(), retry_after: 0 }
    }

    /// As a frame about request `request` of site `site`.
    pub(crate) fn verdict(&self, site: u32, request: u64) -> Verdict<'_> {
        Verdict {
            status: self.status,
            cause: self.cause,
            rule: self.rule,
            retry_after: self.retry_after,
            site,
            request,
            location: &self.location,
            message: &self.message,
        }
    }
}

/// What is next for a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The body of the request, or of the answer, when it is there.
    Body,
    /// Another slice of time.
    Slice,
    /// A record of a persistent collection.
    Record,
    /// Its answer: the request passes.
    Answer,
    /// Its end: it passes or is denied.
    End,
}

/// A request and its rules.
#[derive(Debug)]
pub struct Case {
    /// What the rules see and say.
    pub transaction: Transaction<'static>,
    /// What was decided, if it stands against passing. In detect mode it is logged.
    pub denial: Option<Denial>,
    /// Status of the application's answer, once there is one.
    pub answered: Option<u16>,
    step: Step,
    has_body: bool,
    /// Its answer is judged too.
    inspects: bool,
    spent_us: u64,
    budget_us: u64,
    /// Whether a body is so long that one piece of work on it takes a good part of a turn.
    long: bool,
    seconds: u64,
}

/// What all cases of a process share.
#[derive(Debug, Default)]
pub struct Court {
    /// The way to the keeper of persistent collections.
    pub link: Link,
    scratch: Scratch,
    arenas: Vec<Arena>,
}

impl Court {
    /// Opens a case about a head.
    #[must_use]
    pub fn open(&mut self, rules: &'static Ruleset, site: &WafSite, head: &RequestHead<'_>, has_body: bool) -> Case {
        let seconds = u64::try_from(clock_gettime(ClockId::Realtime).tv_sec).unwrap_or(0);
        let mut t = Transaction::new(rules, self.arenas.pop().unwrap_or_default(), Now { seconds, elapsed_micros: 0 });
        t.set_mode(if site.waf == WafMode::Detect { Mode::DetectionOnly } else { Mode::On });
        t.unique_id(&hex(head.request));
        if let Some(client) = head.client.ip() {
            let port = if head.host_port != 0 { head.host_port } else { if head.secure { 443 } else { 80 } };
            t.connection(client, head.client.port, IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
        }
        let (method, uri, version) = line_parts(head);
        t.request_line(head.line, method, uri, version);
        for (name, value) in head.fields {
            t.header(name, value);
        }
        let milliseconds_max =
            if site.rules_milliseconds_max == 0 { RULES_MILLISECONDS_DEFAULT } else { site.rules_milliseconds_max };
        let budget_us = u64::from(milliseconds_max).saturating_mul(1000);
        Case {
            transaction: t,
            denial: None,
            answered: None,
            step: Step::Head,
            has_body,
            inspects: inspects(site),
            spent_us: 0,
            budget_us,
            long: false,
            seconds,
        }
    }

    /// Works on the case of a stream until it needs something, its slice is over, or it ends.
    pub fn advance(&mut self, stream: StreamId, case: &mut Case) -> Next {
        self.link.about(stream);
        let watch = Watch::new(case.spent_us, case.budget_us, case.long);
        let next = self.steps(case, &watch);
        case.spent_us = case.spent_us.saturating_add(watch.used_us());
        next
    }

    fn steps(&mut self, case: &mut Case, watch: &Watch) -> Next {
        loop {
            let elapsed_micros = case.spent_us.saturating_add(watch.wall_us());
            case.transaction.set_now(Now { seconds: case.seconds, elapsed_micros });
            let mut schedule = || watch.schedule();
            let env = &mut Environment { scratch: &mut self.scratch, schedule: &mut schedule, store: &mut self.link };
            let outcome = match case.step {
                Step::Head => case.transaction.phase1(env),
                Step::Whole => case.transaction.phase2(env),
                Step::AnswerHead => case.transaction.phase3(env),
                Step::AnswerWhole => case.transaction.phase4(env),
                Step::Last => case.transaction.phase5(env),
                Step::Body | Step::AnswerBody => return Next::Body,
                Step::Answer => return Next::Answer,
                Step::Done => return Next::End,
            };
            match outcome {
                Outcome::Yield => return Next::Slice,
                Outcome::Wait => return Next::Record,
                outcome => case.step = case.after(outcome),
            }
        }
    }

    /// Lets the rules have their last word (phase 5) about a request that gets no answer to judge, as far as one slice goes.
    pub fn conclude(&mut self, stream: StreamId, case: &mut Case) {
        if case.step != Step::Done {
            case.step = Step::Last;
            while self.advance(stream, case) == Next::Record {
                // Nobody waits any more; what the rules change counts all the same.
                let wanted: Vec<_> = case.transaction.wanted().map(|place| place.collection).collect();
                wanted.into_iter().for_each(|one| case.transaction.provide(one, Record::default()));
            }
        }
    }

    /// Whether the audit log would have this case by the rules' own settings.
    #[must_use]
    pub fn audit_wanted(&mut self, case: &Case, status: u16) -> bool {
        case.transaction.audit_wanted(status, &mut self.scratch)
    }

    /// Closes a case; its memory serves the next.
    pub fn close(&mut self, case: Case) {
        let arena = case.transaction.finish();
        if self.arenas.len() < ARENAS_KEPT_MAX {
            self.arenas.push(arena);
        }
    }
}

impl Case {
    /// Gives it the body, decoded and as far as the site has it judged.
    pub fn body(&mut self, body: &[u8]) -> Taken {
        self.step = Step::Whole;
        self.budget_us = with_body(self.budget_us, body.len());
        self.long |= body.len() >= LONG_BODY_BYTES;
        self.transaction.request_body(body)
    }

    /// Gives it the head of the answer.
    pub fn answer(&mut self, head: &ResponseHead<'_>) {
        self.step = Step::AnswerHead;
        self.answered = Some(head.status);
        // What parse writes, whatever the application spoke.
        self.transaction.response(head.status, b"HTTP/1.1");
        for (name, value) in head.fields {
            self.transaction.response_header(name, value);
        }
        // Framing travels in typed fields.
        match head.body {
            BodyLength::Exact(length) => {
                self.transaction.response_header(b"Content-Length", length.to_string().as_bytes());
            }
            BodyLength::Chunked => self.transaction.response_header(b"Transfer-Encoding", b"chunked"),
            BodyLength::None => {}
        }
    }

    /// Gives it the answer's body, decoded; `longer` says that there is more of it.
    pub fn answer_body(&mut self, body: &[u8], longer: bool) {
        self.step = Step::AnswerWhole;
        self.budget_us = with_body(self.budget_us, body.len());
        self.long |= body.len() >= LONG_BODY_BYTES;
        let taken = self.transaction.response_body(body);
        if longer || taken != Taken::All {
            self.transaction.response_is_longer();
        }
    }

    /// The answer's head is judged, its body is not.
    #[must_use]
    pub fn awaits_body(&self) -> bool {
        self.step == Step::AnswerBody
    }

    /// CPU time it has taken, in microseconds.
    #[must_use]
    pub const fn spent_us(&self) -> u64 {
        self.spent_us
    }

    fn after(&mut self, outcome: Outcome) -> Step {
        let step = match (self.step, outcome) {
            (Step::Head, Outcome::Continue) if self.has_body => Step::Body,
            (Step::Head, Outcome::Continue) => Step::Whole,
            (Step::Whole, Outcome::Continue) if self.inspects => Step::Answer,
            (Step::AnswerHead, Outcome::Continue) => Step::AnswerBody,
            (Step::Whole | Step::AnswerWhole, Outcome::Continue) => Step::Last,
            // Whatever phase 5 comes to, everything is decided.
            (Step::Last | Step::Done | Step::Body | Step::Answer | Step::AnswerBody, _) => Step::Done,
            (_, outcome) => {
                self.denial = Some(self.denied(outcome));
                Step::Last
            }
        };
        let ran_out = self.denial.as_ref().is_some_and(|denial| denial.cause == Cause::Budget);
        if ran_out { Step::Done } else { step }
    }

    fn denied(&self, outcome: Outcome) -> Denial {
        match outcome {
            Outcome::Deny { status, rule } => self.by_rule(status, rule),
            // The answer closes the connection, as every denial does; an answer there must be.
            Outcome::Drop { rule } => self.by_rule(403, rule),
            Outcome::Redirect { status, location, rule } => {
                let clean =
                    location.len() <= LOCATION_BYTES_MAX && location.iter().all(|byte| (b'!'..=b'~').contains(byte));
                if clean { Denial { location, ..self.by_rule(status, rule) } } else { self.by_rule(403, rule) }
            }
            Outcome::BudgetExceeded => Denial::new(503, Cause::Budget, "time for judging ran out"),
            // What is no end is not given here. A denial is the safe reading of what cannot be.
            Outcome::Continue | Outcome::Yield | Outcome::Wait => Denial::new(500, Cause::Rule, "rules cannot go on"),
        }
    }

    /// A rule can name any number as status; only those that say no are sent.
    fn by_rule(&self, status: u16, rule: u32) -> Denial {
        let status = if (300..=599).contains(&status) { status } else { 403 };
        let message = self.transaction.matches().filter(|m| m.id() == rule).last().map_or(&b""[..], |m| m.message());
        let message = message.get(..message.len().min(crate::limits::TEXT_BYTES_SHOWN_MAX)).unwrap_or_default();
        Denial { status, cause: Cause::Rule, rule, message: message.to_vec(), location: Vec::new(), retry_after: 0 }
    }
}

/// Method, target and version as sent, or as parse read them where the line is not there.
fn line_parts<'a>(head: &RequestHead<'a>) -> (&'a [u8], &'a [u8], &'a [u8]) {
    let split = || {
        let (first, last) = (memchr(head.line, b' ')?, head.line.iter().rposition(|byte| *byte == b' ')?);
        let uri = head.line.get(first.saturating_add(1)..last)?;
        Some((head.line.get(..first)?, uri, head.line.get(last.saturating_add(1)..)?))
    };
    let version: &[u8] = match head.version {
        Version::Http10 => b"HTTP/1.0",
        Version::Http11 => b"HTTP/1.1",
        Version::Http2 => b"HTTP/2.0",
    };
    split().unwrap_or((head.method, head.target, version))
}

fn memchr(line: &[u8], wanted: u8) -> Option<usize> {
    line.iter().position(|byte| *byte == wanted)
}

/// A request's number as everywhere in logs.
fn hex(number: u64) -> [u8; 16] {
    let mut out = [0; 16];
    for (place, shift) in out.iter_mut().rev().zip((0..64).step_by(4)) {
        let digit = u8::try_from(number >> shift & 15).unwrap_or(0);
        *place = if digit < 10 { b'0'.saturating_add(digit) } else { b'a'.saturating_add(digit.saturating_sub(10)) };
    }
    out
}

/// The CPU time of a transaction whose body has this many bytes, in microseconds.
fn with_body(budget_us: u64, body_bytes: usize) -> u64 {
    let kib = u64::try_from(body_bytes).unwrap_or(u64::MAX) / 1024;
    budget_us.saturating_add(budget_us.saturating_mul(kib) / BODY_KIB_PER_BUDGET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_logs_write_it() {
        for number in [0, 1, 0xdead_beef_0042, u64::MAX] {
            assert_eq!(hex(number).as_slice(), format!("{number:016x}").as_bytes());
        }
    }

    #[test]
    fn the_line_is_split_as_it_was_sent() {
        let head = RequestHead {
            line: b"GET http://a/x y?q HTTP/1.1",
            method: b"GET",
            target: b"/x",
            ..RequestHead::default()
        };
        assert_eq!(line_parts(&head), (&b"GET"[..], &b"http://a/x y?q"[..], &b"HTTP/1.1"[..]));
        let head = RequestHead { method: b"GET", target: b"/x", ..RequestHead::default() };
        assert_eq!(line_parts(&head), (&b"GET"[..], &b"/x"[..], &b"HTTP/1.1"[..]));
    }

    #[test]
    fn a_long_body_has_as_much_time_again_for_every_256_kib() {
        for (bytes, expected) in
            [(0, 50_000), (1023, 50_000), (64 << 10, 62_500), (256 << 10, 100_000), (1 << 20, 250_000)]
        {
            assert_eq!(with_body(50_000, bytes), expected, "{bytes}");
        }
        assert_eq!(with_body(u64::MAX, usize::MAX), u64::MAX);
    }
}
