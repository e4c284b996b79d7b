//! A dry run: finds the rules that an ordinary request skips, so that the gates need not be made
//! for them.
//!
//! Paranoia levels and the like are TX variables that the rules themselves set, and rules that look
//! at nothing else jump over what is not wanted. An empty request run through the rules once, when
//! they are compiled, tells which jumps are made. Only speed depends on it: a rule that is reached
//! after all is evaluated on every value. It also tells which rules that ask for what is not there
//! (a geographic data base, say) every request would come to.

use crate::modes::Mode;
use crate::ruleset::Ruleset;
use crate::store::NoStore;
use crate::transaction::{Arena, Environment, Now, Reach, Schedule, Scratch, Transaction};

/// Runs an empty request through the rules and returns which of them it reaches.
pub(super) fn dry_run(rules: &Ruleset) -> Reach {
    let mut transaction = Transaction::new(rules, Arena::default(), Now::default());
    transaction.set_mode(Mode::DetectionOnly);
    transaction.request_line(b"GET / HTTP/1.1", b"GET", b"/", b"HTTP/1.1");
    transaction.header(b"Host", b"localhost");
    transaction.response(200, b"HTTP/1.1");
    let (mut scratch, mut schedule, mut store) = (Scratch::default(), || Schedule::Go, NoStore);
    transaction.reach(&mut Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store })
}
