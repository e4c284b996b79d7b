//! Any bytes as a rule file whose references are looked for.

/// Every reference lies inside the file.
pub fn references(data: &[u8]) {
    assert!(
        fosse_gather::references::references(data).iter().all(|reference| reference.offset < data.len()),
        "a reference outside of the file"
    );
}
