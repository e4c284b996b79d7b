//! Rule files to a rule set: directives in order, with Include, SecDefaultAction and the directives
//! that change rules already read.

mod assemble;
mod change;
mod dry_run;
mod finish;

use crate::action::{Actions, Disruption};
use crate::bundle::Bundle;
use crate::diagnostic::{Diagnostic, Location};
use crate::directive;
use crate::names::Names;
use crate::operator::{self, Named, Operator};
use crate::pipeline::Pipelines;
use crate::reader::{Argument, Directive, Source};
use crate::ruleset::Ruleset;
use crate::settings::Settings;
use crate::target::{self, Targets};
use assemble::Gates;
use std::collections::HashMap;

/// Files deep an Include may go: more is a loop.
const INCLUDE_DEPTH_MAX: usize = 16;

/// Errors listed: past these, the rest are consequences. As many notes.
const DIAGNOSTICS_MAX: usize = 100;

type Fault = (u32, String);

/// A rule or a marker, in the order of the files.
enum Draft {
    Rule(Box<DraftRule>),
    Marker(String),
    /// A rule that SecRuleRemove* took out.
    Removed,
}

struct DraftRule {
    location: Location,
    targets: Targets,
    named: Named,
    actions: Actions,
    /// The SecDefaultAction of its phase when the rule was read.
    defaults: Actions,
    phase: u8,
    /// The chain's first rule; itself for a rule without a chain.
    starter: usize,
}

impl Ruleset {
    /// Compiles the file `entry` of a bundle and all it includes. The errors are in the order of
    /// the files.
    pub fn compile(bundle: &Bundle, entry: &str) -> Result<Self, Vec<Diagnostic>> {
        Compiler::new(bundle, Gates::Built).run(entry)
    }

    /// Compiles the same rules in less time and memory, for a check or for few transactions: every
    /// rule is evaluated on every value, which takes many times as long and finds the same.
    pub fn compile_ungated(bundle: &Bundle, entry: &str) -> Result<Self, Vec<Diagnostic>> {
        Compiler::new(bundle, Gates::Open).run(entry)
    }
}

struct Compiler<'b> {
    bundle: &'b Bundle,
    gates: Gates,
    names: Names,
    pipelines: Pipelines,
    settings: Settings,
    defaults: [Actions; 5],
    drafts: Vec<Draft>,
    ids: HashMap<u32, Location>,
    /// The chain that waits for its next link.
    open_chain: Option<(usize, Location)>,
    diagnostics: Vec<Diagnostic>,
    /// Directives and operators that load and do not do what their name says.
    notes: Vec<Diagnostic>,
}

