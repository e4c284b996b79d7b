//! One request before the rules: its transaction, how far it is, and what was decided.

use fosse_seclang::{Environment, Mode, Now, Outcome, Scratch, Taken, Transaction};
use fosse_settings::{WafMode, WafProfile};
use fosse_wire::{request::BodyLength, response::ResponseHead, verdict::Cause};

use crate::{
    budget::{Budget, Slice},
    denial::Denial,
    limits::{LOCATION_BYTES_MAX, TEXT_BYTES_SHOWN_MAX},
    policies::inspects_responses,
    store::client::StoreClient,
};

/// The progress of an evaluation. A phase that is evaluated runs; a part that is awaited has to be
/// handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The request's head is evaluated (phase 1).
    Head,
    /// The request's body is awaited.
    Body,
    /// The whole request is evaluated (phase 2).
    Whole,
    /// The request has passed, its response is awaited.
    Response,
    /// The response's head is evaluated (phase 3).
    ResponseHead,
    /// The response's body is awaited.
    ResponseBody,
    /// The whole response is evaluated (phase 4).
    ResponseWhole,
    /// Everything is decided, and the rules log and count (phase 5).
    Logging,
    /// Nothing is left to do.
    Done,
}

/// The next need of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The body of the request, or of the response, when it is there.
    Body,
    /// Another slice of time.
    Slice,
    /// A record of a persistent collection.
    Record,
    /// Its response: the request passes.
    Response,
    /// Its end: what was evaluated passes or is denied.
    End,
}

/// A request and its rules.
#[derive(Debug)]
pub(crate) struct Evaluation {
    /// The request and response as the rules see them, and their findings.
    pub(crate) transaction: Transaction<'static>,
    /// The decision against passing, if there is one. In detect mode it is logged.
    pub(crate) denial: Option<Denial>,
    /// Status of the application's response, once there is one.
    pub(crate) response_status: Option<u16>,
    step: Step,
    has_body: bool,
    inspects_responses: bool,
    budget: Budget,
    seconds: u64,
}

impl Evaluation {
    /// Begins an evaluation for a site at a second of real time. The transaction knows the head.
    pub(crate) fn new(
        mut transaction: Transaction<'static>,
        profile: &WafProfile,
        has_body: bool,
        seconds: u64,
    ) -> Self {
        transaction.set_mode(if profile.waf == WafMode::Detect { Mode::DetectionOnly } else { Mode::On });
        Self {
            transaction,
            denial: None,
            response_status: None,
            step: Step::Head,
            has_body,
            inspects_responses: inspects_responses(profile),
            budget: Budget::new(profile.rules_milliseconds_max),
            seconds,
        }
    }

    /// Runs the rules for one slice of time, or until they need something, or end.
    pub(crate) fn run(&mut self, scratch: &mut Scratch, store: &mut StoreClient) -> Next {
        let slice = self.budget.begin_slice();
        let next = self.steps(scratch, store, &slice);
        self.budget.charge(&slice);
        next
    }

    fn steps(&mut self, scratch: &mut Scratch, store: &mut StoreClient, slice: &Slice) -> Next {
        loop {
            self.transaction.set_now(Now { seconds: self.seconds, elapsed_micros: slice.elapsed_us() });
            let mut schedule = || slice.schedule();
            let env = &mut Environment { scratch: &mut *scratch, schedule: &mut schedule, store: &mut *store };
            let outcome = match self.step {
                Step::Head => self.transaction.phase1(env),
                Step::Whole => self.transaction.phase2(env),
                Step::ResponseHead => self.transaction.phase3(env),
                Step::ResponseWhole => self.transaction.phase4(env),
                Step::Logging => self.transaction.phase5(env),
                Step::Body | Step::ResponseBody => return Next::Body,
                Step::Response => return Next::Response,
                Step::Done => return Next::End,
            };
            match outcome {
                Outcome::Yield => return Next::Slice,
                Outcome::Wait => return Next::Record,
                outcome => self.step = self.after(outcome),
            }
        }
    }

    /// Hands in the request's body, decoded and as far as the site has it evaluated.
    pub(crate) fn request_body(&mut self, body: &[u8]) -> Taken {
        self.step = Step::Whole;
        self.budget.add_body(body.len());
        self.transaction.request_body(body)
    }

