//! One request and its response, as the rules see them.
//!
//! The caller gives facts in the order they come about and runs each phase when its facts are complete. A phase runs
//! until it ends, or until the caller's [`Host::turn`] says that others are waiting; then it is called again and goes
//! on where it stood.
// Long: the one value that all of it works on, with what it starts and ends with.

mod act;
mod eval;
mod expand;
mod keep;
mod record;
mod rehearse;
mod request;
mod response;
mod run;
mod test;
mod time;
pub(crate) mod values;

pub(crate) use fosse_collections::number;
pub use record::Match;
pub(crate) use rehearse::{Rehearsal, rehearse};
pub use request::Taken;
pub use time::Now;

use crate::action::{Allow, Audit, Mode, Processor, Sanitise};
use crate::arena::Span;
use crate::rule::RuleBits;
use crate::ruleset::Ruleset;
use crate::settings::{LimitAction, XmlArguments};
use crate::store::{Change, Collection, Place, Record, Store};
use crate::variable::Variable;
use fosse_bodies::form::FormOptions;
use fosse_pattern::{CandidateBits, Captures};
use record::RecordData;
use std::net::IpAddr;
use values::Values;

/// What the rules decided, so far or for good.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The phase is over and nothing stands against going on.
    Continue,
    /// Answer with this status.
    Deny {
        /// The HTTP status.
        status: u16,
        /// The rule that decided.
        rule: u32,
    },
    /// Close the connection without an answer.
    Drop {
        /// The rule that decided.
        rule: u32,
    },
    /// Send the client elsewhere.
    Redirect {
        /// The HTTP status: 301, 302, 303 or 307; 302 where the rule names none.
        status: u16,
        /// The value of the Location header, as the rule gives it.
        location: Vec<u8>,
        /// The rule that decided.
        rule: u32,
    },
    /// The turn is over; call the same phase again.
    Yield,
    /// A persistent record is on its way (see [`Transaction::wanted`]); call the same phase again when it is provided.
    Wait,
    /// The transaction used up its budget.
    BudgetExceeded,
}

/// Whether a transaction may go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    /// Go on.
    Go,
    /// Others are waiting: yield.
    Yield,
    /// The budget of this transaction is spent: give up.
    Exhausted,
}

/// What matching needs besides the transaction: one per process, used by all its transactions in turn.
#[derive(Debug, Default)]
pub struct Bench {
    pub(crate) patterns: fosse_pattern::Scratch,
    pub(crate) bits: CandidateBits,
    pub(crate) groups: Captures,
    pub(crate) distinct: Vec<(values::Made, u64)>,
}

/// What a phase is run with.
pub struct Host<'h> {
    /// The process's working memory.
    pub bench: &'h mut Bench,
    /// Asked every few microseconds of work.
    pub turn: &'h mut dyn FnMut() -> Turn,
    /// The keeper of persistent collections.
    pub store: &'h mut dyn Store,
}

/// The memory of one transaction; give it back to the pool with [`Transaction::finish`].
#[derive(Debug, Default)]
pub struct Arena {
    values: Values,
    records: Vec<RecordData>,
    matched: Vec<(VarName, Span)>,
    items: Vec<eval::Item>,
    active: RuleBits,
    removed: [RuleBits; 5],
    hits: Vec<run::Hit>,
    hit_heads: Vec<u32>,
    seen: Vec<run::Seen>,
    body: Vec<u8>,
    response_body: Vec<u8>,
    chosen: Vec<(u64, u32, u16)>,
}

/// A variable as logs name it: `ARGS:q`, `&TX:x`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct VarName {
    pub variable: Variable,
    pub key: Option<Span>,
    pub count: bool,
}

/// The request line.
#[derive(Debug, Default)]
struct Line {
    raw: Vec<u8>,
    method: Vec<u8>,
    uri: Vec<u8>,
    version: Vec<u8>,
}

/// A persistent record in use.
#[derive(Debug)]
struct Opened {
    key: Vec<u8>,
    content: Content,
    changes: Vec<(Vec<u8>, Change)>,
}

/// What is known of an open record.
#[derive(Debug)]
enum Content {
    /// Nobody looked at it yet.
    Unasked,
    /// Its keeper has been asked.
    Awaited,
    /// It is here, with the changes of this transaction.
    Here(Record),
}

