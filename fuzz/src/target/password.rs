//! What must hold whatever a dispatch says: no panic, few attempts of each source, and nothing left
//! of a dispatch that is gone.

use std::collections::HashMap;

use fosse_counters::Counters;
use fosse_eventloop::slab::Slab;
use fosse_password::{
    asker::Asker,
    attempts::Attempts,
    limits::{ATTEMPTS_MAX, SOURCE_ATTEMPTS_MAX},
};

/// A dispatch's bytes, behind a byte that says in what steps they come.
///
/// # Panics
/// Where a promise is broken.
pub fn conversation(data: &[u8]) {
    let Some((step, mut rest)) = data.split_first() else { return };
    let (mut attempts, counters) = (Attempts::default(), Counters::private());
    let (Ok(mut asker), Some(key)) = (Asker::new(), Slab::default().insert(())) else { return };
    while !rest.is_empty() {
        let spare = asker.inbox.spare();
        let count = rest.len().min(usize::from(*step).max(1)).min(spare.len());
        let (part, later) = rest.split_at(count);
        spare.iter_mut().zip(part).for_each(|(place, byte)| *place = *byte);
        asker.inbox.filled(count);
        rest = later;
        let worked = asker.work(key, &mut attempts, 0, &counters);
        assert!(attempts.len() <= ATTEMPTS_MAX, "more than there is room for");
        if worked.is_err() {
            break;
        }
    }
    let mut of_source = HashMap::new();
    if *step % 2 == 0 {
        attempts.forget(key);
    }
    while let Some(attempt) = attempts.take() {
        assert!(*step % 2 != 0, "an attempt without a dispatch");
        let count: &mut usize = of_source.entry(attempt.source).or_default();
        *count += 1;
        assert!(*count <= SOURCE_ATTEMPTS_MAX && !attempt.waiting.is_empty());
    }
    assert!(attempts.is_empty());
}