    /// Hands in the head of the response.
    pub(crate) fn response_head(&mut self, head: &ResponseHead<'_>) {
        self.step = Step::ResponseHead;
        self.response_status = Some(head.status);
        // What parse writes to the client, whatever the application spoke.
        self.transaction.response(head.status, b"HTTP/1.1");
        for (name, value) in head.fields {
            self.transaction.response_header(name, value);
        }
        // Framing travels in typed fields, but rules look for these headers.
        match head.body {
            BodyLength::Exact(length) => {
                self.transaction.response_header(b"Content-Length", length.to_string().as_bytes());
            }
            BodyLength::Chunked => self.transaction.response_header(b"Transfer-Encoding", b"chunked"),
            BodyLength::None => {}
        }
    }

    /// Hands in the response's body, decoded; `is_longer` tells that there is more of it.
    pub(crate) fn response_body(&mut self, body: &[u8], is_longer: bool) {
        self.step = Step::ResponseWhole;
        self.budget.add_body(body.len());
        let taken = self.transaction.response_body(body);
        if is_longer || taken != Taken::All {
            self.transaction.response_is_longer();
        }
    }

    /// Tells whether the response's head is evaluated and its body was not handed in.
    pub(crate) fn awaits_response_body(&self) -> bool {
        self.step == Step::ResponseBody
    }

    /// Goes on to phase 5, for a request whose response will not come; false where that is over.
    pub(crate) fn skip_to_logging(&mut self) -> bool {
        let is_open = self.step != Step::Done;
        if is_open {
            self.step = Step::Logging;
        }
        is_open
    }

    /// Tells whether its time ran out.
    pub(crate) fn ran_out(&self) -> bool {
        self.denial.as_ref().is_some_and(|denial| denial.cause == Cause::Budget)
    }

    /// Returns the CPU time taken so far, in microseconds.
    pub(crate) const fn spent_us(&self) -> u64 {
        self.budget.spent_us()
    }

    fn after(&mut self, outcome: Outcome) -> Step {
        let step = match (self.step, outcome) {
            (Step::Head, Outcome::Continue) if self.has_body => Step::Body,
            (Step::Head, Outcome::Continue) => Step::Whole,
            (Step::Whole, Outcome::Continue) if self.inspects_responses => Step::Response,
            (Step::ResponseHead, Outcome::Continue) => Step::ResponseBody,
            (Step::Whole | Step::ResponseWhole, Outcome::Continue) => Step::Logging,
            // Whatever phase 5 comes to, everything is decided.
            (Step::Logging | Step::Done | Step::Body | Step::Response | Step::ResponseBody, _) => Step::Done,
            (_, outcome) => {
                self.denial = Some(self.denied(outcome));
                Step::Logging
            }
        };
        // Phase 5 would take more of the time that has run out.
        if self.ran_out() { Step::Done } else { step }
    }

    fn denied(&self, outcome: Outcome) -> Denial {
        match outcome {
            Outcome::Deny { status, rule } => self.denied_by_rule(status, rule),
            // Every denial closes the connection; a response there must be.
            Outcome::Drop { rule } => self.denied_by_rule(403, rule),
            Outcome::Redirect { status, location, rule } => {
                // Rules can expand what the client sent into a location.
                let is_clean =
                    location.len() <= LOCATION_BYTES_MAX && location.iter().all(|byte| (b'!'..=b'~').contains(byte));
                if is_clean {
                    Denial { location, ..self.denied_by_rule(status, rule) }
                } else {
                    self.denied_by_rule(403, rule)
                }
            }
            // The client has asked too much, or the application's response is too much.
            Outcome::BudgetExceeded if self.response_status.is_none() => {
                Denial::new(503, Cause::Budget, "time for evaluation ran out")
            }
            Outcome::BudgetExceeded => Denial::new(500, Cause::Budget, "time for evaluation of the response ran out"),
            // These are no ends and do not get here. A denial is the safe reading of what cannot
            // be.
            Outcome::Continue | Outcome::Yield | Outcome::Wait => Denial::new(500, Cause::Rule, "rules cannot go on"),
        }
    }

    /// A rule can name any number as status; only those that say no are sent.
    fn denied_by_rule(&self, status: u16, rule: u32) -> Denial {
        let status = if (300..=599).contains(&status) { status } else { 403 };
        let message = self.transaction.matches().filter(|m| m.id() == rule).last().map_or(&b""[..], |m| m.message());
        let message = &message[..message.len().min(TEXT_BYTES_SHOWN_MAX)];
        Denial { status, cause: Cause::Rule, rule, message: message.to_vec(), location: Vec::new(), retry_after: 0 }
    }
}
