//! Multipart bodies: parts, and every flag and error with the body that raises it.

use fosse_bodies::Item;
use fosse_bodies::multipart::{
    HEADER_LINE_BYTES_MAX, MultipartError, MultipartOptions, MultipartReport, PART_HEADERS_COUNT_MAX, parse,
};

const TYPE: &str = "multipart/form-data; boundary=b";

fn run_as(content_type: &str, body: &[u8], options: &MultipartOptions) -> (Vec<String>, MultipartReport) {
    let mut found = Vec::new();
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let report = parse(content_type.as_bytes(), body, options, &mut |item| {
        found.push(match item {
            Item::Argument { name, value } => format!("{}={}", text(name), text(value)),
            Item::File { name, filename, content } => {
                format!("{}@{}:{}", text(name), text(filename), text(content))
            }
            Item::PartHeader { part, line } => format!("{}|{}", text(part), text(line)),
            other => panic!("{other:?}"),
        });
    });
    (found, report)
}

fn run(body: &str) -> (Vec<String>, MultipartReport) {
    run_as(TYPE, body.as_bytes(), &MultipartOptions::default())
}

fn report(body: &str) -> MultipartReport {
    run(body).1
}

/// One part with this Content-Disposition.
fn part(disposition: &str) -> String {
    format!("--b\r\nContent-Disposition: {disposition}\r\n\r\nv\r\n--b--\r\n")
}

/// One part with these header lines before its Content-Disposition.
fn headers(lines: &str) -> String {
    format!("--b\r\n{lines}Content-Disposition: form-data; name=\"n\"\r\n\r\nv\r\n--b--\r\n")
}

const GOOD: &str = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n\
    --b\r\ncontent-disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\nContent-Type: text/plain\r\n\r\n\
    line\r\n\r\nline 2\n\r\n--b--\r\n";

#[test]
fn gives_fields_files_and_part_headers() {
    let (found, report) = run(GOOD);
    assert_eq!(
        found,
        [
            "a|Content-Disposition: form-data; name=\\\"a\\\"",
            "a=one",
            "f|content-disposition: form-data; name=\\\"f\\\"; filename=\\\"x.txt\\\"",
            "f|Content-Type: text/plain",
            "f@x.txt:line\\r\\n\\r\\nline 2\\n",
        ]
    );
    let clean =
        MultipartReport { crlf_line: true, fields: 1, files: 1, files_combined_bytes: 15, ..Default::default() };
    assert_eq!(report, clean);
    assert!(!report.strict_error());
}

#[test]
fn empty_values_and_empty_files_are_parts_too() {
    let (found, report) = run("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n\
         --b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\"\r\n\r\n--b--");
    assert!(found.contains(&"a=".to_owned()) && found.contains(&"f@:".to_owned()));
    assert!(!report.strict_error());
}

#[test]
fn a_body_cut_at_any_byte_is_an_error() {
    let whole = GOOD.len() - 2;
    for end in 1..whole {
        let report = report(&GOOD[..end]);
        assert!(report.error.is_some() && report.strict_error(), "{end}");
    }
    assert_eq!(report(&GOOD[..whole]).error, None);
    assert_eq!(report("").error, None);
}

#[test]
fn final_boundary_missing() {
    let (found, report) = run("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n");
    assert_eq!(report.error, Some(MultipartError::FinalBoundaryMissing));
    assert_eq!(report.unmatched_boundary, 1);
    assert!(found.iter().any(|item| item.starts_with("a=one")));
}

#[test]
fn no_boundary_at_all() {
    assert_eq!(report("a=1&b=2").error, Some(MultipartError::NoBoundary));
    assert_eq!(report("--c\r\nx\r\n--c--\r\n").error, Some(MultipartError::NoBoundary));
}

#[test]
fn boundary_quoted() {
    let (found, report) = run_as("multipart/form-data; boundary=\"b\"", GOOD.as_bytes(), &MultipartOptions::default());
    assert_eq!(found.len(), 5);
    assert!(report.boundary_quoted && report.strict_error());
}

#[test]
fn boundary_whitespace() {
    for content_type in ["multipart/form-data; boundary =b", "multipart/form-data; boundary= b"] {
        let report = run_as(content_type, GOOD.as_bytes(), &MultipartOptions::default()).1;
        assert!(report.boundary_whitespace && report.strict_error() && report.error.is_none(), "{content_type}");
    }
}

#[test]
fn missing_semicolon() {
    let report = run_as("multipart/form-data boundary=b", GOOD.as_bytes(), &MultipartOptions::default()).1;
    assert!(report.missing_semicolon && report.strict_error() && report.error.is_none());
}

