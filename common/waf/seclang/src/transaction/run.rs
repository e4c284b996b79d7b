//! The progress of a transaction through its phases.

use super::budget::Budget;
use super::candidates::Candidates;
use super::items::Item;
use super::reach::Reach;
use super::removals::Removals;
use super::scan::Position;
use crate::ruleset::Ruleset;
use fosse_pattern::Search;

/// The progress of a phase.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// Its variables are there.
    Start,
    /// The gate looks at values.
    Gate(Position),
    /// The rules from this one on are to run.
    Rules(usize),
    Over,
}

/// The course of a transaction: what runs now, what is to run, and what no longer does.
#[derive(Debug)]
pub(super) struct Run {
    /// 1 to 5; 0 before the first.
    pub phase: u8,
    pub stage: Stage,
    pub candidates: Candidates,
    pub removals: Removals,
    /// The values of the rule that is evaluated.
    pub items: Vec<Item>,
    pub budget: Budget,
    /// The look at a long value that the gate has under way.
    pub search: Option<Box<Search>>,
    /// During a dry run: what is learnt.
    pub reach: Option<Box<Reach>>,
}

impl Run {
    /// Creates the course of a new transaction in memory that another one may have used.
    pub(super) fn new(rules: &Ruleset, (candidates, mut removals, items): (Candidates, Removals, Vec<Item>)) -> Self {
        removals.reset(rules);
        let budget = Budget::default();
        Self { phase: 0, stage: Stage::Over, candidates, removals, items, budget, search: None, reach: None }
    }
}
