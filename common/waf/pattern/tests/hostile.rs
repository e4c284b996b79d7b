//! Patterns cut and flipped, values made to cost time, phrases.

mod corpus;
#[path = "../../../../fuzz/src/target/pattern.rs"]
mod target;

use fosse_pattern::{
    CandidateBits, Captures, PatternSet, PhraseMatch, PhraseSet, Regex, Requirement, Scratch, StepLimit,
};
use std::time::{Duration, Instant};

const PATTERNS: [&[u8]; 12] = [
    br#"(?i)(?:union\s+(?:all\s+)?select|["'`]\s*?(?:x?or|and)\b[\s\(]*\d)"#,
    br"^[\w/.+*-]+(?:\s?;\s*(?:a|b)\s?=\s?['\x22\w]+)*$",
    br"(?i:a(?-i)b|\Qx.y\E){2,3}?[[:^alpha:]\]-]",
    br"(?<n>a|b)(?=c)\k<n>(?!\1)",
    br"\x{bc}[^>\xbe]*+(?>ab|a)\R\h\Z",
    br"(?x) a # b
 [\s\x0b#]",
    br"((?:[!-\+]|\xc2\xb4)[^!-\+]*?){12}",
    br"b['\x22]*\x5c?u['\x22]*s['\x22]*y",
    br"(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)\10\8\101",
    br"\b(?:s(?:tyle|rc)|href)\b[\s\S]*?=",
    br"(?m)^a$|(?<!b)c|\Gd|\A\z",
    br"(?U)a{2,}?b{,3}{",
];

#[test]
fn any_cut_or_flipped_pattern_compiles_or_is_refused() {
    let value = b"1' UNION select 1 or ab\xbcx; a=b style= busy\r\n";
    for pattern in PATTERNS {
        let target =
            |pattern: &[u8]| target::pattern(&[&[u8::try_from(pattern.len()).unwrap()], pattern, value].concat());
        for end in 0..=pattern.len() {
            target(&pattern[..end]);
            target(&pattern[end..]);
        }
        for (place, bit) in (0..pattern.len()).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
            let mut flipped = pattern.to_vec();
            flipped[place] ^= 1 << bit;
            target(&flipped);
        }
    }
}

#[test]
fn random_bytes_keep_every_invariant() {
    let mut random = corpus::Random(0x1234);
    let seeds: Vec<Vec<u8>> = PATTERNS.iter().map(|pattern| pattern.to_vec()).collect();
    for _ in 0..1000 {
        let pattern = random.mutated(&seeds);
        let value = random.mutated(&seeds);
        let length = u8::try_from(pattern.len().min(200)).unwrap();
        target::pattern(&[&[length], &pattern[..usize::from(length)], value.as_slice()].concat());
        target::phrases(&[pattern.as_slice(), b"\n\n", &value].concat());
    }
}

#[test]
fn nested_repeats_and_deep_groups_are_refused_not_suffered() {
    for pattern in [
        "(".repeat(100_000),
        "(?:a{1000}){1000}".into(),
        format!("a{}", "{2}".repeat(50_000)),
        "((((a{50}){50}){50}){50}){50}".into(),
        format!("{}a{}", "(?:".repeat(300), ")".repeat(300)),
        "(?=(?:a|b){60000}){60000}".into(),
    ] {
        let start = Instant::now();
        assert!(Regex::new(&pattern).is_err(), "{:.40}", pattern);
        assert!(start.elapsed() < Duration::from_secs(60));
    }
    assert!(Regex::new("(".repeat(200) + "a" + &")".repeat(200)).is_ok());
}

#[test]
fn regular_patterns_take_linear_time_on_hostile_values() {
    let mut scratch = Scratch::new();
    let value = [vec![b'a'; 1 << 20], b"!".to_vec()].concat();
    for pattern in ["(a+)+$", "(?:a|a)*b", "(a*)*b", "^(?:a?){50}a{50}$", "(?:[^']*'[^']*')*\\d"] {
        let start = Instant::now();
        let matched = Regex::new(pattern).unwrap().is_match(&value, &mut scratch);
        assert_eq!(matched, Ok(false), "{pattern}");
        assert!(start.elapsed() < Duration::from_secs(60), "{pattern} took {:?}", start.elapsed());
    }
}

#[test]
fn backtracking_without_end_is_the_step_limit() {
    let mut scratch = Scratch::new();
    let value = vec![b'a'; 5000];
    for pattern in ["(?=a)(?:a|a)*b", r"(a*)*\1b", r"(?:(?!b)a?)*c\b(?<!x)", r"(.*)(.*)(.*)(.*)\1\2\3\4x"] {
        let start = Instant::now();
        let regex = Regex::new(pattern).unwrap();
        assert!(!regex.is_linear());
        assert_eq!(regex.is_match(&value, &mut scratch), Err(StepLimit), "{pattern}");
        assert!(start.elapsed() < Duration::from_secs(60), "{pattern} took {:?}", start.elapsed());
        println!("{pattern}: {:?}", start.elapsed());
    }
}

#[test]
fn a_scratch_stays_bounded_whatever_runs() {
    let mut scratch = Scratch::new();
    let mut random = corpus::Random(7);
    let value: Vec<u8> = (0..4_000).map(|_| b"ab"[random.below(2)]).collect();
    for count in 10..110 {
        // States of such a pattern remember the last `count` bytes: they never repeat.
        Regex::new(format!("a[ab]{{{count}}}c")).unwrap().is_match(&value, &mut scratch).unwrap();
    }
    assert!(scratch.cached_bytes() < 40 << 20, "{} bytes", scratch.cached_bytes());
}

