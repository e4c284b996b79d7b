//! Any bytes as what a program writes to its log.

use fosse_log::line::{LINE_BYTES_MAX, Partial, escape};

/// The first byte says in what steps the rest comes: the lines are the same in any steps, none is
/// beyond its limit, and none holds what a terminal would obey.
pub fn lines(data: &[u8]) {
    let Some((step, bytes)) = data.split_first() else { return };
    let whole = cut(bytes, bytes.len().max(1));
    assert_eq!(whole, cut(bytes, usize::from(*step).max(1)), "cut every {step} bytes");
    for (line, _) in whole {
        assert!(line.len() <= LINE_BYTES_MAX);
        let mut escaped = Vec::new();
        escape(&mut escaped, &line);
        assert!(escaped.iter().all(|byte| (b' '..=b'~').contains(byte)));
    }
}

/// The lines, and whether each was cut at its limit.
fn cut(bytes: &[u8], step: usize) -> Vec<(Vec<u8>, bool)> {
    let (mut partial, mut lines) = (Partial::default(), Vec::new());
    for piece in bytes.chunks(step) {
        partial.take(piece, |line, cut| lines.push((line.to_vec(), cut)));
    }
    lines.extend(partial.rest().map(|line| (line.to_vec(), false)));
    lines
}
