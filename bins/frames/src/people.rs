//! The form for people: a line a frame, header fields below it, nothing in it that a terminal would
//! obey.

use std::fmt::{self, Display, Write as _};

use fosse_wire::StreamId;

use crate::bytes::Bytes;
use crate::line::{
    Address, Data, Fields, Hello, Length, LengthWord, Line, Raw, Request, Response, ResponseCause, Verdict, Version,
};

/// Body bytes shown of one frame; `--json` has them all.
const SHOWN_BYTES_MAX: usize = 160;

/// A line for people.
#[derive(Clone, Copy, Debug)]
pub struct ForPeople<'a>(pub &'a Line);

impl Display for ForPeople<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Line::Hello(line) => hello(f, line),
            Line::Request(head) => request(f, head),
            Line::RequestData(data) => bytes(f, "REQUEST_DATA", data),
            Line::RequestEnd(end) => {
                writeln!(f, "{} REQUEST_END", Stream(end.stream))?;
                fields(f, &end.trailers)
            }
            Line::Response(head) => response(f, head),
            Line::ResponseData(data) => bytes(f, "RESPONSE_DATA", data),
            Line::ResponseEnd(end) => {
                write!(f, "{} RESPONSE_END", Stream(end.stream))?;
                some(f, "leased bytes", end.leased_bytes)?;
                f.write_char('\n')?;
                fields(f, &end.trailers)
            }
            Line::Reset(reset) => writeln!(f, "{} RESET {:?}", Stream(reset.stream), reset.reason),
            Line::RequestCredit(credit) => writeln!(f, "{} REQUEST_CREDIT {}", Stream(credit.stream), credit.bytes),
            Line::ResponseCredit(credit) => writeln!(f, "{} RESPONSE_CREDIT {}", Stream(credit.stream), credit.bytes),
            Line::ReleaseCredit(credit) => writeln!(f, "{} RELEASE_CREDIT {}", Stream(credit.stream), credit.bytes),
            Line::Verdict(one) => verdict(f, one),
            Line::Encode(head) => {
                let (coding, level) = (format!("{:?}", head.coding).to_lowercase(), head.level);
                writeln!(f, "{} ENCODE {coding} {level}, from {} bytes on:", Stream(head.stream), head.bytes_min)?;
                response(f, &head.response)
            }
            Line::Lease(data) => bytes(f, "LEASE", data),
            Line::Tunnel(data) => bytes(f, "TUNNEL", data),
            Line::Raw(Raw { stream, kind, body, wrong }) => {
                writeln!(
                    f,
                    "{} kind {kind} BROKEN ({wrong}) {} bytes {}",
                    Stream(*stream),
                    body.0.len(),
                    Shown(&body.0)
                )
            }
        }
    }
}

fn hello(f: &mut fmt::Formatter<'_>, hello: &Hello) -> fmt::Result {
    let credit = if hello.credit_unlimited { ", credit without limit" } else { "" };
    write!(f, "-        HELLO protocol {}{credit}", hello.protocol)?;
    if hello.fronts != 1 {
        write!(f, ", front {}/{}", hello.front, hello.fronts)?;
    }
    writeln!(f)
}

fn request(f: &mut fmt::Formatter<'_>, head: &Request) -> fmt::Result {
    let version = match head.version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
        Version::Http2 => "HTTP/2",
    };
    let scheme = if head.secure { "https" } else { "http" };
    write!(f, "{} REQUEST {} {scheme}://{}", Stream(head.stream), Text(&head.method), Text(&head.host))?;
    if head.host_port != 0 {
        write!(f, ":{}", head.host_port)?;
    }
    write!(f, " {} {version} {}, site {}", Text(&head.target), Body(head.body), head.site)?;
    write!(f, ", client {}", Place(head.client))?;
    if head.peer != head.client {
        write!(f, ", peer {}", Place(head.peer))?;
    }
    some(f, ", listener", head.listener)?;
    some(f, ", connection", head.connection)?;
    some(f, ", request", head.request)?;
    some(f, ", held", head.held)?;
    if head.tls_version != 0 {
        write!(f, ", tls {:#06x} cipher {:#06x}", head.tls_version, head.tls_cipher)?;
    }
    text(f, ", sni", &head.sni)?;
    text(f, ", facts", &head.facts)?;
    text(f, ", upgrade", &head.upgrade)?;
    let flags = [
        (head.expect_continue, ", expects 100"),
        (head.single_client, ", single client"),
        (head.trusted, ", trusted"),
        (head.released, ", released"),
        (head.forwarded, ", forwarded"),
        (head.paced, ", paced"),
    ];
    flags.into_iter().filter(|(is_set, _)| *is_set).try_for_each(|(_, word)| f.write_str(word))?;
    writeln!(f, "\n         {}", Text(&head.line))?;
    fields(f, &head.fields)
}

