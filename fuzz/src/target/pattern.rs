//! Any bytes as patterns, phrases and the values they are looked for in.

use fosse_pattern::{CandidateBits, Captures, PatternSet, PhraseSet, Regex, Scratch, Search};

/// Steps for one value: a fuzzer wants many values, not long ones.
const STEPS: u64 = 20_000;

/// The first byte says how many of the following bytes are a pattern; the rest is the value.
///
/// Compiling ends in a pattern or an error; a match agrees with its captures; a pattern that
/// matches is a candidate; and where both engines can run a pattern they agree.
pub(crate) fn pattern(data: &[u8]) {
    let Some((length, rest)) = data.split_first() else { return };
    let (pattern, value) = rest.split_at(usize::from(*length).min(rest.len()));
    let Ok(regex) = Regex::new(pattern) else { return };
    let mut scratch = Scratch::new();
    scratch.set_steps_max(STEPS);
    let Ok(matched) = regex.is_match(value, &mut scratch) else { return };
    let mut groups = Captures::default();
    assert_eq!(regex.captures(value, &mut scratch, &mut groups), Ok(matched), "captures disagree");
    assert_eq!(groups.iter().any(Option::is_some), matched, "a match has a group 0, and only a match");
    assert!(groups.iter().flatten().all(|group| value.get(group.clone()).is_some()), "a group outside the value");
    let from = value.len() / 2;
    if regex.captures_from(value, from, &mut scratch, &mut groups) == Ok(true) {
        assert!(matched, "a match later on is a match");
        // `\K` within a lookbehind may report a match from before its beginning.
        let starts_before = |whole: &std::ops::Range<usize>| whole.start < from;
        assert!(!regex.is_linear() || !groups[0].as_ref().is_some_and(starts_before), "a match before `from`");
    }
    if let Ok(set) = PatternSet::new([regex.requirement()]) {
        let mut bits = CandidateBits::default();
        let any = set.candidates(value, &mut scratch, &mut bits);
        assert!(any || !matched, "a match that is no candidate");
        assert_eq!(any, bits.contains(0));
        let mut search = Search::default();
        while !set.search(value, &mut search) {}
        assert_eq!(*search.candidates(), bits, "piece by piece something else is found");
    }
    if let Some(found) = by_backtracking(pattern, value, &mut scratch) {
        assert_eq!(found, matched, "the engines disagree");
    }
}

/// Returns whether the pattern matches by the engine that backtracks: an empty look-ahead at its
/// front, which always holds, leaves no other choice.
fn by_backtracking(pattern: &[u8], value: &[u8], scratch: &mut Scratch) -> Option<bool> {
    // In a group: what begins with `{2}` is literal by itself and would repeat the look-ahead.
    let regex = Regex::new([b"(?=)(?:", pattern, b")"].concat()).ok()?;
    assert!(!regex.is_linear(), "a look-ahead is not for the automaton");
    regex.is_match(value, scratch).ok()
}

/// Lines up to an empty one are phrases; the rest is the value. Compared with looking for each
/// phrase on its own.
pub(crate) fn phrases(data: &[u8]) {
    let end = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let (head, value) = data.split_at(end);
    let phrases: Vec<&[u8]> = head.split(|byte| *byte == b'\n').filter(|phrase| !phrase.is_empty()).take(64).collect();
    let Ok(set) = PhraseSet::new(&phrases) else { return };
    let found = set.find(value);
    let lower = value.to_ascii_lowercase();
    let expected = phrases.iter().filter_map(|phrase| end_of(&lower, &phrase.to_ascii_lowercase())).min();
    assert_eq!(found.map(|found| found.end), expected, "the first end");
    if let Some(found) = found {
        let text = &value[found.start..found.end];
        let phrase = phrases[found.index];
        assert!(text.eq_ignore_ascii_case(phrase), "the phrase named is the one there");
    }
    let mut bits = CandidateBits::default();
    if let Ok(candidates) = PatternSet::new([set.requirement()]) {
        let any = candidates.candidates(value, &mut Scratch::new(), &mut bits);
        assert!(any || found.is_none(), "a phrase that is no candidate");
    }
}

fn end_of(text: &[u8], phrase: &[u8]) -> Option<usize> {
    let start = text.windows(phrase.len()).position(|window| window == phrase)?;
    start.checked_add(phrase.len())
}
