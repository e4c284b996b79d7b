//! A lenient parser of requests: the engine sees what was sent, however malformed.

/// A request in parts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parsed {
    /// The request line without its end.
    pub line: Vec<u8>,
    /// The method.
    pub method: Vec<u8>,
    /// The request target.
    pub uri: Vec<u8>,
    /// The protocol; HTTP/0.9 where the line names none.
    pub version: Vec<u8>,
    /// The headers, values trimmed.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body, taken out of its chunks.
    pub body: Vec<u8>,
    /// A strict HTTP/1.1 parser responds with 400 instead.
    pub refused: bool,
    /// It is no message at all, so that no rule sees it: a bare CR in the head (RFC 9112, section
    /// 2.2).
    pub malformed: bool,
}

/// Parses a request.
pub fn parse(bytes: &[u8]) -> Parsed {
    let mut parsed = Parsed::default();
    let (line, mut rest) = next_line(bytes);
    parsed.line = line.to_vec();
    split_line(&mut parsed);
    loop {
        let (line, after) = next_line(rest);
        rest = after;
        if line.is_empty() {
            break;
        }
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, [].as_slice()),
        };
        parsed.headers.push((name.to_vec(), value.trim_ascii().to_vec()));
    }
    parsed.body = body(&parsed.headers, rest);
    if is_chunked(&parsed.headers) {
        // RFC 9112, section 6.3: with both, Content-Length is taken out before the message goes on.
        parsed.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(b"content-length"));
    }
    parsed.malformed = parsed.headers.iter().any(|(name, value)| name.contains(&b'\r') || value.contains(&b'\r'));
    parsed.refused = parsed.malformed || is_refused(&parsed);
    parsed
}

fn next_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, [].as_slice()),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

/// Splits the request line into method, target and protocol, at the first and the last blank,
/// leading blanks aside.
fn split_line(parsed: &mut Parsed) {
    let line = parsed.line.trim_ascii_start();
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let end = line.iter().position(blank).unwrap_or(line.len());
    let (method, rest) = (&line[..end], line[end..].trim_ascii_start());
    let last = rest.iter().rposition(blank);
    let (uri, version) = match last {
        Some(last) => (&rest[..last], &rest[last + 1..]),
        None => (rest, [].as_slice()),
    };
    let version = if version.is_empty() { b"HTTP/0.9".as_slice() } else { version };
    let (method, uri, version) = (method.to_vec(), uri.trim_ascii_end().to_vec(), version.to_vec());
    (parsed.method, parsed.uri, parsed.version) = (method, uri, version);
}

fn header<'h>(headers: &'h [(Vec<u8>, Vec<u8>)], wanted: &'h [u8]) -> impl Iterator<Item = &'h [u8]> {
    headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_slice())
}

fn is_chunked(headers: &[(Vec<u8>, Vec<u8>)]) -> bool {
    header(headers, b"transfer-encoding").any(|value| value.eq_ignore_ascii_case(b"chunked"))
}

/// Returns the body; a request without Content-Length and without chunks has none (RFC 9112,
/// section 6.3).
fn body(headers: &[(Vec<u8>, Vec<u8>)], rest: &[u8]) -> Vec<u8> {
    if is_chunked(headers) {
        return dechunk(rest);
    }
    let length =
        header(headers, b"content-length").next().and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    rest[..rest.len().min(length.unwrap_or(0))].to_vec()
}

fn dechunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let (line, after) = next_line(rest);
        let size = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let size = std::str::from_utf8(size).ok().and_then(|size| usize::from_str_radix(size, 16).ok()).unwrap_or(0);
        if size == 0 {
            return body;
        }
        let (chunk, after) = after.split_at(size.min(after.len()));
        body.extend_from_slice(chunk);
        rest = next_line(after).1;
    }
}

/// Returns whether any HTTP/1.1 server responds with 400 before rules run (RFC 9112, sections 3 and
/// 5).
fn is_refused(parsed: &Parsed) -> bool {
    let token = |text: &[u8]| {
        !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
    };
    let version = parsed.version.as_slice();
    let versions = version.strip_prefix(b"HTTP/").is_some_and(|number| {
        matches!(number, [major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit())
            && number >= b"1.0".as_slice()
    });
    let hosts: Vec<&[u8]> = header(&parsed.headers, b"host").collect();
    let host_is_odd =
        |host: &&[u8]| host.iter().any(|byte| !byte.is_ascii_graphic() || b"/@?#%\\".contains(byte)) || host.is_empty();
    let target = parsed.uri.as_slice();
    let form = if parsed.method == b"CONNECT" {
        target.iter().rposition(|byte| *byte == b':').is_some_and(|at| at > 0)
    } else {
        target.starts_with(b"/") || target == b"*" || target.windows(3).any(|part| part == b"://")
    };
    !token(&parsed.method)
        || parsed.line.first().is_some_and(u8::is_ascii_whitespace)
        || !versions
        || !form
        || target.iter().any(|byte| *byte <= b' ' || *byte == 0x7f || *byte == b'#')
        || (hosts.is_empty() && version == b"HTTP/1.1")
        || hosts.len() > 1
        || hosts.iter().any(host_is_odd)
        || parsed.headers.iter().any(|(name, value)| !token(name) || value.contains(&0))
        || header(&parsed.headers, b"content-length")
            .any(|value| value.is_empty() || !value.iter().all(u8::is_ascii_digit))
}
