//! Entry points for a fuzzing driver: what must hold for any target and any field.

use fosse_http1::{HeadLimits, RequestHead};
use std::time::{Duration, UNIX_EPOCH};

use fosse_settings::Coding;
use fosse_static::condition::{evaluate, range_holds};
use fosse_static::encoding::accepted;
use fosse_static::file::Facts;
use fosse_static::path::ServedPath;
use fosse_static::range::{Wanted, wanted};

/// A target leads nowhere but down, and its redirect stays on the host.
///
/// # Panics
/// On a broken promise.
pub fn target(data: &[u8]) {
    let Ok(served) = ServedPath::of_target(data) else { return };
    assert!(!served.path.contains(&0) && !served.path.starts_with(b"/"));
    let names = served.path.strip_suffix(b"/").unwrap_or(&served.path);
    let mut segments = names.split(|byte| *byte == b'/').enumerate();
    assert!(
        names.is_empty()
            || segments.all(|(at, s)| !s.is_empty() && (!s.starts_with(b".") || (at == 0 && s == b".well-known")))
    );
    if served.is_directory() {
        return;
    }
    let location = served.as_directory();
    assert!(location.iter().all(|byte| byte.is_ascii_graphic() && !b"\\?#".contains(byte)));
    assert!(location.starts_with(b"/") && !location.starts_with(b"//"));
    let mut expected = served.path.clone();
    expected.push(b'/');
    assert_eq!(
        ServedPath::of_target(&location).map(|served| served.path),
        Ok(expected),
        "it names what it was made from"
    );
}

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

/// A client of any Accept-Encoding gets codings that are offered, each once.
///
/// # Panics
/// On a broken promise.
pub fn encoding(data: &[u8]) {
    let head = [b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: ", data, b"\r\n\r\n"].concat();
    let Ok(request) = RequestHead::parse(&head, &HeadLimits::DEFAULT) else { return };
    let offered = [Coding::Brotli, Coding::Zstd, Coding::Gzip];
    let accepted = accepted(&request.fields, &offered);
    for (at, coding) in accepted.iter().enumerate() {
        assert!(offered.contains(coding) && !accepted[..at].contains(coding));
    }
    assert!(accepted.is_empty() || data.iter().any(|byte| b"*gzbGZB".contains(byte)), "it has not been asked for");
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
        let facts = Facts { length: 5, tag: "\"5-a-b\"".into(), strong, modified };
        let _ = (evaluate(&request.fields, &facts), range_holds(&request.fields, &facts));
    }
}
