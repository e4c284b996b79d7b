//! Which rules are left out in an ordinary request, so that the gates need not be made for them.
//!
//! Paranoia levels and the like are TX variables that the rules themselves set, and rules that look at nothing else jump
//! over what is not wanted. An empty request run through the rules once, when they are compiled, tells which jumps are
//! made. Nothing depends on it but speed: a rule that is reached after all is evaluated on every value.

use super::{Arena, Bench, Host, Now, Transaction, Turn};
use crate::action::Mode;
use crate::rule::{Rule, RuleBits};
use crate::ruleset::Ruleset;
use crate::store::NoStore;
use crate::variable::Variable;

/// For each phase, the rules that jumps over TX variables leave out.
pub(crate) fn usually_skipped(rules: &Ruleset) -> [RuleBits; 5] {
    let mut transaction = Transaction::new(rules, Arena::default(), Now::default());
    transaction.set_mode(Mode::DetectionOnly);
    let mut skipped: Box<[RuleBits; 5]> = Box::default();
    for (bits, phase) in skipped.iter_mut().zip(&rules.phases) {
        bits.reset(phase.rules.len());
    }
    transaction.skipped = Some(skipped);
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
    transaction.skipped.map(|skipped| *skipped).unwrap_or_default()
}

impl Transaction<'_> {
    /// Notes the rules from `from` to `to` as left out, if the jump depends on TX variables alone.
    pub(super) fn note_jump(&mut self, rule: &Rule, from: usize, to: usize) {
        let Some(skipped) = self.skipped.as_mut() else { return };
        let steady = rule
            .wanted
            .iter()
            .all(|target| target.variable == Variable::Tx && target.slot.is_some_and(|slot| slot >= 10));
        if let Some(bits) = skipped.get_mut(usize::from(self.phase).saturating_sub(1)).filter(|_| steady) {
            (from..to).for_each(|at| bits.insert(at));
        }
    }
}
