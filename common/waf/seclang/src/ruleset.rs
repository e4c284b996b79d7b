//! A compiled rule set: what every transaction shares.

use crate::action::Control;
use crate::arena::Span;
use crate::bundle::Bundle;
use crate::compile::Compiler;
use crate::diagnostic::{Diagnostic, Location};
use crate::gate::Gate;
use crate::names::Finished;
use crate::operator::Operator;
use crate::pipeline::{NodeId, Pipelines};
use crate::rule::{Facts, Rule, RuleBits};
use crate::settings::Settings;
use crate::store::Collections;
use crate::target::Target;
use crate::variable::{VARIABLES, Variable};
use fosse_bodies::xml::XmlPath;
use std::collections::HashMap;
use std::sync::Arc;

/// The rules of one phase.
#[derive(Debug)]
pub(crate) struct Phase {
    pub rules: Box<[Rule]>,
    pub gate: Gate,
}

/// A rule that every request reaches and that asks for what is not there.
fn unavailable(facts: &Facts) -> Diagnostic {
    let (operator, _) = &facts.operator;
    let reason = crate::operator::absent(operator).unwrap_or("no geographic data base is built in");
    let message = format!(
        "operator @{operator} is not available: {reason}, and every request comes to this rule; take it out, or put it \
         behind a TX variable that is not set"
    );
    let location = Location { file: Arc::clone(&facts.file), line: facts.line, column: 1 };
    Diagnostic { location, message, excerpt: String::new() }
}

/// Where in a value's row of results each chain has its place.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    /// For each variable, for each node, its column; `NONE` where no rule wants it.
    places: Vec<Box<[u8]>>,
    widths: [usize; VARIABLES],
}

const NONE: u8 = u8::MAX;

impl Columns {
    /// Finds what chains the rules want of each variable.
    pub fn new<'r>(rules: impl Iterator<Item = &'r Rule>, pipelines: &Pipelines) -> Self {
        let mut places = vec![vec![NONE; pipelines.len()]; VARIABLES];
        let mut widths: [usize; VARIABLES] = [0; VARIABLES];
        for rule in rules {
            for variable in rule.wanted.iter().flat_map(|target| target.variable.stored_as()) {
                for node in pipelines.path(rule.node).into_iter().skip(1) {
                    let (Some(row), Some(width)) = (places.get_mut(variable.index()), widths.get_mut(variable.index()))
                    else {
                        continue;
                    };
                    if let Some(place) = row.get_mut(usize::from(node)).filter(|place| **place == NONE) {
                        *place = u8::try_from(*width).unwrap_or(NONE);
                        *width = width.saturating_add(usize::from(*place != NONE));
                    }
                }
            }
        }
        Self { places: places.into_iter().map(Vec::into_boxed_slice).collect(), widths }
    }

    pub fn width(&self, variable: Variable) -> usize {
        self.widths.get(variable.index()).copied().unwrap_or_default()
    }

    pub fn place(&self, variable: Variable, node: NodeId) -> Option<usize> {
        let place = self.places.get(variable.index())?.get(usize::from(node))?;
        (*place != NONE).then_some(usize::from(*place))
    }
}

/// What a rule set is made of.
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

/// What the compiler makes, before it is put together.
pub(crate) struct Parts {
    pub settings: Settings,
    pub phases: [Vec<Rule>; 5],
    pub pipelines: Pipelines,
    pub names: Finished,
    pub picks: Vec<[RuleBits; 5]>,
    pub paths: Vec<(Span, XmlPath)>,
}

/// Compiled rules. Immutable; one copy serves every transaction, lane and site that uses it.
#[derive(Debug)]
pub struct Ruleset {
    pub(crate) settings: Settings,
    pub(crate) phases: [Phase; 5],
    pub(crate) pipelines: Pipelines,
    pub(crate) columns: Columns,
    pub(crate) constants: Box<[u8]>,
    pub(crate) slots: HashMap<Box<[u8]>, u16>,
    pub(crate) slot_names: Box<[Span]>,
    pub(crate) picks: Vec<[RuleBits; 5]>,
    /// The places in XML documents that rules look at, with the key each has.
    pub(crate) path_keys: Box<[Span]>,
    pub(crate) paths: Box<[XmlPath]>,
    pub(crate) notes: Vec<Diagnostic>,
    /// Which variables any rule looks at or any macro names: the others are not filled in.
    pub(crate) used: [bool; VARIABLES],
    /// The persistent collections any rule looks at.
    pub(crate) reads: Collections,
}

impl Ruleset {
    /// Compiles the file `entry` of a bundle and all it includes. The errors are in the order of the files.
    pub fn compile(bundle: &Bundle, entry: &str) -> Result<Self, Vec<Diagnostic>> {
        Compiler::new(bundle).run(entry)
    }

