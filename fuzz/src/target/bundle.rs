//! Entries for fuzzing: what decodes encodes to the same bytes again.

/// Decodes `data` as a bundle.
///
/// # Panics
/// When an invariant is broken: a finding.
pub fn bundle(data: &[u8]) {
    if let Ok(bundle) = fosse_bundle::Bundle::decode(data) {
        assert_eq!(bundle.encode().expect("what was decoded is within its limits"), data);
    }
}

/// Decodes `data` as the output of fosse-load.
///
/// # Panics
/// When an invariant is broken: a finding.
pub fn parts(data: &[u8]) {
    if let Ok(parts) = fosse_bundle::Parts::decode(data) {
        assert_eq!(parts.encode().expect("what was decoded is within its limits"), data);
    }
}

/// Opens `data` as pages.
///
/// # Panics
/// When an invariant is broken: a finding.
pub fn pages(data: &[u8]) {
    if let Ok(pages) = fosse_bundle::Pages::open(data) {
        let all: Vec<&[u8]> = pages.iter().collect();
        let encoded = fosse_bundle::encode_pages(all.iter().copied()).expect("what was opened is within its limits");
        assert_eq!(encoded, data);
        assert_eq!(pages.get(all.len()), None);
    }
}
