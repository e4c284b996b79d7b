//! What a transaction remembers: the values of its variables, and what transformations made of
//! them.

use crate::arena::{Bytes, Span};
use crate::pipeline::{NodeId, classes_of};
use crate::ruleset::Ruleset;
use crate::variable::{VARIABLES, Variable};
use fosse_collections::number;
use fosse_transform::{Outcome, Transform};
use std::collections::HashMap;

/// One value of a variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Its name within a collection.
    pub key: Span,
    pub value: Span,
    /// The classes of bytes in it.
    pub classes: u32,
    /// Where its row of results begins, once it has one.
    row: u32,
}

/// Steps remembered of one value: looked through one by one.
const STEPS_MAX: usize = 32;

/// No row yet.
const NO_ROW: u32 = u32::MAX;

/// What a chain made of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub text: Span,
    /// Classes of bytes: those in it, and perhaps more.
    pub classes: u32,
}

impl Made {
    const UNSET: Made = Made { text: Span::UNSET, classes: 0 };
}

/// The values of one variable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf {
    pub entries: Vec<Entry>,
    /// For the entries that chains changed, a row each of what they made of it.
    rows: Vec<Made>,
}

/// A TX variable.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum TxValue {
    #[default]
    Unset,
    Text(Span),
    Number(i64),
}

/// All values of a transaction.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    pub bytes: Bytes,
    pub shelves: Vec<Shelf>,
    /// TX variables the rules name.
    pub tx: Vec<TxValue>,
    /// TX variables whose names came about during the transaction.
    pub named: Vec<(Span, TxValue)>,
    named_places: HashMap<Box<[u8]>, usize>,
    /// Where transformations write.
    out: Vec<u8>,
    /// What transformations made of the value at hand: chains that differ before may be alike from
    /// there on.
    steps: Vec<(Span, Transform, Made)>,
}

impl Default for Values {
    fn default() -> Self {
        Self {
            bytes: Bytes::default(),
            shelves: vec![Shelf::default(); VARIABLES],
            tx: Vec::new(),
            named: Vec::new(),
            named_places: HashMap::new(),
            out: Vec::new(),
            steps: Vec::new(),
        }
    }
}

impl Values {
    /// Forgets everything but the memory.
    pub(super) fn reset(&mut self, rules: &Ruleset) {
        self.bytes.clear();
        self.steps.clear();
        for shelf in &mut self.shelves {
            shelf.entries.clear();
            shelf.rows.clear();
        }
        self.tx.clear();
        self.tx.resize(rules.slot_names.len(), TxValue::Unset);
        self.named.clear();
        if !self.named_places.is_empty() {
            self.named_places.clear();
        }
    }

    pub(super) fn text<'a>(&'a self, rules: &'a Ruleset, span: Span) -> &'a [u8] {
        self.bytes.get(&rules.constants, span)
    }

    pub(super) fn shelf(&self, variable: Variable) -> &[Entry] {
        self.shelves.get(variable.index()).map(|shelf| shelf.entries.as_slice()).unwrap_or_default()
    }

    /// Adds a value.
    pub(super) fn add(&mut self, rules: &Ruleset, variable: Variable, key: Span, value: Span) {
        let classes = classes_of(self.bytes.get(&rules.constants, value));
        if let Some(shelf) = self.shelves.get_mut(variable.index()) {
            shelf.entries.push(Entry { key, value, classes, row: NO_ROW });
        }
    }

    /// Adds the one value of a variable, if any rule uses it.
    pub(super) fn add_single(&mut self, rules: &Ruleset, variable: Variable, text: &[u8]) {
        if rules.uses(variable) {
            let value = self.bytes.push(text);
            self.add(rules, variable, Span::EMPTY, value);
        }
    }

    /// Adds a number as the one value of a variable, if any rule uses it.
    pub(super) fn add_number(&mut self, rules: &Ruleset, variable: Variable, number: u64) {
        if rules.uses(variable) {
            let value = self.push_number(i64::try_from(number).unwrap_or(i64::MAX));
            self.add(rules, variable, Span::EMPTY, value);
        }
    }