/// Where a phase stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Start,
    /// `scanned` is there where a value is under way: how many of its forms are looked at.
    Gate {
        plan: usize,
        entry: usize,
        scanned: Option<usize>,
    },
    Rules {
        at: usize,
    },
    Over,
}

/// A request on its way through the rules.
#[derive(Debug)]
pub struct Transaction<'r> {
    rules: &'r Ruleset,
    values: Values,
    records: Vec<RecordData>,
    matched: Vec<(VarName, Span)>,
    items: Vec<eval::Item>,
    active: RuleBits,
    removed: [RuleBits; 5],
    removed_targets: Vec<(u8, u32, u32)>,
    hits: Vec<run::Hit>,
    hit_heads: Vec<u32>,
    seen: Vec<run::Seen>,
    last_seen: usize,
    chosen: Vec<(u64, u32, u16)>,
    now: Now,
    client: Option<(IpAddr, u16)>,
    server: Option<(IpAddr, u16)>,
    line: Line,
    content_type: Vec<u8>,
    unique_id: Vec<u8>,
    body: Vec<u8>,
    response_body: Vec<u8>,
    status: u16,
    response_protocol: Vec<u8>,
    /// The answer's type is one whose bodies are looked at.
    response_type_listed: bool,
    mode: Mode,
    audit: Audit,
    audit_parts: Option<String>,
    xml_arguments: XmlArguments,
    processor: Option<Processor>,
    force_body: bool,
    request_body_access: bool,
    request_body_limit: u64,
    response_body_access: bool,
    response_body_limit: u64,
    form_options: FormOptions,
    combined_size: usize,
    urlencoded_error: bool,
    inbound_data_error: bool,
    outbound_data_error: bool,
    body_error: Option<String>,
    matched_var: (VarName, Span),
    highest_severity: u8,
    env: Vec<(Vec<u8>, Vec<u8>)>,
    opened: [Option<Opened>; 5],
    sanitised: Vec<(Sanitise, Vec<u8>)>,
    allowed: Option<Allow>,
    verdict: Option<Outcome>,
    relevant: bool,
    explaining: bool,
    /// TX variables whose sum each match is noted with, for reports.
    scores: Vec<Vec<u8>>,
    phase: u8,
    stage: Stage,
    cost: usize,
    /// While the rules are rehearsed: what is learnt.
    rehearsal: Option<Box<Rehearsal>>,
    /// The rule that is evaluated (its chain's first), in its phase's list.
    current: u32,
}

/// Bytes of values a pooled arena may have grown to: ordinary requests stay far below, and a pool of arenas that each held
/// a large body once would keep all that memory.
const ARENA_BYTES_KEPT_MAX: usize = 256 * 1024;

/// Room for a request's body that a transaction keeps for the next one.
const BODY_BYTES_KEPT_MAX: usize = 16 * 1024;

/// Bytes of a transaction beside its texts, about: itself, and its many small tables. 500 browser-like requests that waited for
/// their answers under the Core Rule Set 4 took 35 KB each, texts included.
const TRANSACTION_BYTES: usize = 32 * 1024;

/// What MATCHED_VAR is before anything matched.
const NOTHING_MATCHED: (VarName, Span) =
    (VarName { variable: Variable::MatchedVar, key: None, count: false }, Span::EMPTY);

/// HIGHEST_SEVERITY before any rule with a severity matched.
const SEVERITY_NONE: u8 = 255;

