//! Entry for fuzzing: a layout never changes what a text says, and has itself for its layout.

use fosse_layout::NoLayout;

/// Lays `data` out.
///
/// # Panics
/// When an invariant is broken: a finding.
pub fn layout(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match fosse_layout::layout(text) {
        Ok(once) => {
            assert_eq!(fosse_layout::layout(&once).as_deref(), Ok(once.as_str()), "it stays as it is");
            let comments = |text: &str| text.matches('#').count();
            assert_eq!(comments(&once), comments(text), "no comment is lost");
        }
        Err(why) => assert_eq!(why, NoLayout::NotToml, "the meaning stays"),
    }
}
