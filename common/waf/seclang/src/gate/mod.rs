//! The gate of a phase: finds the rules that can match at all in one pass over the values, before
//! any rule runs.
//!
//! Most rules ask a pattern about values that do not change while the phase runs, and almost none
//! of them match. For each such value and each transformation chain some rule wants of it, the
//! candidate finder of fosse-pattern says which patterns may match; only their rules are evaluated,
//! and only on those values.

mod plan;
mod probe;

pub(crate) use plan::{Plan, User};
pub(crate) use probe::{Fired, Probe};

use crate::arena::{Span, narrow};
use crate::operator::{Operator, TextTest};
use crate::pipeline::{ALWAYS, NodeId, Pipelines, classes_of};
use crate::rule::{Rule, RuleBits};
use crate::target::Selector;
use fosse_pattern::{PatternSet, Requirement};
use plan::{CLASSED, Candidate, patterns_of};
use std::collections::BTreeSet;

/// Chains of one variable a plan can hold: the groups of equal values are one word.
const NODES_MAX: usize = 64;

/// The gate of one phase.
#[derive(Debug)]
pub(crate) struct Gate {
    pub sets: Box<[PatternSet]>,
    pub plans: Box<[Plan]>,
    /// The rules that run whatever the values are.
    pub always: RuleBits,
}

impl Gate {
    /// Creates a gate that lets every rule run: as correct as any, and slower.
    pub(crate) fn open(rules: &[Rule]) -> Self {
        let mut always = RuleBits::default();
        always.reset(rules.len());
        starters(rules).for_each(|(at, _)| always.insert(at));
        Self { sets: Box::default(), plans: Box::default(), always }
    }

    /// Builds the gate of a phase's rules, those in `skipped` left out: they run when they are
    /// reached after all. `constant` gives the bytes of a constant text.
    #[expect(
        clippy::too_many_lines,
        reason = "one pass over the rules that fills tables which only make sense together"
    )]
    pub(crate) fn new<'c>(
        rules: &[Rule],
        skipped: &RuleBits,
        pipelines: &Pipelines,
        constant: impl Fn(Span) -> &'c [u8],
    ) -> Self {
        let mut always = RuleBits::default();
        always.reset(rules.len());
        let mut requirements: Vec<Requirement> = Vec::new();
        let mut candidates: Vec<Candidate> = Vec::new();
        for (at, rule) in starters(rules) {
            let gated = if skipped.contains(at) { None } else { condition(rule, &constant) };
            let (pattern, classes, probe, least) = match gated {
                Some(Condition::Pattern(requirement)) => {
                    let least = requirement.least();
                    requirements.push(requirement);
                    (requirements.len() - 1, 0, Probe::None, least)
                }
                Some(Condition::Classes(classes, probe)) => (CLASSED, classes, probe, 1),
                None => {
                    always.insert(at);
                    continue;
                }
            };
            let nodes: &[NodeId] = if rule.multi.is_empty() { std::slice::from_ref(&rule.node) } else { &rule.multi };
            for (target, wanted) in rule.wanted.iter().enumerate() {
                let target = u16::try_from(target).unwrap_or(u16::MAX);
                for variable in wanted.variable.stored_as() {
                    let candidate = |node: &NodeId| Candidate {
                        variable: *variable,
                        pattern,
                        node: *node,
                        rule: narrow(at),
                        target,
                        classes,
                        probe,
                        named: !matches!(wanted.selector, Selector::All),
                        least,
                    };
                    candidates.extend(nodes.iter().map(candidate));
                }
            }
        }
        candidates.sort_unstable();
        let by_variable: Vec<&[Candidate]> =
            candidates.chunk_by(|left, right| left.variable == right.variable).collect();
        let groups = share(&by_variable);
        let sets =
            groups.iter().map(|patterns| PatternSet::new(patterns.iter().filter_map(|at| requirements.get(*at))));
        let Ok(sets) = sets.collect::<Result<Box<[PatternSet]>, _>>() else { return Self::open(rules) };
        let plans = by_variable.iter().map(|candidates| Plan::new(candidates, &groups, pipelines));
        let plans: Box<[Plan]> = plans.collect();
        if plans.iter().any(|plan| plan.nodes.len() > NODES_MAX) {
            return Self::open(rules);
        }
        Self { sets, plans, always }
    }
}

/// Groups patterns into sets so that each variable's are in one of them: a set of its own costs
/// memory, one that holds much else costs time.
fn share(by_variable: &[&[Candidate]]) -> Vec<BTreeSet<usize>> {
    let mut wanted: Vec<BTreeSet<usize>> = by_variable.iter().map(|candidates| patterns_of(candidates)).collect();
    wanted.sort_by_key(|patterns| std::cmp::Reverse(patterns.len()));
    let mut sets: Vec<BTreeSet<usize>> = Vec::new();
    for patterns in wanted {
        let fits = |set: &BTreeSet<usize>| {
            let more = patterns.difference(set).count();
            more * 4 <= patterns.len() && set.len() <= patterns.len() * 2
        };
        match sets.iter_mut().find(|set| fits(set)) {
            Some(set) => set.extend(patterns),
            None => sets.push(patterns),
        }
    }
    sets
}

fn starters(rules: &[Rule]) -> impl Iterator<Item = (usize, &Rule)> {
    rules.iter().enumerate().filter(|(at, rule)| rule.starter == narrow(*at))
}

/// A condition that a value must meet for a rule to match.
enum Condition {
    Pattern(Requirement),
    /// A byte of one of these classes, and what the probe looks for.
    Classes(u32, Probe),
}

/// Returns the condition of a rule; `None` if the rule has to run.
fn condition<'c>(rule: &Rule, constant: &impl Fn(Span) -> &'c [u8]) -> Option<Condition> {
    // Targets are numbered in 16 bits here.
    if rule.wanted.len() > usize::from(u16::MAX) {
        return None;
    }
    if rule.negated || rule.wanted.iter().any(|target| target.count || !target.variable.is_static()) {
        return None;
    }
    match &rule.operator {
        Operator::Pattern(regex) | Operator::Digits(_, regex) => Some(Condition::Pattern(regex.requirement().clone())),
        Operator::Phrases(phrases) => Some(Condition::Pattern(phrases.requirement().clone())),
        Operator::Text(TextTest::Within, _) => None,
        Operator::Text(_, template) => {
            let text = constant(template.constant()?);
            (text.len() > 1).then(|| Condition::Pattern(Requirement::any_of([text])))
        }
        // Without a tag's `<` and an attribute's `=` nothing in a value is markup.
        Operator::Xss => Some(Condition::Classes(classes_of(b"<=") & !ALWAYS, Probe::Xss)),
        // Letters alone are one word, and no word is an injection.
        Operator::Sqli => Some(Condition::Classes(!(classes_of(b"Aa") | ALWAYS), Probe::Sqli)),
        Operator::ByteRange(allowed) => {
            let refused = (0..=u8::MAX).filter(|byte| !allowed[usize::from(*byte)]);
            let classes = refused.fold(0, |classes, byte| classes | classes_of(&[byte])) & !ALWAYS;
            Some(Condition::Classes(classes, Probe::None))
        }
        Operator::UrlEncoding => Some(Condition::Classes(classes_of(b"%") & !ALWAYS, Probe::None)),
        Operator::Utf8Encoding => Some(Condition::Classes(classes_of(&[0x80]) & !ALWAYS, Probe::None)),
        _ => None,
    }
}
