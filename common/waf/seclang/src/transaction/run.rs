//! A phase from beginning to end, in turns.
// Long: one loop in its parts, none of which is read without the others.

use super::values::{Entry, Made};
use super::{Host, Outcome, Stage, Transaction, Turn};
use crate::action::{Allow, Mode};
use crate::arena::{Span, narrow, widen};
use crate::gate::{Fired, Plan, Probe, User};
use crate::pipeline::NodeId;
use crate::ruleset::Phase;
use crate::variable::Variable;

/// A value that may match a rule, in the list of the rule's hits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub variable: Variable,
    pub entry: u32,
    pub target: u16,
    pub node: NodeId,
    pub rule: u32,
    /// The next hit of the same rule, or `LAST`.
    pub next: u32,
}

/// A value the gate has seen, and the hits it had.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    variable: Option<Variable>,
    entry: u32,
    start: u32,
    end: u32,
    /// Whether hits are still being added.
    open: bool,
}

/// Values of one variable from which on it is worth looking for equal ones: lists of records repeat names and words.
const REPEATS_WORTH: usize = 16;

/// Values remembered; others are looked at anew.
const SEEN_MAX: usize = 4096;

/// A number that equal texts share and other texts mostly do not. Nothing but speed depends on it.
fn quick_hash(text: &[u8]) -> usize {
    let mut hash = u64::try_from(text.len()).unwrap_or_default();
    for word in text.chunks(8) {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(word).for_each(|(place, byte)| *place = *byte);
        hash = (hash ^ u64::from_le_bytes(bytes)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
    usize::try_from((hash ^ hash >> 32) & 0xffff_ffff).unwrap_or_default()
}

/// The end of a list of hits.
pub(crate) const LAST: u32 = u32::MAX;

/// Work between two questions to [`Host::turn`], in units of about a nanosecond: short beside a turn of 5 ms, long
/// beside the question itself.
const COST_PER_TURN: usize = 20_000;

/// What it costs to look at one value or one form of it, its bytes aside, in the same unit.
const COST_PER_VALUE: usize = 50;

/// Bytes of a value from which on others may have their turn between two looks at it: each takes half a millisecond.
const LONG_BYTES: usize = 8 * 1024;

/// What it costs to look at one rule, in the same unit.
const COST_PER_RULE: usize = 100;

impl Transaction<'_> {
    pub(super) fn run(&mut self, phase: u8, host: &mut Host<'_>) -> Outcome {
        if self.phase != phase {
            self.begin(phase);
        }
        loop {
            match self.stage {
                Stage::Start => self.prepare(),
                Stage::Gate { plan, entry, scanned } => {
                    if let Some(outcome) = self.gate(plan, entry, scanned, host) {
                        return outcome;
                    }
                }
                Stage::Rules { at } => {
                    if let Some(outcome) = self.evaluate(at, host) {
                        return outcome;
                    }
                }
                Stage::Over => return self.phase_outcome(),
            }
        }
    }

    fn phase_outcome(&self) -> Outcome {
        match &self.verdict {
            Some(verdict) if self.phase < 5 => verdict.clone(),
            _ => Outcome::Continue,
        }
    }

    fn begin(&mut self, phase: u8) {
        self.phase = phase;
        self.stage = Stage::Start;
        if self.mode == Mode::Off {
            self.stage = Stage::Over;
            return;
        }
        match phase {
            1 => self.fill_head(),
            2 => self.fill_body(),
            3 => self.fill_response_head(),
            4 => self.fill_response_body(),
            _ => {}
        }
        let skipped = match self.allowed {
            Some(Allow::Transaction) => phase < 5,
            Some(Allow::Request) => phase < 3,
            Some(Allow::Phase) | None => false,
        };
        if skipped || (self.verdict.is_some() && phase < 5) {
            self.stage = Stage::Over;
        }
    }

    fn prepare(&mut self) {
        let Some(phase) = self.rules.phase(self.phase) else {
            self.stage = Stage::Over;
            return;
        };
        self.hits.clear();
        self.hit_heads.clear();
        self.hit_heads.resize(phase.rules.len(), LAST);
        self.active.copy_from(&phase.gate.always);
        self.stage = Stage::Gate { plan: 0, entry: 0, scanned: None };
    }

    /// Asks the caller, from time to time, whether to go on.
    fn paused(&mut self, cost: usize, host: &mut Host<'_>) -> Option<Outcome> {
        self.cost = self.cost.saturating_add(cost);
        if self.cost < COST_PER_TURN {
            return None;
        }
        self.cost = 0;
        match (host.turn)() {
            Turn::Go => None,
            Turn::Yield => Some(Outcome::Yield),
            Turn::Exhausted => Some(Outcome::BudgetExceeded),
        }
    }

    /// Finds, for every value, the rules that may match it.
    fn gate(
        &mut self,
        mut from: usize,
        mut entry: usize,
        mut scanned: Option<usize>,
        host: &mut Host<'_>,
    ) -> Option<Outcome> {
        let phase = self.rules.phase(self.phase)?;
        while let Some(plan) = phase.gate.plans.get(from) {
            while entry < self.values.shelf(plan.variable).len() {
                let under_way = scanned.take();
                let repeated = under_way.is_none() && !plan.named && self.repeat(plan.variable, entry);
                let cost = match repeated {
                    true => Ok(COST_PER_VALUE),
                    false => self.gate_value(phase, (from, entry), under_way.unwrap_or_default(), host),
                };
                let cost = match cost {
                    Ok(cost) => cost,
                    Err((outcome, scanned)) => {
                        self.stage = Stage::Gate { plan: from, entry, scanned: Some(scanned) };
                        return Some(outcome);
                    }
                };
                entry = entry.saturating_add(1);
                if let Some(outcome) = self.paused(cost, host) {
                    self.stage = Stage::Gate { plan: from, entry, scanned: None };
                    return Some(outcome);
                }
            }
            (from, entry) = (from.saturating_add(1), 0);
        }
        if let Some(removed) = self.removed.get(usize::from(self.phase).saturating_sub(1)) {
            self.active.remove_all(removed);
        }
        self.stage = Stage::Rules { at: 0 };
        None
    }

    /// Gives a value the hits of an equal one before it, if there is one; else remembers where its own will begin.
    fn repeat(&mut self, variable: Variable, entry: usize) -> bool {
        let shelf = self.values.shelf(variable);
        if shelf.len() < REPEATS_WORTH {
            return false;
        }
        let Some(value) = shelf.get(entry).map(|entry| entry.value) else { return false };
        let text = self.values.bytes.get(&self.rules.constants, value);
        let first = narrow(self.hits.len());
        if entry == 0 {
            self.seen.clear();
            self.seen.resize(shelf.len().next_power_of_two().clamp(64, SEEN_MAX), Seen::default());
        }
        // The value before this one is through: what hits it had are known now.
        if let Some(before) = self.seen.get_mut(self.last_seen).filter(|before| before.open) {
            (before.end, before.open) = (first, false);
        }
        let place = quick_hash(text) & self.seen.len().saturating_sub(1);
        let Some(seen) = self.seen.get(place).copied() else { return false };
        let twin = (seen.variable == Some(variable)).then(|| shelf.get(widen(seen.entry))).flatten();
        let same = twin.is_some_and(|twin| self.values.bytes.get(&self.rules.constants, twin.value) == text);
        if !same {
            self.last_seen = place;
            if let Some(seen) = self.seen.get_mut(place) {
                *seen = Seen { variable: Some(variable), entry: narrow(entry), start: first, end: first, open: true };
            }
            return false;
        }
        for at in seen.start..seen.end {
            let Some(hit) = self.hits.get(widen(at)).copied() else { break };
            let Some((head, rule)) = self.hit_heads.get_mut(widen(hit.rule)).map(|head| (head, hit.rule)) else {
                break;
            };
            let next = std::mem::replace(head, narrow(self.hits.len()));
            self.hits.push(Hit { entry: narrow(entry), next, ..hit });
            self.active.insert(widen(rule));
        }
        true
    }

    /// The gate for one value, its first `scanned` forms left out; what it cost, or why it stopped, and how many forms
    /// are looked at. Only a long value stops on the way.
    fn gate_value(
        &mut self,
        phase: &Phase,
        (plan, entry): (usize, usize),
        scanned: usize,
        host: &mut Host<'_>,
    ) -> Result<usize, (Outcome, usize)> {
        let Some(plan) = phase.gate.plans.get(plan) else { return Ok(0) };
        let Some(stored) = self.values.shelf(plan.variable).get(entry).copied() else { return Ok(0) };
        let mut distinct = std::mem::take(&mut host.bench.distinct);
        let done = match self.forms(plan, entry, stored, &mut distinct, host) {
            Some(outcome) => Err((outcome, scanned)),
            None => self.scan_forms(phase, (plan, entry), stored, (&distinct, scanned), host),
        };
        host.bench.distinct = distinct;
        done
    }

    /// Makes every form of a value that some rule wants to see, equal ones once. What was made before is still there when
    /// this is called again.
    fn forms(
        &mut self,
        plan: &Plan,
        entry: usize,
        stored: Entry,
        distinct: &mut Vec<(Made, u64)>,
        host: &mut Host<'_>,
    ) -> Option<Outcome> {
        distinct.clear();
        let touched = plan.touched_by(stored.classes) & plan.all();
        let untouched = plan.all() & !touched & plan.fitting(stored.value.len());
        if untouched != 0 {
            distinct.push((Made { text: stored.value, classes: stored.classes }, untouched));
        }
        self.values.next_value();
        let mut wanted = touched & plan.reachable_by(stored.classes, stored.value.len());
        while wanted != 0 {
            let place = wanted.trailing_zeros();
            wanted &= wanted.wrapping_sub(1);
            let node = plan.nodes.get(widen(place)).copied().unwrap_or_default();
            let before = self.values.bytes.len();
            let made = self.values.made(self.rules, plan.variable, entry, node);
            let node = 1u64.checked_shl(place).unwrap_or(0) & plan.fitting(made.text.len());
            if node != 0 {
                self.group(distinct, made, node);
            }
            let written = self.values.bytes.len().saturating_sub(before);
            // What has no place to be kept would be made anew after every turn.
            if written >= LONG_BYTES
                && self
                    .rules
                    .columns
                    .place(plan.variable, plan.nodes.get(widen(place)).copied().unwrap_or_default())
                    .is_some()
                && let Some(outcome) = self.paused(written, host)
            {
                return Some(outcome);
            }
        }
        None
    }

    /// Looks at the forms of a value.
    fn scan_forms(
        &mut self,
        phase: &Phase,
        (plan, entry): (&Plan, usize),
        stored: Entry,
        (distinct, scanned): (&[(Made, u64)], usize),
        host: &mut Host<'_>,
    ) -> Result<usize, (Outcome, usize)> {
        let Some(set) = phase.gate.sets.get(plan.set) else { return Ok(0) };
        let mut cost = COST_PER_VALUE;
        for (at, (made, nodes)) in distinct.iter().enumerate().skip(scanned) {
            cost = cost.saturating_add(made.text.len().saturating_mul(4)).saturating_add(COST_PER_VALUE);
            let mut fired = Fired::default();
            for classed in plan.classed.iter().filter(|classed| classed.classes & made.classes != 0) {
                let wanted = nodes >> (classed.user.node & 63) & 1 == 1
                    && (classed.probe == Probe::None || self.is_wanted(phase, &classed.user, plan, stored.key, host));
                let text = self.values.bytes.get(&self.rules.constants, made.text);
                if wanted && fired.ask(classed.probe, text) {
                    self.note_hit(plan, &classed.user, *nodes, entry);
                }
            }
            let text = self.values.bytes.get(&self.rules.constants, made.text);
            if set.candidates(text, &mut host.bench.patterns, &mut host.bench.bits) {
                for user in host.bench.bits.iter().flat_map(|pattern| plan.users(pattern)) {
                    self.note_hit(plan, user, *nodes, entry);
                }
            }
            if made.text.len() >= LONG_BYTES
                && let Some(outcome) = self.paused(std::mem::take(&mut cost), host)
            {
                return Err((outcome, at.saturating_add(1)));
            }
        }
        Ok(cost)
    }

    /// Whether the rule's target picks the value named `key`: asked before a probe, which costs more.
    fn is_wanted(&mut self, phase: &Phase, user: &User, plan: &Plan, key: Span, host: &mut Host<'_>) -> bool {
        let rule = phase.rules.get(widen(user.rule));
        let target = rule.and_then(|rule| rule.wanted.get(usize::from(user.target)));
        target.is_none_or(|target| self.selects(plan.variable, &target.selector, key, host))
    }

    /// Notes that a value may match a rule, if the rule sees it through one of `nodes`.
    fn note_hit(&mut self, plan: &Plan, user: &User, nodes: u64, entry: usize) {
        if nodes >> (user.node & 63) & 1 == 0 {
            return;
        }
        let Some(head) = self.hit_heads.get_mut(widen(user.rule)) else { return };
        let next = std::mem::replace(head, narrow(self.hits.len()));
        let node = plan.nodes.get(usize::from(user.node)).copied().unwrap_or_default();
        self.hits.push(Hit {
            variable: plan.variable,
            entry: narrow(entry),
            target: user.target,
            node,
            rule: user.rule,
            next,
        });
        self.active.insert(widen(user.rule));
    }

    /// Adds a value to the distinct ones, or its node to one with the same bytes.
    fn group(&self, distinct: &mut Vec<(Made, u64)>, made: Made, node: u64) {
        if let Some((_, known)) = distinct.iter_mut().find(|(known, _)| known.text == made.text) {
            *known |= node;
            return;
        }
        let text = self.values.bytes.get(&self.rules.constants, made.text);
        let same =
            |known: Span| known.len() == made.text.len() && self.values.bytes.get(&self.rules.constants, known) == text;
        match distinct.iter_mut().find(|(known, _)| same(known.text)) {
            Some((_, known)) => *known |= node,
            None => distinct.push((made, node)),
        }
    }

    fn evaluate(&mut self, mut at: usize, host: &mut Host<'_>) -> Option<Outcome> {
        while let Some(start) = self.active.next(at) {
            if let Some(wait) = self.awaits(start, host.store) {
                self.stage = Stage::Rules { at: start };
                return Some(wait);
            }
            at = self.chain(start, host);
            let over = self.mode == Mode::Off
                || (self.verdict.is_some() && self.phase < 5)
                || self.allowed.is_some_and(|allowed| allowed != Allow::Request || self.phase < 3) && self.phase < 5;
            if over {
                break;
            }
            if let Some(pause) = self.paused(COST_PER_RULE, host) {
                self.stage = Stage::Rules { at };
                return Some(pause);
            }
        }
        if self.allowed == Some(Allow::Phase) {
            self.allowed = None;
        }
        self.stage = Stage::Over;
        None
    }

    /// Runs the rule at `start` and, as long as they match, the rules chained to it; where to go on.
    fn chain(&mut self, start: usize, host: &mut Host<'_>) -> usize {
        let Some(phase) = self.rules.phase(self.phase) else { return usize::MAX };
        self.matched.clear();
        self.current = narrow(start);
        let mut jump = None;
        let mut at = start;
        while let Some(rule) = phase.rules.get(at) {
            let possible =
                rule.quick.is_none_or(|quick| quick.holds(|slot| self.values.tx_slot_number(self.rules, slot)));
            if self.rehearsal.is_some() {
                self.note_reached(rule);
            }
            if !possible || !self.rule(phase, at, rule, host) {
                return widen(rule.next);
            }
            jump = jump.or(rule.jump);
            if !rule.chained {
                let to = widen(jump.unwrap_or(rule.next));
                if self.rehearsal.is_some() && at == start {
                    self.note_jump(rule, widen(rule.next), to);
                }
                return to;
            }
            at = at.saturating_add(1);
        }
        at
    }
}
