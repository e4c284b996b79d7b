//! Beginnings of longer bodies, which somebody else has cut.

use fosse_bodies::Item;
use fosse_bodies::form::whole_escapes;
use fosse_bodies::json::{self, JsonError, JsonOptions};
use fosse_bodies::multipart::{self, MultipartError, MultipartOptions, MultipartReport};
use fosse_bodies::xml::{self, XmlError, XmlOptions};

const JSON: &str = "{\"a\":[1,-2.5e3,\"x\\u00e9\\ud83d\\ude00é\"],\"b\":{\"c\":null,\"d\":[[]]},\"e\":true}";
const XML: &str = "<?xml version='1.0'?><!DOCTYPE r [<!ENTITY a 'b'>]><?p q?><r a='1&lt;é' b=\"\"><v>x &amp; y</v><![CDATA[y]]>\
    <!-- z --><w/><u  c = 'd' /></r> <!-- end -->";
const TYPE: &[u8] = b"multipart/form-data; boundary=bound";
const MULTIPART: &str = "--bound\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--bound\r\n\
    Content-Disposition: form-data; name=\"f\"; filename=\"x\"\r\nX: y\r\n\r\ndata -- of \r\n it\r\n--bound--\r\n";

fn json(body: &[u8], is_cut: bool) -> (Vec<String>, Option<JsonError>) {
    let mut found = Vec::new();
    let report = json::parse(body, &JsonOptions { is_cut, ..JsonOptions::default() }, &mut |item| {
        if let Item::Argument { name, value } = item {
            found.push([String::from_utf8_lossy(name), String::from_utf8_lossy(value)].join("="));
        }
    });
    (found, report.error)
}

fn xml(body: &[u8], is_cut: bool) -> (Vec<String>, Option<XmlError>) {
    let mut found = Vec::new();
    let report = xml::parse(body, &XmlOptions { is_cut, ..XmlOptions::default() }, &mut |item| match item {
        Item::XmlAttribute { value, .. } | Item::XmlContent(value) | Item::XmlDoctype(value) => {
            found.push(String::from_utf8_lossy(value).into());
        }
        _ => {}
    });
    (found, report.error)
}

fn multipart(body: &[u8], is_cut: bool) -> (Vec<String>, MultipartReport) {
    let mut found = Vec::new();
    let options = MultipartOptions { is_cut, ..MultipartOptions::default() };
    let report = multipart::parse(TYPE, body, &options, &mut |item| {
        if let Item::Argument { value, .. } | Item::File { content: value, .. } = item {
            found.push(String::from_utf8_lossy(value).into());
        }
    });
    (found, report)
}

#[test]
fn a_sound_body_is_sound_wherever_it_was_cut() {
    for end in 1..=JSON.len() {
        assert_eq!(json(&JSON.as_bytes()[..end], true).1, None, "{}", JSON.as_bytes()[..end].escape_ascii());
    }
    for end in 1..=XML.len() {
        assert_eq!(xml(&XML.as_bytes()[..end], true).1, None, "{}", XML.as_bytes()[..end].escape_ascii());
    }
    for end in 1..=MULTIPART.len() {
        let (_, report) = multipart(&MULTIPART.as_bytes()[..end], true);
        let flags = (report.error, report.strict_error(), report.unmatched_boundary);
        assert_eq!(flags, (None, false, 0), "{}", MULTIPART[..end].escape_default());
    }
    let utf16: Vec<u8> = XML.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for end in 4..=utf16.len() {
        assert_eq!(xml(&utf16[..end], true).1, None, "{end}");
    }
}

#[test]
fn what_nobody_cut_and_ends_too_early_is_malformed() {
    assert_eq!(json(&JSON.as_bytes()[..20], false).1, Some(JsonError::Premature));
    assert_eq!(xml(b"<r><a>text", false).1, Some(XmlError::Premature));
    let (_, report) = multipart(&MULTIPART.as_bytes()[..100], false);
    assert_eq!(report.error, Some(MultipartError::FinalBoundaryMissing));
}

#[test]
fn what_is_malformed_before_the_cut_is_malformed() {
    for body in ["{\"a\" 1,\"b\":\"", "{\"a\":\"\u{1}", "[1,,\"", "{} \""] {
        assert!(json(body.as_bytes(), true).1.is_some(), "{body}");
    }
    for body in ["<r></s><t>", "<r a=b c='", "<r>&nothing; <s>", "<r/><s>", "text", "<r>\u{1}"] {
        assert!(xml(body.as_bytes(), true).1.is_some(), "{body}");
    }
    for body in
        ["--bound\r\nNothing\r\n\r\nx", "--bound x\r\n\r\n", "text\r\n\r\n", "--bound\r\n\r\nno name\r\n--bound\r\n"]
    {
        let (_, report) = multipart(body.as_bytes(), true);
        assert!(report.error.is_some() || report.strict_error(), "{body}");
    }
}

#[test]
fn what_there_is_of_the_last_value_is_given() {
    assert_eq!(json(br#"{"a":"x","b":"1\u0027 or"#, true).0, ["a=x", "b=1' or"]);
    assert_eq!(json(br#"{"a":"plain te"#, true).0, ["a=plain te"]);
    assert_eq!(json(br#"{"a":{"$whe"#, true).0, ["a.$whe="]);
    assert_eq!(xml(b"<r><a>one</a><b>1&#39; or &am", true).0, ["one1' or "]);
    assert_eq!(xml(b"<r a=\"1&#39; or &#3", true).0, ["1' or ", "1' or "]);
    assert_eq!(xml(b"<r><![CDATA[1' or", true).0, ["1' or", "1' or"]);
    assert_eq!(xml(b"<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///", true).0, ["<!DOCTYPE r [<!ENTITY x SYSTEM \""]);
    let (found, _) = multipart(&MULTIPART.as_bytes()[..MULTIPART.len() - 14], true);
    assert_eq!(found, ["one", "data -- of \r\n i"]);
    for (form, whole) in [("a%4", "a"), ("a%", "a"), ("a%41", "a%41"), ("%", ""), ("", ""), ("a", "a")] {
        assert_eq!(whole_escapes(form.as_bytes()), whole.as_bytes());
    }
}