    /// How many values there are.
    pub(super) fn count(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.entries.len()).fold(self.tx.len(), usize::saturating_add)
    }

    /// Replaces the one value of a variable.
    pub(super) fn set_single(&mut self, rules: &Ruleset, variable: Variable, text: &[u8]) {
        if let Some(shelf) = self.shelves.get_mut(variable.index()) {
            shelf.entries.clear();
            shelf.rows.clear();
        }
        self.add_single(rules, variable, text);
    }

    /// A number as text. The small ones every score is made of are written once per transaction at
    /// most.
    pub(super) fn push_number(&mut self, number: i64) -> Span {
        let start = self.bytes.len();
        if number < 0 {
            self.bytes.tail().push(b'-');
        }
        let mut rest = number.unsigned_abs();
        let first = self.bytes.len();
        loop {
            let digit = u8::try_from(rest % 10).unwrap_or_default();
            self.bytes.tail().push(b'0'.saturating_add(digit));
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if let Some(digits) = self.bytes.tail().get_mut(first..) {
            digits.reverse();
        }
        self.bytes.since(start)
    }

    /// What the chain `node` makes of a stored value; made once.
    pub(super) fn transformed(&mut self, rules: &Ruleset, variable: Variable, at: usize, node: NodeId) -> Span {
        self.made(rules, variable, at, node).text
    }

    /// The same with the classes of its bytes.
    pub(super) fn made(&mut self, rules: &Ruleset, variable: Variable, at: usize, node: NodeId) -> Made {
        let Some(entry) = self.shelf(variable).get(at).copied() else {
            return Made { text: Span::EMPTY, classes: u32::MAX };
        };
        let Some(step) = rules.pipelines.get(node).filter(|step| step.acts_on & entry.classes != 0) else {
            return Made { text: entry.value, classes: entry.classes };
        };
        let Some(place) = rules.columns.place(variable, node) else {
            return Made { text: self.transform(rules, entry.value, node), classes: u32::MAX };
        };
        let known = self.row(rules, variable, at).and_then(|row| row.get(place)).copied();
        if let Some(known) = known.filter(|known| !known.text.is_unset()) {
            return known;
        }
        let before = self.made(rules, variable, at, step.parent);
        let after = if step.own & before.classes == 0 { before } else { self.step(rules, before, step.transform) };
        if let Some(slot) = self.row(rules, variable, at).and_then(|row| row.get_mut(place)) {
            *slot = after;
        }
        after
    }

    /// The row of a value, made when it is first asked for.
    fn row(&mut self, rules: &Ruleset, variable: Variable, at: usize) -> Option<&mut [Made]> {
        let width = rules.columns.width(variable);
        let shelf = self.shelves.get_mut(variable.index())?;
        let entry = shelf.entries.get_mut(at)?;
        if entry.row == NO_ROW {
            entry.row = crate::arena::narrow(shelf.rows.len());
            shelf.rows.resize(shelf.rows.len().saturating_add(width), Made::UNSET);
        }
        let start = crate::arena::widen(entry.row);
        shelf.rows.get_mut(start..start.saturating_add(width))
    }

    /// What the chain `node` makes of any text.
    pub(super) fn transform(&mut self, rules: &Ruleset, text: Span, node: NodeId) -> Span {
        match rules.pipelines.get(node) {
            Some(step) if node != 0 => {
                let before = self.transform(rules, text, step.parent);
                self.step(rules, Made { text: before, classes: u32::MAX }, step.transform).text
            }
            _ => text,
        }
    }

    /// Forgets the steps of the value before.
    pub(super) fn next_value(&mut self) {
        self.steps.clear();
    }

    fn step(&mut self, rules: &Ruleset, before: Made, transform: Transform) -> Made {
        let known = self.steps.iter().find(|(text, known, _)| *text == before.text && *known == transform);
        if let Some((.., made)) = known {
            return *made;
        }
        self.out.clear();
        let made = match transform.run(self.bytes.get(&rules.constants, before.text), &mut self.out) {
            Outcome::Same => before,
            Outcome::Part(range) => Made { text: before.text.part(range.start, range.end), ..before },
            Outcome::Written => Made { text: self.bytes.push(&self.out), classes: classes_of(&self.out) },
        };
        if self.steps.len() < STEPS_MAX {
            self.steps.push((before.text, transform, made));
        }
        made
    }

    /// The value of a TX slot.
    pub(super) fn tx_slot(&self, slot: u16) -> TxValue {
        self.tx.get(usize::from(slot)).copied().unwrap_or_default()
    }

    /// The value of a TX slot as a number; `None` if it is not set.
    pub(super) fn tx_slot_number(&self, rules: &Ruleset, slot: u16) -> Option<i64> {
        match self.tx_slot(slot) {
            TxValue::Unset => None,
            value => Some(self.tx_number(rules, value)),
        }
    }

    pub(super) fn set_tx_slot(&mut self, slot: u16, value: TxValue) {
        if let Some(place) = self.tx.get_mut(usize::from(slot)) {
            *place = value;
        }
    }

    /// Finds a TX variable by a name that came about during the transaction, in lower case.
    pub(super) fn tx_named(&self, rules: &Ruleset, name: &[u8]) -> TxValue {
        match rules.slots.get(name) {
            Some(slot) => self.tx_slot(*slot),
            None => {
                let place = self.named_places.get(name).copied();
                place.and_then(|place| self.named.get(place)).map_or(TxValue::Unset, |(_, value)| *value)
            }
        }
    }

    pub(super) fn set_tx_named(&mut self, rules: &Ruleset, name: &[u8], value: TxValue) {
        if let Some(slot) = rules.slots.get(name) {
            return self.set_tx_slot(*slot, value);
        }
        let place = self.named_places.get(name).copied();
        match place.and_then(|place| self.named.get_mut(place)) {
            Some((_, known)) => *known = value,
            None => {
                let span = self.bytes.push(name);
                self.named_places.insert(name.into(), self.named.len());
                self.named.push((span, value));
            }
        }
    }

    /// A TX value as text; `None` if it is not set.
    pub(super) fn tx_text(&mut self, value: TxValue) -> Option<Span> {
        match value {
            TxValue::Unset => None,
            TxValue::Text(span) => Some(span),
            TxValue::Number(number) => Some(self.push_number(number)),
        }
    }

    /// A TX value as a number, as C's `atoi` reads it.
    pub(super) fn tx_number(&self, rules: &Ruleset, value: TxValue) -> i64 {
        match value {
            TxValue::Unset => 0,
            TxValue::Text(span) => number(self.text(rules, span)),
            TxValue::Number(number) => number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_decimal() {
        let mut values = Values::default();
        for number in [0, 7, 10, -45, i64::MIN, i64::MAX] {
            let span = values.push_number(number);
            assert_eq!(values.bytes.get(&[], span), number.to_string().as_bytes());
        }
    }
}
