//! Everything else that strangers send, and the patterns that judge it.

use super::{texts, with_first};

/// Tokens of PROXY headers.
pub const PROXY: &[&[u8]] = &[
    b"PROXY ",
    b"TCP4 ",
    b"TCP6 ",
    b"UNKNOWN",
    b"\r\n",
    b"255.255.255.255 ",
    b"::1 ",
    b"65535 ",
    b"\r\n\r\n\0\r\nQUIT\n",
    b"\x20",
    b"\x21",
    b"\x11",
    b"\x00\x0c",
    b"\x02\x00\x01a",
    b"\x20\x00\x05\x01\x00\x00\x00\x00",
];
/// Tokens of FastCGI responses.
pub const FASTCGI: &[&[u8]] = &[
    b"\x01\x06\0\x01\0\x05\x03\0",
    b"\x01\x07\0\x01\0\x02\0\0",
    b"\x01\x06\0\x01\0\0\0\0",
    b"\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0",
    b"Status: 404\n",
    b"Location: /\r\n",
    b"Content-Length: 5\r\n",
    b"\r\n\r\n",
    b"\n\n",
];
/// Tokens of regular expressions.
pub const PATTERN: &[&[u8]] = &[
    b"(?i)",
    b"(?:",
    b"(",
    b")",
    b"|",
    b"*",
    b"+?",
    b"{2,5}",
    b"{0}",
    b"[^a-z]",
    b"[[:alpha:]]",
    b"\\b",
    b"\\d",
    b"\\s",
    b"\\x{41}",
    b"\\x41",
    b".",
    b"^",
    b"$",
    b"(?=",
    b"(?!",
    b"(?<=",
    b"\\1",
    b"(?P<n>",
    b"(?s)",
    b"\\Q",
    b"\\E",
    b"a",
    b"ab",
    b"++",
    b"(?>",
];
/// Tokens of phrase lists.
pub const PHRASE: &[&[u8]] = &[b"\n", b"\n\n", b"abc", b"bcd", b"ABC", b"a", b" "];
/// Tokens of conditional requests.
pub const CONDITION: &[&[u8]] = &[
    b"If-None-Match: ",
    b"If-Match: ",
    b"If-Range: ",
    b"If-Modified-Since: ",
    b"If-Unmodified-Since: ",
    b"\"5-a-b\"",
    b"W/",
    b"*",
    b",",
    b"\"",
    b"\r\n",
    b"Tue, 14 Nov 2023 22:13:20 GMT",
    b"Tuesday, 14-Nov-23 22:13:20 GMT",
    b"Tue Nov 14 22:13:20 2023",
    b"99",
    b"9999",
    b"Feb",
    b"29",
];
/// Tokens of Range fields.
pub const RANGE: &[&[u8]] = &[b"bytes=", b"-", b",", b"0-", b"-1", b"18446744073709551615", b" ", b"0-0,"];
/// Tokens of Accept-Encoding.
pub const ENCODING: &[&[u8]] = &[b"gzip", b"br", b"zstd", b"*", b"identity", b";q=", b"0.5", b"0", b"1.000", b", "];
/// Tokens of paths.
pub const PATH: &[&[u8]] =
    &[b"/", b"..", b".", b"%2e", b"%2f", b"%00", b"%", b"?", b"//", b"\\", b"%5c", b".well-known", b"%25", b"%c0%ae"];
/// Tokens of signed links.
pub const LINK: &[&[u8]] = &[b"?", b"&", b"=", b";", b"expires", b"signature", b"%65", b"1000", b"%", b"[]"];
/// Tokens of what transformations undo.
pub const ESCAPES: &[&[u8]] = &[
    b"%",
    b"%41",
    b"%u0041",
    b"&lt;",
    b"&#65;",
    b"&#x41;",
    b"&amp",
    b"\\x41",
    b"\\u0041",
    b"\\101",
    b"\\n",
    b"/*",
    b"*/",
    b"--",
    b"#",
    b"<!--",
    b"-->",
    b"YWJj",
    b"=",
    b"61",
    b"/../",
    b"/./",
    b"//",
    b"\\",
    b"\0",
    b" ",
    b"\t\r\n",
    b"\xc3\xa4",
    b"\xf0\x9f\x98\x80",
    b"\xff",
    b"^",
    b"\"",
    b"'",
    b"cmd.exe",
    b"\xef\xbc\x81",
    b"\\c",
    b"\\000041",
];

/// Responses of FastCGI servers.
pub fn fastcgi_responses() -> Vec<Vec<u8>> {
    let output = b"Status: 404 Not Found\r\nContent-Type: text/html\r\n\r\nhello";
    let mut whole = vec![1, 6, 0, 1, 0, u8::try_from(output.len()).expect("a short one"), 3, 0];
    whole.extend_from_slice(output);
    whole.extend_from_slice(b"...\x01\x07\0\x01\0\x05\0\0error\x01\x06\0\x01\0\0\0\0");
    whole.extend_from_slice(b"\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0");
    vec![whole, b"\x01\x06\0\x01\0\x0eLocation: /x\n\n".to_vec()]
}

