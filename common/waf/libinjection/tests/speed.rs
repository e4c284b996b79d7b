//! Fast enough not to be noticed: run with
//! `cargo test --release -p fosse-libinjection --test speed -- --ignored --nocapture`.

mod support;

use std::time::Instant;

/// Megabytes a second below which a value costs more than parsing its request does.
const MB_PER_SECOND_MIN: f64 = 50.0;

fn speed(name: &str, values: &[Vec<u8>], detect: impl Fn(&[u8]) -> bool) -> f64 {
    let bytes: usize = values.iter().map(Vec::len).sum();
    let rounds = (20_000_000 / bytes).max(1);
    let start = Instant::now();
    let found = (0..rounds).flat_map(|_| values).filter(|value| detect(std::hint::black_box(value))).count();
    let seconds = start.elapsed().as_secs_f64();
    let speed = (bytes * rounds) as f64 / seconds / 1e6;
    let each = seconds / (rounds * values.len()) as f64 * 1e9;
    println!("{name}: {speed:.0} MB/s, {each:.0} ns a value, {found} found in {rounds} rounds");
    speed
}

#[test]
#[ignore = "a measurement, for release builds on a quiet machine"]
fn plain_text_at_fifty_megabytes_a_second() {
    let sentence = "The quick brown fox jumps over the lazy dog, and doesn't care whether it's 1 or 2 dogs. ";
    let argument =
        [&b"Hamburger Strasse 12"[..], b"search", b"john.doe@example.com", b"42", b"2026-11-21", b"true", b"Zm9zc2U="];
    let arguments: Vec<_> = argument.iter().map(|value| value.to_vec()).collect();
    let attacks: Vec<_> = support::verdicts().into_iter().map(|verdict| verdict.value).collect();
    let hostile = ["1+", "DIV.", "a=", "((", "'"].map(|unit| unit.repeat(10_000).into_bytes());
    for (name, values, floor) in [
        ("sentence", vec![sentence.as_bytes().to_vec()], MB_PER_SECOND_MIN),
        ("4 KiB of text", vec![sentence.repeat(46).into_bytes()], MB_PER_SECOND_MIN),
        ("arguments", arguments, 0.0),
        ("attacks", attacks, 0.0),
        ("hostile repetition", hostile.to_vec(), 0.0),
    ] {
        let sqli = speed(&format!("{name}, is_sqli"), &values, |value| fosse_libinjection::is_sqli(value).is_some());
        let xss = speed(&format!("{name}, is_xss"), &values, fosse_libinjection::is_xss);
        assert!(sqli.min(xss) >= floor, "{name}: {sqli:.0} and {xss:.0} MB/s");
    }
}