#[test]
fn the_media_type_is_read_in_any_case() {
    assert_eq!(run_as("Multipart/Form-Data; boundary=b", GOOD.as_bytes(), &MultipartOptions::default()).0.len(), 5);
}

#[test]
fn refuses_doubtful_content_types() {
    let long = format!("multipart/form-data; boundary={}", "b".repeat(1024));
    for content_type in [
        "",
        "multipart/mixed; boundary=b",
        "multipart/form-data",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=b; boundary=c",
        "multipart/form-data; Boundary=b",
        "multipart/form-data; charset=x; boundary=b",
        "multipart/form-data; boundaryx=b",
        "multipart/form-data; boundary=\"b",
        "multipart/form-data; boundary=b\"",
        "multipart/form-data; boundary=b; charset=utf-8",
        "multipart/form-data;; boundary=b",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=b\x01",
        "multipart/form-data; boundary=b\u{e9}",
        "multipart/form-data; boundary=\"b \"",
        &long,
        "multipart/form-data; boundary=xboundary=b",
    ] {
        let report = run_as(content_type, GOOD.as_bytes(), &MultipartOptions::default()).1;
        assert!(matches!(report.error, Some(MultipartError::ContentType(_))), "{content_type}: {report:?}");
        assert!(report.strict_error());
    }
}

#[test]
fn data_before() {
    let report = report(&format!("x\r\n{GOOD}"));
    assert!(report.data_before && report.strict_error() && report.error.is_none());
}

#[test]
fn data_after() {
    let report = report(&format!("{GOOD}x"));
    assert!(report.data_after && report.strict_error() && report.error.is_none());
}

#[test]
fn header_folding() {
    let (found, report) = run(&headers("X-A: one\r\n two\r\n\tthree\r\n"));
    assert!(report.header_folding && !report.invalid_header_folding && report.strict_error());
    assert_eq!(found[0], "n|X-A: one two three");
}

#[test]
fn invalid_header_folding() {
    let report = report(&headers("X-A: one\r\n\x0btwo\r\n"));
    assert!(report.header_folding && report.invalid_header_folding && report.strict_error());
}

#[test]
fn lf_line_and_crlf_lf_lines() {
    let unix = report(&GOOD.replace("\r\n", "\n"));
    assert!(unix.lf_line && !unix.crlf_line && !unix.crlf_lf_lines() && unix.strict_error() && unix.error.is_none());
    let mixed = report(&GOOD.replacen("\r\n", "\n", 1));
    assert!(mixed.crlf_lf_lines() && mixed.strict_error());
}

#[test]
fn invalid_quoting() {
    let (found, single) = run(&part("form-data; name='a'"));
    assert!(single.invalid_quoting && single.strict_error() && single.error.is_none());
    assert_eq!(found[1], "a=v");
    let after = report(&part("form-data; name=\"a\"b\""));
    assert!(after.invalid_quoting && matches!(after.error, Some(MultipartError::Disposition(_))));
    assert!(!report(&part("form-data; name=\"a\"; filename=\"John's file.txt\"")).strict_error());
}

