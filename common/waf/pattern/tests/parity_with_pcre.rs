//! The same matches and captures as PCRE2: on the Core Rule Set's patterns and on patterns made up
//! at random.
//!
//! The binding cannot set DOLLAR_ENDONLY, so no value here ends in a newline (there alone it makes
//! a difference).

mod corpus;

use fosse_pattern::{Captures, Regex, Scratch};

fn pcre(pattern: &str) -> Result<pcre2::bytes::Regex, pcre2::Error> {
    pcre2::bytes::RegexBuilder::new().dotall(true).jit_if_available(true).build(pattern)
}

/// `None` where PCRE gave up.
fn pcre_captures(regex: &pcre2::bytes::Regex, value: &[u8]) -> Option<(bool, Captures)> {
    let mut locations = regex.capture_locations();
    let found = regex.captures_read(&mut locations, value).ok()?.is_some();
    let mut groups = Captures::default();
    if found {
        for (index, group) in groups.iter_mut().enumerate().take(locations.len()) {
            *group = locations.get(index).map(|(start, end)| start..end);
        }
    }
    Some((found, groups))
}

/// The extent to which results must be the same.
enum Depth {
    Groups,
    Match,
    Start,
}

/// Panics where the two differ.
fn compare(theirs: &pcre2::bytes::Regex, ours: &Regex, value: &[u8], scratch: &mut Scratch, depth: Depth) -> bool {
    let Some((found, expected)) = pcre_captures(theirs, value) else { return false };
    let mut groups = Captures::default();
    let Ok(matched) = ours.is_match(value, scratch) else { return false };
    let name = || format!("{} on {}", ours.pattern().escape_ascii(), value.escape_ascii());
    assert_eq!(matched, found, "{}", name());
    assert_eq!(ours.captures(value, scratch, &mut groups), Ok(found), "{}", name());
    match depth {
        Depth::Groups => assert_eq!(groups, expected, "{}", name()),
        Depth::Match => assert_eq!(groups[0], expected[0], "{}", name()),
        Depth::Start => {
            let start = |groups: &Captures| groups[0].as_ref().map(|range| range.start);
            assert_eq!(start(&groups), start(&expected), "{}", name());
        }
    }
    true
}

