//! The values of a transaction's variables, and the results of transformations.

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
    /// Start of its row of results, once it has one.
    row: u32,
}

/// Steps remembered of one value: they are searched one by one.
const STEPS_MAX: usize = 32;

/// No row yet.
const NO_ROW: u32 = u32::MAX;

/// The result of a chain on a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub text: Span,
    /// Classes of bytes: those in it, and perhaps more.
    pub classes: u32,
}

impl Made {
    const UNSET: Made = Made { text: Span::UNSET, classes: 0 };
}

/// The values of one variable, with a row of results for each that chains change.
#[derive(Clone, Debug, Default)]
pub(crate) struct ValueColumn {
    pub entries: Vec<Entry>,
    /// For the entries that chains change, a row each of their results.
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
    pub columns: Vec<ValueColumn>,
    /// TX variables the rules name.
    pub tx: Vec<TxValue>,
    /// TX variables whose names came about during the transaction.
    pub named: Vec<(Span, TxValue)>,
    named_places: HashMap<Box<[u8]>, usize>,
    /// The buffer that transformations write to.
    out: Vec<u8>,
    /// Results of transformations on the current value: chains that differ at first may be alike
    /// from there on.
    steps: Vec<(Span, Transform, Made)>,
}

impl Default for Values {
    fn default() -> Self {
        Self {
            bytes: Bytes::default(),
            columns: vec![ValueColumn::default(); VARIABLES],
            tx: Vec::new(),
            named: Vec::new(),
            named_places: HashMap::new(),
            out: Vec::new(),
            steps: Vec::new(),
        }
    }
}

impl Values {
    /// Drops everything but the memory.
    pub(super) fn reset(&mut self, rules: &Ruleset) {
        self.bytes.clear();
        self.steps.clear();
        for column in &mut self.columns {
            column.entries.clear();
            column.rows.clear();
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

    pub(super) fn column(&self, variable: Variable) -> &[Entry] {
        &self.columns[variable.index()].entries
    }

    /// Adds a value.
    pub(super) fn add(&mut self, rules: &Ruleset, variable: Variable, key: Span, value: Span) {
        let classes = classes_of(self.bytes.get(&rules.constants, value));
        self.columns[variable.index()].entries.push(Entry { key, value, classes, row: NO_ROW });
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

    /// Returns the number of values.
    pub(super) fn count(&self) -> usize {
        self.tx.len() + self.columns.iter().map(|column| column.entries.len()).sum::<usize>()
    }

    /// Replaces the one value of a variable.
    pub(super) fn set_single(&mut self, rules: &Ruleset, variable: Variable, text: &[u8]) {
        let column = &mut self.columns[variable.index()];
        column.entries.clear();
        column.rows.clear();
        self.add_single(rules, variable, text);
    }

    /// Writes a number as text.
    pub(super) fn push_number(&mut self, number: i64) -> Span {
        let start = self.bytes.len();
        if number < 0 {
            self.bytes.tail().push(b'-');
        }
        let mut rest = number.unsigned_abs();
        let first = self.bytes.len();
        loop {
            let digit = u8::try_from(rest % 10).unwrap_or_default();
            self.bytes.tail().push(b'0' + digit);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.bytes.tail()[first..].reverse();
        self.bytes.since(start)
    }

    /// Returns the result of the chain `node` on a stored value; it is computed once.
    pub(super) fn transformed(&mut self, rules: &Ruleset, variable: Variable, at: usize, node: NodeId) -> Span {
        self.made(rules, variable, at, node).text
    }

    /// Returns the result with the classes of its bytes.
    pub(super) fn made(&mut self, rules: &Ruleset, variable: Variable, at: usize, node: NodeId) -> Made {
        let entry = self.column(variable)[at];
        let Some(step) = rules.pipelines.get(node).filter(|step| step.acts_on & entry.classes != 0) else {
            return Made { text: entry.value, classes: entry.classes };
        };
        let Some(place) = rules.columns.place(variable, node) else {
            return Made { text: self.transform(rules, entry.value, node), classes: u32::MAX };
        };
        // Rows are appended only: where this one begins stays right while others are made.
        let row = if entry.row == NO_ROW { self.new_row(rules, variable, at) } else { crate::arena::widen(entry.row) };
        let known = self.columns[variable.index()].rows[row + place];
        if !known.text.is_unset() {
            return known;
        }
        let before = self.made(rules, variable, at, step.parent);
        let after = if step.own & before.classes == 0 { before } else { self.step(rules, before, step.transform) };
        self.columns[variable.index()].rows[row + place] = after;
        after
    }

    /// Appends a row for the results of a value; returns where it begins.
    fn new_row(&mut self, rules: &Ruleset, variable: Variable, at: usize) -> usize {
        let width = rules.columns.width(variable);
        let column = &mut self.columns[variable.index()];
        let start = column.rows.len();
        column.entries[at].row = crate::arena::narrow(start);
        column.rows.resize(start + width, Made::UNSET);
        start
    }

    /// Returns the result of the chain `node` on any text.
    pub(super) fn transform(&mut self, rules: &Ruleset, text: Span, node: NodeId) -> Span {
        match rules.pipelines.get(node) {
            Some(step) if node != 0 => {
                let before = self.transform(rules, text, step.parent);
                self.step(rules, Made { text: before, classes: u32::MAX }, step.transform).text
            }
            _ => text,
        }
    }

    /// Drops the steps of the value before.
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

    /// Returns the value of a TX slot.
    #[inline]
    pub(super) fn tx_slot(&self, slot: u16) -> TxValue {
        self.tx[usize::from(slot)]
    }

    /// Returns the value of a TX slot as a number; `None` if it is not set.
    #[inline]
    pub(super) fn tx_slot_number(&self, rules: &Ruleset, slot: u16) -> Option<i64> {
        match self.tx_slot(slot) {
            TxValue::Unset => None,
            value => Some(self.tx_number(rules, value)),
        }
    }

    pub(super) fn set_tx_slot(&mut self, slot: u16, value: TxValue) {
        self.tx[usize::from(slot)] = value;
    }

    /// Finds a TX variable by a name that came about during the transaction, in lower case.
    pub(super) fn tx_named(&self, rules: &Ruleset, name: &[u8]) -> TxValue {
        match rules.slots.get(name) {
            Some(slot) => self.tx_slot(*slot),
            None => self.named_places.get(name).map_or(TxValue::Unset, |place| self.named[*place].1),
        }
    }

    pub(super) fn set_tx_named(&mut self, rules: &Ruleset, name: &[u8], value: TxValue) {
        if let Some(slot) = rules.slots.get(name) {
            return self.set_tx_slot(*slot, value);
        }
        match self.named_places.get(name) {
            Some(place) => self.named[*place].1 = value,
            None => {
                let span = self.bytes.push(name);
                self.named_places.insert(name.into(), self.named.len());
                self.named.push((span, value));
            }
        }
    }

    /// Returns a TX value as text; `None` if it is not set.
    pub(super) fn tx_text(&mut self, value: TxValue) -> Option<Span> {
        match value {
            TxValue::Unset => None,
            TxValue::Text(span) => Some(span),
            TxValue::Number(number) => Some(self.push_number(number)),
        }
    }

    /// Returns a TX value as a number, as C's `atoi` reads it.
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