#[test]
fn escapes_in_quotes() {
    assert_eq!(run(&part(r#"form-data; name="a\"b\\c\d""#)).0[1], r#"a\"b\\c\\d=v"#);
    assert_eq!(run(&part("form-data; name=plain")).0[1], "plain=v");
}

#[test]
fn invalid_part() {
    let unnamed = report(&part("form-data; filename=\"x\""));
    assert!(unnamed.invalid_part && unnamed.strict_error());
    let (found, report) = run("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n--b--\r\n");
    assert!(found.is_empty() && report.invalid_part);
}

#[test]
fn refuses_doubtful_dispositions() {
    for disposition in [
        "attachment; name=\"a\"",
        "form-data name=\"a\"",
        "form-data;",
        "form-data; name",
        "form-data; name=",
        "form-data; name=\"a",
        "form-data; name=\"a\\",
        "form-data; name=\"a\"; name=\"b\"",
        "form-data; name=\"a\"; filename=\"x\"; filename=\"y\"",
        "form-data; name=\"a\"; filename*=utf-8''x",
        "form-data; name=\"a\" x",
        "form-data; name=\"a\";",
        "form-data; NAME=\"a\"",
    ] {
        let report = report(&part(disposition));
        assert!(matches!(report.error, Some(MultipartError::Disposition(_))), "{disposition}: {report:?}");
    }
}

#[test]
fn refuses_doubtful_headers() {
    let long = format!("X: {}\r\n", "x".repeat(HEADER_LINE_BYTES_MAX));
    let folded = format!("X: x\r\n{}", format!(" {}\r\n", "x".repeat(1000)).repeat(5));
    let many: String = (0..PART_HEADERS_COUNT_MAX).map(|n| format!("X{n}: x\r\n")).collect();
    for lines in ["no colon\r\n", "X: \0\r\n", "X: 1\r\nx: 2\r\n", " X: 1\r\n", ": 1\r\n", &long, &folded, &many] {
        let report = report(&headers(lines));
        assert!(matches!(report.error, Some(MultipartError::Header(_))), "{lines}");
    }
    let none = report("--b\r\nX: 1\r\n\r\nv\r\n--b--\r\n");
    assert!(matches!(none.error, Some(MultipartError::Header(_))));
}

#[test]
fn file_limit_exceeded() {
    let file = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\nv\r\n";
    let options = MultipartOptions { files_count_max: 2, ..MultipartOptions::default() };
    let body = format!("{}--b--\r\n", file.repeat(2));
    assert!(!run_as(TYPE, body.as_bytes(), &options).1.file_limit_exceeded);
    let body = format!("{}--b--\r\n", file.repeat(3));
    let report = run_as(TYPE, body.as_bytes(), &options).1;
    assert!(report.file_limit_exceeded && report.strict_error());
    assert_eq!((report.files, report.files_combined_bytes), (2, 2));
}

#[test]
fn part_limit() {
    let field = "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nv\r\n";
    let options = MultipartOptions { parts_count_max: 2, ..MultipartOptions::default() };
    let body = format!("{}--b--\r\n", field.repeat(3));
    let report = run_as(TYPE, body.as_bytes(), &options).1;
    assert_eq!((report.error, report.fields), (Some(MultipartError::TooManyParts), 2));
}

#[test]
fn unmatched_boundary_tells_stray_dashes_from_hidden_boundaries() {
    let pem = report(&part("form-data; name=\"a\"").replace("\r\nv\r\n", "\r\n-----BEGIN KEY-----\r\nv\r\n"));
    assert_eq!((pem.unmatched_boundary, pem.strict_error()), (2, false));
    let hidden = report(&part("form-data; name=\"a\"").replace("\r\nv\r\n", "\r\nx--b\r\nv\r\n"));
    assert_eq!(hidden.unmatched_boundary, 1);
    assert_eq!(report(GOOD).unmatched_boundary, 0);
}

#[test]
fn refuses_lookalikes_of_the_boundary() {
    let body = part("form-data; name=\"a\"");
    let spaced = report(&body.replace("\r\nv\r\n", "\r\n-- b\r\nv\r\n"));
    assert_eq!(spaced.error, Some(MultipartError::Boundary("whitespace")));
    let longer = report(&body.replace("\r\nv\r\n", "\r\n--bb\r\nv\r\n"));
    assert!(matches!(longer.error, Some(MultipartError::Boundary(_))));
    let quoted = body.replace("\r\nv\r\n", "\r\n--\"b\"\r\nv\r\n");
    let report = run_as("multipart/form-data; boundary=\"b\"", quoted.as_bytes(), &MultipartOptions::default()).1;
    assert_eq!(report.error, Some(MultipartError::Boundary("quotes")));
}

#[test]
fn binary_content_is_given_as_it_is() {
    let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n".to_vec();
    body.extend_from_slice(&content);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let mut seen = false;
    parse(TYPE.as_bytes(), &body, &MultipartOptions::default(), &mut |item| {
        if let Item::File { content: found, .. } = item {
            assert_eq!(found, content);
            seen = true;
        }
    });
    assert!(seen);
}

#[test]
fn header_names_have_printable_ascii_only_and_rules_see_them_anyway() {
    for byte in ['\x0e', ' ', '\x7f', '\u{e9}'] {
        let (found, report) = run(&headers(&format!("Content-{byte}Disposition: x\r\n")));
        assert_eq!(report.error, Some(MultipartError::Header("contains invalid character")));
        assert_eq!(report.error.unwrap().to_string(), "Multipart: Invalid part header (contains invalid character).");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("|Content-"), "{found:?}");
    }
    assert_eq!(report(&headers("Content-!~Disposition: x\r\n")).error, None);
}

#[test]
fn names_cannot_multiply_the_body() {
    let lines: String = (0..60).map(|n| format!("X{n}: x\r\n")).collect();
    let name = "n".repeat(HEADER_LINE_BYTES_MAX - 100);
    let part = format!("--b\r\n{lines}Content-Disposition: form-data; name=\"{name}\"\r\n\r\nv\r\n");
    let report = report(&format!("{}--b--\r\n", part.repeat(20)));
    assert_eq!(report.error, Some(MultipartError::Header("names too long")));
}
