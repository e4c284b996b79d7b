//! What is said of a request: one event line for people, one JSON line for the audit log, and the counters.

use std::os::fd::OwnedFd;

use fosse_counters::{Counters, waf_filter as count};
use fosse_die::{Odd, info};
use fosse_seclang::Match;
use fosse_settings::{WafMode, WafSite};
use fosse_wire::{request::RequestHead, verdict::Cause};

use crate::{
    PROGRAM, audit,
    case::{Case, Denial},
    limits::{IDS_SHOWN_MAX, TEXT_BYTES_SHOWN_MAX},
    secrets,
};

/// Where lines go.
#[derive(Debug, Default)]
pub struct Reporter {
    audit: Option<OwnedFd>,
    silent: bool,
}

/// What became of a request, as logs say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The client got a denial.
    Denied,
    /// It would have got one.
    Detected,
    /// Rules matched, and it passed.
    Passed,
}

impl Action {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Detected => "detected",
            Self::Passed => "passed",
        }
    }
}

impl Reporter {
    /// Audit lines go to this descriptor, if there is one; nobody waits for it.
    #[must_use]
    pub const fn new(audit: Option<OwnedFd>) -> Self {
        Self { audit, silent: false }
    }

    /// Nothing is written: for tests.
    #[must_use]
    pub const fn silent() -> Self {
        Self { audit: None, silent: true }
    }

    fn event(&self, action: Action, head: &RequestHead<'_>, denial: Option<&Denial>, facts: &str, counters: &Counters) {
        if action == Action::Detected {
            counters.add(count::DETECTED, 1);
        }
        if !self.silent {
            event(action, head, denial, facts);
        }
    }

    /// Something found without rules: whether it is denied.
    pub fn found(&self, site: &WafSite, head: &RequestHead<'_>, denial: &Denial, counters: &Counters) -> bool {
        let denied = site.waf == WafMode::Block;
        let action = if denied { Action::Denied } else { Action::Detected };
        self.event(action, head, Some(denial), "", counters);
        if self.audit.is_some() {
            self.write(&audit::line(action, head, Some(denial), None), counters);
        }
        denied
    }

    /// Something found without rules in an answer: whether it is denied.
    pub fn found_in_answer(
        &self,
        site: &WafSite,
        head: &RequestHead<'_>,
        denial: &Denial,
        case: &Case,
        counters: &Counters,
    ) -> bool {
        let denied = site.waf == WafMode::Block;
        let action = if denied { Action::Denied } else { Action::Detected };
        self.event(action, head, Some(denial), &answered(case), counters);
        if self.audit.is_some() {
            self.write(&audit::line(action, head, Some(denial), Some(case)), counters);
        }
        denied
    }

    /// A case is over: its denial, if the site blocks.
    pub fn judged(&self, site: &WafSite, head: &RequestHead<'_>, case: &Case, counters: &Counters) -> Option<Denial> {
        let matched = u64::try_from(case.transaction.matches().count()).unwrap_or(0);
        if matched == 0 && case.denial.is_none() {
            return None;
        }
        counters.add(count::RULES_MATCHED, matched);
        if case.denial.as_ref().is_some_and(|denial| denial.cause == Cause::Budget) {
            counters.add(count::OVER_BUDGET, 1);
        }
        let logged = case.transaction.matches().any(|m| m.is_logged());
        let action = match (&case.denial, site.waf) {
            (Some(_), WafMode::Block) => Action::Denied,
            (Some(_), _) => Action::Detected,
            (None, WafMode::Detect) if logged => Action::Detected,
            (None, _) => Action::Passed,
        };
        if action != Action::Passed {
            self.event(action, head, case.denial.as_ref(), &facts(case), counters);
        }
        if self.audit.is_some() && (action != Action::Passed || case.transaction.matches().any(|m| m.is_audited())) {
            self.write(&audit::line(action, head, case.denial.as_ref(), Some(case)), counters);
        }
        case.denial.clone().filter(|_| action == Action::Denied)
    }

