//! What a rule does when it matches.

use super::record::RecordData;
use super::{Outcome, Transaction, VarName};
use crate::action::{Act, Assignment, Control, Disruption, Mode, Parts, Place};
use crate::arena::{Span, narrow, widen};
use crate::macros::Template;
use crate::rule::{Facts, Rule};
use crate::ruleset::Phase;
use crate::store::Change;
use crate::transaction::values::TxValue;

/// Records kept of one transaction: more says nothing new, and each costs memory.
const RECORDS_MAX: usize = 2_000;

impl Transaction<'_> {
    pub(super) fn on_match(&mut self, phase: &Phase, at: usize, rule: &Rule, name: VarName, value: Span) {
        self.matched_var = (name, value);
        self.matched.push((name, value));
        let starter = widen(rule.starter);
        let facts = phase.rules.get(starter).map_or(&rule.facts, |first| &first.facts);
        if let Some(severity) = facts.severity.filter(|_| !rule.chained) {
            self.note_severity(severity);
        }
        for (place, act) in rule.acts.iter().enumerate() {
            self.act(at, place, act);
        }
        if !rule.chained {
            self.record(starter, facts, rule, name, value);
            self.disrupt(rule.id, facts);
        }
    }

    fn record(&mut self, starter: usize, facts: &Facts, last: &Rule, name: VarName, value: Span) {
        self.relevant |= facts.audit_log;
        if !(facts.log || facts.audit_log || self.explaining) || self.records.len() >= RECORDS_MAX {
            return;
        }
        let message = facts.message.as_ref().map_or(Span::EMPTY, |(message, _)| self.expand(message));
        let data = facts.log_data.as_ref().map_or(Span::EMPTY, |(data, _)| self.expand(data));
        let score = self.score();
        self.records.push(RecordData {
            score,
            phase: self.phase,
            rule: narrow(starter),
            node: last.node,
            message,
            data,
            name,
            value,
        });
    }

    fn score(&self) -> i64 {
        let number = |name: &Vec<u8>| self.values.tx_number(self.rules, self.values.tx_named(self.rules, name));
        self.scores.iter().map(number).fold(0, i64::saturating_add)
    }

    fn disrupt(&mut self, rule: u32, facts: &Facts) {
        if self.mode != Mode::On || self.phase == 5 {
            return;
        }
        self.verdict = match &facts.disruption {
            Disruption::Pass | Disruption::Block => return,
            Disruption::Allow(allow) => {
                self.allowed = Some(*allow);
                return;
            }
            Disruption::Deny => Some(Outcome::Deny { status: facts.status, rule }),
            Disruption::Drop => Some(Outcome::Drop { rule }),
            Disruption::Redirect(template) => {
                let location = self.expand(template);
                let location = self.values.text(self.rules, location).to_vec();
                let status = if matches!(facts.status, 301 | 302 | 303 | 307) { facts.status } else { 302 };
                Some(Outcome::Redirect { status, location, rule })
            }
        };
    }

    // Long: one arm for each action.
    fn act(&mut self, rule: usize, place: usize, act: &Act) {
        match act {
            Act::Set(Place::Tx(slot), assignment) => {
                let before = self.values.tx_slot(*slot);
                let after = self.assigned(before, assignment);
                self.values.set_tx_slot(*slot, after);
            }
            Act::Set(Place::TxNamed(template), assignment) => {
                let name = self.expand(template);
                let name = self.values.text(self.rules, name).to_ascii_lowercase();
                let before = self.values.tx_named(self.rules, &name);
                let after = self.assigned(before, assignment);
                self.values.set_tx_named(self.rules, &name, after);
            }
            Act::Set(Place::Persistent(collection, template), assignment) => {
                let change = match assignment {
                    Assignment::Set(value) => Change::Set(self.expanded(value)),
                    Assignment::Add(value) => Change::Add(self.template_number(value)),
                    Assignment::Subtract(value) => Change::Add(self.template_number(value).saturating_neg()),
                    Assignment::Unset => Change::Unset,
                };
                self.change(*collection, template, change);
            }
            Act::Expire(collection, template, seconds) => {
                let seconds = u64::try_from(self.template_number(seconds)).unwrap_or_default();
                self.change(*collection, template, Change::Expire(self.now.seconds.saturating_add(seconds)));
            }
            Act::Deprecate(collection, template, amount, seconds) => {
                self.change(*collection, template, Change::Deprecate { amount: *amount, seconds: *seconds });
            }
            Act::Open(collection, template) => {
                let key = self.expanded(template);
                self.open(*collection, key);
            }
            Act::Env(name, value) => {
                let name = self.expanded(name);
                self.env.retain(|(known, _)| *known != name);
                if let Some(value) = value {
                    let value = self.expanded(value);
                    self.env.push((name, value));
                }
            }
            Act::Control(control) => self.control(rule, place, control),
            Act::Sanitise(what, name) => {
                let name = match name {
                    Some(name) => name.as_bytes().to_vec(),
                    None => self.name_text(self.matched_var.0),
                };
                self.sanitised.push((*what, name));
            }
        }
    }

    pub(super) fn expanded(&mut self, template: &Template) -> Vec<u8> {
        let span = self.expand(template);
        self.values.text(self.rules, span).to_vec()
    }

    /// What a TX variable is after an assignment. Counters never go below zero.
    fn assigned(&mut self, before: TxValue, assignment: &Assignment) -> TxValue {
        let sum = |this: &mut Self, change: i64| {
            TxValue::Number(this.values.tx_number(this.rules, before).saturating_add(change).max(0))
        };
        match assignment {
            Assignment::Set(value) => self.tx_value(value),
            Assignment::Add(value) => {
                let change = self.template_number(value);
                sum(self, change)
            }
            Assignment::Subtract(value) => {
                let change = self.template_number(value).saturating_neg();
                sum(self, change)
            }
            Assignment::Unset => TxValue::Unset,
        }
    }

    fn control(&mut self, rule: usize, place: usize, control: &Control) {
        match control {
            Control::RuleEngine(mode) => self.mode = *mode,
            Control::BodyProcessor(processor) => self.processor = Some(*processor),
            Control::ForceBody(force) => self.force_body = *force,
            Control::RequestBodyAccess(access) => self.request_body_access = *access,
            Control::ResponseBodyAccess(access) => self.response_body_access = *access,
            Control::RequestBodyLimit(limit) => self.request_body_limit = *limit,
            Control::ResponseBodyLimit(limit) => self.response_body_limit = *limit,
            Control::Audit(audit) => self.audit = *audit,
            Control::AuditParts(how, letters) => self.change_audit_parts(*how, letters),
            Control::XmlArguments(arguments) => self.xml_arguments = *arguments,
            Control::RemoveRules(pick) => {
                let Some(picked) = self.rules.picks.get(*pick) else { return };
                for (removed, picked) in self.removed.iter_mut().zip(picked) {
                    removed.insert_all(picked);
                }
                if let Some(now) = picked.get(usize::from(self.phase).saturating_sub(1)) {
                    self.active.remove_all(now);
                }
            }
            Control::RemoveTarget(..) => {
                let entry = (self.phase, narrow(rule), narrow(place));
                if !self.removed_targets.contains(&entry) {
                    self.removed_targets.push(entry);
                }
            }
        }
    }

    fn change_audit_parts(&mut self, how: Parts, letters: &str) {
        let now = self.audit_parts();
        let changed = match how {
            Parts::These => letters.to_owned(),
            Parts::TakenOut => now.chars().filter(|letter| !letters.contains(*letter)).collect(),
            Parts::Added => now.chars().chain(letters.chars().filter(|letter| !now.contains(*letter))).collect(),
        };
        self.audit_parts = Some(changed);
    }
}
