//! The bytes go-ftw would send for a test, headers completed and form data encoded as it does.

use crate::file::Input;
use fosse_transform::Transform;

const FORM: &str = "application/x-www-form-urlencoded";

/// Times a template may repeat its text: a test file is not trusted with all memory.
const REPEAT_MAX: usize = 1 << 20;

/// Returns the request's bytes.
pub fn build(input: &Input) -> Vec<u8> {
    if let Some(encoded) = &input.encoded_request {
        return base64(encoded);
    }
    let mut headers = input.headers.clone();
    let mut data = match (&input.data, &input.encoded_data) {
        (Some(data), _) => expanded(data).into_bytes(),
        (None, Some(encoded)) => base64(encoded),
        (None, None) => Vec::new(),
    };
    if !data.is_empty() && input.complete_headers {
        if !has(&headers, "content-type") {
            headers.push(("Content-Type".into(), FORM.into()));
        }
        if values(&headers, "content-type").any(|value| value.eq_ignore_ascii_case(FORM)) {
            data = encode_form(&data);
        }
    }
    if values(&headers, "content-type").any(|value| value.to_lowercase().contains("multipart/form-data;")) {
        data = with_crlf(&data);
    }
    if input.complete_headers {
        complete(&mut headers, &input.method, data.len());
    }
    let mut bytes = format!("{} {} {}\r\n", input.method, input.uri, input.version).into_bytes();
    for (name, value) in &headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&data);
    bytes
}

/// Expands the templates in data: `{{ "TEXT" | repeat N }}` is the one kind that tests use.
/// Anything else in braces is an attack, and stays.
fn expanded(data: &str) -> String {
    let mut out = String::new();
    let mut rest = data;
    while let Some((before, after)) = rest.split_once("{{ \"") {
        let template = after.split_once(" }}").and_then(|(inside, behind)| {
            let (text, times) = inside.split_once("\" | repeat ")?;
            Some((text.repeat(times.trim().parse::<usize>().ok().filter(|times| *times <= REPEAT_MAX)?), behind))
        });
        out.push_str(before);
        match template {
            Some((text, behind)) => {
                out.push_str(&text);
                rest = behind;
            }
            None => {
                out.push_str("{{ \"");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn base64(text: &str) -> Vec<u8> {
    let compact: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    Transform::Base64Decode.apply(&compact).into_owned()
}

fn values<'h>(headers: &'h [(String, String)], wanted: &'h str) -> impl Iterator<Item = &'h str> {
    headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
}

fn has(headers: &[(String, String)], wanted: &str) -> bool {
    values(headers, wanted).next().is_some()
}

fn complete(headers: &mut Vec<(String, String)>, method: &str, len: usize) {
    if !has(headers, "connection") {
        headers.push(("Connection".into(), "close".into()));
    }
    // The condition is go-ftw's pattern `^POST|PUT|PATCH|DELETE$`, as its precedence has it.
    let takes_body =
        method.starts_with("POST") || method.contains("PUT") || method.contains("PATCH") || method.ends_with("DELETE");
    if !has(headers, "content-length") && (len > 0 || takes_body) {
        headers.push(("Content-Length".into(), len.to_string()));
    }
}

fn with_crlf(data: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(data.len());
    for byte in data {
        if *byte == b'\n' {
            lines.push(b'\r');
        }
        lines.push(*byte);
    }
    lines
}

/// Encodes names and values, unless decoding would change the data: then it is already encoded.
fn encode_form(data: &[u8]) -> Vec<u8> {
    if data.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return data.to_vec();
    }
    let mut encoded = Vec::new();
    let pieces: Vec<&[u8]> = data.split(|byte| *byte == b'&').collect();
    // A separator at the very end is dropped with the empty piece after it.
    let count = pieces.len() - usize::from(pieces.last().is_some_and(|last| last.is_empty()));
    for (at, piece) in pieces.into_iter().take(count).enumerate() {
        if at > 0 {
            encoded.push(b'&');
        }
        let mut halves = piece.splitn(2, |byte| *byte == b'=');
        escape(halves.next().unwrap_or_default(), &mut encoded);
        if let Some(value) = halves.next() {
            encoded.push(b'=');
            escape(value, &mut encoded);
        }
    }
    encoded
}

fn escape(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            b' ' => out.push(b'+'),
            other => out.extend_from_slice(format!("%{other:02X}").as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completes_headers_and_encodes_a_form() {
        let input = Input { method: "POST".into(), data: Some("a=<b>&c d".into()), ..Input::default() };
        let expected = "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\
                        Content-Length: 13\r\n\r\na=%3Cb%3E&c+d";
        assert_eq!(String::from_utf8(build(&input)).unwrap(), expected);
    }

    #[test]
    fn writes_templates_out_and_leaves_other_braces_alone() {
        assert_eq!(expanded("a={{ \"xy\" | repeat 3 }}&b"), "a=xyxyxy&b");
        for text in ["{{7*7}}", "{{ \"x\" }}", "{{ \"x\" | repeat y }}", "{{ \"x"] {
            assert_eq!(expanded(text), text);
        }
    }

    #[test]
    fn leaves_encoded_data_and_raw_requests_alone() {
        let input = Input { data: Some("a=%3C".into()), complete_headers: true, ..Input::default() };
        assert!(build(&input).ends_with(b"\r\n\r\na=%3C"));
        let input = Input { encoded_request: Some("R0VUIC8=".into()), ..Input::default() };
        assert_eq!(build(&input), b"GET /");
    }
}
