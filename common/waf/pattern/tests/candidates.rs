//! The invariant of the candidate finder: what it rules out does not match.

mod corpus;

use fosse_pattern::{CandidateBits, PatternSet, Regex, Scratch};

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