    /// What the directives that are not rules say.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many rules there are; a chain counts as one.
    pub fn len(&self) -> usize {
        let starters = |phase: &Phase| {
            phase.rules.iter().enumerate().filter(|(at, rule)| rule.starter == crate::arena::narrow(*at)).count()
        };
        self.phases.iter().map(starters).sum()
    }

    /// What the set is made of, for reports.
    pub fn shape(&self) -> Shape {
        let all = || self.phases.iter().flat_map(|phase| phase.rules.iter());
        let starters = |phase: &Phase| {
            phase.rules.iter().enumerate().filter(|(at, rule)| rule.starter == crate::arena::narrow(*at)).count()
        };
        let patterns = all().filter(|rule| matches!(rule.operator, Operator::Pattern(_) | Operator::Phrases(_)));
        Shape {
            rules: std::array::from_fn(|at| self.phases.get(at).map_or(0, starters)),
            targets: all().map(|rule| rule.wanted.len()).sum(),
            chains: self.pipelines.len(),
            patterns: patterns.count(),
        }
    }

    /// Whether any rule opens a record of a persistent collection.
    pub fn keeps_records(&self) -> bool {
        let mut acts = self.phases.iter().flat_map(|phase| phase.rules.iter()).flat_map(|rule| rule.acts.iter());
        acts.any(|act| matches!(act, crate::action::Act::Open(..)))
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.phases.iter().all(|phase| phase.rules.is_empty())
    }

    /// What loads and does not do what its name says, in the order of the files: directives that change nothing here,
    /// operators that never hold.
    pub fn notes(&self) -> &[Diagnostic] {
        &self.notes
    }

    /// Puts a rule set together; an error where a rule that every request reaches asks for what is not there.
    pub(crate) fn new(parts: Parts, named: &[Variable]) -> Result<Self, Vec<Diagnostic>> {
        let Parts { settings, phases, pipelines, names, picks, paths } = parts;
        let (path_keys, paths): (Vec<Span>, Vec<XmlPath>) = paths.into_iter().unzip();
        let Finished { constants, slots, slot_names } = names;
        let columns = Columns::new(phases.iter().flatten(), &pipelines);
        let mut used = [false; VARIABLES];
        let looked_at =
            phases.iter().flatten().flat_map(|rule| rule.wanted.iter()).flat_map(|target| target.variable.stored_as());
        for variable in looked_at.chain(named) {
            used.get_mut(variable.index()).into_iter().for_each(|used| *used = true);
        }
        let reads = phases.iter().flatten().fold(Collections::default(), |all, rule| all.with(rule.reads));
        let phases = phases.map(|rules| Phase { gate: Gate::open(&rules), rules: rules.into() });
        let mut rules = Self {
            settings,
            phases,
            pipelines,
            columns,
            constants,
            slots,
            slot_names,
            picks,
            path_keys: path_keys.into(),
            paths: paths.into(),
            notes: Vec::new(),
            used,
            reads,
        };
        let crate::transaction::Rehearsal { skipped, absent } = crate::transaction::rehearse(&rules);
        let absent: Vec<Diagnostic> = absent.iter().map(|facts| unavailable(facts)).collect();
        if !absent.is_empty() {
            return Err(absent);
        }
        for (phase, skipped) in rules.phases.iter_mut().zip(&skipped) {
            phase.gate = Gate::new(&phase.rules, skipped, &rules.pipelines, |span| span.constant(&rules.constants));
        }
        Ok(rules)
    }

    /// The same rules without the gates, for tests that compare: every rule is evaluated on every value.
    #[doc(hidden)]
    #[must_use]
    pub fn without_gates(mut self) -> Self {
        for phase in &mut self.phases {
            phase.gate = Gate::open(&phase.rules);
        }
        self
    }

    pub(crate) fn uses(&self, variable: Variable) -> bool {
        self.used.get(variable.index()).copied().unwrap_or(true)
    }

    pub(crate) fn phase(&self, phase: u8) -> Option<&Phase> {
        self.phases.get(usize::from(phase).checked_sub(1)?)
    }

    /// The target a `ctl:ruleRemoveTarget*` names, by the place of the action in its rule.
    pub(crate) fn removed_target(&self, phase: u8, rule: u32, act: u32) -> Option<(usize, &Target)> {
        let rule = self.phase(phase)?.rules.get(crate::arena::widen(rule))?;
        match rule.acts.get(crate::arena::widen(act))? {
            crate::action::Act::Control(Control::RemoveTarget(pick, target)) => Some((*pick, target)),
            _ => None,
        }
    }
}