/// PROXY headers of both versions.
pub fn proxy_headers() -> Vec<Vec<u8>> {
    let mut all = texts(&[
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 65535\r\nrest",
        "PROXY TCP6 ::1 2001:db8::1 1 2\r\n",
        "PROXY UNKNOWN x\r\n",
    ]);
    let signature = b"\r\n\r\n\0\r\nQUIT\n";
    let rest: [&[u8]; 4] = [
        b"\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x01\x00\x02",
        b"\x20\x00\x00\x00",
        b"\x21\x21\x00\x2f\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x00\x01\x00\x02\x02\x00\x01a\x20\x00\x05\x01\0\0\0\0\x04",
        b"\x21\x00\x00\x03abc",
    ];
    all.extend(rest.map(|rest| [&signature[..], rest].concat()));
    all
}

/// First messages of TLS clients: one with a name, protocols and versions, whole and in two
/// records, and one of before extensions.
pub fn hellos() -> Vec<Vec<u8>> {
    let extensions: &[u8] = b"\x00\x00\x00\x0e\x00\x0c\x00\x00\x09a.example\
        \x00\x10\x00\x0e\x00\x0c\x02h2\x08http/1.1\x00\x2b\x00\x05\x04\x03\x04\x0a\x0a\
        \x00\x0d\x00\x04\x00\x02\x04\x03\x00\x0a\x00\x04\x00\x02\x00\x1d";
    let bare = [b"\x03\x03", &[7; 32][..], b"\x00\x00\x04\x13\x01\x0a\x0a\x01\x00"].concat();
    let length = u16::try_from(extensions.len()).unwrap_or(0).to_be_bytes();
    let full = [&bare[..], &length, extensions].concat();
    let records = |body: &[u8], piece: usize| {
        let length = u32::try_from(body.len()).unwrap_or(0).to_be_bytes();
        let message = [&[1][..], &length[1..], body].concat();
        let record = |piece: &[u8]| [&[22, 3, 1, 0][..], &[u8::try_from(piece.len()).unwrap_or(0)], piece].concat();
        message.chunks(piece).flat_map(record).collect::<Vec<u8>>()
    };
    vec![records(&full, 255), records(&full, 100), records(&bare, 255)]
}

/// Frames that come back to parse, as its target makes them of four bytes each.
pub fn answers() -> Vec<Vec<u8>> {
    let rows: [&[u8]; 6] = [
        &[0, 0, 0, 0, 4, 0, 0, 0],
        &[0, 0, 1, 5, 2, 0, 0, 5, 4, 0, 0, 0],
        &[0, 0, 2, 0, 2, 0, 0, 9, 2, 0, 0, 200, 4, 0, 0, 0],
        &[0, 4, 0, 0, 0, 1, 0, 0, 4, 0, 0, 0],
        &[0, 0, 1, 9, 2, 0, 0, 5, 5, 7, 0, 0],
        &[5, 8, 1, 0, 0, 200, 0, 0, 4, 0, 0, 0],
    ];
    with_first(&[0, 1], &rows.map(<[u8]>::to_vec))
}

/// Patterns behind their length, and values behind them.
pub fn patterns() -> Vec<Vec<u8>> {
    let rows = [
        (r"(?i)union\s+select", "x UNION  select y"),
        (r"^[\w.-]+@(?:[a-z]+\.)+[a-z]{2,}$", "a.b@c.example"),
        (r"(a|ab)(c|bcd)(d*)", "abcd"),
        (r"(?:^|[^\\])(\x22|')", "a'b"),
        (r"(a+)+$", "aaaaaaaab"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}\b", "192.0.2.1"),
        (r"(?s).*?<script[^>]*>", "x<SCRIPT src=y>"),
        (r"(\w)\1", "aa"),
        (r"foo(?!bar)", "foobaz"),
    ];
    rows.iter()
        .flat_map(|(pattern, value)| with_first(&[pattern.len() as u8], &[[*pattern, *value].concat().into()]))
        .collect()
}

/// Phrase lists and values.
pub fn phrases() -> Vec<Vec<u8>> {
    texts(&["abc\nbcd\n\nxxabcd", "a\naa\naaa\n\naaaa", "/etc/passwd\ncmd.exe\n\nGET /ETC/passwd"])
}

