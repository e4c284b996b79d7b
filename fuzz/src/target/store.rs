//! What must hold whatever a filter says: no panic, and the records stay within their limits.

use fosse_counters::Counters;

use fosse_store::{filter::Filter, records::Records};

/// Room for a few records only, so that they press each other out.
const BYTES: usize = 4096;

/// A filter's bytes, behind a byte that says in what steps they come. Time goes on between the
/// steps.
///
/// # Panics
/// Where a promise is broken.
pub fn conversation(data: &[u8]) {
    let Some((step, mut rest)) = data.split_first() else { return };
    let (mut records, counters) = (Records::new(BYTES), Counters::private());
    let Ok(mut filter) = Filter::new() else { return };
    let mut now = 1_000_000u64;
    while !rest.is_empty() {
        let spare = filter.inbox.spare();
        let count = rest.len().min(usize::from(*step).max(1)).min(spare.len());
        let (part, later) = rest.split_at(count);
        spare.iter_mut().zip(part).for_each(|(place, byte)| *place = *byte);
        filter.inbox.filled(count);
        rest = later;
        now = now.saturating_add(u64::from(*step));
        let worked = filter.work(&mut records, now, &counters);
        assert!(records.bytes() <= BYTES, "records beyond their memory");
        if worked.is_err() {
            break;
        }
        let pending = filter.replies.pending().len();
        filter.replies.advance(pending);
        records.sweep(now);
    }
    // Whatever came, the memory counted is that of the records that are there: when all have ended
    // nothing is left.
    while records.sweep(u64::MAX) > 0 {}
    assert_eq!((records.len(), records.bytes()), (0, 0), "a record without an end, or memory without a record");
}
