//! A compiled rule set, shared by all transactions.

use crate::action::{Act, Control, Write};
use crate::arena::Span;
use crate::collection_set::CollectionSet;
use crate::diagnostic::Diagnostic;
use crate::gate::Gate;
use crate::operator::Operator;
use crate::pipeline::{NodeId, Pipelines};
use crate::rule::{Rule, RuleBits};
use crate::settings::Settings;
use crate::target::Target;
use crate::variable::{VARIABLES, Variable};
use fosse_bodies::xml::XmlPath;
use std::collections::HashMap;

/// The rules of one phase.
#[derive(Debug)]
pub(crate) struct Phase {
    pub rules: Box<[Rule]>,
    pub gate: Gate,
}

/// The column, in a value's row of results, of each chain.
#[derive(Clone, Debug)]
pub(crate) struct ChainColumns {
    /// For each variable, for each node, its column; `NONE` where no rule wants it.
    places: Vec<Box<[u8]>>,
    widths: [usize; VARIABLES],
}

const NONE: u8 = u8::MAX;

impl ChainColumns {
    /// Creates the columns for the chains that rules ask of each variable.
    pub(crate) fn new<'r>(rules: impl Iterator<Item = &'r Rule>, pipelines: &Pipelines) -> Self {
        let mut places = vec![vec![NONE; pipelines.len()]; VARIABLES];
        let mut widths: [usize; VARIABLES] = [0; VARIABLES];
        for rule in rules {
            for variable in rule.wanted.iter().flat_map(|target| target.variable.stored_as()) {
                for node in pipelines.path(rule.node).into_iter().skip(1) {
                    let place = &mut places[variable.index()][usize::from(node)];
                    if *place == NONE {
                        // Chains beyond 255 of one variable have no column: they are run each time.
                        let width = &mut widths[variable.index()];
                        *place = u8::try_from(*width).unwrap_or(NONE);
                        *width += usize::from(*place != NONE);
                    }
                }
            }
        }
        Self { places: places.into_iter().map(Vec::into_boxed_slice).collect(), widths }
    }

    pub(crate) fn width(&self, variable: Variable) -> usize {
        self.widths[variable.index()]
    }

    pub(crate) fn place(&self, variable: Variable, node: NodeId) -> Option<usize> {
        let place = self.places[variable.index()][usize::from(node)];
        (place != NONE).then_some(usize::from(place))
    }
}

/// The makeup of a rule set.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Shape {
    /// Rules of phases 1 to 5; a chain counts as one.
    pub rules: [usize; 5],
    /// Variables the rules look at, each rule's own.
    pub targets: usize,
    /// Different chains of transformations, their beginnings included.
    pub chains: usize,
    /// Rules that run a pattern or a set of phrases.
    pub patterns: usize,
}

/// Compiled rules. Immutable; one copy serves every transaction, lane and site that uses it.
#[derive(Debug)]
pub struct Ruleset {
    pub(crate) settings: Settings,
    pub(crate) phases: [Phase; 5],
    pub(crate) pipelines: Pipelines,
    pub(crate) columns: ChainColumns,
    pub(crate) constants: Box<[u8]>,
    pub(crate) slots: HashMap<Box<[u8]>, u16>,
    pub(crate) slot_names: Box<[Span]>,
    pub(crate) picks: Vec<[RuleBits; 5]>,
    /// The places in XML documents that rules look at, with the key each has.
    pub(crate) path_keys: Box<[Span]>,
    pub(crate) paths: Box<[XmlPath]>,
    pub(crate) notes: Vec<Diagnostic>,
    /// The variables that any rule looks at or any macro names: the others are not filled in.
    pub(crate) used: [bool; VARIABLES],
    /// The persistent collections any rule looks at.
    pub(crate) reads: CollectionSet,
}

impl Ruleset {
    /// Returns the settings of the directives that are not rules.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the number of rules; a chain counts as one.
    pub fn len(&self) -> usize {
        let starters = |phase: &Phase| {
            phase.rules.iter().enumerate().filter(|(at, rule)| rule.starter == crate::arena::narrow(*at)).count()
        };
        self.phases.iter().map(starters).sum()
    }

    /// Returns the makeup of the set, for reports.
    pub fn shape(&self) -> Shape {
        let all = || self.phases.iter().flat_map(|phase| phase.rules.iter());
        let starters = |phase: &Phase| {
            phase.rules.iter().enumerate().filter(|(at, rule)| rule.starter == crate::arena::narrow(*at)).count()
        };
        let patterns = all().filter(|rule| matches!(rule.operator, Operator::Pattern(_) | Operator::Phrases(_)));
        Shape {
            rules: std::array::from_fn(|at| starters(&self.phases[at])),
            targets: all().map(|rule| rule.wanted.len()).sum(),
            chains: self.pipelines.len(),
            patterns: patterns.count(),
        }
    }

    /// Returns whether any rule opens a record of a persistent collection.
    pub fn keeps_records(&self) -> bool {
        let mut acts = self.phases.iter().flat_map(|phase| phase.rules.iter()).flat_map(|rule| rule.acts.iter());
        acts.any(|act| matches!(act, Act::Write(Write::Open(..))))
    }

    /// Returns whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.phases.iter().all(|phase| phase.rules.is_empty())
    }

    /// Returns notes, in the order of the files, on what loads and does not do what its name says:
    /// directives that change nothing here, operators that never hold.
    pub fn notes(&self) -> &[Diagnostic] {
        &self.notes
    }

    pub(crate) fn uses(&self, variable: Variable) -> bool {
        self.used[variable.index()]
    }

    /// Returns the target that a `ctl:ruleRemoveTarget*` names, by the index of the action in its
    /// rule.
    pub(crate) fn removed_target(&self, phase: u8, rule: u32, act: u32) -> Option<(usize, &Target)> {
        let rule = self.phases[usize::from(phase) - 1].rules.get(crate::arena::widen(rule))?;
        match rule.acts.get(crate::arena::widen(act))? {
            Act::Control(Control::RemoveTarget(pick, target)) => Some((*pick, target)),
            _ => None,
        }
    }
}
