//! The rules that a dry run reaches.

use crate::operator;
use crate::rule::{Facts, Rule, RuleBits};
use crate::ruleset::Ruleset;
use crate::variable::Variable;
use std::sync::Arc;

/// TX:0 to TX:9 are what patterns captured, so jumps over them depend on the request.
const SLOT_MIN: u16 = crate::names::CAPTURES;

/// The result of a dry run.
#[derive(Debug)]
pub(crate) struct Reach {
    /// For each phase, the rules that jumps over TX variables leave out.
    pub skipped: [RuleBits; 5],
    /// The rules that were reached and ask for what this engine does not have.
    pub absent: Vec<Arc<Facts>>,
}

impl Reach {
    pub(crate) fn new(rules: &Ruleset) -> Self {
        let mut skipped: [RuleBits; 5] = Default::default();
        for (bits, phase) in skipped.iter_mut().zip(&rules.phases) {
            bits.reset(phase.rules.len());
        }
        Self { skipped, absent: Vec::new() }
    }

    /// Notes a rule that is evaluated, if it asks for what is not there.
    pub(crate) fn note_reached(&mut self, rule: &Rule) {
        let asks = operator::absent(&rule.facts.operator.0).is_some()
            || rule.wanted.iter().any(|target| target.variable.is_absent());
        if asks {
            self.absent.push(Arc::clone(&rule.facts));
        }
    }

    /// Notes the rules from `from` to `to` of a phase as left out, if the jump depends on TX
    /// variables alone.
    pub(crate) fn note_jump(&mut self, phase: u8, rule: &Rule, from: usize, to: usize) {
        let steady = rule
            .wanted
            .iter()
            .all(|target| target.variable == Variable::Tx && target.slot.is_some_and(|slot| slot >= SLOT_MIN));
        if steady {
            let bits = &mut self.skipped[usize::from(phase) - 1];
            (from..to).for_each(|at| bits.insert(at));
        }
    }
}