fn response(f: &mut fmt::Formatter<'_>, head: &Response) -> fmt::Result {
    write!(f, "{} RESPONSE {} {}", Stream(head.stream), head.status, Body(head.body))?;
    let flags = [
        ("lease", head.lease),
        ("interim", head.interim),
        ("upgrade", head.upgrade),
        ("close", head.close),
        ("denied", head.denied),
        ("own", head.own),
        ("pinned", head.pinned),
        ("usual", head.usual),
    ];
    for (name, _) in flags.iter().filter(|(_, set)| *set) {
        write!(f, ", {name}")?;
    }
    if let Some(backend) = head.backend {
        write!(f, ", backend {backend} after {} us", head.backend_us)?;
    }
    match head.cause {
        ResponseCause::None => {}
        ResponseCause::Denied(cause) => write!(f, ", cause {cause:?}")?,
        cause => write!(f, ", cause {cause:?}")?,
    }
    some(f, ", rule", head.rule)?;
    some(f, ", retries", head.retries)?;
    f.write_char('\n')?;
    fields(f, &head.fields)
}

fn verdict(f: &mut fmt::Formatter<'_>, verdict: &Verdict) -> fmt::Result {
    let (stream, cause) = (Stream(verdict.stream), verdict.cause);
    write!(f, "{stream} VERDICT {} {cause:?}, site {}", verdict.status, verdict.site)?;
    some(f, ", rule", verdict.rule)?;
    some(f, ", request", verdict.request)?;
    some(f, ", retry after", verdict.retry_after)?;
    text(f, ", location", &verdict.location)?;
    writeln!(f, ": {}", Text(&verdict.message))
}

fn bytes(f: &mut fmt::Formatter<'_>, name: &str, data: &Data) -> fmt::Result {
    writeln!(f, "{} {name} {} bytes {}", Stream(data.stream), data.data.0.len(), Shown(&data.data.0))
}

fn fields(f: &mut fmt::Formatter<'_>, fields: &Fields) -> fmt::Result {
    fields.iter().try_for_each(|(name, value)| writeln!(f, "         {}: {}", Text(name), Text(value)))
}

fn some(f: &mut fmt::Formatter<'_>, name: &str, value: impl Into<u64>) -> fmt::Result {
    let value = value.into();
    if value == 0 { Ok(()) } else { write!(f, "{name} {value}") }
}

fn text(f: &mut fmt::Formatter<'_>, name: &str, value: &Bytes) -> fmt::Result {
    if value.0.is_empty() { Ok(()) } else { write!(f, "{name} {}", Text(value)) }
}

/// Slot and generation.
struct Stream(u32);

impl Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slot = StreamId::from_raw(self.0).slot();
        f.pad(&format!("{slot}.{:<6}", self.0 >> 20))
    }
}

struct Body(Length);

impl Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Length::Exact(count) => write!(f, "body {count}"),
            Length::Word(LengthWord::None) => f.write_str("no body"),
            Length::Word(LengthWord::Chunked) => f.write_str("body chunked"),
        }
    }
}

struct Place(Address);

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address(address) = self.0;
        if address.ip().is_unspecified() { f.write_str("unknown") } else { address.fmt(f) }
    }
}

/// Printable ASCII as it is, the rest and the backslash as escapes.
struct Text<'a>(&'a Bytes);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped(f, &self.0.0)
    }
}

/// The beginning of a body, in quotes.
struct Shown<'a>(&'a [u8]);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN_BYTES_MAX)];
        f.write_char('"')?;
        escaped(f, shown)?;
        f.write_str(if shown.len() < self.0.len() { "\"..." } else { "\"" })
    }
}

fn escaped(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| match byte {
        b'\n' => f.write_str("\\n"),
        b'\r' => f.write_str("\\r"),
        b'\t' => f.write_str("\\t"),
        b'\\' => f.write_str("\\\\"),
        b' '..=b'~' => f.write_char(char::from(*byte)),
        _ => write!(f, "\\x{byte:02x}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::Raw;

    #[test]
    fn nothing_a_terminal_would_obey_is_printed() {
        let all: Vec<u8> = (0..=255).collect();
        let request = Request {
            method: Bytes(all.clone()),
            host: Bytes(all.clone()),
            target: Bytes(all.clone()),
            line: Bytes(all.clone()),
            sni: Bytes(all.clone()),
            facts: Bytes(all.clone()),
            fields: vec![(Bytes(all.clone()), Bytes(all.clone()))],
            ..Request::default()
        };
        let verdict = Verdict { message: Bytes(all.clone()), location: Bytes(all.clone()), ..Verdict::default() };
        let raw = Raw { stream: u32::MAX, kind: 1, body: Bytes(all.clone()), wrong: "x".into() };
        for line in [Line::Request(Box::new(request)), Line::Verdict(verdict), Line::Raw(raw)] {
            let text = ForPeople(&line).to_string();
            assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{text}");
        }
    }
}
