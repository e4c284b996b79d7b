//! Rules and targets that a `ctl` took out for the rest of a transaction.

use super::select;
use super::variables::{VarName, Variables};
use crate::rule::RuleBits;
use crate::ruleset::Ruleset;

/// The rules and targets that `ctl:ruleRemove*` removed.
#[derive(Debug, Default)]
pub(super) struct Removals {
    /// For each phase, the rules that no longer run.
    rules: [RuleBits; 5],
    /// Targets that rules no longer look at: the phase, the rule and the action that say so.
    targets: Vec<(u8, u32, u32)>,
}

impl Removals {
    /// Takes back everything, in the memory that is there.
    pub(super) fn reset(&mut self, rules: &Ruleset) {
        for (bits, phase) in self.rules.iter_mut().zip(&rules.phases) {
            bits.reset(phase.rules.len());
        }
        self.targets.clear();
    }

    /// Returns whether no target is removed.
    pub(super) fn has_no_targets(&self) -> bool {
        self.targets.is_empty()
    }

    /// Returns the rules of a phase (1 to 5) that no longer run.
    pub(super) fn of(&self, phase: u8) -> &RuleBits {
        &self.rules[usize::from(phase) - 1]
    }

    /// Takes out rules, given for each phase.
    pub(super) fn add_rules(&mut self, picked: &[RuleBits; 5]) {
        for (removed, picked) in self.rules.iter_mut().zip(picked) {
            removed.insert_all(picked);
        }
    }

    /// Takes out the target that an action of a rule names.
    pub(super) fn add_target(&mut self, phase: u8, rule: u32, act: u32) {
        if !self.targets.contains(&(phase, rule, act)) {
            self.targets.push((phase, rule, act));
        }
    }

    /// Returns whether the rule at `at` of a phase no longer looks at a value.
    pub(super) fn take_out(
        &self,
        (phase, at): (u8, usize),
        name: VarName,
        variables: &Variables<'_>,
        patterns: &mut fosse_pattern::Scratch,
    ) -> bool {
        self.targets.iter().any(|(by_phase, by, act)| {
            let Some((pick, target)) = variables.rules.removed_target(*by_phase, *by, *act) else { return false };
            let picked = variables.rules.picks.get(pick).map(|phases| &phases[usize::from(phase) - 1]);
            picked.is_some_and(|rules| rules.contains(at)) && select::excludes(target, name, variables, patterns)
        })
    }
}
