//! What must hold for any Range field and any condition.

use std::time::{Duration, UNIX_EPOCH};

use fosse_conditional::{Validators, Wanted, evaluate, range_holds, wanted};
use fosse_http1::{HeadLimits, RequestHead};

/// The first two bytes are the length of the file, the rest is a Range field: the parts lie in the
/// file and are not more than it.
///
/// # Panics
/// On a broken promise.
pub fn range(data: &[u8]) {
    let Some((length, value)) = data.split_first_chunk::<2>() else { return };
    let length = u64::from(u16::from_le_bytes(*length));
    if let Wanted::Parts(parts) = wanted(value, length) {
        assert!(!parts.is_empty());
        assert!(parts.iter().all(|part| part.start < part.end && part.end <= length));
        assert!(parts.iter().map(|part| part.end - part.start).sum::<u64>() <= length);
    }
}

/// Conditions of any head are evaluated without a panic.
///
/// # Panics
/// On a broken promise.
pub fn conditions(data: &[u8]) {
    let mut head = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
    head.extend_from_slice(data);
    head.extend_from_slice(b"\r\n\r\n");
    let Ok(request) = RequestHead::parse(&head, &HeadLimits::DEFAULT) else { return };
    let modified = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for strong in [true, false] {
        let facts = Validators { tag: b"\"5-a-b\"", strong, modified: Some(modified) };
        let fields = request.fields.iter().map(|field| (field.name, field.value));
        let _ = (evaluate(fields.clone(), &facts), range_holds(fields, &facts));
    }
}