impl<'r> Transaction<'r> {
    // Long: it takes memory apart and fills a value, one field a line.
    /// Begins a transaction in memory that another may have used before.
    pub fn new(rules: &'r Ruleset, arena: Arena, now: Now) -> Self {
        let Arena {
            mut values,
            mut records,
            mut matched,
            items,
            active,
            mut removed,
            hits,
            hit_heads,
            seen,
            mut body,
            mut response_body,
            chosen,
        } = arena;
        values.reset(rules);
        records.clear();
        matched.clear();
        body.clear();
        response_body.clear();
        for (bits, phase) in removed.iter_mut().zip(&rules.phases) {
            bits.reset(phase.rules.len());
        }
        let settings = &rules.settings;
        Self {
            values,
            records,
            matched,
            items,
            active,
            removed,
            removed_targets: Vec::new(),
            hits,
            hit_heads,
            seen,
            last_seen: 0,
            chosen,
            now,
            client: None,
            server: None,
            line: Line::default(),
            content_type: Vec::new(),
            unique_id: Vec::new(),
            body,
            response_body,
            status: 0,
            response_protocol: Vec::new(),
            response_type_listed: false,
            mode: settings.mode,
            audit: settings.audit,
            audit_parts: None,
            xml_arguments: settings.xml_arguments,
            processor: None,
            force_body: false,
            request_body_access: settings.request_body_access,
            request_body_limit: settings.request_body_limit,
            response_body_access: settings.response_body_access,
            response_body_limit: settings.response_body_limit,
            form_options: request::form_options(settings.argument_separator, settings.arguments_limit),
            combined_size: 0,
            urlencoded_error: false,
            inbound_data_error: false,
            outbound_data_error: false,
            body_error: None,
            matched_var: NOTHING_MATCHED,
            highest_severity: SEVERITY_NONE,
            env: Vec::new(),
            opened: [const { None }; 5],
            sanitised: Vec::new(),
            allowed: None,
            verdict: None,
            relevant: false,
            explaining: false,
            scores: Vec::new(),
            phase: 0,
            stage: Stage::Over,
            cost: 0,
            rehearsal: None,
            current: 0,
            rules,
        }
    }

    /// Ends the transaction and gives its memory back; that of a large one is let go.
    pub fn finish(self) -> Arena {
        let bodies = self.body.len().saturating_add(self.response_body.len());
        if self.values.bytes.len().saturating_add(bodies) > ARENA_BYTES_KEPT_MAX {
            return Arena::default();
        }
        Arena {
            values: self.values,
            records: self.records,
            matched: self.matched,
            items: self.items,
            active: self.active,
            removed: self.removed,
            hits: self.hits,
            hit_heads: self.hit_heads,
            seen: self.seen,
            body: self.body,
            response_body: self.response_body,
            chosen: self.chosen,
        }
    }

    /// Keeps a record of every rule that matches, those with `nolog` too.
    pub fn explain(&mut self) {
        self.explaining = true;
    }

