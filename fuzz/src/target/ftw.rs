//! Any bytes as files of regression tests, as what a server sent and as its log.

/// They are read or refused.
pub fn files(data: &[u8]) {
    let _ = fosse_ftw::parse(data);
    let text = String::from_utf8_lossy(data);
    let _ = (fosse_ftw::read(&text), fosse_ftw::read_overrides(&text));
    let _ = (fosse_ftw::rule_ids(&text), fosse_ftw::native(&text));
}
