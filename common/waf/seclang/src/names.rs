//! The names in rules, each once: constant texts and the slots of TX variables.

use crate::arena::{Constants, Span};
use crate::pick::Pick;
use std::collections::HashMap;

/// The first slots are TX:0 to TX:9, which captures fill.
pub(crate) const CAPTURES: u16 = 10;

/// Names interned while rules are compiled.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub constants: Constants,
    slots: HashMap<Box<[u8]>, u16>,
    by_slot: Vec<Span>,
    /// The picks of `ctl` actions, resolved when all rules are known.
    pub picks: Vec<Pick>,
    /// The variables macros name.
    pub variables: Vec<crate::variable::Variable>,
    /// Directives and operators that load and do not do what their name says, with their offset in
    /// the file.
    pub notes: Vec<(u32, String)>,
}

/// Names once all rules are read.
#[derive(Debug)]
pub(crate) struct Finished {
    pub constants: Box<[u8]>,
    pub slots: HashMap<Box<[u8]>, u16>,
    pub slot_names: Box<[Span]>,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Self {
            constants: Constants::default(),
            slots: HashMap::new(),
            by_slot: Vec::new(),
            picks: Vec::new(),
            variables: Vec::new(),
            notes: Vec::new(),
        };
        for digit in b'0'..=b'9' {
            names.tx(&[digit]);
        }
        names
    }
}

impl Names {
    /// Returns the slot of a TX variable. Past 65,535 names all share the last one; a rule file of
    /// that size is refused before (see `SLOTS_MAX`).
    pub(crate) fn tx(&mut self, name: &[u8]) -> u16 {
        let lower = name.to_ascii_lowercase();
        if let Some(slot) = self.slots.get(lower.as_slice()) {
            return *slot;
        }
        let slot = u16::try_from(self.by_slot.len()).unwrap_or(u16::MAX);
        self.by_slot.push(self.constants.intern(&lower));
        self.slots.insert(lower.into(), slot);
        slot
    }

    /// Adds a pick; returns its number.
    pub(crate) fn pick(&mut self, pick: Pick) -> usize {
        self.picks.push(pick);
        self.picks.len() - 1
    }

    /// Iterates over the TX variables: slot and name.
    pub(crate) fn tx_names(&self) -> impl Iterator<Item = (u16, &[u8])> {
        (0..).zip(self.by_slot.iter().map(|span| self.constants.get(*span)))
    }

    /// Returns the number of slots.
    pub(crate) fn slots(&self) -> usize {
        self.by_slot.len()
    }

    /// Returns the tables as the engine uses them.
    pub(crate) fn finish(self) -> Finished {
        Finished { constants: self.constants.into_bytes(), slots: self.slots, slot_names: self.by_slot.into() }
    }
}