    /// Of a request's body only the first `judged` bytes are looked at; all of it passes.
    pub fn in_part(&self, request: u64, judged: usize, counters: &Counters) {
        counters.add(count::PASSED_IN_PART, 1);
        if !self.silent {
            info(PROGRAM, format_args!("event=passed-in-part request={request:016x} judged={judged}"));
        }
    }

    /// All of a line or, counted, nothing.
    fn write(&self, line: &[u8], counters: &Counters) {
        let Some(fd) = &self.audit else { return };
        if !matches!(rustix::io::write(fd, line), Ok(written) if written == line.len()) {
            counters.add(count::AUDIT_DROPPED, 1);
        }
    }
}

/// The anomaly score, by the names the Core Rule Set (4, then 3) and the built-in rules give it.
#[must_use]
pub fn score(case: &Case) -> Option<Vec<u8>> {
    let names = ["blocking_inbound_anomaly_score", "anomaly_score", "inbound_anomaly_score", "score"];
    names.into_iter().find_map(|name| case.transaction.tx(name))
}

/// What was scored in the answer.
#[must_use]
pub fn answer_score(case: &Case) -> Option<Vec<u8>> {
    let names = ["blocking_outbound_anomaly_score", "outbound_anomaly_score", "answer_score"];
    case.answered.and_then(|_| names.into_iter().find_map(|name| case.transaction.tx(name)))
}

/// The status of the application's answer, where that was judged.
fn answered(case: &Case) -> String {
    case.answered.map_or_else(String::new, |status| format!(" answered={status}"))
}

/// What rules add to an event line: the answer's status, scores, time, the last message of one, and the rules that matched.
fn facts(case: &Case) -> String {
    use std::fmt::Write as _;
    let mut text = answered(case);
    for (name, score) in [("score", score(case)), ("answer_score", answer_score(case))] {
        if let Some(score) = score {
            let _ = write!(text, " {name}={}", Odd(&score));
        }
    }
    let _ = write!(text, " cpu_us={}", case.spent_us());
    let logged = || case.transaction.matches().filter(Match::is_logged);
    if case.denial.is_none()
        && let Some(last) = logged().last()
    {
        let _ = write!(text, " what={}", Odd(&secrets::masked(shown(last.message()))));
    }
    // As ModSecurity writes them: what looks for rules in its log finds them here.
    for id in distinct(logged()) {
        let _ = write!(text, " [id \"{id}\"]");
    }
    text
}

/// The rules of matches, each once, as many as a line names.
pub fn distinct<'m>(matches: impl Iterator<Item = Match<'m>>) -> Vec<u32> {
    let mut ids = Vec::new();
    for one in matches {
        if ids.len() < IDS_SHOWN_MAX && !ids.contains(&one.id()) {
            ids.push(one.id());
        }
    }
    ids
}

fn event(action: Action, head: &RequestHead<'_>, denial: Option<&Denial>, facts: &str) {
    let client = head.client.ip().map_or_else(|| "unix".into(), |ip| ip.to_string());
    let reason = denial.map_or_else(String::new, |denial| {
        let (status, rule) = (denial.status, denial.rule);
        let what = secrets::masked(shown(&denial.message));
        format!(" status={status} cause={:?} rule={rule} what={}", denial.cause, Odd(&what))
    });
    let target = secrets::masked(shown(head.target));
    info(
        PROGRAM,
        format_args!(
            "event={} request={:016x} client={client} host={} method={} target={}{reason}{facts}",
            action.word(),
            head.request,
            Odd(shown(head.host)),
            Odd(shown(head.method)),
            Odd(&target),
        ),
    );
}

/// As much of a text as a line shows.
#[must_use]
pub fn shown(text: &[u8]) -> &[u8] {
    text.get(..text.len().min(TEXT_BYTES_SHOWN_MAX)).unwrap_or_default()
}