#[test]
fn captures_hold_groups_zero_to_nine() {
    let (mut scratch, mut groups) = (Scratch::new(), Captures::default());
    let regex = Regex::new("(a)(x)?(b)(c)(d)(e)(f)(g)(h)(i)(j)").unwrap();
    assert_eq!(regex.captures(b"..abcdefghij", &mut scratch, &mut groups), Ok(true));
    assert_eq!(
        (groups[0].clone(), groups[1].clone(), groups[2].clone(), groups[9].clone()),
        (Some(2..12), Some(2..3), None, Some(9..10))
    );
    assert_eq!(regex.captures(b"..", &mut scratch, &mut groups), Ok(false));
    assert_eq!(groups, Captures::default());
}

#[test]
fn patterns_mean_bytes() {
    let mut scratch = Scratch::new();
    let mut matches =
        |pattern: &[u8], value: &[u8]| Regex::new(pattern).unwrap().is_match(value, &mut scratch).unwrap();
    assert!(matches(br"^\x{bc}$", b"\xbc") && !matches(br"\x{e9}", "é".as_bytes()));
    assert!(matches(b"^\xc3\xa9$", "é".as_bytes()) && matches(br"^..$", "é".as_bytes()));
    assert!(matches(b"a.b", b"a\nb") && !matches(b"a$", b"a\n") && matches(br"a\Z", b"a\n"));
    assert!(!matches(b"(?i)\xe9", b"\xc9") && matches(br"\s", b"\x0b") && !matches(br"\w", b"\xe9"));
}

#[test]
fn phrases_report_the_first_end_and_the_longest_there() {
    let set = PhraseSet::new(["passwd", "etc/passwd", "/bin/"]).unwrap();
    assert_eq!(set.find(b"x /ETC/Passwd /bin/"), Some(PhraseMatch { start: 3, end: 13, index: 1 }));
    assert_eq!(set.find(b"nothing"), None);
    assert!(PhraseSet::new(["a", ""]).is_err());
    assert_eq!(PhraseSet::new([""; 0]).unwrap().find(b"a"), None);
}

#[test]
fn phrases_and_literals_are_judged_in_the_same_set() {
    let phrases = PhraseSet::new(["<script", "x"]).unwrap();
    let contains = Requirement::any_of([&b"../"[..]]);
    let everything = Requirement::anything();
    let set =
        PatternSet::new([phrases.requirement(), &contains, &everything, &Requirement::any_of([&b""[..]])]).unwrap();
    let (mut scratch, mut bits) = (Scratch::new(), CandidateBits::default());
    let mut indices = |value: &[u8]| {
        set.candidates(value, &mut scratch, &mut bits);
        bits.iter().collect::<Vec<_>>()
    };
    assert_eq!(indices(b"a <SCRIPT> ../"), [0, 1, 2, 3]);
    assert_eq!(indices(b"X"), [0, 2, 3]);
    assert_eq!(indices(b""), [2, 3]);
}

#[test]
fn errors_say_where_and_what() {
    let error = Regex::new("ab(?R)").unwrap_err();
    assert_eq!((error.offset, error.reason.as_str()), (2, "recursion is not supported"));
    assert_eq!(Regex::new("a)").unwrap_err().offset, 1);
    assert_eq!(Regex::new("x[a").unwrap_err().to_string(), "[ without its ] (at byte 1 of the pattern)");
    assert!(Regex::new(r"\x{100}").is_err() && Regex::new(r"(a)\2").is_err() && Regex::new("*a").is_err());
}

#[test]
fn captures_at_the_end_of_a_long_value_are_those_of_the_match() {
    let mut scratch = Scratch::new();
    let mut groups = Captures::default();
    let value = format!("{}key=value", "x; = yz ".repeat(20_000));
    let regex = Regex::new(r"(?:[a-z]+; )*\b(key)=([a-z]+)$").unwrap();
    assert_eq!(regex.captures(value.as_bytes(), &mut scratch, &mut groups), Ok(true));
    let end = value.len();
    assert_eq!(groups[..3], [Some(end - 9..end), Some(end - 9..end - 6), Some(end - 5..end)]);
    // A match of the whole value still matches; its groups are those that a match in its last part
    // has, or none.
    let regex = Regex::new(r"^(x).*(value)$").unwrap();
    assert_eq!(regex.captures(value.as_bytes(), &mut scratch, &mut groups), Ok(true));
    assert_eq!(groups[..2], [Some(end - 4096..end), None]);
    let regex = Regex::new(r"(x).*(value)").unwrap();
    assert_eq!(regex.captures(value.as_bytes(), &mut scratch, &mut groups), Ok(true));
    assert_eq!(groups[2], Some(end - 5..end));
}

#[test]
fn a_long_text_made_to_need_new_states_all_the_time_is_given_up() {
    let regex = Regex::new("[ab]*a[ab]{14}c").unwrap();
    let mut scratch = Scratch::new();
    let mut state = 1_u64;
    let text: Vec<u8> = (0..1 << 20)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if state >> 63 == 0 { b'a' } else { b'b' }
        })
        .collect();
    assert_eq!(regex.is_match(&text, &mut scratch), Err(StepLimit));
    assert_eq!(regex.is_match(&text[..8 * 1024], &mut scratch), Ok(false));
    let matching = [&text[..8 * 1000], b"abbbbbbbbbbbbbbc"].concat();
    assert_eq!(regex.is_match(&matching, &mut scratch), Ok(true));
    // What needs few states is decided whatever its length, before and after.
    assert_eq!(regex.is_match(&b"ab".repeat(1 << 19), &mut scratch), Ok(false));
}
