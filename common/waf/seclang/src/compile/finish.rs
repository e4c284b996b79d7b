//! Drafts to the lists the engine runs: one per phase, with every jump resolved.

use super::assemble::{Parts, assemble};
use super::{Compiler, Draft, DraftRule};
use crate::action::{Act, Actions, Assignment, Disruption, SetvarTarget, Write};
use crate::arena::{Constants, Span, narrow};
use crate::collection_set::CollectionSet;
use crate::diagnostic::Diagnostic;
use crate::macros::{Part, Reference, Template};
use crate::operator::Operator;
use crate::rule::{Facts, Quick, Rule, RuleBits};
use crate::ruleset::Ruleset;
use crate::target::Selector;
use crate::variable::Variable;
use fosse_bodies::xml::{STEPS_COUNT_MAX, XmlPath};
use fosse_pattern::{Regex, Scratch};
use fosse_transform::Transform;
use std::collections::HashMap;
use std::sync::Arc;

/// Slots of TX variables: their numbers are 16 bits wide, and no rule set names that many.
const SLOTS_MAX: usize = 60_000;

/// Steps of all chains of transformations, those of equal beginnings once. Their numbers are 16
/// bits wide; the Core Rule Set has about a hundred.
const CHAIN_STEPS_MAX: usize = 10_000;

/// Status where a rule names none.
const STATUS_DEFAULT: u16 = 403;

