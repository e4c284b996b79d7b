//! The rules' decision on a transaction.

use super::outcome::Outcome;
use crate::action::{Allow, Disruption, Parts};
use crate::modes::{Audit, Mode};
use crate::rule::Facts;
use crate::settings::Settings;

/// The verdict, the rules that still run, and the settings of the audit log.
#[derive(Debug)]
pub(super) struct Decision {
    pub mode: Mode,
    pub audit: Audit,
    /// The parts of the audit log, once a `ctl` changed them.
    audit_parts: Option<String>,
    /// A rule with `auditlog` matched.
    relevant: bool,
    allowed: Option<Allow>,
    verdict: Option<Outcome>,
}

impl Decision {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            mode: settings.mode,
            audit: settings.audit,
            audit_parts: None,
            relevant: false,
            allowed: None,
            verdict: None,
        }
    }

    /// Returns what a phase ends with. Phase 5 only logs: by then the response is on its way.
    pub(super) fn outcome(&self, phase: u8) -> Outcome {
        match &self.verdict {
            Some(verdict) if phase < 5 => verdict.clone(),
            _ => Outcome::Continue,
        }
    }

    /// Returns whether a phase runs no rule at all.
    pub(super) fn skips(&self, phase: u8) -> bool {
        let allowed = match self.allowed {
            Some(Allow::Transaction) => phase < 5,
            Some(Allow::Request) => phase < 3,
            Some(Allow::Phase) | None => false,
        };
        allowed || self.is_final(phase)
    }

    /// Returns whether there is a verdict that ends the phase.
    pub(super) fn is_final(&self, phase: u8) -> bool {
        self.verdict.is_some() && phase < 5
    }

    /// Returns whether the phase runs no further rule.
    pub(super) fn ends(&self, phase: u8) -> bool {
        let allowed = self.allowed.is_some_and(|allowed| allowed != Allow::Request || phase < 3);
        self.mode == Mode::Off || self.is_final(phase) || (allowed && phase < 5)
    }

    /// Forgets what held for one phase.
    pub(super) fn end_phase(&mut self) {
        if self.allowed == Some(Allow::Phase) {
            self.allowed = None;
        }
    }

    /// Returns whether no later rule may look at the response's body.
    pub(super) fn passes_response(&self) -> bool {
        self.mode == Mode::Off || self.allowed == Some(Allow::Transaction)
    }

    /// Takes the decision of a rule that matched in `phase`; `location` expands the target of a
    /// redirect.
    pub(super) fn disrupt(&mut self, phase: u8, rule: u32, facts: &Facts, location: impl FnOnce() -> Vec<u8>) {
        if self.mode != Mode::On || phase == 5 {
            return;
        }
        match &facts.disruption {
            Disruption::Pass | Disruption::Block => {}
            Disruption::Allow(allow) => self.allowed = Some(*allow),
            Disruption::Deny => self.verdict = Some(Outcome::Deny { status: facts.status, rule }),
            Disruption::Drop => self.verdict = Some(Outcome::Drop { rule }),
            Disruption::Redirect(_) => {
                // ModSecurity redirects with these four alone, and with 302 for any other status.
                let status = if matches!(facts.status, 301 | 302 | 303 | 307) { facts.status } else { 302 };
                self.verdict = Some(Outcome::Redirect { status, location: location(), rule });
            }
        }
    }

    /// Notes that a rule matched, for an audit log of relevant transactions only.
    pub(super) fn note_relevance(&mut self, facts: &Facts) {
        self.relevant |= facts.audit_log;
    }

    /// Returns whether the audit log has the transaction; `relevant_status` says whether its status
    /// is one to log.
    pub(super) fn is_audited(&self, relevant_status: impl FnOnce() -> bool) -> bool {
        match self.audit {
            Audit::On => true,
            Audit::Off => false,
            Audit::RelevantOnly => self.relevant || relevant_status(),
        }
    }

    /// Returns the parts of the audit log: what SecAuditLogParts says, and `ctl:auditLogParts`
    /// after it.
    pub(super) fn audit_parts<'d>(&'d self, settings: &'d Settings) -> &'d str {
        self.audit_parts.as_deref().unwrap_or(&settings.audit_parts)
    }

    /// Applies `ctl:auditLogParts`.
    pub(super) fn change_audit_parts(&mut self, how: Parts, letters: &str, settings: &Settings) {
        let now = self.audit_parts(settings);
        let changed = match how {
            Parts::These => letters.to_owned(),
            Parts::TakenOut => now.chars().filter(|letter| !letters.contains(*letter)).collect(),
            Parts::Added => now.chars().chain(letters.chars().filter(|letter| !now.contains(*letter))).collect(),
        };
        self.audit_parts = Some(changed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(disruption: Disruption) -> Facts {
        Facts {
            disruption,
            status: 403,
            log: true,
            audit_log: true,
            message: None,
            log_data: None,
            severity: None,
            tags: Box::default(),
            revision: None,
            version: None,
            file: "x.conf".into(),
            line: 1,
            operator: (String::new(), String::new()),
        }
    }

    #[test]
    fn a_verdict_ends_every_phase_but_the_last() {
        let mut decision = Decision::new(&Settings { mode: Mode::On, ..Settings::default() });
        decision.disrupt(2, 7, &facts(Disruption::Deny), Vec::new);
        assert_eq!(decision.outcome(2), Outcome::Deny { status: 403, rule: 7 });
        assert!(decision.ends(2) && decision.skips(3) && !decision.skips(5));
        assert_eq!(decision.outcome(5), Outcome::Continue);
    }

    #[test]
    fn rules_that_only_detect_decide_nothing() {
        let mut decision = Decision::new(&Settings { mode: Mode::DetectionOnly, ..Settings::default() });
        decision.disrupt(2, 7, &facts(Disruption::Deny), Vec::new);
        assert_eq!(decision.outcome(2), Outcome::Continue);
    }

    #[test]
    fn an_allowed_phase_is_allowed_once() {
        let mut decision = Decision::new(&Settings { mode: Mode::On, ..Settings::default() });
        decision.disrupt(1, 7, &facts(Disruption::Allow(Allow::Phase)), Vec::new);
        assert!(decision.ends(1));
        decision.end_phase();
        assert!(!decision.skips(2) && !decision.ends(2));
    }
}
