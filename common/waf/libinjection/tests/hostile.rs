//! Any bytes get a verdict, in time linear in their length.

mod support;
#[path = "../../../../fuzz/src/target/libinjection.rs"]
mod target;

use fosse_libinjection::{is_sqli, is_xss};
use std::time::{Duration, Instant};

#[test]
fn survives_published_values_cut_at_every_byte() {
    // Every seventh value, so that a debug build is done in seconds; short ones, because long ones
    // repeat themselves.
    for value in support::values().iter().step_by(7).filter(|value| value.len() <= 200) {
        for cut in 0..value.len() {
            target::detect(&value[..cut]);
            target::detect(&value[cut..]);
        }
    }
}

#[test]
fn survives_published_cases_with_any_bit_flipped() {
    // Every third case, for the same reason.
    for case in ["sqli.txt", "html5.txt", "folding.txt", "tokens.txt"].into_iter().flat_map(support::cases).step_by(3) {
        let mut value = case.input;
        for at in 0..value.len() {
            for bit in 0..8 {
                value[at] ^= 1 << bit;
                target::detect(&value);
                value[at] ^= 1 << bit;
            }
        }
    }
}

/// Long enough that a quadratic reading takes a minute, short enough that a linear one is done in
/// no time.
const LENGTH: usize = 1 << 18;

/// The bound is no measurement: a quadratic detector needs minutes for these, a linear one less
/// than a second.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn long_repetitions_take_linear_time() {
    for unit in [
        "DIV.",
        "NOT.",
        "1+",
        "1,",
        "1.",
        "select.",
        "a.",
        "((",
        "))",
        ";;",
        "'",
        "''",
        "\\'",
        "\"",
        "$a$",
        "$$",
        "$aaaaaaaa",
        "$",
        "/*",
        "/*/",
        "--\n",
        "#\n",
        "#",
        "q'",
        "q'(",
        "x'0",
        "b'1",
        "`",
        "[",
        "@",
        "@@",
        "{a",
        "-",
        "{`",
        "/",
        "<",
        "</",
        "</>",
        "<a ",
        "<a/",
        "<!--",
        "<!---",
        "-\0",
        "<!-",
        "<%",
        "%",
        "<![CDATA[",
        "]",
        "=",
        "a=",
        "a='",
        "<a href=&#",
        "&#0",
        "&#x0",
        "\0",
        " ",
        "n",
        "\u{a0}",
        "1'",
        "1\"",
        "1 or ",
        "1--",
        "in (",
        "a like ",
    ] {
        let value = unit.repeat(LENGTH / unit.len());
        let start = Instant::now();
        is_sqli(value.as_bytes());
        is_xss(value.as_bytes());
        let (mut long, mut quoted) = (String::from("<a href=\""), String::from("1'"));
        long.push_str(&value);
        quoted.push_str(&value);
        is_xss(long.as_bytes());
        is_sqli(quoted.as_bytes());
        assert!(start.elapsed() < Duration::from_secs(60), "{unit:?} took {:?}", start.elapsed());
    }
}
