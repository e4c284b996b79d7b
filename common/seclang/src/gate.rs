//! Which rules of a phase can match at all: one pass over the values, before any rule runs.
//!
//! Most rules ask a pattern about values that do not change while the phase runs, and almost none of them match. For
//! each such value and each transformation chain some rule wants of it, the candidate finder of fosse-pattern says which
//! patterns may match; only their rules are evaluated, and only on those values.

use crate::operator::{Operator, TextTest};
use crate::arena::Span;
use crate::pipeline::NodeId;
use crate::rule::{Rule, RuleBits};
use crate::variable::Variable;
use fosse_pattern::{PatternSet, Requirement};

/// A rule that asks a pattern about a variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    pub rule: u32,
    /// Which of the rule's targets.
    pub target: u16,
    /// Which of the plan's nodes.
    pub node: u8,
}

/// What is done with the values of one variable.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub variable: Variable,
    /// The chains wanted of it.
    pub nodes: Box<[NodeId]>,
    /// For each pattern, where its users begin; one more for the end.
    starts: Box<[u32]>,
    users: Box<[User]>,
}

impl Plan {
    /// The rules that ask pattern `pattern` about this variable.
    pub fn users(&self, pattern: usize) -> &[User] {
        let at = |index: usize| self.starts.get(index).copied().map_or(0, crate::arena::widen);
        self.users.get(at(pattern)..at(pattern.saturating_add(1))).unwrap_or_default()
    }
}

/// The gate of one phase.
#[derive(Debug)]
pub(crate) struct Gate {
    pub set: Option<PatternSet>,
    pub plans: Box<[Plan]>,
    /// The rules that run whatever the values are.
    pub always: RuleBits,
}

/// Chains of one variable a plan can hold: the groups of equal values are one word.
const NODES_MAX: usize = 64;

impl Gate {
    /// Builds the gate of a phase's rules; `constant` gives the bytes of a constant text.
    pub fn new<'c>(rules: &[Rule], constant: impl Fn(Span) -> &'c [u8]) -> Self {
        let mut always = RuleBits::default();
        always.reset(rules.len());
        let mut requirements: Vec<Requirement> = Vec::new();
        let mut wishes: Vec<(Variable, usize, NodeId, u32, u16)> = Vec::new();
        for (at, rule) in rules.iter().enumerate().filter(|(at, rule)| rule.starter == crate::arena::narrow(*at)) {
            let Some(requirement) = requirement(rule, &constant) else {
                always.insert(at);
                continue;
            };
            let pattern = requirements.len();
            requirements.push(requirement);
            let nodes: &[NodeId] = if rule.multi.is_empty() { std::slice::from_ref(&rule.node) } else { &rule.multi };
            for (target, wanted) in rule.wanted.iter().enumerate() {
                for variable in wanted.variable.stored_as() {
                    let target = u16::try_from(target).unwrap_or(u16::MAX);
                    wishes.extend(nodes.iter().map(|node| (*variable, pattern, *node, crate::arena::narrow(at), target)));
                }
            }
        }
        wishes.sort_unstable();
        let plans = wishes.chunk_by(|left, right| left.0 == right.0).map(|wishes| plan(wishes, requirements.len()));
        let plans: Box<[Plan]> = plans.collect();
        let set = PatternSet::new(requirements.iter()).ok().filter(|set| !set.is_empty());
        if set.is_none() || plans.iter().any(|plan| plan.nodes.len() > NODES_MAX) {
            // Without a gate every rule is evaluated: slower, and as right.
            let starters = rules.iter().enumerate().filter(|(at, rule)| rule.starter == crate::arena::narrow(*at));
            starters.for_each(|(at, _)| always.insert(at));
            return Self { set: None, plans: Box::default(), always };
        }
        Self { set, plans, always }
    }
}

fn plan(wishes: &[(Variable, usize, NodeId, u32, u16)], patterns: usize) -> Plan {
    let mut nodes: Vec<NodeId> = wishes.iter().map(|wish| wish.2).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let place = |node: NodeId| u8::try_from(nodes.partition_point(|known| *known < node)).unwrap_or(u8::MAX);
    let users = wishes.iter().map(|(_, _, node, rule, target)| User { rule: *rule, target: *target, node: place(*node) });
    let users: Box<[User]> = users.collect();
    let starts = (0..=patterns).map(|pattern| crate::arena::narrow(wishes.partition_point(|wish| wish.1 < pattern)));
    Plan {
        variable: wishes.first().map_or(Variable::Args, |wish| wish.0),
        starts: starts.collect(),
        users,
        nodes: nodes.into(),
    }
}

/// What a value must have for the rule to match it; `None` if the rule has to be run to know.
fn requirement<'c>(rule: &Rule, constant: &impl Fn(Span) -> &'c [u8]) -> Option<Requirement> {
    if rule.negated || rule.wanted.iter().any(|target| target.count || !target.variable.is_static()) {
        return None;
    }
    match &rule.operator {
        Operator::Pattern(regex) | Operator::Digits(_, regex) => Some(regex.requirement().clone()),
        Operator::Phrases(phrases) => Some(phrases.requirement().clone()),
        Operator::Text(TextTest::Within, _) => None,
        Operator::Text(_, template) => {
            let text = constant(template.constant()?);
            (text.len() > 1).then(|| Requirement::any_of([text]))
        }
        _ => None,
    }
}