#[test]
fn core_rule_set_patterns_match_and_capture_as_in_pcre() {
    let Some(dir) = corpus::crs4() else { return };
    let mut rules = corpus::patterns(&dir);
    rules.extend(corpus::crs3().map(|dir| corpus::patterns(&dir)).unwrap_or_default());
    let payloads = corpus::payloads(&dir);
    let mut random = corpus::Random(0xfeed);
    let rounds = std::env::var("FOSSE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let step = if rounds > 200 { 1 } else { 25 };
    let mut values: Vec<Vec<u8>> = (0..rounds).map(|_| random.mutated(&payloads)).collect();
    values.extend(payloads.into_iter().step_by(step));
    values.retain(|value| !value.ends_with(b"\n"));
    let mut scratch = Scratch::new();
    let mut compared = 0_usize;
    for (_, pattern) in &rules {
        let pattern = std::str::from_utf8(pattern).unwrap();
        // PCRE2 refuses unknown escapes such as \i, which PCRE 8 and ModSecurity's rules take for
        // the letter.
        let Ok(theirs) = pcre(pattern) else { continue };
        let ours = Regex::new(pattern).unwrap();
        compared += values.iter().filter(|value| compare(&theirs, &ours, value, &mut scratch, Depth::Groups)).count();
    }
    println!("{compared} comparisons");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn chosen_patterns_match_as_in_pcre() {
    let patterns = [
        r"a++b",
        r"(?>a+)ab",
        r"a*+a",
        r"(?>ab|a)c",
        r"x(?>a|ab)$",
        r"\Aab\z",
        r"ab\Z",
        r"^$",
        r"(?m)^b$",
        r"(?m)a$",
        r"[]a]+",
        r"[^]a]+",
        r"[a-]",
        r"[-a]",
        r"[\w-]+",
        r"[a\]b]",
        r"[[:alpha:]]+",
        r"[[:^digit:]]+",
        r"[\x41-\x43]",
        r"\x{e9}",
        r"\xe9",
        r"\x4",
        r"\101",
        r"\08",
        r"\e|\a|\f",
        r"\ca",
        r"a{,2}",
        r"a{2}",
        r"a{1,2}b",
        r"x{",
        r"{x}",
        r"a{2,}?",
        r"(?i)aB",
        r"a(?i)b|c",
        r"(?i:a)B",
        r"(?-i)A",
        r"(?s-s:.)",
        r"(?-s).\n",
        r"\Qa.b\E+",
        r"\Q[",
        r"[\Qa-z\E]+",
        r"(?x) a b # comment",
        r"(?#c)a",
        r"\h+",
        r"\R",
        r"\R\n",
        r"\N+",
        r"\v",
        r"\s\S",
        r"(a)(b)?\2c",
        r"(a)|b\1",
        r"(.)\1",
        r"(?i)(a)\1",
        r"(?<n>a)\k<n>",
        r"(?P<n>a)(?P=n)",
        r"(?'n'b)\g{n}",
        r"(a)\g1",
        r"(a)\g{-1}",
        r"\bab\b",
        r"\Bb",
        r"(?=ab)a",
        r"(?!ab)a.",
        r"(?<=a)b",
        r"(?<!a)b",
        r"(?<=ab|c)d",
        r"(?<=a(?=b))b",
        r"a\Kb",
        r"(a|ab)(c|bcd)(d*)",
        r"(a*)*",
        r"(a*)+",
        r"(?:a|b*)*c",
        r"(a?)*?b",
        r"((a)|b)*",
        r"(?:(a)|b)*",
        r"^(?:a?b??)*$",
        r"(a(b)?)+",
        r"\/",
        r"]",
        r"a||b",
        r"(|a)b",
        r"()",
        r"(?:)",
        r"a|",
        r"[a-c-e]+",
        r"[^\W\d]+",
        r"(?U)a+",
        r"(?U)a+?",
        r"(?^i)a",
        r"a{0}b",
        r"(a{2}){2}",
        r"(?:a{1,2}){2,3}b",
        r"\0",
        r"[\0]",
        r"[\b]",
        r"a?+a",
        r"(?:ab)++a",
        r"(?=(a+))a*b\1",
    ];
    let values: Vec<Vec<u8>> = texts(b"ab", 5).chain(texts(b"aAbBcd", 3)).chain(texts(b"a\nb\r]-", 4)).collect();
    let unusual = [
        &b"\xe9"[..],
        b"\x00",
        b"\x04",
        b"\x01a",
        b"a.b.b",
        b"A",
        b"\x07",
        b"\x1b",
        b" \t\xa0",
        b"\x0b",
        b"x{",
        b"{x}",
        b"/",
        b"08",
        b"\x008",
        b"[",
        b"a{,2}",
        b"abcd",
        b"cd",
        b"a b",
        b"z-9",
        b"_x",
        b"\x08",
    ];
    let mut scratch = Scratch::new();
    for pattern in patterns {
        let theirs = pcre(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let ours = Regex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        for value in values.iter().map(Vec::as_slice).chain(unusual).filter(|value| !value.ends_with(b"\n")) {
            if pattern == "a{,2}" {
                // {,n} is a quantifier since PCRE2 10.43 and ordinary text before.
                assert_eq!(ours.is_match(value, &mut scratch), Ok(value == b"a{,2}"));
                continue;
            }
            compare(&theirs, &ours, value, &mut scratch, Depth::Match);
        }
    }
}

/// Every text over the alphabet up to this length.
fn texts(alphabet: &[u8], longest: usize) -> impl Iterator<Item = Vec<u8>> {
    let alphabet = alphabet.to_vec();
    (0..=longest).flat_map(move |length| {
        let alphabet = alphabet.clone();
        (0..alphabet.len().pow(length as u32)).map(move |number| {
            (0..length).map(|place| alphabet[number / alphabet.len().pow(place as u32) % alphabet.len()]).collect()
        })
    })
}

#[test]
fn random_patterns_match_as_in_pcre() {
    let rounds = std::env::var("FOSSE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2000);
    let mut random = corpus::Random(0xabcd);
    let values: Vec<Vec<u8>> = texts(b"ab", 6).chain(texts(b"abc \xe9", 3)).collect();
    let mut scratch = Scratch::new();
    scratch.set_steps_max(100_000);
    let (mut compiled, mut linear, mut compared) = (0, 0, 0);
    for _ in 0..rounds {
        let mut groups = 0;
        let pattern = make(&mut random, 3, &mut groups);
        let Ok(theirs) = pcre(&pattern) else { continue };
        let ours = Regex::new(&pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        compiled += 1;
        linear += usize::from(ours.is_linear());
        let depth = || if ours.is_linear() { Depth::Start } else { Depth::Match };
        compared += values.iter().filter(|value| compare(&theirs, &ours, value, &mut scratch, depth())).count();
    }
    println!("{compiled} patterns ({linear} linear), {compared} comparisons");
}

fn make(random: &mut corpus::Random, depth: usize, groups: &mut usize) -> String {
    if depth == 0 || random.below(4) == 0 {
        let atoms = [
            "a", "b", "c", ".", r"\w", r"\s", "[ab]", "[^a]", r"\xe9", "", r"\b", r"\B", "^", "$", r"[^\W]", "(?i)A",
            r"\z",
        ];
        return atoms[random.below(atoms.len())].to_owned();
    }
    let inner = |random: &mut corpus::Random, groups: &mut usize| make(random, depth - 1, groups);
    match random.below(12) {
        0..=2 => inner(random, groups) + &inner(random, groups) + &inner(random, groups),
        3 | 4 => format!("(?:{}|{})", inner(random, groups), inner(random, groups)),
        5 => {
            *groups += 1;
            format!("({})", inner(random, groups))
        }
        6..=8 => {
            let counts = ["*", "+", "?", "{2}", "{1,2}", "{0,2}", "{2,}"];
            let greed = ["", "", "?", "+"];
            format!("(?:{}){}{}", inner(random, groups), counts[random.below(7)], greed[random.below(4)])
        }
        9 => {
            let counts = ["*", "+", "?", "{2,}"];
            let greed = ["", "?", "+"];
            format!(
                "{}{}{}{}",
                ["a", "[ab]", r"\w"][random.below(3)],
                counts[random.below(4)],
                greed[random.below(3)],
                inner(random, groups)
            )
        }
        10 => {
            // Only PCRE2 since 10.43 looks behind over a varying length, and it does so in its own
            // way.
            let kind = random.below(5);
            let inner = make(random, if kind < 3 { depth - 1 } else { 0 }, groups);
            format!("({}{inner})", ["?>", "?=", "?!", "?<!", "?<="][kind])
        }
        _ if *groups > 0 => format!("\\{}", random.below(*groups) + 1),
        _ => inner(random, groups),
    }
}
