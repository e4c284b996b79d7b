//! The gate at work: finds, for every value, the rules that may match it.

use super::budget::Budget;
use super::candidates::Candidates;
use super::environment::Environment;
use super::outcome::Outcome;
use super::select;
use super::values::{Entry, Made};
use super::variables::Variables;
use crate::arena::{Span, widen};
use crate::gate::{Fired, Plan, Probe, User};
use crate::ruleset::Phase;
use fosse_pattern::{CandidateBits, PIECE_BYTES, Search};

/// Cost of looking at one value or one form of it, its bytes aside, in nanoseconds or so.
const COST_PER_VALUE: usize = 50;

/// Cost of a byte of a value that is searched, in nanoseconds or so.
const COST_PER_BYTE: usize = 4;

/// Bytes of a value from which on others may have their turn between two looks at it: each takes
/// half a millisecond.
const LONG_BYTES: usize = 8 * 1024;

/// The position at which the gate goes on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Position {
    plan: usize,
    entry: usize,
    /// Of the value under way, the number of forms looked at.
    scanned: Option<usize>,
}

/// The reason the gate stopped, and the number of forms of the value looked at.
type Stopped = (Outcome, usize);

/// The values of a phase on their way through the gate.
pub(super) struct Scan<'s, 'r> {
    pub phase: &'r Phase,
    pub variables: &'s mut Variables<'r>,
    pub candidates: &'s mut Candidates,
    pub budget: &'s mut Budget,
    /// The look at the form under way, where that is a long one.
    pub search: &'s mut Option<Box<Search>>,
}

impl Scan<'_, '_> {
    /// Looks at all values from a position on; returns why and where it stopped, if it was not
    /// through.
    pub(super) fn run(&mut self, mut at: Position, env: &mut Environment<'_>) -> Result<(), (Outcome, Position)> {
        while let Some(plan) = self.phase.gate.plans.get(at.plan) {
            while at.entry < self.variables.values.column(plan.variable).len() {
                let under_way = at.scanned.take();
                let repeated = under_way.is_none()
                    && !plan.named
                    && self.candidates.repeat(plan.variable, at.entry, self.variables);
                let cost = if repeated {
                    COST_PER_VALUE
                } else {
                    self.value(plan, at.entry, under_way.unwrap_or_default(), env)
                        .map_err(|(outcome, scanned)| (outcome, Position { scanned: Some(scanned), ..at }))?
                };
                at.entry += 1;
                if let Some(outcome) = self.budget.pause(cost, env.schedule) {
                    return Err((outcome, at));
                }
            }
            at = Position { plan: at.plan + 1, ..Position::default() };
        }
        Ok(())
    }

    /// Looks at one value, its first `scanned` forms left out; returns what it cost. Only a long
    /// value stops on the way.
    fn value(
        &mut self,
        plan: &Plan,
        entry: usize,
        scanned: usize,
        env: &mut Environment<'_>,
    ) -> Result<usize, Stopped> {
        let stored = self.variables.values.column(plan.variable)[entry];
        // Taken out, so that the forms can be read while the rest of the scratch is written to.
        let mut distinct = std::mem::take(&mut env.scratch.distinct);
        let done = match self.forms(plan, entry, stored, &mut distinct, env) {
            Some(outcome) => Err((outcome, scanned)),
            None => self.scan_forms((plan, entry), stored, (&distinct, scanned), env),
        };
        env.scratch.distinct = distinct;
        done
    }

    /// Makes every form of a value that some rule wants to see, equal ones once. What was made
    /// before is still there when this is called again.
    fn forms(
        &mut self,
        plan: &Plan,
        entry: usize,
        stored: Entry,
        distinct: &mut Vec<(Made, u64)>,
        env: &mut Environment<'_>,
    ) -> Option<Outcome> {
        distinct.clear();
        let touched = plan.touched_by(stored.classes) & plan.all();
        let untouched = plan.all() & !touched & plan.fitting(stored.value.len());
        if untouched != 0 {
            distinct.push((Made { text: stored.value, classes: stored.classes }, untouched));
        }
        self.variables.values.next_value();
        let mut wanted = touched & plan.reachable_by(stored.classes, stored.value.len());
        while wanted != 0 {
            let place = wanted.trailing_zeros();
            wanted &= wanted - 1;
            let node = plan.nodes[widen(place)];
            let before = self.variables.values.bytes.len();
            let made = self.variables.made(plan.variable, entry, node);
            let bit = 1u64 << place & plan.fitting(made.text.len());
            if bit != 0 {
                self.group(distinct, made, bit);
            }
            let written = self.variables.values.bytes.len() - before;
            // A form without a column to be remembered in would be made again after every pause.
            if written >= LONG_BYTES
                && self.variables.rules.columns.place(plan.variable, node).is_some()
                && let Some(outcome) = self.budget.pause(written, env.schedule)
            {
                return Some(outcome);
            }
        }
        None
    }

