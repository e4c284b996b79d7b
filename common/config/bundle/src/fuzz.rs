//! Entries for fuzzing: what decodes encodes to the same bytes again.

/// Decodes `data` as a bundle.
///
/// # Panics
/// When an invariant is broken: a finding.
pub fn bundle(data: &[u8]) {
    if let Ok(bundle) = crate::Bundle::decode(data) {
        assert_eq!(bundle.encode().expect("what was decoded is within its limits"), data);
    }
}

/// Decodes `data` as the output of fosse-load.
///
/// # Panics
/// When an invariant is broken: a finding.
pub fn parts(data: &[u8]) {
    if let Ok(parts) = crate::Parts::decode(data) {
        assert_eq!(parts.encode().expect("what was decoded is within its limits"), data);
    }
}
