//! Entry points for a fuzz driver: a panic is a finding.

/// Both detectors on any bytes: they return, give the same verdict twice, and a fingerprint is one
/// to five ASCII bytes.
pub(crate) fn detect(data: &[u8]) {
    let verdict = fosse_libinjection::is_sqli(data);
    assert_eq!(verdict, fosse_libinjection::is_sqli(data));
    if let Some(fingerprint) = verdict {
        let text = fingerprint.as_str();
        assert!((1..=5).contains(&text.len()) && text.is_ascii(), "{text:?}");
    }
    assert_eq!(fosse_libinjection::is_xss(data), fosse_libinjection::is_xss(data));
}