    /// Adds a form to the distinct ones, or its node to one with the same bytes.
    fn group(&self, distinct: &mut Vec<(Made, u64)>, made: Made, node: u64) {
        if let Some((_, known)) = distinct.iter_mut().find(|(known, _)| known.text == made.text) {
            *known |= node;
            return;
        }
        let text = self.variables.text(made.text);
        let same = |known: Span| known.len() == made.text.len() && self.variables.text(known) == text;
        match distinct.iter_mut().find(|(known, _)| same(known.text)) {
            Some((_, known)) => *known |= node,
            None => distinct.push((made, node)),
        }
    }

    /// Looks at the forms of a value.
    fn scan_forms(
        &mut self,
        (plan, entry): (&Plan, usize),
        stored: Entry,
        (distinct, scanned): (&[(Made, u64)], usize),
        env: &mut Environment<'_>,
    ) -> Result<usize, Stopped> {
        let phase = self.phase;
        let set = &phase.gate.sets[plan.set];
        // Forms without a column are made again after every pause.
        let columns = &self.variables.rules.columns;
        let is_kept = plan.nodes.iter().all(|node| *node == 0 || columns.place(plan.variable, *node).is_some());
        let mut cost = COST_PER_VALUE;
        for (at, (made, nodes)) in distinct.iter().enumerate().skip(scanned) {
            cost += COST_PER_VALUE;
            if self.search.is_none() {
                self.probe((plan, entry), stored, (*made, *nodes), env);
            }
            if made.text.len() < LONG_BYTES {
                let (text, scratch) = (self.variables.text(made.text), &mut *env.scratch);
                cost += text.len() * COST_PER_BYTE;
                if set.candidates(text, &mut scratch.patterns, &mut scratch.bits) {
                    self.note((plan, entry), *nodes, &scratch.bits);
                }
                continue;
            }
            let search = self.search.get_or_insert_default();
            while !set.search(self.variables.text(made.text), search) {
                self.budget.spend(PIECE_BYTES * COST_PER_BYTE);
                if is_kept && let Some(outcome) = self.budget.pause(0, env.schedule) {
                    return Err((outcome, at));
                }
            }
            if let Some(search) = self.search.take() {
                self.note((plan, entry), *nodes, search.candidates());
            }
            if let Some(outcome) = self.budget.pause(std::mem::take(&mut cost), env.schedule) {
                return Err((outcome, at + 1));
            }
        }
        Ok(cost)
    }

    /// Notes the rules that may match a form of a value by the patterns that may.
    fn note(&mut self, (plan, entry): (&Plan, usize), nodes: u64, bits: &CandidateBits) {
        for user in bits.iter().flat_map(|pattern| plan.users(pattern)) {
            self.candidates.note(plan, user, nodes, entry);
        }
    }

    /// Notes the rules that may match a form of a value by its bytes and by what the detectors say.
    fn probe(
        &mut self,
        (plan, entry): (&Plan, usize),
        stored: Entry,
        (made, nodes): (Made, u64),
        env: &mut Environment<'_>,
    ) {
        let mut fired = Fired::default();
        for classed in plan.classed.iter().filter(|classed| classed.classes & made.classes != 0) {
            let wanted = nodes >> classed.user.node & 1 == 1
                && (classed.probe == Probe::None || self.is_wanted(&classed.user, plan, stored.key, env));
            if wanted && fired.ask(classed.probe, self.variables.text(made.text)) {
                self.candidates.note(plan, &classed.user, nodes, entry);
            }
        }
    }

    /// Returns whether the rule's target picks the value named `key`: asked before a probe, which
    /// costs more.
    fn is_wanted(&self, user: &User, plan: &Plan, key: Span, env: &mut Environment<'_>) -> bool {
        let target = &self.phase.rules[widen(user.rule)].wanted[usize::from(user.target)];
        select::selects(&target.selector, plan.variable, key, self.variables, &mut env.scratch.patterns)
    }
}