impl<'b> Compiler<'b> {
    fn new(bundle: &'b Bundle, gates: Gates) -> Self {
        let basic = Actions {
            log: Some(true),
            audit_log: Some(true),
            disruption: Some(Disruption::Pass),
            ..Actions::default()
        };
        Self {
            bundle,
            gates,
            names: Names::default(),
            pipelines: Pipelines::default(),
            settings: Settings::default(),
            defaults: std::array::from_fn(|_| basic.clone()),
            drafts: Vec::new(),
            ids: HashMap::new(),
            open_chain: None,
            diagnostics: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Compiles the file `entry` and what it includes.
    fn run(mut self, entry: &str) -> Result<Ruleset, Vec<Diagnostic>> {
        match self.bundle.resolve("", entry) {
            Some((name, bytes)) => self.file(&Source::new(name, bytes), 0),
            None => {
                let location = Location { file: entry.into(), line: 1, column: 1 };
                let message = "no such file in the bundle".to_owned();
                self.diagnostics.push(Diagnostic { location, message, excerpt: String::new() });
            }
        }
        self.finish()
    }

    fn file(&mut self, source: &Source<'_>, depth: usize) {
        for directive in source.directives() {
            // No more errors are kept. In a file that includes itself several times each level
            // would multiply the work, and every way down ends in one.
            if self.diagnostics.len() >= DIAGNOSTICS_MAX {
                return;
            }
            let done = directive.and_then(|directive| {
                self.directive(source, &directive, depth).map_err(|(offset, message)| source.error(offset, message))
            });
            if let Err(diagnostic) = done {
                self.complain(diagnostic);
            }
            for (offset, message) in std::mem::take(&mut self.names.notes) {
                if self.notes.len() < DIAGNOSTICS_MAX {
                    self.notes.push(source.error(offset, message));
                }
            }
        }
        if let Some((_, location)) = self.open_chain.take() {
            let message = "the chain ends here; expected another SecRule after `chain`".to_owned();
            self.complain(Diagnostic { location, message, excerpt: String::new() });
        }
    }

    fn complain(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < DIAGNOSTICS_MAX {
            self.diagnostics.push(diagnostic);
        }
    }

    fn directive(&mut self, source: &Source<'_>, directive: &Directive, depth: usize) -> Result<(), Fault> {
        let name = directive.name.text();
        match name.to_ascii_lowercase().as_str() {
            "secrule" => self.rule(source, directive, false),
            "secaction" => self.rule(source, directive, true),
            "secmarker" => {
                self.drafts.push(Draft::Marker(self.one(directive)?.text()));
                Ok(())
            }
            "secdefaultaction" => self.default_action(directive),
            "include" => self.include(source, directive, depth, true),
            "includeoptional" => self.include(source, directive, depth, false),
            lower if lower.starts_with("secruleremove") || lower.starts_with("secruleupdate") => {
                self.change(lower, directive)
            }
            _ => self.setting(&name, directive),
        }
    }

    fn setting(&mut self, name: &str, directive: &Directive) -> Result<(), Fault> {
        if let Some(done) = self.settings.apply(name, directive) {
            return done;
        }
        let at = directive.name.offset(0);
        let Some(known) = directive::find(name) else {
            return Err((at, format!("unknown directive `{name}`; expected one like SecRule, SecAction or Include")));
        };
        let last = directive.arguments.last().map(Argument::text).unwrap_or_default();
        let note = known.judge(&last).map_err(|why| (at, why))?;
        self.names.notes.push((at, note));
        Ok(())
    }

    fn one<'d>(&self, directive: &'d Directive) -> Result<&'d Argument, Fault> {
        match directive.arguments.as_slice() {
            [word] => Ok(word),
            _ => Err((directive.name.offset(0), format!("expected one argument after {}", directive.name.text()))),
        }
    }

    fn include(&mut self, source: &Source<'_>, directive: &Directive, depth: usize, must: bool) -> Result<(), Fault> {
        let word = self.one(directive)?;
        let pattern = word.text();
        if depth >= INCLUDE_DEPTH_MAX {
            return Err((word.offset(0), format!("Include goes deeper than {INCLUDE_DEPTH_MAX} files: is it a loop?")));
        }
        let bundle = self.bundle;
        let files: Vec<(&str, &[u8])> = match bundle.resolve(&source.name, &pattern) {
            Some(found) => vec![found],
            None => bundle
                .matching(&source.name, &pattern)
                .into_iter()
                .filter_map(|name| bundle.get(name).map(|bytes| (name, bytes)))
                .collect(),
        };
        if files.is_empty() && must {
            return Err((word.offset(0), format!("no file matches `{pattern}`; expected one beside {}", source.name)));
        }
        for (name, bytes) in files {
            self.file(&Source::new(name, bytes), depth + 1);
        }
        Ok(())
    }

    fn default_action(&mut self, directive: &Directive) -> Result<(), Fault> {
        let word = self.one(directive)?;
        let actions = Actions::parse(word, &mut self.names)?;
        let Some(phase) = actions.phase else {
            return Err((word.offset(0), "no phase; expected one, as in phase:2,log,auditlog,pass".to_owned()));
        };
        match &actions.disruption {
            None | Some(Disruption::Block) => {
                return Err((word.offset(0), "no disruptive action; expected pass, deny or another".to_owned()));
            }
            _ if actions.id.is_some() || actions.chain => {
                return Err((word.offset(0), "neither id nor chain has a meaning in SecDefaultAction".to_owned()));
            }
            _ => {}
        }
        self.defaults[usize::from(phase) - 1] = actions;
        Ok(())
    }