    /// Notes with every match what these TX variables add up to then (see [`Match::score`]).
    pub fn note_scores<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        self.scores = names.into_iter().map(|name| name.to_ascii_lowercase().into_bytes()).collect();
    }

    /// Overrides SecRuleEngine for this transaction, as a site's own setting does.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// The time now; give it anew before each phase that rules with clocks may be in.
    pub fn set_now(&mut self, now: Now) {
        self.now = now;
    }

    /// The transaction's name in logs (UNIQUE_ID).
    pub fn unique_id(&mut self, id: &[u8]) {
        self.unique_id = id.to_vec();
    }

    /// Who speaks to whom.
    pub fn connection(&mut self, client: IpAddr, client_port: u16, server: IpAddr, server_port: u16) {
        self.client = Some((client, client_port));
        self.server = Some((server, server_port));
    }

    /// The request line: raw, and its parts as sent.
    pub fn request_line(&mut self, raw: &[u8], method: &[u8], uri: &[u8], version: &[u8]) {
        self.line = Line { raw: raw.to_vec(), method: method.to_vec(), uri: uri.to_vec(), version: version.to_vec() };
    }

    /// A request header, as sent, in the order sent; duplicates stay separate.
    pub fn header(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(b"content-type") {
            self.content_type = value.to_vec();
        }
        let (name, value) = (self.values.bytes.push(name), self.values.bytes.push(value));
        self.values.add(self.rules, Variable::RequestHeaders, name, value);
        if self.rules.uses(Variable::RequestHeadersNames) {
            self.values.add(self.rules, Variable::RequestHeadersNames, name, name);
        }
    }

    /// Runs phase 1, when line and headers are known.
    pub fn phase1(&mut self, host: &mut Host<'_>) -> Outcome {
        self.run(1, host)
    }

    /// Runs phase 2, when the body is complete.
    pub fn phase2(&mut self, host: &mut Host<'_>) -> Outcome {
        self.run(2, host)
    }

    /// Runs phase 3, when the response's head is known.
    pub fn phase3(&mut self, host: &mut Host<'_>) -> Outcome {
        self.run(3, host)
    }

    /// Runs phase 4, when the response's body is complete.
    pub fn phase4(&mut self, host: &mut Host<'_>) -> Outcome {
        self.run(4, host)
    }

    /// Runs phase 5, when the response is on its way, and gives the changes of persistent records to their keeper. Its
    /// outcome denies nothing any more.
    pub fn phase5(&mut self, host: &mut Host<'_>) -> Outcome {
        let outcome = self.run(5, host);
        if outcome == Outcome::Continue {
            self.save(host.store);
        }
        outcome
    }

    /// The records that phases wait for.
    pub fn wanted(&self) -> impl Iterator<Item = Place<'_>> {
        let application = self.rules.settings.web_app_id.as_bytes();
        let pairs = Collection::ALL.into_iter().zip(&self.opened);
        pairs.filter_map(move |(collection, opened)| {
            let awaited = opened.as_ref().filter(|opened| matches!(opened.content, Content::Awaited));
            awaited.map(|opened| Place::new(collection, application, &opened.key))
        })
    }

    /// How the engine applies rules to this transaction now.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether phase 4 wants the response's body; ask when phase 3 is over, whose rules may decide it. A body that no rule looks at
    /// is not wanted, whatever its length.
    pub fn wants_response_body(&self) -> bool {
        let allowed = self.mode == Mode::Off || self.allowed == Some(Allow::Transaction);
        self.response_body_access && self.response_type_listed && !allowed && self.rules.uses(Variable::ResponseBody)
    }

    /// Bytes of the response's body that are looked at.
    pub fn response_body_limit(&self) -> usize {
        usize::try_from(self.response_body_limit).unwrap_or(usize::MAX)
    }

    /// Whether a longer body is refused; otherwise its first part is looked at.
    pub fn refuses_long_response(&self) -> bool {
        self.rules.settings.response_body_limit_action == LimitAction::Reject && self.mode == Mode::On
    }

    /// Bytes it holds, about: what a request that waits for its answer costs in memory.
    pub fn bytes(&self) -> usize {
        let texts = self.values.bytes.len().saturating_add(self.body.len()).saturating_add(self.response_body.len());
        let records = self.records.len().saturating_mul(size_of::<RecordData>());
        let hits = self.hits.len().saturating_mul(size_of::<run::Hit>());
        let values = self.values.count().saturating_mul(size_of::<values::Entry>());
        [texts, records, hits, values].into_iter().fold(TRANSACTION_BYTES, usize::saturating_add)
    }

    /// Lets go of what no later phase looks at: the request's body as it came.
    pub fn request_is_over(&mut self) {
        if self.body.len() > BODY_BYTES_KEPT_MAX {
            self.body = Vec::new();
        }
    }

    /// Whether the audit log is to have this transaction, given the status the client got.
    pub fn audit_wanted(&self, status: u16, bench: &mut Bench) -> bool {
        let mut relevant_status = || {
            let pattern = self.rules.settings.audit_relevant_status.as_ref()?;
            pattern.is_match(status.to_string().as_bytes(), &mut bench.patterns).ok()
        };
        match self.audit {
            Audit::On => true,
            Audit::Off => false,
            Audit::RelevantOnly => self.relevant || relevant_status().unwrap_or(false),
        }
    }

    /// The parts of the audit log for this transaction: what SecAuditLogParts says, and `ctl:auditLogParts` after it.
    pub fn audit_parts(&self) -> &str {
        self.audit_parts.as_deref().unwrap_or(&self.rules.settings.audit_parts)
    }

    /// What is to be masked in logs, with the names of arguments and headers.
    pub fn sanitised(&self) -> impl Iterator<Item = (Sanitise, &[u8])> {
        self.sanitised.iter().map(|(what, name)| (*what, name.as_slice()))
    }

    /// Why the request body could not be read, as REQBODY_ERROR_MSG has it.
    pub fn body_error(&self) -> Option<&str> {
        self.body_error.as_deref()
    }

    /// The value of a TX variable, for reports: scores, say.
    pub fn tx(&self, name: &str) -> Option<Vec<u8>> {
        match self.values.tx_named(self.rules, name.to_ascii_lowercase().as_bytes()) {
            values::TxValue::Unset => None,
            values::TxValue::Text(span) => Some(self.values.text(self.rules, span).to_vec()),
            values::TxValue::Number(number) => Some(number.to_string().into_bytes()),
        }
    }
}
