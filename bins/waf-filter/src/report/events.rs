//! The reporter: one event line for people, one JSON line for the audit log, and the counters.

use std::{os::fd::OwnedFd, rc::Rc};

use fosse_counters::{Counters, waf_filter as count};
use fosse_die::{Escaped, Severity};
use fosse_settings::{WafMode, WafProfile};
use fosse_wire::{request::RequestHead, verdict::Cause};

use super::{
    audit,
    redact::masked,
    rule_rows::RuleRows,
    summary::{Action, facts, response_status, shown},
};
use crate::{denial::Denial, evaluation::Evaluation, log::Log};

/// The places where reports go.
#[derive(Debug)]
pub(crate) struct Reporter {
    log: Log,
    audit: Option<OwnedFd>,
    counters: Rc<Counters>,
    rows: RuleRows,
}

impl Reporter {
    /// A reporter. Audit lines go to descriptor `audit`, if there is one; nothing waits for it.
    pub(crate) fn new(log: Log, audit: Option<OwnedFd>, counters: Rc<Counters>) -> Self {
        Self { log, audit, counters, rows: RuleRows::default() }
    }

    /// Adds one to a counter of waf-filter's table.
    pub(crate) fn count(&self, counter: usize) {
        self.counters.add(counter, 1);
    }

    /// Reports what was found without rules, in a request or, where its evaluation is given, in the
    /// response; tells whether the site denies it.
    pub(crate) fn found(
        &self,
        profile: &WafProfile,
        head: &RequestHead<'_>,
        denial: &Denial,
        evaluation: Option<&Evaluation>,
    ) -> bool {
        let is_denied = profile.waf == WafMode::Block;
        let action = if is_denied { Action::Denied } else { Action::Detected };
        let facts = evaluation.map_or_else(String::new, response_status);
        // Who is refused for want of memory, or for the site's limit, has its line from parse,
        // which counts a flood of them.
        if !(is_denied && matches!(denial.cause, Cause::Memory | Cause::BodySize)) {
            self.event(action, head, Some(denial), &facts);
        }
        self.audit(action, profile, head, Some(denial), evaluation);
        if is_denied {
            self.rows.count(&self.counters, denial, None);
        }
        is_denied
    }

    /// Reports what the rules came to at the end of an evaluation; returns its denial, if the site
    /// denies.
    pub(crate) fn evaluated(
        &self,
        profile: &WafProfile,
        head: &RequestHead<'_>,
        evaluation: &Evaluation,
    ) -> Option<Denial> {
        let matched = u64::try_from(evaluation.transaction.matches().count()).unwrap_or(0);
        let denial = evaluation.denial.as_ref();
        if matched == 0 && denial.is_none() {
            return None;
        }
        self.counters.add(count::RULES_MATCHED, matched);
        if denial.is_some_and(|denial| denial.cause == Cause::Budget) {
            self.count(count::OVER_BUDGET);
        }
        let is_logged = evaluation.transaction.matches().any(|m| m.is_logged());
        let action = match (denial, profile.waf) {
            (Some(_), WafMode::Block) => Action::Denied,
            (Some(_), _) => Action::Detected,
            (None, WafMode::Detect) if is_logged => Action::Detected,
            (None, _) => Action::Passed,
        };
        if action != Action::Passed {
            self.event(action, head, denial, &facts(evaluation));
        }
        if action != Action::Passed || evaluation.transaction.matches().any(|m| m.is_audited()) {
            self.audit(action, profile, head, denial, Some(evaluation));
        }
        let denial = denial.filter(|_| action == Action::Denied);
        denial.into_iter().for_each(|denial| self.rows.count(&self.counters, denial, Some(evaluation)));
        denial.cloned()
    }

    /// Reports that only the first `evaluated` bytes of a body were evaluated, and all of it
    /// passes.
    pub(crate) fn in_part(&self, request: u64, evaluated: usize) {
        self.count(count::PASSED_IN_PART);
        (self.log)(Severity::Info, format_args!("event=passed-in-part request={request:016x} evaluated={evaluated}"));
    }

    /// Reports that the spool gave back other bytes of a request's body than it was given.
    pub(crate) fn altered(&self, request: u64) {
        (self.log)(Severity::Alert, format_args!("event=spool-altered request={request:016x}"));
    }

    /// Reports that the client of a request would be penalised for the time its requests take, if
    /// the site denied them.
    pub(crate) fn would_penalise(&self, head: &RequestHead<'_>, overruns: u32) {
        (self.log)(
            Severity::Warning,
            format_args!(
                "event=would-penalise client={} host={} why=\"the rules ran out of time over its requests\" requests={overruns}",
                client_of(head),
                Escaped(shown(head.host)),
            ),
        );
    }

    fn event(&self, action: Action, head: &RequestHead<'_>, denial: Option<&Denial>, facts: &str) {
        if action == Action::Detected {
            self.count(count::DETECTED);
        }
        let client = client_of(head);
        let reason = denial.map_or_else(String::new, |denial| {
            let (status, rule) = (denial.status, denial.rule);
            let what = masked(shown(&denial.message));
            format!(" status={status} cause={} rule={rule} what={}", denial.cause.word(), Escaped(&what))
        });
        let target = masked(shown(head.target));
        (self.log)(
            Severity::Info,
            format_args!(
                "event={} request={:016x} client={client} host={} method={} target={}{reason}{facts}",
                action.word(),
                head.request,
                Escaped(shown(head.host)),
                Escaped(shown(head.method)),
                Escaped(&target),
            ),
        );
    }

    fn audit(
        &self,
        action: Action,
        profile: &WafProfile,
        head: &RequestHead<'_>,
        denial: Option<&Denial>,
        evaluation: Option<&Evaluation>,
    ) {
        let Some(fd) = &self.audit else { return };
        let line = audit::line(action, profile, head, denial, evaluation);
        // Half a line is none: it is counted as lost, and the logger drops the rest.
        if !matches!(rustix::io::write(fd, &line), Ok(written) if written == line.len()) {
            self.count(count::AUDIT_DROPPED);
        }
    }
}

fn client_of(head: &RequestHead<'_>) -> String {
    head.client.ip().map_or_else(|| "unix".into(), |ip| ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reporter() -> (Reporter, Rc<Counters>) {
        let counters = Rc::new(Counters::private());
        (Reporter::new(|_, _| {}, None, Rc::clone(&counters)), counters)
    }

    #[test]
    fn what_is_found_is_denied_where_the_site_blocks_and_counted_where_it_watches() {
        let (reporter, counters) = reporter();
        let denial = Denial::new(400, Cause::Protocol, "encoded NUL");
        let head = RequestHead::default();
        let watches = WafProfile { waf: WafMode::Detect, ..WafProfile::default() };
        assert!(reporter.found(&WafProfile::default(), &head, &denial, None));
        assert_eq!(counters.get(count::DETECTED), 0);
        assert!(!reporter.found(&watches, &head, &denial, None));
        assert_eq!(counters.get(count::DETECTED), 1);
    }

    #[test]
    fn an_audit_line_that_cannot_be_written_is_counted() {
        let (mut reporter, counters) = reporter();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        reporter.audit = Some(writer);
        let denial = Denial::new(400, Cause::Protocol, "encoded NUL");
        reporter.found(&WafProfile::default(), &RequestHead::default(), &denial, None);
        assert_eq!(counters.get(count::AUDIT_DROPPED), 0);
        drop(reader);
        reporter.found(&WafProfile::default(), &RequestHead::default(), &denial, None);
        assert_eq!(counters.get(count::AUDIT_DROPPED), 1);
    }
}
