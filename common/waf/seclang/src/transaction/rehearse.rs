//! Which rules are left out in an ordinary request, so that the gates need not be made for them.
//!
//! Paranoia levels and the like are TX variables that the rules themselves set, and rules that look at nothing else jump
//! over what is not wanted. An empty request run through the rules once, when they are compiled, tells which jumps are
//! made. Nothing depends on that but speed: a rule that is reached after all is evaluated on every value. It also tells
//! which rules that ask for what is not there (a geographic data base, say) every request would come to.

use super::{Arena, Bench, Host, Now, Transaction, Turn};
use crate::action::Mode;
use crate::rule::{Facts, Rule, RuleBits};
use crate::ruleset::Ruleset;
use crate::store::NoStore;
use crate::variable::Variable;
use std::sync::Arc;

/// What the rehearsal tells.
#[derive(Debug)]
pub(crate) struct Rehearsal {
    /// For each phase, the rules that jumps over TX variables leave out.
    pub skipped: [RuleBits; 5],
    /// The rules that were reached and ask for what this engine does not have.
    pub absent: Vec<Arc<Facts>>,
}

/// Runs an empty request through the rules.
pub(crate) fn rehearse(rules: &Ruleset) -> Rehearsal {
    let mut transaction = Transaction::new(rules, Arena::default(), Now::default());
    transaction.set_mode(Mode::DetectionOnly);
    let mut skipped: Box<[RuleBits; 5]> = Box::default();
    for (bits, phase) in skipped.iter_mut().zip(&rules.phases) {
        bits.reset(phase.rules.len());
    }
    transaction.rehearsal = Some(Box::new(Rehearsal { skipped: *skipped, absent: Vec::new() }));
    transaction.request_line(b"GET / HTTP/1.1", b"GET", b"/", b"HTTP/1.1");
    transaction.header(b"Host", b"localhost");
    let (mut bench, mut turn, mut store) = (Bench::default(), || Turn::Go, NoStore);
    let mut host = Host { bench: &mut bench, turn: &mut turn, store: &mut store };
    for phase in 1..=5 {
        if phase == 3 {
            transaction.response(200, b"HTTP/1.1");
        }
        transaction.run(phase, &mut host);
    }
    match transaction.rehearsal {
        Some(rehearsal) => *rehearsal,
        None => Rehearsal { skipped: Default::default(), absent: Vec::new() },
    }
}

impl Transaction<'_> {
    /// Notes a rule that is evaluated, if it asks for what is not there.
    pub(super) fn note_reached(&mut self, rule: &Rule) {
        let Some(Rehearsal { absent, .. }) = self.rehearsal.as_deref_mut() else { return };
        let asks = crate::operator::absent(&rule.facts.operator.0).is_some()
            || rule.wanted.iter().any(|target| target.variable.is_absent());
        if asks {
            absent.push(Arc::clone(&rule.facts));
        }
    }

    /// Notes the rules from `from` to `to` as left out, if the jump depends on TX variables alone.
    pub(super) fn note_jump(&mut self, rule: &Rule, from: usize, to: usize) {
        let Some(Rehearsal { skipped, .. }) = self.rehearsal.as_deref_mut() else { return };
        let steady = rule
            .wanted
            .iter()
            .all(|target| target.variable == Variable::Tx && target.slot.is_some_and(|slot| slot >= 10));
        if let Some(bits) = skipped.get_mut(usize::from(self.phase).saturating_sub(1)).filter(|_| steady) {
            (from..to).for_each(|at| bits.insert(at));
        }
    }
}
