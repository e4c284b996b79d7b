//! The verdicts libinjection publishes, and those the C library gives on its collections of attacks
//! and of plain text.

mod support;

use fosse_libinjection::{is_sqli, is_xss};

#[test]
fn gives_the_published_fingerprints() {
    let cases = support::cases("sqli.txt");
    assert_eq!(cases.len(), 50);
    for case in cases {
        let fingerprint = is_sqli(&case.input);
        let ours = fingerprint.as_ref().map_or("", |fingerprint| fingerprint.as_str());
        assert_eq!(ours.as_bytes(), case.expected, "{}", case.name);
    }
}

#[test]
fn agrees_with_the_c_library_on_its_collections() {
    let verdicts = support::verdicts();
    assert!(verdicts.len() > 3000);
    for verdict in verdicts {
        let fingerprint = is_sqli(&verdict.value);
        let ours = fingerprint.as_ref().map_or("-", |fingerprint| fingerprint.as_str());
        assert_eq!(ours, verdict.fingerprint, "{}", verdict.value.escape_ascii());
        assert_eq!(is_xss(&verdict.value), verdict.xss, "{}", verdict.value.escape_ascii());
    }
}

#[test]
fn plain_english_is_neither() {
    for text in [
        "Please select a colour from the list and drop us a line",
        "I'd like 2 tickets for Thursday or Friday -- if that's OK, call me",
        "Rock 'n' roll & blues, 1 or 2 records, it's \"live\"",
        "the union of workers and the order by which they came",
        "O'Brien and O'Neil",
        "5 < 6 and 7 > 3, isn't it?",
        "a = b, c = d; done",
        "Don't insert coins into the machine; it's broken",
        "What is the value of 1 - 2 + 3?",
        "http://example.com/?a=1&b=2#top",
        "",
    ] {
        assert_eq!(is_sqli(text.as_bytes()), None, "{text}");
        assert!(!is_xss(text.as_bytes()), "{text}");
    }
}

#[test]
fn attacks_are_seen_with_their_fingerprint() {
    for (text, fingerprint) in [
        ("1' OR '1'='1", "s&sos"),
        ("1 UNION SELECT password FROM users", "1UEnk"),
        ("1; DROP TABLE users--", "1;Tnn"),
        ("-1' and 1=1 union/* foo */select load_file('/etc/passwd')--", "s&1UE"),
    ] {
        assert_eq!(is_sqli(text.as_bytes()).map(|found| found.to_string()).as_deref(), Some(fingerprint), "{text}");
    }
}

/// As the C library gives them.
#[test]
fn odd_bytes_inside_numbers_and_before_comments_do_not_hide_an_attack() {
    for (value, fingerprint) in [(&b"1\xa0-- x"[..], "1c"), (b"x'1\0f' or 1=1", "1&1"), (b"0x1\0f or 1=1", "1&1")] {
        let found = is_sqli(value).map(|found| found.to_string());
        assert_eq!(found.as_deref(), Some(fingerprint), "{}", value.escape_ascii());
    }
}

#[test]
fn script_is_seen_in_every_context() {
    for text in [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "x onload=alert(1)",
        "' onload='alert(1)",
        "\" style=\"x",
        "` onclick=x",
        "<a href=\"&#106;avascript:alert(1)\">",
        "<!--`-->",
        "<!doctype html>",
    ] {
        assert!(is_xss(text.as_bytes()), "{text}");
    }
}

/// The C library takes 0xFF for the end of the input.
#[test]
fn byte_ff_does_not_hide_an_attribute() {
    assert!(is_xss(b"<img \xff onerror=alert(1)>"));
}