    fn rule(&mut self, source: &Source<'_>, directive: &Directive, unconditional: bool) -> Result<(), Fault> {
        let at = directive.name.offset(0);
        let named_before = self.names.variables.len();
        let (targets, named, list) = match (unconditional, directive.arguments.as_slice()) {
            (true, [list]) => (Targets::default(), always(), Some(list)),
            (false, [targets, operator, rest @ ..]) if rest.len() <= 1 => {
                let targets = target::parse(targets, &mut self.names);
                let named = operator::parse(operator, &source.name, self.bundle, &mut self.names);
                // A rule in error still takes part in its chain, so that the next rule is not
                // blamed.
                if let Err(fault) = targets.as_ref().map(|_| ()).and(named.as_ref().map(|_| ())) {
                    self.skip_faulty(source, rest.first(), at);
                    return Err(fault.clone());
                }
                (targets?, named?, rest.first())
            }
            (true, _) => return Err((at, "expected one argument: the actions".to_owned())),
            (false, _) => return Err((at, "expected variables, an operator and actions, each in quotes".to_owned())),
        };
        let mut actions = match list {
            Some(list) => Actions::parse(list, &mut self.names)?,
            None => Actions::default(),
        };
        // The operator's macros are among them.
        actions.reads = self.names.variables.iter().skip(named_before).collect();
        self.add(source.location(at), at, targets, named, actions)
    }

    fn skip_faulty(&mut self, source: &Source<'_>, list: Option<&Argument>, at: u32) {
        let chained = list.is_some_and(|list| list.text().split(',').any(|action| action.trim() == "chain"));
        let starter = self.open_chain.take().map_or(self.drafts.len(), |(starter, _)| starter);
        if starter == self.drafts.len() {
            self.drafts.push(Draft::Removed);
        }
        if chained {
            self.open_chain = Some((starter, source.location(at)));
        }
    }

    fn add(
        &mut self,
        location: Location,
        at: u32,
        targets: Targets,
        named: Named,
        actions: Actions,
    ) -> Result<(), Fault> {
        let own = self.drafts.len();
        let chain = self.open_chain.take();
        let starter = chain.as_ref().map_or(own, |(starter, _)| *starter);
        let phase = match self.drafts.get(starter) {
            Some(Draft::Rule(first)) => first.phase,
            _ => actions.phase.unwrap_or(2),
        };
        if actions.chain {
            self.open_chain = Some((starter, location.clone()));
        }
        if chain.is_some() {
            refuse_in_chain(&actions, at)?;
        } else {
            self.claim_id(&actions, at, &location)?;
        }
        let defaults = self.defaults[usize::from(phase) - 1].clone();
        self.drafts.push(Draft::Rule(Box::new(DraftRule {
            location,
            targets,
            named,
            actions,
            defaults,
            phase,
            starter,
        })));
        Ok(())
    }

    fn claim_id(&mut self, actions: &Actions, at: u32, location: &Location) -> Result<(), Fault> {
        let Some(id) = actions.id else {
            return Err((at, "no id; every rule needs one of its own, as in id:1001".to_owned()));
        };
        match self.ids.insert(id, location.clone()) {
            Some(first) => Err((actions.id_offset, format!("id {id} is taken by the rule at {first}"))),
            None => Ok(()),
        }
    }
}

fn always() -> Named {
    Named { operator: Operator::Always, negated: false, name: "unconditionalMatch".to_owned(), argument: String::new() }
}

/// Refuses actions that only the first rule of a chain may have.
fn refuse_in_chain(actions: &Actions, at: u32) -> Result<(), Fault> {
    let what = if actions.id.is_some() {
        "id"
    } else if actions.phase.is_some() {
        "phase"
    } else if actions
        .disruption
        .as_ref()
        .is_some_and(|disruption| !matches!(disruption, Disruption::Pass | Disruption::Block))
    {
        "a disruptive action"
    } else if actions.skip > 0 || actions.skip_after.is_some() {
        "skip"
    } else if actions.message.is_some() {
        "msg"
    } else if actions.log_data.is_some() {
        "logdata"
    } else if actions.severity.is_some() {
        "severity"
    } else if actions.revision.is_some() || actions.version.is_some() {
        "rev or ver"
    } else {
        return Ok(());
    };
    Err((at, format!("{what} is in a later rule of a chain; expected it in the chain's first rule")))
}
