//! Queries, urlencoded bodies and cookies.

use fosse_bodies::Item;
use fosse_bodies::form::{FormOptions, FormReport, cookies, urlencoded};

fn parse(input: &str, options: &FormOptions) -> (Vec<(String, String)>, FormReport) {
    let mut found = Vec::new();
    let report = urlencoded(input.as_bytes(), options, &mut |item| {
        let Item::Argument { name, value } = item else { panic!("{item:?}") };
        found.push((String::from_utf8_lossy(name).into(), String::from_utf8_lossy(value).into()));
    });
    (found, report)
}

fn pairs(input: &str) -> Vec<(String, String)> {
    parse(input, &FormOptions::default()).0
}

fn expect(input: &str, wanted: &[(&str, &str)]) {
    let wanted: Vec<(String, String)> = wanted.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    assert_eq!(pairs(input), wanted, "{input}");
}

#[test]
fn splits_names_and_values() {
    expect("", &[]);
    expect("a=1&b=2", &[("a", "1"), ("b", "2")]);
    expect("a=1&a=2", &[("a", "1"), ("a", "2")]);
    expect("a", &[("a", "")]);
    expect("a=", &[("a", "")]);
    expect("a&", &[("a", "")]);
    expect("a=1&", &[("a", "1")]);
    expect("=b", &[("", "b")]);
    expect("a==b=c", &[("a", "=b=c")]);
}

#[test]
fn empty_pieces_between_separators_are_arguments_without_a_name() {
    expect("&", &[("", "")]);
    expect("a=1&&b=2", &[("a", "1"), ("", ""), ("b", "2")]);
}

#[test]
fn decodes_names_and_values() {
    expect("a%3Db=c%26d", &[("a=b", "c&d")]);
    expect("a+b=c+d%2B", &[("a b", "c d+")]);
    expect("%41%42=%43", &[("AB", "C")]);
    expect("a=%00", &[("a", "\0")]);
}

#[test]
fn keeps_bad_percent_signs_and_counts_them() {
    let (found, report) = parse("a=%4&b%zz=%&c=%41%", &FormOptions::default());
    assert_eq!(found[0].1, "%4");
    assert_eq!(found[1].0, "b%zz");
    assert_eq!(found[2].1, "A%");
    assert_eq!(report.invalid, 4);
    assert_eq!(parse("a=%41+", &FormOptions::default()).1.invalid, 0);
}

#[test]
fn another_separator_can_be_chosen() {
    let options = FormOptions { separator: b';', ..FormOptions::default() };
    assert_eq!(parse("a=1;b=2&c", &options).0, [("a".into(), "1".into()), ("b".into(), "2&c".into())]);
}

#[test]
fn stops_at_the_argument_limit_and_says_so() {
    let options = FormOptions { arguments_count_max: 2, ..FormOptions::default() };
    let (found, report) = parse("a&b&c&d", &options);
    assert_eq!((found.len(), report.arguments, report.over_limit), (2, 2, true));
    let (found, report) = parse("a&b", &options);
    assert_eq!((found.len(), report.over_limit), (2, false));
}

fn jar(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    cookies(header.as_bytes(), b';', 100, &mut |item| {
        let Item::Cookie { name, value } = item else { panic!("{item:?}") };
        found.push((String::from_utf8_lossy(name).into(), String::from_utf8_lossy(value).into()));
    });
    found
}

#[test]
fn cookies_are_split_and_not_decoded() {
    assert_eq!(
        jar("a=1; b=%41+; c"),
        [("a".into(), "1".into()), ("b".into(), "%41+".into()), ("c".into(), String::new())]
    );
    assert_eq!(
        jar("_ga=GA1.2.1=3;;  ; =x; \td=e "),
        [("_ga".to_owned(), "GA1.2.1=3".to_owned()), ("d".into(), "e ".into())]
    );
    assert!(jar("").is_empty());
}

#[test]
fn cookies_stop_at_their_limit_and_say_so() {
    assert_eq!(cookies(b"a;b;c", b';', 2, &mut |_| {}), (2, true));
    assert_eq!(cookies(b"a,b", b',', 2, &mut |_| {}), (2, false));
}
