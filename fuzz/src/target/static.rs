//! Entry points for a fuzzing driver: what must hold for any target and any field.

use fosse_http1::{HeadLimits, RequestHead};

use fosse_settings::Coding;
use fosse_static::encoding::accepted;
use fosse_static::path::ServedPath;

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
