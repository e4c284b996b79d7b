//! What must hold whatever a filter says: no panic, no body in another's place, and nothing left of
//! a filter that is gone.

use fosse_counters::Counters;
use fosse_eventloop::slab::Slab;
use fosse_spool::{file::File, filter::Filter, limits::EXTENT_BYTES, spool::Spool};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

/// Room for a few bodies only, so that they press each other out.
const EXTENTS: u64 = 4;

/// A filter's bytes, behind a byte that says in what steps they come.
///
/// # Panics
/// Where a promise is broken.
pub fn conversation(data: &[u8]) {
    let Some((step, mut rest)) = data.split_first() else { return };
    let Ok(fd) = memfd_create("spool", MemfdFlags::CLOEXEC) else { return };
    ftruncate(&fd, EXTENTS * EXTENT_BYTES).unwrap();
    let (mut spool, counters) = (Spool::new(File::new(fd)).unwrap(), Counters::private());
    let (Ok(mut filter), Some(key)) = (Filter::new(), Slab::default().insert(())) else { return };
    while !rest.is_empty() {
        let spare = filter.inbox.spare();
        let count = rest.len().min(usize::from(*step).max(1)).min(spare.len());
        let (part, later) = rest.split_at(count);
        spare.iter_mut().zip(part).for_each(|(place, byte)| *place = *byte);
        filter.inbox.filled(count);
        rest = later;
        let worked = filter.work(key, &mut spool, &counters);
        for lost in spool.take_lost() {
            filter.lose(lost.id.number, lost.cause).unwrap();
        }
        assert!(spool.taken_bytes() <= EXTENTS * EXTENT_BYTES, "more than the file has");
        if worked.is_err() {
            break;
        }
        let pending = filter.replies.pending().len();
        filter.replies.advance(pending);
    }
    spool.forget(key);
    assert_eq!((spool.len(), spool.taken_bytes()), (0, 0), "a body without a filter");
}
