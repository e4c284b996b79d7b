//! The rules of a phase, one after the other.

use super::assign;
use super::bodies::Bodies;
use super::decision::Decision;
use super::environment::Environment;
use super::expand::{expand, expanded};
use super::items::{self, Item};
use super::log::Log;
use super::outcome::Outcome;
use super::record::RecordData;
use super::run::{Run, Stage};
use super::select;
use super::test;
use super::variables::{VarName, Variables};
use crate::action::{Act, Control, Disruption};
use crate::arena::{Span, narrow, widen};
use crate::rule::{Facts, Rule};
use crate::ruleset::Phase;

/// Cost of looking at one rule, in nanoseconds or so.
const COST_PER_RULE: usize = 100;

/// The parts of a transaction that rules read and change, for as long as a phase runs without a
/// pause.
///
/// Other modules, which are given less, find a rule's values and whether it matches; this one has
/// the order of rules and the consequences of a match.
pub(super) struct Evaluation<'e, 'r> {
    pub phase: &'r Phase,
    pub variables: &'e mut Variables<'r>,
    pub run: &'e mut Run,
    pub decision: &'e mut Decision,
    pub bodies: &'e mut Bodies,
    pub log: &'e mut Log,
}

impl<'r> Evaluation<'_, 'r> {
    /// Runs the rules at `at` and after it; returns why they stopped, if the phase is not over.
    pub(super) fn rules(&mut self, mut at: usize, env: &mut Environment<'_>) -> Option<Outcome> {
        while let Some(start) = self.run.candidates.next(at) {
            let rule = &self.phase.rules[start];
            if let Some(wait) = self.awaits(rule, env) {
                self.run.stage = Stage::Rules(start);
                return Some(wait);
            }
            at = self.chain(start, env);
            if self.decision.ends(self.run.phase) {
                break;
            }
            if let Some(pause) = self.run.budget.pause(COST_PER_RULE, env.schedule) {
                self.run.stage = Stage::Rules(at);
                return Some(pause);
            }
        }
        self.decision.end_phase();
        self.run.stage = Stage::Over;
        None
    }

    /// Returns [`Outcome::Wait`] if the rule or a later link of its chain looks at a record that is
    /// not here yet.
    fn awaits(&mut self, rule: &Rule, env: &mut Environment<'_>) -> Option<Outcome> {
        // The quick test comes last but before the store is asked: most rules read no record, and
        // of those that do most are jumped over.
        if rule.reads.is_empty() || !self.variables.persistent.is_missing(rule.reads) || !self.variables.may_hold(rule)
        {
            return None;
        }
        let rules = self.variables.rules;
        let place = (rules.settings.web_app_id.as_bytes(), self.variables.now.seconds);
        self.variables.persistent.load(rule.reads, rules.reads, place, env.store)
    }

    /// Runs the rule at `start` and, as long as they match, the rules chained to it; returns where
    /// to go on.
    fn chain(&mut self, start: usize, env: &mut Environment<'_>) -> usize {
        self.variables.matched.clear();
        self.variables.rule = Some(&self.phase.rules[start]);
        let mut jump = None;
        for (at, rule) in self.phase.rules.iter().enumerate().skip(start) {
            let possible = self.variables.may_hold(rule);
            if let Some(reach) = &mut self.run.reach {
                reach.note_reached(rule);
            }
            if !possible || !self.rule(at, rule, env) {
                return widen(rule.next);
            }
            jump = jump.or(rule.jump);
            if !rule.chained {
                let to = widen(jump.unwrap_or(rule.next));
                if let Some(reach) = self.run.reach.as_mut().filter(|_| at == start) {
                    reach.note_jump(self.run.phase, rule, widen(rule.next), to);
                }
                return to;
            }
        }
        // Not reached: the compiler refuses a chain without its last link.
        self.phase.rules.len()
    }

    /// Evaluates a rule on all its targets; returns whether any matched.
    fn rule(&mut self, at: usize, rule: &'r Rule, env: &mut Environment<'_>) -> bool {
        if rule.wanted.is_empty() {
            self.on_match((at, rule), VarName::NOTHING, Span::EMPTY);
            return true;
        }
        // The quick test held, and there is one value at most: nothing is left to find out.
        if let ([target], Some(_)) = (&*rule.wanted, rule.quick)
            && rule.excluded.is_empty()
            && self.run.removals.has_no_targets()
        {
            let found = items::quick(target, self.variables);
            if let Some((name, value)) = found {
                self.on_match((at, rule), name, value);
            }
            return found.is_some();
        }
        // Taken out, because a match may change everything else.
        let mut items = std::mem::take(&mut self.run.items);
        let patterns = &mut env.scratch.patterns;
        if widen(rule.starter) == at && !self.phase.gate.always.contains(at) {
            items::from_hits((at, rule), &mut self.run.candidates, self.variables, patterns, &mut items);
        } else {
            items::from_targets(rule, self.variables, patterns, &mut items);
        }
        let mut matched = false;
        for item in &items {
            matched |= self.item((at, rule), *item, env);
            if self.decision.is_final(self.run.phase) {
                break;
            }
        }
        self.run.items = items;
        matched
    }

    /// Evaluates a rule on one value, in all forms that it sees.
    fn item(&mut self, (at, rule): (usize, &'r Rule), item: Item, env: &mut Environment<'_>) -> bool {
        let name = item.name();
        if self.is_excluded((at, rule), name, env) {
            return false;
        }
        if let Item::Hit { variable, entry, node, .. } = item {
            let value = self.variables.transformed(variable, widen(entry), node);
            // Of equal values that `multiMatch` meets on its way, the first is enough.
            if !rule.multi.is_empty() && node != 0 {
                let parent = self.variables.rules.pipelines.get(node).map_or(0, |step| step.parent);
                if self.variables.transformed(variable, widen(entry), parent) == value {
                    return false;
                }
            }
            return self.value((at, rule), name, value, env);
        }
        let nodes = if rule.multi.is_empty() { std::slice::from_ref(&rule.node) } else { &rule.multi };
        let mut matched = false;
        let mut before = None;
        for node in nodes {
            let value = match item {
                Item::Stored { variable, entry, .. } | Item::Hit { variable, entry, .. } => {
                    self.variables.transformed(variable, widen(entry), *node)
                }
                Item::Loose { value, .. } => self.variables.transform(value, *node),
            };
            if before != Some(value) {
                matched |= self.value((at, rule), name, value, env);
            }
            before = Some(value);
        }
        matched
    }

    /// Returns whether the rule, or a `ctl` before it, excludes a value.
    fn is_excluded(&self, (at, rule): (usize, &Rule), name: VarName, env: &mut Environment<'_>) -> bool {
        let patterns = &mut env.scratch.patterns;
        rule.excluded.iter().any(|excluded| select::excludes(excluded, name, self.variables, patterns))
            || self.run.removals.take_out((self.run.phase, at), name, self.variables, patterns)
    }

    /// Evaluates a rule on one form of a value.
    fn value(&mut self, (at, rule): (usize, &'r Rule), name: VarName, value: Span, env: &mut Environment<'_>) -> bool {
        let held = test::test(rule, value, self.variables, &mut self.run.budget, env.scratch);
        // An operator that was given up neither holds nor fails, so `!` does not turn it round.
        let holds = held.is_some_and(|held| held != rule.negated);
        if holds {
            self.on_match((at, rule), name, value);
        }
        holds
    }

    fn on_match(&mut self, (at, rule): (usize, &'r Rule), name: VarName, value: Span) {
        self.variables.note_match((name, value));
        let starter = widen(rule.starter);
        let facts = &*self.phase.rules[starter].facts;
        if let Some(severity) = facts.severity.filter(|_| !rule.chained) {
            self.variables.note_severity(severity);
        }
        // As in ModSecurity, each link of a chain acts as soon as it matches, whether or not the
        // later ones do; only logging and disruption wait for the last.
        for (place, act) in rule.acts.iter().enumerate() {
            match act {
                Act::Write(write) => assign::apply(write, self.variables),
                Act::Control(control) => self.control((at, place), control),
                Act::Sanitise(what, named) => {
                    let name =
                        named.as_ref().map_or_else(|| self.variables.name_text(name), |name| name.clone().into());
                    self.log.masked.push((*what, name));
                }
            }
        }
        if !rule.chained {
            self.record(starter, rule, name, value);
            self.disrupt(rule.id, facts);
        }
    }

    /// Applies a `ctl`, the action `place` of the rule at `at`.
    fn control(&mut self, (at, place): (usize, usize), control: &Control) {
        match control {
            Control::RuleEngine(mode) => self.decision.mode = *mode,
            Control::BodyProcessor(processor) => self.variables.processor = Some(*processor),
            Control::ForceBody(force) => self.bodies.force = *force,
            Control::RequestBodyAccess(access) => self.bodies.request_access = *access,
            Control::ResponseBodyAccess(access) => self.bodies.response_access = *access,
            Control::RequestBodyLimit(limit) => self.bodies.request_limit = *limit,
            Control::ResponseBodyLimit(limit) => self.bodies.response_limit = *limit,
            Control::XmlArguments(arguments) => self.bodies.xml_arguments = *arguments,
            Control::Audit(audit) => self.decision.audit = *audit,
            Control::AuditParts(how, letters) => {
                self.decision.change_audit_parts(*how, letters, &self.variables.rules.settings);
            }
            Control::RemoveRules(pick) => {
                let picked = &self.variables.rules.picks[*pick];
                self.run.removals.add_rules(picked);
                self.run.candidates.remove(&picked[usize::from(self.run.phase) - 1]);
            }
            Control::RemoveTarget(..) => self.run.removals.add_target(self.run.phase, narrow(at), narrow(place)),
        }
    }

    /// Keeps a match for logs; `starter` is the first rule of the chain that `last` completes.
    fn record(&mut self, starter: usize, last: &Rule, name: VarName, value: Span) {
        let facts = &*self.phase.rules[starter].facts;
        self.decision.note_relevance(facts);
        if !self.log.wants(facts) {
            return;
        }
        let message = facts.message.as_ref().map_or(Span::EMPTY, |(message, _)| expand(message, self.variables));
        let data = facts.log_data.as_ref().map_or(Span::EMPTY, |(data, _)| expand(data, self.variables));
        self.log.records.push(RecordData {
            score: self.log.score(self.variables),
            phase: self.run.phase,
            rule: narrow(starter),
            node: last.node,
            message,
            data,
            name,
            value,
        });
    }

    fn disrupt(&mut self, rule: u32, facts: &Facts) {
        let variables = &mut *self.variables;
        self.decision.disrupt(self.run.phase, rule, facts, || match &facts.disruption {
            Disruption::Redirect(template) => expanded(template, variables),
            _ => Vec::new(),
        });
    }
}
