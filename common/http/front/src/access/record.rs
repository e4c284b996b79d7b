//! A line of the access log: a JSON object with the fields that the configuration chooses, or the
//! Combined Log Format.

use std::io::Write as _;

use fosse_eventloop::Timestamp;
use fosse_handshake::Handshake;
use fosse_settings::{AccessField as Field, AccessFormat, Parse, TlsFact};
use fosse_wire::request::{Endpoint, Version};
use fosse_wire::response::{BACKEND_NONE, Cause};

use super::{End, Who};
use crate::exchange::Exchange;
use crate::limits::{LOGGED_TARGET_BYTES_MAX, LOGGED_TEXT_BYTES_MAX};
use crate::refused::Refused;
use crate::request::Request;

/// The form of lines.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Form {
    format: AccessFormat,
    /// A bit for each field of a JSON line.
    fields: u32,
}

const _: () = assert!(Field::ALL.len() <= 32);

/// The line of a request that has begun.
#[derive(Debug, Default)]
pub(crate) struct Record {
    bytes: Vec<u8>,
    /// Place for the facts of the response.
    facts_at: usize,
}

impl Record {
    /// Makes one without a line.
    pub(crate) const fn new() -> Self {
        Self { bytes: Vec::new(), facts_at: 0 }
    }

    /// Returns whether no line has begun.
    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Begins a line with all that is known when the head has come.
    pub(super) fn begin(&mut self, form: Form, who: &Who<'_>, request: &Request<'_>) {
        let line = &mut self.bytes;
        line.clear();
        match form.format {
            AccessFormat::Json => json_head(line, form, who, request),
            AccessFormat::Combined => {
                combined_head(line, &who.client, request.method, request.target, version(request));
                self.facts_at = line.len();
                combined_end(line, request.fields.first("referer"), request.fields.first("user-agent"));
                return;
            }
        }
        self.facts_at = line.len();
    }

    /// Returns the whole line.
    pub(super) fn end(&mut self, form: Form, exchange: &Exchange, end: End, server: &str, why: &str) -> &[u8] {
        match form.format {
            AccessFormat::Json => json_facts(&mut self.bytes, form, exchange, end, server, why),
            AccessFormat::Combined => {
                let mut facts = Vec::with_capacity(32);
                combined_facts(&mut facts, exchange.status, exchange.bytes_out);
                self.bytes.splice(self.facts_at..self.facts_at, facts);
            }
        }
        &self.bytes
    }
}

impl Form {
    /// Returns the form that the configuration asks for.
    pub(super) fn new(settings: &Parse) -> Self {
        let fields = settings.access_log_fields.iter().fold(0, |all, field| all | bit(*field));
        Self { format: settings.access_log_format, fields }
    }

    const fn has(self, field: Field) -> bool {
        self.fields & bit(field) != 0
    }

    /// Appends the line of what was no request.
    pub(super) fn refused(self, line: &mut Vec<u8>, who: &Who<'_>, host: &[u8], refused: Refused) {
        if self.format == AccessFormat::Combined {
            combined_request(line, &who.client);
            line.extend_from_slice(b"-\"");
            combined_facts(line, refused.status, 0);
            return combined_end(line, None, None);
        }
        json_who(line, self, who, host);
        self.number(line, Field::Status, u64::from(refused.status));
        self.text(line, Field::Cause, Cause::of_status(refused.status).word().as_bytes());
        self.text(line, Field::Why, refused.why.as_bytes());
        line.extend_from_slice(b"}\n");
    }

    fn number(self, line: &mut Vec<u8>, field: Field, number: u64) {
        if self.has(field) {
            name(line, field);
            // Writing into a Vec cannot fail.
            let _ = write!(line, "{number}");
        }
    }

    fn text(self, line: &mut Vec<u8>, field: Field, text: &[u8]) {
        if self.has(field) {
            name(line, field);
            line.push(b'"');
            let bytes_max = if field == Field::Target { LOGGED_TARGET_BYTES_MAX } else { LOGGED_TEXT_BYTES_MAX };
            put_escaped(line, text, bytes_max, json_escape);
            line.push(b'"');
        }
    }

    fn address(self, line: &mut Vec<u8>, field: Field, endpoint: &Endpoint) {
        if self.has(field) {
            name(line, field);
            line.push(b'"');
            put_address(line, endpoint);
            line.push(b'"');
        }
    }
}

const fn bit(field: Field) -> u32 {
    1 << field as u32
}

fn name(line: &mut Vec<u8>, field: Field) {
    if line.last() != Some(&b'{') {
        line.push(b',');
    }
    let _ = write!(line, "\"{}\":", field.word());
}

