//! One request and its response, as the rules see them.
//!
//! The caller gives facts in the order they come and runs each phase when its facts are complete. A
//! phase runs until it ends, or until the caller's [`Environment::schedule`] says that others are
//! waiting; then it is called again and goes on where it was.
//!
//! Each part owns one thing: [`Request`] and [`Response`] what came, [`Variables`] what rules read
//! and write, [`Bodies`] the settings that `ctl` changes, [`Run`] the progress of the phases,
//! [`Decision`] the verdict, [`Log`] the report. Only [`Transaction`] has them all; it lends each
//! function those it works on.

mod assign;
mod bodies;
mod body;
mod budget;
mod calendar;
mod candidates;
mod decision;
mod dynamic;
mod environment;
mod evaluate;
mod expand;
mod head;
mod items;
mod log;
mod outcome;
mod persistent;
mod reach;
mod record;
mod removals;
mod report;
mod request;
mod response;
mod run;
mod scan;
mod select;
mod test;
mod values;
mod variables;

pub use calendar::Now;
pub use environment::{Environment, Schedule, Scratch};
pub use outcome::{Outcome, Taken};
pub(crate) use reach::Reach;
pub use record::Match;

use crate::modes::{LimitAction, Mode};
use crate::ruleset::Ruleset;
use crate::store::{Collection, Record, RecordAddress};
use crate::variable::Variable;
use bodies::Bodies;
use candidates::Candidates;
use decision::Decision;
use evaluate::Evaluation;
use items::Item;
use log::Log;
use record::RecordData;
use removals::Removals;
use request::{Line, Request};
use response::Response;
use run::{Run, Stage};
use scan::{Position, Scan};
use std::net::IpAddr;
use values::Values;
use variables::{Matched, Variables};

/// Cost of reading a byte of a body, in nanoseconds or so.
const COST_PER_BODY_BYTE: usize = 4;

/// The memory of one transaction; give it back to the pool with [`Transaction::finish`].
#[derive(Debug, Default)]
pub struct Arena {
    values: Values,
    matched: Vec<Matched>,
    records: Vec<RecordData>,
    run: (Candidates, Removals, Vec<Item>),
    request_body: Vec<u8>,
    response_body: Vec<u8>,
}

/// Bytes of values a pooled arena may have grown to: ordinary requests stay far below, and a pool
/// of arenas that each held a large body once would keep all that memory.
const ARENA_BYTES_KEPT_MAX: usize = 256 * 1024;

/// Bytes of a transaction beside its texts, about: itself, and its many small tables. 500
/// browser-like requests that waited for their responses under the Core Rule Set 4 took 35 KB each,
/// texts included.
const TRANSACTION_BYTES: usize = 32 * 1024;

/// A request on its way through the rules.
#[derive(Debug)]
pub struct Transaction<'r> {
    request: Request,
    response: Response,
    variables: Variables<'r>,
    bodies: Bodies,
    run: Run,
    decision: Decision,
    log: Log,
}

impl<'r> Transaction<'r> {
    /// Begins a transaction in memory that another may have used before.
    pub fn new(rules: &'r Ruleset, arena: Arena, now: Now) -> Self {
        Self {
            request: Request::new(arena.request_body),
            response: Response::new(arena.response_body),
            variables: Variables::new(rules, arena.values, arena.matched, now),
            bodies: Bodies::new(&rules.settings),
            run: Run::new(rules, arena.run),
            decision: Decision::new(&rules.settings),
            log: Log::new(arena.records),
        }
    }

    /// Ends the transaction and gives its memory back; that of a large one is freed.
    pub fn finish(self) -> Arena {
        if self.text_bytes() > ARENA_BYTES_KEPT_MAX {
            return Arena::default();
        }
        Arena {
            values: self.variables.values,
            matched: self.variables.matched,
            records: self.log.records,
            run: (self.run.candidates, self.run.removals, self.run.items),
            request_body: self.request.body,
            response_body: self.response.body,
        }
    }

    fn text_bytes(&self) -> usize {
        self.variables.values.bytes.len() + self.request.body.len() + self.response.body.len()
    }

    /// Returns the bytes it holds, about: what a request that waits for its response costs in
    /// memory.
    pub fn bytes(&self) -> usize {
        let records = self.log.records.len() * size_of::<RecordData>();
        let hits = self.run.candidates.hits() * size_of::<candidates::Hit>();
        let values = self.variables.values.count() * size_of::<values::Entry>();
        TRANSACTION_BYTES + self.text_bytes() + records + hits + values
    }

    /// Keeps a record of every rule that matches, those with `nolog` too.
    pub fn explain(&mut self) {
        self.log.explaining = true;
    }

