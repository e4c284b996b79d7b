//! fosse-nearest: the known word nearest to a mistyped one, for keys of a configuration and words
//! of a command line.

#![forbid(unsafe_code)]

/// Longest word compared: a suggestion for anything longer would be noise, and the cost is
/// quadratic.
const WORD_BYTES_MAX: usize = 64;

/// Returns the candidate at the smallest edit distance (insert, delete, replace, swap of adjacent
/// letters), if it is near enough to be meant: one slip per three letters, or a word that only
/// lacks its end ("idle" for "idle_seconds").
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str, IntoIter: Clone>) -> Option<&'a str> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let allowed = word.len().max(3).div_ceil(3);
    let mut candidates = candidates.into_iter();
    candidates
        .clone()
        .filter(|candidate| candidate.len() <= WORD_BYTES_MAX)
        .map(|candidate| (distance(word.as_bytes(), candidate.as_bytes()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
        .or_else(|| candidates.find(|candidate| word.len() >= 4 && candidate.starts_with(word)))
}

/// Returns the edit distance with swaps (optimal string alignment), from three rows of its table.
fn distance(left: &[u8], right: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let replaced = row[j] + usize::from(!a.eq_ignore_ascii_case(b));
            let mut best = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && left[i - 1] == *b && right[j - 1] == *a {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_one_slip_and_leaves_strangers_alone() {
        let known = ["listen", "lanes", "access_log"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("lnaes", known), Some("lanes"));
        assert_eq!(nearest("accesslog", known), Some("access_log"));
        assert_eq!(nearest("certificate", known), None);
        assert_eq!(nearest("access", known), Some("access_log"));
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }
}
