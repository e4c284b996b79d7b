//! Rows that are made: every byte in every place of a coding field, and what is too long.

use super::Case;

/// What hides in the body of each. It would be answered if anybody took the body for something
/// else.
const HIDDEN: &[u8] = b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// Bytes that some parser somewhere has skipped, cut off, or taken for white space.
const ODD: [u8; 18] =
    [0x00, 0x01, 0x04, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1b, 0x1f, 0x20, 0x22, 0x27, 0x7f, 0x85, 0xa0, 0xff];

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for odd in ODD {
        coding_fields(odd, &mut all);
    }
    for coding in CODINGS {
        hidden_behind(
            &format!("coding {coding}"),
            format!("Transfer-Encoding: {coding}").as_bytes(),
            "400|501",
            &mut all,
        );
    }
    too_long(&mut all);
    all
}

/// Names of codings that are not chunked, or not chunked alone.
const CODINGS: [&str; 16] = [
    "cow",
    "chunk",
    "chunkedd",
    "xchunked",
    "chunked, cow",
    "cow, chunked",
    "chunked,",
    ",chunked",
    "chunked;q=1",
    "chunked chunked",
    "identity",
    "identity, chunked",
    "chunked, identity",
    "gzip",
    "'chunked'",
    "chun\tked",
];

/// The byte in all places around name and value. White space behind the colon and at the end is no
/// part of a value, so that field is a right one, and only the length beside it is wrong.
fn coding_fields(odd: u8, all: &mut Vec<Case>) {
    let at = |parts: [&[u8]; 2]| [parts[0], &[odd], parts[1]].concat();
    for (place, field) in [
        ("before its name", at([b"", b"Transfer-Encoding: chunked"])),
        ("within its name", at([b"Transfer", b"Encoding: chunked"])),
        ("behind its name", at([b"Transfer-Encoding", b": chunked"])),
        ("before its value", at([b"Transfer-Encoding: ", b"chunked"])),
        ("within its value", at([b"Transfer-Encoding: chun", b"ked"])),
        ("behind its value", at([b"Transfer-Encoding: chunked", b""])),
        ("before it, in the value of another", at([b"X: y", b"Transfer-Encoding: chunked"])),
    ] {
        // A quote is a letter of a name; a byte above ASCII, a tab or a space may stand in a value.
        let harmless = match odd {
            0x27 => place.contains("name") || place.ends_with("another"),
            0x09 | 0x20 | 0x22 | 0x85 | 0xa0 | 0xff => place.ends_with("another"),
            _ => false,
        };
        let expected = if harmless { "2xx|400" } else { "400|501" };
        hidden_behind(&format!("{odd:#04x} {place}"), &field, expected, all);
    }
}

/// A coding field beside a length: the body by the length, and the body by chunks. One response at
/// the most.
fn hidden_behind(name: &str, field: &[u8], expected: &'static str, all: &mut Vec<Case>) {
    let by_length = [b"0\r\n\r\n", HIDDEN].concat();
    let length = format!("Content-Length: {}\r\n", by_length.len()).into_bytes();
    let head = &b"POST / HTTP/1.1\r\nHost: a.example\r\n"[..];
    let bytes = [head, &length, field, b"\r\n\r\n", &by_length].concat();
    all.push(Case { name: format!("length and {name}"), bytes, allowed: expected, chosen: "" });
    let bytes = [head, field, b"\r\n", &length, b"\r\n", &by_length].concat();
    all.push(Case { name: format!("{name} and length"), bytes, allowed: expected, chosen: "" });
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn too_long(all: &mut Vec<Case>) {
    let mut case = |name: &str, bytes: Vec<u8>, allowed, chosen| {
        all.push(Case { name: name.into(), bytes, allowed, chosen });
    };
    let host = &b"Host: a.example\r\n"[..];
    let long = |count: usize| vec![b'a'; count];
    let line = |target: &[u8]| [b"GET /", target, b" HTTP/1.1\r\n", host, b"\r\n"].concat();
    case("a target of 8000 bytes", line(&long(7999)), "2xx|414", "2xx");
    case("a target too long", line(&long(20_000)), "2xx|414|431|400", "414");
    case("a target that does not end", [b"GET /", &long(70_000)[..]].concat(), "414|431|400|close", "414");
    case(
        "a method too long",
        [&long(10_000)[..], b" / HTTP/1.1\r\n", host, b"\r\n"].concat(),
        "400|405|501|414|431",
        "400|501",
    );
    let field = |value: &[u8]| [b"GET / HTTP/1.1\r\n", host, b"X: ", value, b"\r\n\r\n"].concat();
    case("a field of 8000 bytes", field(&long(8000)), "2xx|431", "2xx");
    case("a field too long", field(&long(20_000)), "2xx|431|400", "431");
    case(
        "a name too long",
        [b"GET / HTTP/1.1\r\n", host, &long(40_000), b": x\r\n\r\n"].concat(),
        "2xx|431|400",
        "431",
    );
    let fields = |count: usize| [b"GET / HTTP/1.1\r\n", host, &b"X: y\r\n".repeat(count), b"\r\n"].concat();
    case("ninety fields", fields(90), "2xx|431|400", "2xx");
    case("too many fields", fields(1000), "2xx|431|400", "431");
    case(
        "a head too long",
        [b"GET / HTTP/1.1\r\n", host, &b"Xaaaaaaaaa: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(2000), b"\r\n"]
            .concat(),
        "2xx|431|400",
        "431",
    );
    let chunked = |body: Vec<u8>| {
        let head = &b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"[..];
        [head, &body].concat()
    };
    case(
        "an extension too long",
        chunked([b"5;", &long(5000)[..], b"\r\nhello\r\n0\r\n\r\n"].concat()),
        "2xx|4xx",
        "400",
    );
    let tiny = [&b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n".repeat(5000)[..], b"0\r\n\r\n"].concat();
    case("more extensions than body", chunked(tiny), "2xx|4xx", "400");
    let trailers = |count: usize| [b"0\r\n", &b"X: y\r\n".repeat(count)[..], b"\r\n"].concat();
    case("too many trailers", chunked(trailers(1000)), "2xx|4xx", "4xx");
    case("a size that does not end", chunked(vec![b'0'; 5000]), "4xx|close", "400");
    case("empty lines without end", b"\r\n".repeat(5000), "400|close|open", "400");
}
