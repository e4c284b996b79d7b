//! One rule: its targets, one after the other.

use super::run::LAST;
use super::{Host, Transaction, VarName};
use crate::arena::{Span, widen};
use crate::pipeline::NodeId;
use crate::rule::Rule;
use crate::ruleset::Phase;
use crate::target::{Selector, Target};
use crate::transaction::values::TxValue;
use crate::variable::Variable;

/// A value a rule looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item {
    /// One that stays for the transaction.
    Stored { variable: Variable, entry: u32, name: VarName },
    /// One made for this rule.
    Loose { name: VarName, value: Span },
}

impl Transaction<'_> {
    /// Evaluates a rule on all its targets; whether any matched.
    pub(super) fn rule(&mut self, phase: &Phase, at: usize, rule: &Rule, host: &mut Host<'_>) -> bool {
        if rule.wanted.is_empty() {
            let name = VarName { variable: Variable::MatchedVar, key: None, count: false };
            self.on_match(phase, at, rule, name, Span::EMPTY);
            return true;
        }
        let is_starter = widen(rule.starter) == at;
        if is_starter && !phase.gate.always.contains(at) {
            return self.rule_on_hits(phase, at, rule, host);
        }
        // The quick test held, and there is one value at most: nothing is left to find out.
        if let ([target], Some(_)) = (&*rule.wanted, rule.quick)
            && rule.excluded.is_empty()
            && self.removed_targets.is_empty()
        {
            return self.quick_match(phase, at, rule, target);
        }
        let mut items = std::mem::take(&mut self.items);
        items.clear();
        for target in &rule.wanted {
            self.expand_target(target, &mut items, host);
        }
        let mut matched = false;
        for item in &items {
            matched |= self.item(phase, at, rule, *item, host);
            if self.verdict.is_some() && self.phase < 5 {
                break;
            }
        }
        self.items = items;
        matched
    }

    fn quick_match(&mut self, phase: &Phase, at: usize, rule: &Rule, target: &Target) -> bool {
        let slot = target.slot.unwrap_or_default();
        let value = self.values.tx_slot(slot);
        let text = match (target.count, value) {
            (true, TxValue::Unset) => Some(self.values.push_number(0)),
            (true, _) => Some(self.values.push_number(1)),
            (false, value) => self.values.tx_text(value),
        };
        let Some(text) = text else { return false };
        let key = self.rules.slot_names.get(usize::from(slot)).copied();
        let name = VarName { variable: Variable::Tx, key, count: target.count };
        self.on_match(phase, at, rule, name, text);
        true
    }

    fn item(&mut self, phase: &Phase, at: usize, rule: &Rule, item: Item, host: &mut Host<'_>) -> bool {
        let name = match item {
            Item::Stored { name, .. } | Item::Loose { name, .. } => name,
        };
        if self.is_excluded(rule, at, name, host) {
            return false;
        }
        let value = |this: &mut Self, node: NodeId| match item {
            Item::Stored { variable, entry, .. } => this.values.transformed(this.rules, variable, widen(entry), node),
            Item::Loose { value, .. } => this.values.transform(this.rules, value, node),
        };
        if rule.multi.is_empty() {
            let value = value(self, rule.node);
            return self.judge(phase, at, rule, name, value, host);
        }
        let mut matched = false;
        let mut before = None;
        for node in &rule.multi {
            let value = value(self, *node);
            if before != Some(value) {
                matched |= self.judge(phase, at, rule, name, value, host);
            }
            before = Some(value);
        }
        matched
    }

    /// Evaluates a rule on the values the gate found for it, in the order of its targets.
    fn rule_on_hits(&mut self, phase: &Phase, at: usize, rule: &Rule, host: &mut Host<'_>) -> bool {
        let mut chosen = std::mem::take(&mut self.chosen);
        chosen.clear();
        let mut next = self.hit_heads.get(at).copied().unwrap_or(LAST);
        while let Some(hit) = self.hits.get(widen(next)) {
            let variable = u64::try_from(hit.variable.index()).unwrap_or_default();
            let order = u64::from(hit.target) << 48 | variable << 40 | u64::from(hit.entry);
            chosen.push((order, next, hit.node));
            next = hit.next;
        }
        chosen.sort_unstable_by_key(|(order, hit, node)| (*order, *node, *hit));
        let mut matched = false;
        for (_, hit, node) in &chosen {
            matched |= self.hit(phase, at, rule, *hit, *node, host);
            if self.verdict.is_some() && self.phase < 5 {
                break;
            }
        }
        self.chosen = chosen;
        matched
    }

    fn hit(&mut self, phase: &Phase, at: usize, rule: &Rule, hit: u32, node: NodeId, host: &mut Host<'_>) -> bool {
        let Some(hit) = self.hits.get(widen(hit)).copied() else { return false };
        let Some(target) = rule.wanted.get(usize::from(hit.target)) else { return false };
        let Some(entry) = self.values.shelf(hit.variable).get(widen(hit.entry)).copied() else { return false };
        if !self.selects(target.variable, &target.selector, entry.key, host) {
            return false;
        }
        let name = name_of(target, entry.key);
        if self.is_excluded(rule, at, name, host) {
            return false;
        }
        let value = self.values.transformed(self.rules, hit.variable, widen(hit.entry), node);
        // Of equal values that `multiMatch` meets on its way, the first is enough.
        if !rule.multi.is_empty() && node != 0 {
            let parent = self.rules.pipelines.get(node).map_or(0, |step| step.parent);
            if self.values.transformed(self.rules, hit.variable, widen(hit.entry), parent) == value {
                return false;
            }
        }
        self.judge(phase, at, rule, name, value, host)
    }

    fn judge(
        &mut self,
        phase: &Phase,
        at: usize,
        rule: &Rule,
        name: VarName,
        value: Span,
        host: &mut Host<'_>,
    ) -> bool {
        let holds = match self.test(rule, value, host) {
            Some(holds) => holds != rule.negated,
            None => return false,
        };
        if holds {
            self.on_match(phase, at, rule, name, value);
        }
        holds
    }

    /// The values of a target.
    fn expand_target(&mut self, target: &Target, items: &mut Vec<Item>, host: &mut Host<'_>) {
        let before = items.len();
        match target.variable {
            Variable::Tx => self.expand_tx(target, items, host),
            variable if variable.is_static() => self.expand_stored(target, items, host),
            _ => self.expand_dynamic(target, items, host),
        }
        if target.count {
            let count = i64::try_from(items.len().saturating_sub(before)).unwrap_or(i64::MAX);
            items.truncate(before);
            let key = match target.selector {
                Selector::Name(key) => Some(key),
                _ => None,
            };
            let name = VarName { variable: target.variable, key, count: true };
            items.push(Item::Loose { name, value: self.values.push_number(count) });
        }
    }

    fn expand_stored(&mut self, target: &Target, items: &mut Vec<Item>, host: &mut Host<'_>) {
        for variable in target.variable.stored_as() {
            let mut at = 0;
            while let Some(entry) = self.values.shelf(*variable).get(at).copied() {
                if self.selects(target.variable, &target.selector, entry.key, host) {
                    let name = name_of(target, entry.key);
                    items.push(Item::Stored { variable: *variable, entry: crate::arena::narrow(at), name });
                }
                at = at.saturating_add(1);
            }
        }
    }

    fn expand_tx(&mut self, target: &Target, items: &mut Vec<Item>, host: &mut Host<'_>) {
        if let Some(slot) = target.slot {
            let value = self.values.tx_slot(slot);
            if let Some(value) = self.values.tx_text(value) {
                let key = self.rules.slot_names.get(usize::from(slot)).copied().unwrap_or_default();
                items.push(Item::Loose { name: name_of(target, key), value });
            }
            return;
        }
        let all = u16::try_from(self.values.tx.len()).unwrap_or(u16::MAX);
        let count = if matches!(target.selector, Selector::All) { usize::from(all) } else { target.slots.len() };
        for at in 0..count {
            let slot = target.slots.get(at).copied().unwrap_or(u16::try_from(at).unwrap_or(u16::MAX));
            let value = self.values.tx_slot(slot);
            if let Some(value) = self.values.tx_text(value) {
                let key = self.rules.slot_names.get(usize::from(slot)).copied().unwrap_or_default();
                items.push(Item::Loose { name: name_of(target, key), value });
            }
        }
        for at in 0..self.values.named.len() {
            let Some((key, value)) = self.values.named.get(at).copied() else { break };
            if value != TxValue::Unset
                && self.selects(Variable::Tx, &target.selector, key, host)
                && let Some(value) = self.values.tx_text(value)
            {
                items.push(Item::Loose { name: name_of(target, key), value });
            }
        }
    }

    fn expand_dynamic(&mut self, target: &Target, items: &mut Vec<Item>, host: &mut Host<'_>) {
        match target.variable {
            Variable::MatchedVars => {
                items.extend(self.matched.iter().map(|(name, value)| Item::Loose { name: *name, value: *value }))
            }
            Variable::MatchedVarsNames => {
                for at in 0..self.matched.len() {
                    let Some((name, _)) = self.matched.get(at).copied() else { break };
                    let text = self.name_text(name);
                    let value = self.values.bytes.push(&text);
                    items.push(Item::Loose { name, value });
                }
            }
            variable if variable.is_collection() => {
                for (key, value) in self.dynamic_fields(variable) {
                    let (key, value) = (self.values.bytes.push(&key), self.values.bytes.push(&value));
                    if self.selects(variable, &target.selector, key, host) {
                        items.push(Item::Loose { name: name_of(target, key), value });
                    }
                }
            }
            variable => {
                if let Some(text) = self.dynamic_text(variable) {
                    let value = self.values.bytes.push(&text);
                    items.push(Item::Loose { name: name_of(target, Span::EMPTY), value });
                }
            }
        }
    }

    /// Whether a selector picks the entry named `key`.
    pub(super) fn selects(&mut self, variable: Variable, selector: &Selector, key: Span, host: &mut Host<'_>) -> bool {
        match selector {
            Selector::All => true,
            Selector::Name(wanted) => {
                if wanted.len() != key.len() {
                    return false;
                }
                let (wanted, key) = (self.values.text(self.rules, *wanted), self.values.text(self.rules, key));
                if variable.selector_minds_case() { wanted == key } else { wanted.eq_ignore_ascii_case(key) }
            }
            Selector::Pattern(regex) => {
                let key = self.values.bytes.get(&self.rules.constants, key);
                regex.is_match(key, &mut host.bench.patterns).unwrap_or(false)
            }
        }
    }

    /// Whether the rule, or a `ctl` before it, takes this value out.
    fn is_excluded(&mut self, rule: &Rule, at: usize, name: VarName, host: &mut Host<'_>) -> bool {
        if rule.excluded.iter().any(|excluded| self.excludes(excluded, name, host)) {
            return true;
        }
        if self.removed_targets.is_empty() {
            return false;
        }
        let phase_index = usize::from(self.phase).saturating_sub(1);
        for place in 0..self.removed_targets.len() {
            let Some((phase, by, act)) = self.removed_targets.get(place).copied() else { break };
            let Some((pick, target)) = self.rules.removed_target(phase, by, act) else { continue };
            let picked = self.rules.picks.get(pick).and_then(|phases| phases.get(phase_index));
            if picked.is_some_and(|rules| rules.contains(at)) && self.excludes(target, name, host) {
                return true;
            }
        }
        false
    }

    fn excludes(&mut self, excluded: &Target, name: VarName, host: &mut Host<'_>) -> bool {
        excluded.variable == name.variable
            && excluded.count == name.count
            && self.selects(name.variable, &excluded.selector, name.key.unwrap_or(Span::EMPTY), host)
    }
}

fn name_of(target: &Target, key: Span) -> VarName {
    let key = target.variable.is_collection().then_some(key);
    VarName { variable: target.variable, key, count: false }
}