    /// Notes with every match what these TX variables add up to then (see [`Match::score`]).
    pub fn note_scores<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        self.log.scores = names.into_iter().map(|name| name.to_ascii_lowercase().into_bytes()).collect();
    }

    /// Overrides SecRuleEngine for this transaction, as a site's own setting does.
    pub fn set_mode(&mut self, mode: Mode) {
        self.decision.mode = mode;
    }

    /// Sets the time; needed before each phase that may have rules with clocks.
    pub fn set_now(&mut self, now: Now) {
        self.variables.now = now;
    }

    /// Sets the transaction's name in logs (UNIQUE_ID).
    pub fn unique_id(&mut self, id: &[u8]) {
        self.request.unique_id = id.to_vec();
    }

    /// Sets the addresses of client and server.
    pub fn connection(&mut self, client: IpAddr, client_port: u16, server: IpAddr, server_port: u16) {
        self.request.client = Some((client, client_port));
        self.request.server = Some((server, server_port));
    }

    /// Sets the request line: raw, and its parts as sent.
    pub fn request_line(&mut self, raw: &[u8], method: &[u8], uri: &[u8], version: &[u8]) {
        self.request.line =
            Line { raw: raw.to_vec(), method: method.to_vec(), uri: uri.to_vec(), version: version.to_vec() };
    }

    /// Adds a request header field, as sent, in the order sent; duplicates stay separate.
    pub fn header(&mut self, name: &[u8], value: &[u8]) {
        self.request.note_header(name, value);
        self.variables.add_named((Variable::RequestHeaders, Variable::RequestHeadersNames), name, value);
    }

    /// Returns whether any rule looks at what the server knows of a request (ENV).
    pub fn wants_environment(&self) -> bool {
        self.variables.rules.uses(Variable::Env)
    }

    /// Adds something that the server knows of the request (ENV), as modules of Apache do.
    pub fn environment(&mut self, name: &[u8], value: Vec<u8>) {
        self.variables.env.push((name.to_vec(), value));
    }

    /// Takes a piece of the request body, between phases 1 and 2.
    pub fn request_body(&mut self, piece: &[u8]) -> Taken {
        let action = self.variables.rules.settings.request_body_limit_action;
        let refuses = action == LimitAction::Reject && self.decision.mode == Mode::On;
        self.request.take(piece, &self.bodies, refuses)
    }

    /// Notes that the request body is longer than what is given of it: that this ends too early is
    /// no error of its sender's.
    pub fn request_is_longer(&mut self) {
        self.request.is_cut = true;
    }

    /// Frees what no later phase looks at: the request's body as it came.
    pub fn request_is_over(&mut self) {
        self.request.release_body();
    }

    /// Sets the response's status and protocol, before its header fields.
    pub fn response(&mut self, status: u16, protocol: &[u8]) {
        self.response.status = status;
        self.response.protocol = protocol.to_vec();
    }

    /// Adds a response header field, as sent.
    pub fn response_header(&mut self, name: &[u8], value: &[u8]) {
        self.variables.add_named((Variable::ResponseHeaders, Variable::ResponseHeadersNames), name, value);
    }

    /// Takes a piece of the response body, between phases 3 and 4.
    pub fn response_body(&mut self, piece: &[u8]) -> Taken {
        if !self.wants_response_body() {
            return Taken::All;
        }
        let refuses = self.refuses_long_response();
        self.response.take(piece, self.bodies.response_limit(), refuses)
    }

    /// Notes that the response body is longer than what was given of it.
    pub fn response_is_longer(&mut self) {
        self.response.is_cut = true;
    }

    /// Returns whether phase 4 wants the response's body; call it when phase 3 is over, whose rules
    /// may decide it. A body that no rule looks at is not wanted, whatever its length.
    pub fn wants_response_body(&self) -> bool {
        self.bodies.response_access
            && self.response.type_listed
            && !self.decision.passes_response()
            && self.variables.rules.uses(Variable::ResponseBody)
    }

    /// Returns the bytes of the response's body that are looked at.
    pub fn response_body_limit(&self) -> usize {
        self.bodies.response_limit()
    }

    /// Returns whether a longer response body is refused; otherwise its first part is looked at.
    pub fn refuses_long_response(&self) -> bool {
        let action = self.variables.rules.settings.response_body_limit_action;
        action == LimitAction::Reject && self.decision.mode == Mode::On
    }

    /// Runs phase 1, when line and header are known.
    pub fn phase1(&mut self, env: &mut Environment<'_>) -> Outcome {
        self.run(1, env)
    }

    /// Runs phase 2, when the body is complete.
    pub fn phase2(&mut self, env: &mut Environment<'_>) -> Outcome {
        self.run(2, env)
    }

    /// Runs phase 3, when the response's head is known.
    pub fn phase3(&mut self, env: &mut Environment<'_>) -> Outcome {
        self.run(3, env)
    }

    /// Runs phase 4, when the response's body is complete.
    pub fn phase4(&mut self, env: &mut Environment<'_>) -> Outcome {
        self.run(4, env)
    }

    /// Runs phase 5, when the response is sent, and gives the changes of persistent records to the
    /// store. Its outcome denies nothing any more.
    pub fn phase5(&mut self, env: &mut Environment<'_>) -> Outcome {
        let outcome = self.run(5, env);
        if outcome == Outcome::Continue {
            self.variables.persistent.save(&self.variables.rules.settings, env.store);
        }
        outcome
    }

    /// Runs all five phases as a dry run, which notes what rules it reaches.
    pub(crate) fn reach(mut self, env: &mut Environment<'_>) -> Reach {
        self.run.reach = Some(Box::new(Reach::new(self.variables.rules)));
        for phase in 1..=5 {
            self.run(phase, env);
        }
        self.run.reach.map_or_else(|| Reach::new(self.variables.rules), |reach| *reach)
    }

    fn run(&mut self, phase: u8, env: &mut Environment<'_>) -> Outcome {
        if self.run.phase != phase {
            self.run.phase = phase;
            self.begin(phase);
        }
        let rules = &self.variables.rules.phases[usize::from(phase) - 1];
        loop {
            let paused = match self.run.stage {
                Stage::Start => {
                    self.run.candidates.begin(rules);
                    // That of a phase that ran out of its budget is of no value of this one.
                    self.run.search = None;
                    self.run.stage = Stage::Gate(Position::default());
                    // What has come with the phase was read at once.
                    self.run.budget.pause(self.body_bytes(phase) * COST_PER_BODY_BYTE, env.schedule)
                }
                Stage::Gate(at) => self.gate(at, env),
                Stage::Rules(at) => {
                    let mut evaluation = Evaluation {
                        phase: rules,
                        variables: &mut self.variables,
                        run: &mut self.run,
                        decision: &mut self.decision,
                        bodies: &mut self.bodies,
                        log: &mut self.log,
                    };
                    evaluation.rules(at, env)
                }
                Stage::Over => return self.decision.outcome(phase),
            };
            if let Some(outcome) = paused {
                return outcome;
            }
        }
    }

    /// Fills in the variables that come with a phase.
    fn begin(&mut self, phase: u8) {
        self.run.stage = Stage::Over;
        if self.decision.mode == Mode::Off {
            return;
        }
        match phase {
            1 => head::fill(&mut self.request, &mut self.variables),
            2 => body::fill(&mut self.request, &self.bodies, &mut self.variables),
            3 => self.response.fill_head(&mut self.variables),
            4 => self.response.fill_body(self.wants_response_body(), &mut self.variables),
            _ => {}
        }
        if !self.decision.skips(phase) {
            self.run.stage = Stage::Start;
        }
    }

    /// Returns the bytes of the body that comes with a phase.
    fn body_bytes(&self, phase: u8) -> usize {
        match phase {
            2 => self.request.body.len(),
            4 => self.response.body.len(),
            _ => 0,
        }
    }

    fn gate(&mut self, at: Position, env: &mut Environment<'_>) -> Option<Outcome> {
        let mut scan = Scan {
            phase: &self.variables.rules.phases[usize::from(self.run.phase) - 1],
            variables: &mut self.variables,
            candidates: &mut self.run.candidates,
            budget: &mut self.run.budget,
            search: &mut self.run.search,
        };
        if let Err((outcome, at)) = scan.run(at, env) {
            self.run.stage = Stage::Gate(at);
            return Some(outcome);
        }
        self.run.candidates.remove(self.run.removals.of(self.run.phase));
        self.run.stage = Stage::Rules(0);
        None
    }

    /// Returns the records that phases wait for.
    pub fn wanted(&self) -> impl Iterator<Item = RecordAddress<'_>> {
        self.variables.persistent.awaited(self.variables.rules.settings.web_app_id.as_bytes())
    }

    /// Takes a record that a phase waits for; what rules changed meanwhile is applied to it.
    pub fn provide(&mut self, collection: Collection, record: Record) {
        self.variables.persistent.provide(collection, record, self.variables.now.seconds);
    }

    /// Returns how the engine applies rules to this transaction now.
    pub fn mode(&self) -> Mode {
        self.decision.mode
    }
}
