//! Assembles the lists of rules, and the tables beside them, to a rule set.

use super::dry_run::dry_run;
use crate::arena::Span;
use crate::collection_set::CollectionSet;
use crate::diagnostic::{Diagnostic, Location};
use crate::gate::Gate;
use crate::names::Finished;
use crate::pipeline::Pipelines;
use crate::rule::{Facts, Rule, RuleBits};
use crate::ruleset::{ChainColumns, Phase, Ruleset};
use crate::settings::Settings;
use crate::transaction::Reach;
use crate::variable::{VARIABLES, Variable};
use fosse_bodies::xml::XmlPath;
use std::sync::Arc;

/// The tables that keep most rules from running, built or not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Gates {
    Built,
    /// Every rule runs on every value: the same result, slower by far, and compiled in less time
    /// and memory.
    Open,
}

/// The output of the compiler, before it is assembled.
pub(super) struct Parts {
    pub settings: Settings,
    pub phases: [Vec<Rule>; 5],
    pub pipelines: Pipelines,
    pub names: Finished,
    pub picks: Vec<[RuleBits; 5]>,
    pub paths: Vec<(Span, XmlPath)>,
    pub notes: Vec<Diagnostic>,
}

/// Assembles a rule set. It is an error if a rule that every request reaches asks for what is not
/// there.
pub(super) fn assemble(parts: Parts, named: &[Variable], gates: Gates) -> Result<Ruleset, Vec<Diagnostic>> {
    let Parts { settings, phases, pipelines, names, picks, paths, notes } = parts;
    let (path_keys, paths): (Vec<Span>, Vec<XmlPath>) = paths.into_iter().unzip();
    let Finished { constants, slots, slot_names } = names;
    let columns = ChainColumns::new(phases.iter().flatten(), &pipelines);
    let mut used = [false; VARIABLES];
    let looked_at =
        phases.iter().flatten().flat_map(|rule| rule.wanted.iter()).flat_map(|target| target.variable.stored_as());
    for variable in looked_at.chain(named) {
        used[variable.index()] = true;
    }
    let reads = phases.iter().flatten().fold(CollectionSet::default(), |all, rule| all.with(rule.reads));
    let phases = phases.map(|rules| Phase { gate: Gate::open(&rules), rules: rules.into() });
    let mut rules = Ruleset {
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
        notes,
        used,
        reads,
    };
    let Reach { skipped, absent } = dry_run(&rules);
    let absent: Vec<Diagnostic> = absent.iter().map(|facts| unavailable(facts)).collect();
    if !absent.is_empty() {
        return Err(absent);
    }
    if gates == Gates::Built {
        for (phase, skipped) in rules.phases.iter_mut().zip(&skipped) {
            phase.gate = Gate::new(&phase.rules, skipped, &rules.pipelines, |span| span.constant(&rules.constants));
        }
    }
    Ok(rules)
}

/// Says of a rule that every request reaches that it asks for what is not there.
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
