//! The invariant of the candidate finder: what it rules out does not match.

mod corpus;

use fosse_pattern::{CandidateBits, PIECE_BYTES, PatternSet, Regex, Scratch, Search};

#[test]
fn a_pattern_that_matches_is_always_a_candidate() {
    let Some(dir) = corpus::crs4() else { return };
    let mut rules = corpus::patterns(&dir);
    rules.extend(corpus::crs3().map(|dir| corpus::patterns(&dir)).unwrap_or_default());
    let regexes: Vec<Regex> = rules.iter().map(|(_, pattern)| Regex::new(pattern).unwrap()).collect();
    let set = PatternSet::new(regexes.iter().map(Regex::requirement)).unwrap();
    let payloads = corpus::payloads(&dir);
    let mut random = corpus::Random(0x5eed);
    let rounds = std::env::var("FOSSE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(500);
    let mutated: Vec<Vec<u8>> = (0..rounds).map(|_| random.mutated(&payloads)).collect();
    let step = if rounds > 500 { 1 } else { 10 };
    let (mut scratch, mut bits) = (Scratch::new(), CandidateBits::default());
    let (mut candidates, mut matches) = (0_usize, 0_usize);
    for value in payloads.iter().step_by(step).chain(&mutated) {
        set.candidates(value, &mut scratch, &mut bits);
        candidates += bits.iter().count();
        for (index, regex) in regexes.iter().enumerate() {
            if regex.is_match(value, &mut scratch).unwrap_or(false) {
                matches += 1;
                let id = &rules[index].0;
                assert!(bits.contains(index), "rule {id} matches {} but is no candidate", value.escape_ascii());
            }
        }
    }
    println!("{} payloads, {candidates} candidates, {matches} matches", payloads.len());
}

/// Searches a value to the end.
fn in_pieces(set: &PatternSet, value: &[u8]) -> CandidateBits {
    let mut search = Search::default();
    while !set.search(value, &mut search) {}
    search.candidates().clone()
}

#[test]
fn a_search_piece_by_piece_finds_what_one_look_finds() {
    let patterns =
        ["union.{0,9}select", "^a", "evil$", "<script[^>]*src", "[0-9]{3}[xyz]{3}", "(?:cat|wget) /", "[\\r\\n]"];
    let regexes: Vec<Regex> = patterns.iter().map(|pattern| Regex::new(pattern).unwrap()).collect();
    let set = PatternSet::new(regexes.iter().map(Regex::requirement)).unwrap();
    let (mut scratch, mut at_once, mut some) = (Scratch::new(), CandidateBits::default(), 0);
    for text in ["union select", "evil", "<script src", "123xyz", "wget /", "\n", "nothing"] {
        for length in [0, 100, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 3 * PIECE_BYTES + 5] {
            for end in (0..text.len() + 9).map(|back| length + 4 - back.min(length + 4)) {
                let mut value = vec![b'-'; length];
                let end = end.min(length);
                let start = end - text.len().min(end);
                value[start..end].copy_from_slice(&text.as_bytes()[..end - start]);
                set.candidates(&value, &mut scratch, &mut at_once);
                some += usize::from(!at_once.is_empty());
                assert_eq!(in_pieces(&set, &value), at_once, "{text} until {end} of {length}");
            }
        }
    }
    assert!(some > 100, "{some}");
}