fn json_who(line: &mut Vec<u8>, form: Form, who: &Who<'_>, host: &[u8]) {
    line.push(b'{');
    if form.has(Field::Time) {
        name(line, Field::Time);
        let _ = write!(line, "\"{}\"", Timestamp::now());
    }
    if form.has(Field::Request) {
        name(line, Field::Request);
        let _ = write!(line, "\"{:016x}\"", who.request);
    }
    if form.has(Field::RequestId) && who.request != 0 {
        match who.request_id {
            Some(id) => form.text(line, Field::RequestId, id),
            None => {
                name(line, Field::RequestId);
                let _ = write!(line, "\"{:016x}\"", who.request);
            }
        }
    }
    form.number(line, Field::Connection, who.connection);
    form.address(line, Field::Client, &who.client);
    form.address(line, Field::Peer, &who.peer);
    form.text(line, Field::Site, who.site.as_bytes());
    form.text(line, Field::Host, host);
}

fn json_head(line: &mut Vec<u8>, form: Form, who: &Who<'_>, request: &Request<'_>) {
    json_who(line, form, who, request.host.name());
    form.text(line, Field::Method, request.method);
    form.text(line, Field::Target, request.target);
    form.text(line, Field::Version, version(request).as_bytes());
    if who.handshake.is_some() {
        json_handshake(line, form, &who.handshake);
    }
    for (field, name) in [(Field::Referer, "referer"), (Field::UserAgent, "user-agent")] {
        if let Some(value) = form.has(field).then(|| request.fields.first(name)).flatten() {
            form.text(line, field, value);
        }
    }
}

fn json_handshake(line: &mut Vec<u8>, form: Form, handshake: &Handshake<'_>) {
    let facts = [
        (Field::TlsVersion, TlsFact::Version),
        (Field::TlsCipher, TlsFact::Cipher),
        (Field::TlsServerName, TlsFact::ServerName),
        (Field::TlsJa4, TlsFact::Ja4),
        (Field::TlsClientSubject, TlsFact::ClientSubject),
        (Field::TlsClientFingerprint, TlsFact::ClientFingerprint),
    ];
    for (field, fact) in facts.into_iter().filter(|(field, _)| form.has(*field)) {
        let text = handshake.text(fact);
        if !text.is_empty() {
            form.text(line, field, &text);
        }
    }
}

fn json_facts(line: &mut Vec<u8>, form: Form, exchange: &Exchange, end: End, server: &str, why: &str) {
    form.number(line, Field::Status, u64::from(exchange.status));
    form.number(line, Field::BytesIn, exchange.bytes_in);
    form.number(line, Field::BytesOut, exchange.bytes_out);
    form.number(line, Field::Us, fosse_eventloop::clock_us() - exchange.begun_us);
    if exchange.backend != BACKEND_NONE {
        form.text(line, Field::Server, server.as_bytes());
        form.number(line, Field::ServerUs, u64::from(exchange.backend_us));
        form.number(line, Field::Retries, u64::from(exchange.retries));
    }
    if exchange.cause != Cause::None {
        form.text(line, Field::Cause, exchange.cause.word().as_bytes());
    }
    if exchange.denied {
        form.number(line, Field::Rule, u64::from(exchange.rule));
    }
    form.text(line, Field::End, end.word().as_bytes());
    if !why.is_empty() {
        form.text(line, Field::Why, why.as_bytes());
    }
    line.extend_from_slice(b"}\n");
}

fn combined_request(line: &mut Vec<u8>, client: &Endpoint) {
    put_address(line, client);
    let _ = write!(line, " - - [{}] \"", Timestamp::now().common_log());
}

fn combined_head(line: &mut Vec<u8>, client: &Endpoint, method: &[u8], target: &[u8], version: &str) {
    combined_request(line, client);
    put_escaped(line, method, LOGGED_TEXT_BYTES_MAX, combined_escape);
    line.push(b' ');
    put_escaped(line, target, LOGGED_TARGET_BYTES_MAX, combined_escape);
    let _ = write!(line, " {version}\"");
}

fn combined_facts(line: &mut Vec<u8>, status: u16, bytes_out: u64) {
    let _ = write!(line, " {status} {bytes_out}");
}

fn combined_end(line: &mut Vec<u8>, referer: Option<&[u8]>, user_agent: Option<&[u8]>) {
    for value in [referer, user_agent] {
        line.extend_from_slice(b" \"");
        put_escaped(line, value.unwrap_or(b"-"), LOGGED_TEXT_BYTES_MAX, combined_escape);
        line.push(b'"');
    }
    line.push(b'\n');
}

const fn version(request: &Request<'_>) -> &'static str {
    match request.version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
        Version::Http2 => "HTTP/2.0",
    }
}

