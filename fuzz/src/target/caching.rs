//! What must hold for what a cache reads: of applications and clients, and of its own memory.

use std::time::{Duration, SystemTime};

use fosse_caching::{DELTA_SECONDS_MAX, Directives, Reply, Stored, keep, reply, state};
use fosse_wire::{cache::Terms, cursor::Cursor, fields, fields::Fields};

/// Values of Cache-Control, Vary, Age and dates.
///
/// # Panics
/// Where a promise is broken.
pub fn directives(data: &[u8]) {
    let said = Directives::of([data].into_iter());
    let longer = Directives::of([data, b"no-store"].into_iter());
    assert!(longer.no_store, "what follows forbids it");
    let times = [said.s_maxage, said.max_age, said.min_fresh, said.stale_while_revalidate, said.stale_if_error];
    assert!(times.into_iter().flatten().all(|time| time <= DELTA_SECONDS_MAX));
    let mut bytes = Vec::new();
    let list = ["cache-control", "vary", "age", "date", "expires"].map(|name| (name.as_bytes(), data));
    if fields::put(&mut bytes, list).is_err() {
        return;
    }
    let Ok(fields) = Fields::decode(&mut Cursor::new(&bytes)) else { return };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    if let Ok(kept) = keep(200, fields, &Terms::default(), now, Duration::from_secs(1)) {
        assert!(kept.fresh_s > kept.age_s && !said.no_store && !said.private, "kept what it must not");
    }
}

/// Records, as a damaged memory may have them.
///
/// # Panics
/// Where a promise is broken.
pub fn records(data: &[u8]) {
    let Ok(stored) = Stored::decode(data) else { return };
    let mut again = Vec::new();
    stored.encode(&mut again).unwrap();
    assert_eq!(again, data);
    let _ = state(&stored, &Directives::default(), 1_700_000_000);
    assert!(stored.varies_by().all(|name| !name.is_empty()));
    if let Reply::Part(range) = reply(&stored, [(&b"range"[..], &b"bytes=1-"[..])].into_iter(), false) {
        assert!(range.start < range.end && range.end <= stored.body.len());
    }
}
