//! The values that one rule looks at.

use super::candidates::Candidates;
use super::dynamic;
use super::select::selects;
use super::values::TxValue;
use super::variables::{VarName, Variables};
use crate::arena::{Span, narrow, widen};
use crate::pipeline::NodeId;
use crate::rule::Rule;
use crate::target::{Selector, Target};
use crate::variable::Variable;

/// A value a rule looks at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    /// One that stays for the transaction, through all chains of the rule.
    Stored { variable: Variable, entry: u32, name: VarName },
    /// The same, through the one chain for which the gate found it.
    Hit { variable: Variable, entry: u32, node: NodeId, name: VarName },
    /// One made for this rule.
    Loose { name: VarName, value: Span },
}

impl Item {
    /// Returns the name logs have for it.
    pub(super) fn name(&self) -> VarName {
        match self {
            Item::Stored { name, .. } | Item::Hit { name, .. } | Item::Loose { name, .. } => *name,
        }
    }
}

/// Lists the values that the gate found for the rule at `at`, in the order of its targets.
pub(super) fn from_hits(
    (at, rule): (usize, &Rule),
    candidates: &mut Candidates,
    variables: &Variables<'_>,
    patterns: &mut fosse_pattern::Scratch,
    items: &mut Vec<Item>,
) {
    items.clear();
    for hit in candidates.of(at) {
        let target = &rule.wanted[usize::from(hit.target)];
        let key = variables.values.column(hit.variable)[widen(hit.entry)].key;
        if selects(&target.selector, target.variable, key, variables, patterns) {
            items.push(Item::Hit {
                variable: hit.variable,
                entry: hit.entry,
                node: hit.node,
                name: name_of(target, key),
            });
        }
    }
}

/// Lists the values of a rule's targets.
pub(super) fn from_targets(
    rule: &Rule,
    variables: &mut Variables<'_>,
    patterns: &mut fosse_pattern::Scratch,
    items: &mut Vec<Item>,
) {
    items.clear();
    for target in &rule.wanted {
        let before = items.len();
        match target.variable {
            Variable::Tx => add_tx(target, variables, patterns, items),
            variable if variable.is_static() => add_stored(target, variables, patterns, items),
            _ => add_dynamic(target, variables, patterns, items),
        }
        if target.count {
            let count = items.len() - before;
            items.truncate(before);
            items.push(count_of(target, count, variables));
        }
    }
}

fn count_of(target: &Target, count: usize, variables: &mut Variables<'_>) -> Item {
    let key = match target.selector {
        Selector::Name(key) => Some(key),
        _ => None,
    };
    let name = VarName { variable: target.variable, key, count: true };
    Item::Loose { name, value: variables.values.push_number(i64::try_from(count).unwrap_or(i64::MAX)) }
}

/// Returns the one value of a rule whose quick test held: a TX variable, or whether there is one.
pub(super) fn quick(target: &Target, variables: &mut Variables<'_>) -> Option<(VarName, Span)> {
    let slot = target.slot.unwrap_or_default();
    let value = variables.values.tx_slot(slot);
    let text = if target.count {
        variables.values.push_number(i64::from(value != TxValue::Unset))
    } else {
        variables.values.tx_text(value)?
    };
    let key = variables.rules.slot_names.get(usize::from(slot)).copied();
    Some((VarName { variable: Variable::Tx, key, count: target.count }, text))
}

fn add_stored(
    target: &Target,
    variables: &Variables<'_>,
    patterns: &mut fosse_pattern::Scratch,
    items: &mut Vec<Item>,
) {
    for variable in target.variable.stored_as() {
        for (at, entry) in variables.values.column(*variable).iter().enumerate() {
            if selects(&target.selector, target.variable, entry.key, variables, patterns) {
                let name = name_of(target, entry.key);
                items.push(Item::Stored { variable: *variable, entry: narrow(at), name });
            }
        }
    }
}

fn add_tx(
    target: &Target,
    variables: &mut Variables<'_>,
    patterns: &mut fosse_pattern::Scratch,
    items: &mut Vec<Item>,
) {
    if let Some(slot) = target.slot {
        return add_slot(target, slot, variables, items);
    }
    if matches!(target.selector, Selector::All) {
        let count = u16::try_from(variables.values.tx.len()).unwrap_or(u16::MAX);
        (0..count).for_each(|slot| add_slot(target, slot, variables, items));
    } else {
        target.slots.iter().for_each(|slot| add_slot(target, *slot, variables, items));
    }
    for at in 0..variables.values.named.len() {
        let (key, value) = variables.values.named[at];
        if value != TxValue::Unset
            && selects(&target.selector, Variable::Tx, key, variables, patterns)
            && let Some(value) = variables.values.tx_text(value)
        {
            items.push(Item::Loose { name: name_of(target, key), value });
        }
    }
}

fn add_slot(target: &Target, slot: u16, variables: &mut Variables<'_>, items: &mut Vec<Item>) {
    let value = variables.values.tx_slot(slot);
    if let Some(value) = variables.values.tx_text(value) {
        let key = variables.rules.slot_names[usize::from(slot)];
        items.push(Item::Loose { name: name_of(target, key), value });
    }
}

fn add_dynamic(
    target: &Target,
    variables: &mut Variables<'_>,
    patterns: &mut fosse_pattern::Scratch,
    items: &mut Vec<Item>,
) {
    match target.variable {
        Variable::MatchedVars => {
            items.extend(variables.matched.iter().map(|(name, value)| Item::Loose { name: *name, value: *value }));
        }
        Variable::MatchedVarsNames => {
            for at in 0..variables.matched.len() {
                let (name, _) = variables.matched[at];
                let text = variables.name_text(name);
                let value = variables.values.bytes.push(&text);
                items.push(Item::Loose { name, value });
            }
        }
        variable if variable.is_collection() => {
            for (key, value) in dynamic::fields(variable, variables) {
                let (key, value) = (variables.values.bytes.push(&key), variables.values.bytes.push(&value));
                if selects(&target.selector, variable, key, variables, patterns) {
                    items.push(Item::Loose { name: name_of(target, key), value });
                }
            }
        }
        variable => {
            if let Some(text) = dynamic::text(variable, variables) {
                let value = variables.values.bytes.push(&text);
                items.push(Item::Loose { name: name_of(target, Span::EMPTY), value });
            }
        }
    }
}

fn name_of(target: &Target, key: Span) -> VarName {
    let key = target.variable.is_collection().then_some(key);
    VarName { variable: target.variable, key, count: false }
}