impl Compiler<'_> {
    pub(super) fn finish(mut self) -> Result<Ruleset, Vec<Diagnostic>> {
        self.compile_macro_patterns();
        self.find_slots();
        let paths = self.resolve_paths();
        let phases: [Vec<Rule>; 5] = std::array::from_fn(|index| {
            let phase = u8::try_from(index).unwrap_or(0) + 1;
            self.phase(phase)
        });
        let picks = std::mem::take(&mut self.names.picks);
        let picks = picks.iter().map(|pick| self.resolve_pick(pick, &phases)).collect();
        // Numbers beyond these limits were cut to fit their types: nothing may run with them.
        let (slots, steps) = (self.names.slots(), self.pipelines.len());
        for (count, limit, what) in
            [(slots, SLOTS_MAX, "TX variables"), (steps, CHAIN_STEPS_MAX, "steps of transformations")]
        {
            if count > limit {
                let location = crate::diagnostic::Location { file: "".into(), line: 1, column: 1 };
                let message = format!("more than {limit} {what} are named");
                self.complain(Diagnostic { location, message, excerpt: String::new() });
            }
        }
        if !self.diagnostics.is_empty() {
            return Err(self.diagnostics);
        }
        let named = std::mem::take(&mut self.names.variables);
        let parts = Parts {
            settings: self.settings,
            phases,
            pipelines: self.pipelines,
            names: self.names.finish(),
            picks,
            paths,
            notes: self.notes,
        };
        assemble(parts, &named, self.gates)
    }

    /// Compiles the paths of `XML:` with the namespaces of their rules, each once. A key that other
    /// namespaces have taken gets a number after it.
    fn resolve_paths(&mut self) -> Vec<(Span, XmlPath)> {
        let mut paths: Vec<(Span, XmlPath)> = Vec::new();
        let (mut faults, mut steps) = (Vec::new(), 0usize);
        for draft in &mut self.drafts {
            let Draft::Rule(rule) = draft else { continue };
            let targets = rule.targets.wanted.iter_mut().chain(&mut rule.targets.excluded);
            for target in targets.filter(|target| target.variable == Variable::XmlNodes) {
                let Selector::Name(text) = target.selector else { continue };
                let written = self.names.constants.get(text).to_vec();
                let path = match XmlPath::parse(&written, Some(&rule.actions.namespaces)) {
                    Ok(path) => path,
                    Err((_, why)) => {
                        let message = format!("in XML:{}: {why}", String::from_utf8_lossy(&written));
                        faults.push(Diagnostic { location: rule.location.clone(), message, excerpt: String::new() });
                        continue;
                    }
                };
                if let Some((key, _)) = paths.iter().find(|(_, known)| *known == path) {
                    target.selector = Selector::Name(*key);
                    continue;
                }
                let mut key = text;
                while paths.iter().any(|(known, _)| *known == key) {
                    key = self.names.constants.intern(&[&written, format!(" ({})", paths.len()).as_bytes()].concat());
                }
                target.selector = Selector::Name(key);
                steps += path.steps();
                if steps > STEPS_COUNT_MAX {
                    let message = format!("the paths of XML: have more than {STEPS_COUNT_MAX} steps together");
                    faults.push(Diagnostic { location: rule.location.clone(), message, excerpt: String::new() });
                    break;
                }
                paths.push((key, path));
            }
        }
        faults.into_iter().for_each(|fault| self.complain(fault));
        paths
    }

    /// Finds the TX slots that targets with a pattern pick, so that no request has to.
    fn find_slots(&mut self) {
        let mut scratch = Scratch::new();
        for draft in &mut self.drafts {
            let Draft::Rule(rule) = draft else { continue };
            for target in rule.targets.wanted.iter_mut().filter(|target| target.variable == Variable::Tx) {
                let Selector::Pattern(regex) = &target.selector else { continue };
                let names = self.names.tx_names();
                let picked = names.filter(|(_, name)| regex.is_match(name, &mut scratch).unwrap_or(true));
                target.slots = picked.map(|(slot, _)| slot).collect();
            }
        }
    }

    /// Compiles the patterns that hold macros, once for each text the rules can make of them.
    fn compile_macro_patterns(&mut self) {
        let mut values: HashMap<u16, Vec<Span>> = HashMap::new();
        for draft in &self.drafts {
            let Draft::Rule(rule) = draft else { continue };
            for act in &rule.actions.acts {
                if let Act::Write(Write::Set(SetvarTarget::Tx(slot), Assignment::Set(template))) = act {
                    values.entry(*slot).or_default().extend(template.constant());
                }
            }
        }
        let mut faults = Vec::new();
        for draft in &mut self.drafts {
            let Draft::Rule(rule) = draft else { continue };
            let Operator::Macros(template, compiled) = &mut rule.named.operator else { continue };
            let patterns = expansions(template, &values, &self.names.constants).into_iter().map(|text| {
                let regex = Regex::new(&text).map_err(|error| {
                    format!("in this pattern, as `{}`: {}", String::from_utf8_lossy(&text), error.reason)
                })?;
                Ok((text.into_boxed_slice(), Arc::new(regex)))
            });
            match patterns.collect::<Result<Vec<_>, String>>() {
                Ok(patterns) => *compiled = patterns.into(),
                Err(message) => {
                    faults.push(Diagnostic { location: rule.location.clone(), message, excerpt: String::new() })
                }
            }
        }
        faults.into_iter().for_each(|fault| self.complain(fault));
    }

    /// Returns, for each phase, the rules of a pick.
    fn resolve_pick(&self, pick: &crate::pick::Pick, phases: &[Vec<Rule>; 5]) -> [RuleBits; 5] {
        let ids: std::collections::HashSet<u32> = self
            .drafts
            .iter()
            .filter(|draft| super::change::picked(draft, pick))
            .filter_map(|draft| match draft {
                Draft::Rule(rule) => rule.actions.id,
                _ => None,
            })
            .collect();
        std::array::from_fn(|index| {
            let rules = phases[index].as_slice();
            let mut bits = RuleBits::default();
            bits.reset(rules.len());
            let starters = rules.iter().enumerate().filter(|(at, rule)| rule.starter == narrow(*at));
            starters.filter(|(_, rule)| ids.contains(&rule.id)).for_each(|(at, _)| bits.insert(at));
            bits
        })
    }

    fn phase(&mut self, phase: u8) -> Vec<Rule> {
        // Where in the phase's list each draft would stand: a marker is where the rules after it
        // begin.
        let mut places = Vec::with_capacity(self.drafts.len());
        let mut len: u32 = 0;
        for draft in &self.drafts {
            places.push(len);
            len += u32::from(matches!(draft, Draft::Rule(rule) if rule.phase == phase));
        }
        let mut rules = Vec::new();
        let drafts = std::mem::take(&mut self.drafts);
        for (at, draft) in drafts.iter().enumerate() {
            if let Draft::Rule(rule) = draft
                && rule.phase == phase
            {
                rules.push(self.rule_of(rule, at, &drafts, &places));
            }
        }
        self.drafts = drafts;
        close_chains(&mut rules);
        self.resolve_skips(&mut rules, phase);
        rules
    }

    fn rule_of(&mut self, draft: &DraftRule, at: usize, drafts: &[Draft], places: &[u32]) -> Rule {
        let starter = match drafts.get(draft.starter) {
            Some(Draft::Rule(starter)) => starter,
            _ => draft,
        };
        let transforms: Vec<Transform> =
            draft.defaults.transforms.iter().chain(&draft.actions.transforms).copied().collect();
        let last_none = transforms.iter().rposition(|transform| *transform == Transform::None);
        let transforms = &transforms[last_none.map_or(0, |none| none + 1)..];
        let node = self.pipelines.chain(transforms);
        let multi = if draft.actions.multi_match { self.pipelines.path(node).into() } else { Box::default() };
        let jump = match &draft.actions.skip_after {
            Some((label, _)) => self.marker(label, at, drafts, places).or_else(|| {
                let message = format!("no SecMarker {label} follows; expected one to skip to");
                self.complain(Diagnostic { location: draft.location.clone(), message, excerpt: String::new() });
                None
            }),
            None => None,
        };
        let constant = |span| fosse_collections::number(self.names.constants.get(span));
        let quick = Quick::new(&draft.targets.wanted, node, &draft.named.operator, draft.named.negated, constant);
        Rule {
            quick,
            id: starter.actions.id.unwrap_or_default(),
            wanted: draft.targets.wanted.clone().into(),
            excluded: draft.targets.excluded.clone().into(),
            operator: draft.named.operator.clone(),
            negated: draft.named.negated,
            node,
            multi,
            capture: draft.actions.capture || draft.defaults.capture,
            acts: draft.defaults.acts.iter().chain(&draft.actions.acts).cloned().collect(),
            chained: draft.actions.chain,
            starter: places[draft.starter],
            reads: reads(draft),
            next: 0,
            jump,
            facts: Arc::new(facts(draft)),
        }
    }

    /// Finds the index after the marker (or the rule of that id) that follows the draft `at`.
    fn marker(&self, label: &str, at: usize, drafts: &[Draft], places: &[u32]) -> Option<u32> {
        let after = drafts.iter().enumerate().skip(at + 1);
        let found = after.into_iter().find_map(|(place, draft)| match draft {
            Draft::Marker(name) if name == label => Some(place),
            Draft::Rule(rule) if rule.actions.id.is_some_and(|id| id.to_string() == label) => {
                let end = drafts.iter().rposition(|link| matches!(link, Draft::Rule(link) if link.starter == place));
                end.map(|end| end + 1)
            }
            _ => None,
        })?;
        places.get(found).copied().or(places.last().map(|last| last + 1))
    }

    /// Resolves `skip:N`, which goes over N rules, chains counted as one.
    fn resolve_skips(&self, rules: &mut [Rule], phase: u8) {
        let drafts = self.drafts.iter().filter_map(|draft| match draft {
            Draft::Rule(rule) if rule.phase == phase => Some(rule.actions.skip),
            _ => None,
        });
        let skips: Vec<u32> = drafts.collect();
        let next: Vec<u32> = rules.iter().map(|rule| rule.next).collect();
        for (rule, skip) in rules.iter_mut().zip(skips).filter(|(_, skip)| *skip > 0) {
            let over = |place: u32| next.get(crate::arena::widen(place)).map_or(place, |next| *next);
            rule.jump = rule.jump.or(Some((0..skip).fold(rule.next, |place, _| over(place))));
        }
    }
}