/// Conditional fields.
pub fn conditions() -> Vec<Vec<u8>> {
    texts(&[
        "If-None-Match: \"a\", W/\"5-a-b\"",
        "If-Match: *\r\nIf-Range: \"5-a-b\"",
        "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\nIf-Range: Tuesday, 14-Nov-23 22:13:20 GMT",
        "If-Unmodified-Since: Tue Nov 14 22:13:20 2023",
    ])
}

/// Range fields behind a length of two bytes.
pub fn ranges() -> Vec<Vec<u8>> {
    texts(&["d\0bytes=0-9,20-,-5", "\0\0bytes=0-", "\u{7f}\u{7f}bytes=5-4", "d\0bytes=-100", "d\0bytes=0-0,1-1, 2-2"])
}

/// Values of Accept-Encoding.
pub fn encodings() -> Vec<Vec<u8>> {
    texts(&["gzip, deflate, br, zstd", "gzip;q=0.5, *;q=0", "identity;q=0, x-gzip;q=0.001", ""])
}

/// Targets.
pub fn paths() -> Vec<Vec<u8>> {
    texts(&["/", "/a/b.txt?c", "/a%20b/%c3%bc/", "/.well-known/x", "/../%2e%2e/x", "//x", "/%5cx"])
}

/// Paths of scripts, and of what is none.
pub fn scripts() -> Vec<Vec<u8>> {
    texts(&["/", "/login.php/a?b", "/admin/x.php/y", "/admin/", "/admin/a.jpg/x.php", "/admin/%2e%2e/x.php"])
}

/// Targets of links, signed and to be signed, behind a byte that says what is changed in them.
pub fn links() -> Vec<Vec<u8>> {
    let signed = format!("/a?expires=1000&signature={}", "0a".repeat(32));
    let targets = ["/a", "/a?b=c&d", "/a?", "/a?%65xpires=1", "/a#b", "/a&expires=1", &signed];
    targets.iter().map(|target| [b"\x40", target.as_bytes()].concat()).collect()
}

/// What transformations undo.
pub fn escaped() -> Vec<Vec<u8>> {
    texts(&[
        "a%20b%u0041+%zz",
        "&lt;b&gt;&#x41;&#65;&nbsp;&amp",
        "\\x41\\u0041\\101\\n\\\"",
        "sel/**/ect -- x # y <!-- z -->",
        "YWJj ZGVm==",
        "616263",
        "/a/./b/../c//d\\e",
        "c^m\"d ,; /c",
        "A  \t B\0C",
        "\u{e4}\u{1f600}\u{ff01}",
    ])
}

/// The same behind a byte that chooses one transformation.
pub fn transformed() -> Vec<Vec<u8>> {
    let choices: Vec<u8> = (0..48).collect();
    with_first(&choices, &escaped())
}

/// Conversations with the filter about answers, two bytes a step: one that passes, one denied, one
/// long, one whose client leaves.
pub fn judged_answers() -> Vec<Vec<u8>> {
    let talks: [&[u8]; 4] = [
        &[0, 0, 8, 0, 16, 9, 28, 0, 56, 7],
        &[0, 0, 8, 8, 56, 7, 1, 1, 9, 0, 17, 8, 57, 7, 29, 0, 57, 7],
        &[2, 2, 10, 0, 18, 240, 58, 7, 38, 0, 30, 0, 58, 7],
        &[0, 1, 8, 0, 16, 255, 56, 7, 16, 255, 56, 7, 40, 0, 16, 255, 56, 7, 40, 0, 28, 0, 56, 7],
    ];
    talks.into_iter().map(<[u8]>::to_vec).collect()
}

/// Conversations with the filter, two bytes a step (what and on which stream, with what): a request
/// without a body, one held and passed, one denied in its body, one that goes away, one in line.
pub fn verdicts() -> Vec<Vec<u8>> {
    let talks: [&[u8]; 4] = [
        &[0, 0, 24, 0],
        &[0, 16, 8, 48, 24, 0, 1, 48, 9, 17, 25, 0],
        &[2, 50, 10, 240, 10, 241, 26, 0, 3, 64 + 48, 11, 16, 35, 0],
        &[48, 0, 4, 50, 12, 240, 12, 241, 28, 0, 56, 0, 56, 0],
    ];
    talks.into_iter().map(<[u8]>::to_vec).collect()
}

/// Returns what a lane says of a connection, and questions.
#[must_use]
pub fn connections() -> Vec<Vec<u8>> {
    let words = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut said = words(&[7, 1, 1, 0, 17, 0, 0xffff_c000_0201, 0x0003_1f90_0000_0050, 5, 2, 300, 400]);
    said.extend_from_slice(b"a.example");
    said.resize(96 + 48, 0);
    said.extend_from_slice(b"GET /path");
    vec![said, words(&[7, 7, 1, 0, 0, 0]), words(&[7, 7, 3, 17, 0, 0]), words(&[7, 7, 4, 0, 0xffff_0a00_0000, 104])]
}