fn put_address(line: &mut Vec<u8>, endpoint: &Endpoint) {
    let _ = match endpoint.ip() {
        Some(ip) => write!(line, "{ip}"),
        None => line.write_all(b"unix"),
    };
}

/// Appends as much of a text as `bytes_max` bytes take when they are written: a client that sends
/// what has to be escaped must not make a line that is too long to be logged.
fn put_escaped(line: &mut Vec<u8>, text: &[u8], bytes_max: usize, escape: fn(&mut Vec<u8>, u8)) {
    let begin = line.len();
    for byte in text {
        let before = line.len();
        match byte {
            0x20..=0x7e if !matches!(byte, b'"' | b'\\') => line.push(*byte),
            byte => escape(line, *byte),
        }
        if line.len() - begin > bytes_max {
            return line.truncate(before);
        }
    }
}

/// Appends a byte as JSON: each by itself, as it may be no UTF-8.
fn json_escape(line: &mut Vec<u8>, byte: u8) {
    let _ = match byte {
        b'"' | b'\\' => line.write_all(&[b'\\', byte]),
        byte => write!(line, "\\u{byte:04x}"),
    };
}

/// Appends a byte as nginx and Apache do.
fn combined_escape(line: &mut Vec<u8>, byte: u8) {
    let _ = write!(line, "\\x{byte:02X}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_http1::{HeadLimits, RequestHead};
    use fosse_wire::facts::{ClientCertificate, HandshakeFacts, JA4_BYTES};

    fn form(format: AccessFormat) -> Form {
        Form::new(&Parse { access_log_format: format, access_log_fields: Field::ALL.to_vec(), ..Parse::default() })
    }

    #[test]
    fn no_byte_of_a_client_can_end_a_string_or_a_line() {
        let mut line = vec![b'{'];
        form(AccessFormat::Json).text(&mut line, Field::Target, b"a\"b\\c\nd\xff\x7f");
        assert_eq!(line, b"{\"target\":\"a\\\"b\\\\c\\u000ad\\u00ff\\u007f\"");
        line.clear();
        combined_end(&mut line, Some(b"a\"b\\c\nd\xff"), None);
        assert_eq!(line, b" \"a\\x22b\\x5Cc\\x0Ad\\xFF\" \"-\"\n");
    }

    #[test]
    fn a_line_fits_one_write_of_a_pipe_whatever_a_client_sends() {
        let (name, bad) = ("x".repeat(255), [0xff; 8000]);
        let host = [&name.as_bytes()[..63], b".", &name.as_bytes()[..63], b".", &name.as_bytes()[..63]].concat();
        let mut head = b"GETGETGETGETGETGETGETGETGETGETGE /?".to_vec();
        head.extend_from_slice(&[b'"'; 8000]);
        head.extend_from_slice(b" HTTP/1.1\r\nHost: ");
        for (field, value) in [(&b""[..], &host[..]), (b"Referer: ", &bad), (b"User-Agent: ", &bad)] {
            head.extend_from_slice(&[field, value, b"\r\n"].concat());
        }
        head.extend_from_slice(b"\r\n");
        let head = RequestHead::parse(&head, &HeadLimits::DEFAULT).unwrap();
        let client = Endpoint { addr: [0xff; 16], port: 1 };
        let request_id = Some(&[b'x'; fosse_http1::REQUEST_ID_BYTES_MAX][..]);
        let subject = &[b'"'; fosse_wire::facts::NAME_BYTES_MAX];
        let certificate = ClientCertificate { subject, ..Default::default() };
        let mut facts = Vec::new();
        HandshakeFacts::encode(&mut facts, &[b'"'; JA4_BYTES], Some(&certificate)).unwrap();
        let facts = HandshakeFacts::decode(&facts).unwrap();
        let handshake = Handshake { version: 0x0303, cipher: 0xcca9, name: &name.as_bytes()[..253], facts };
        let (request, connection) = (u64::MAX, u64::MAX);
        let who = Who { request, request_id, connection, client, peer: client, site: &name, handshake };
        let mut exchange = Exchange { backend: 0, backend_us: u32::MAX, bytes_in: u64::MAX, ..Exchange::none() };
        (exchange.denied, exchange.rule, exchange.bytes_out) = (true, u32::MAX, u64::MAX);
        exchange.cause = Cause::Denied(fosse_wire::verdict::Cause::BodyEncoding);
        for format in [AccessFormat::Json, AccessFormat::Combined] {
            let mut record = Record::default();
            record.begin(form(format), &who, &Request::from(&head));
            let line = record.end(form(format), &exchange, End::Complete, &name, &name[..99]);
            assert!(line.len() <= super::super::PIPE_WRITE_BYTES_MAX, "{}", line.len());
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        }
    }
}