/// Returns the texts a template can become, given the constants its variables are set to. More than
/// `EXPANSIONS_MAX` are cut.
fn expansions(template: &Template, values: &HashMap<u16, Vec<Span>>, constants: &Constants) -> Vec<Vec<u8>> {
    let mut texts = vec![Vec::new()];
    for part in &template.parts {
        let choices: Vec<&[u8]> = match part {
            Part::Text(span) => vec![constants.get(*span)],
            Part::Reference(Reference::Tx(slot)) => match values.get(slot) {
                Some(spans) if !spans.is_empty() => spans.iter().map(|span| constants.get(*span)).collect(),
                _ => vec![[].as_slice()],
            },
            Part::Reference(Reference::Variable(..)) => Vec::new(),
        };
        let longer = |text: &Vec<u8>| choices.iter().map(|choice| [text, *choice].concat()).collect::<Vec<_>>();
        texts = texts.iter().flat_map(longer).take(EXPANSIONS_MAX).collect();
    }
    texts.sort();
    texts.dedup();
    texts
}

/// Patterns one `@rx` with macros may become: rule sets have one or two.
const EXPANSIONS_MAX: usize = 64;

/// Sets where each chain ends, and tells each rule what those after it in its chain look at.
fn close_chains(rules: &mut [Rule]) {
    let (mut next, mut reads) = (narrow(rules.len()), CollectionSet::default());
    for (at, rule) in rules.iter_mut().enumerate().rev() {
        if !rule.chained {
            (next, reads) = (narrow(at) + 1, CollectionSet::default());
        }
        reads = reads.with(rule.reads);
        (rule.next, rule.reads) = (next, reads);
    }
}

/// Returns the persistent collections that a rule's targets and macros name.
fn reads(draft: &DraftRule) -> CollectionSet {
    let targets: CollectionSet = draft.targets.wanted.iter().map(|target| &target.variable).collect();
    targets.with(draft.actions.reads).with(draft.defaults.reads)
}

fn facts(draft: &DraftRule) -> Facts {
    let (own, base): (&Actions, &Actions) = (&draft.actions, &draft.defaults);
    let base_disruption = base.disruption.clone().unwrap_or(Disruption::Pass);
    let disruption = match own.disruption.clone() {
        None | Some(Disruption::Block) => base_disruption,
        Some(disruption) => disruption,
    };
    Facts {
        disruption,
        status: own.status.or(base.status).unwrap_or(STATUS_DEFAULT),
        log: own.log.or(base.log).unwrap_or(true),
        audit_log: own.audit_log.or(base.audit_log).unwrap_or(true),
        message: own.message.clone().or_else(|| base.message.clone()),
        log_data: own.log_data.clone().or_else(|| base.log_data.clone()),
        severity: own.severity.or(base.severity),
        tags: base.tags.iter().chain(&own.tags).cloned().collect(),
        revision: own.revision.clone(),
        version: own.version.clone(),
        file: Arc::clone(&draft.location.file),
        line: draft.location.line,
        operator: (draft.named.name.clone(), draft.named.argument.clone()),
    }
}
