//! From a line to its frame.

use fosse_wire::encode::{self as wire_encode, EncodeHead};
use fosse_wire::facts::HandshakeFacts;
use fosse_wire::frame::{FRAME_BYTES_MAX, FRAME_HEADER_BYTES, ResetReason};
use fosse_wire::request::{self, BodyLength, Endpoint, RequestHead};
use fosse_wire::response::{self, BACKEND_NONE, ResponseHead};
use fosse_wire::{Frame, Kind, Outbox, StreamId, WireError, fields as wire_fields, verdict};

use crate::line::{
    Cause, Coding, Encode, Fields, Hello, Length, LengthWord, Line, Reason, Request, Response, ResponseCause, Verdict,
    Version,
};

/// Appends the frame of a line.
///
/// # Errors
/// Those of the frame's own reader. A raw frame may break every rule but the length.
pub fn frame(out: &mut Outbox, line: &Line) -> Result<(), WireError> {
    let (stream, kind) = stream_and_kind(line)?;
    let body = body(line)?;
    // The length field does not count itself.
    let counted = body.len() + FRAME_HEADER_BYTES - 4;
    if counted > FRAME_BYTES_MAX {
        return Err(WireError::Length(u32::try_from(counted).unwrap_or(u32::MAX)));
    }
    if !matches!(line, Line::Raw(_)) {
        check(&Frame { stream, kind, body: &body })?;
    }
    out.raw(stream, kind, &body);
    Ok(())
}

/// Returns the body of the frame.
///
/// # Errors
/// Parts longer than their length fields can say.
pub fn body(line: &Line) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    match line {
        Line::Hello(hello) => put_hello(&mut out, hello),
        Line::Request(head) => put_request(&mut out, head)?,
        Line::RequestData(data) | Line::ResponseData(data) | Line::Lease(data) | Line::Tunnel(data) => {
            out.extend_from_slice(&data.data.0);
        }
        Line::RequestEnd(end) => put_fields(&mut out, &end.trailers)?,
        Line::Response(head) => put_response(&mut out, head)?,
        Line::ResponseEnd(end) => {
            out.extend_from_slice(&end.leased_bytes.to_le_bytes());
            put_fields(&mut out, &end.trailers)?;
        }
        Line::Reset(reset) => out.push(reason(reset.reason) as u8),
        Line::RequestCredit(credit) | Line::ResponseCredit(credit) | Line::ReleaseCredit(credit) => {
            out.extend_from_slice(&credit.bytes.to_le_bytes());
        }
        Line::Verdict(verdict) => put_verdict(&mut out, verdict)?,
        Line::Encode(head) => put_encode(&mut out, head)?,
        Line::Raw(raw) => out.extend_from_slice(&raw.body.0),
    }
    Ok(out)
}

fn stream_and_kind(line: &Line) -> Result<(StreamId, Kind), WireError> {
    let (stream, kind) = match line {
        Line::Hello(_) => (0, Kind::Hello),
        Line::Request(head) => (head.stream, Kind::Request),
        Line::RequestData(data) => (data.stream, Kind::RequestData),
        Line::RequestEnd(end) => (end.stream, Kind::RequestEnd),
        Line::Response(head) => (head.stream, Kind::Response),
        Line::ResponseData(data) => (data.stream, Kind::ResponseData),
        Line::ResponseEnd(end) => (end.stream, Kind::ResponseEnd),
        Line::Reset(reset) => (reset.stream, Kind::Reset),
        Line::RequestCredit(credit) => (credit.stream, Kind::RequestCredit),
        Line::ResponseCredit(credit) => (credit.stream, Kind::ResponseCredit),
        Line::Verdict(verdict) => (verdict.stream, Kind::Verdict),
        Line::Lease(data) => (data.stream, Kind::Lease),
        Line::Tunnel(data) => (data.stream, Kind::Tunnel),
        Line::ReleaseCredit(credit) => (credit.stream, Kind::ReleaseCredit),
        Line::Encode(head) => (head.stream, Kind::Encode),
        Line::Raw(raw) => (raw.stream, Kind::from_byte(raw.kind)?),
    };
    Ok((StreamId::from_raw(stream), kind))
}

/// Decodes the frame as its receiver does.
fn check(frame: &Frame<'_>) -> Result<(), WireError> {
    match frame.kind {
        Kind::Hello => frame.hello().map(drop),
        Kind::Request => RequestHead::decode(frame.body).map(drop),
        Kind::RequestEnd => request::decode_end(frame.body).map(drop),
        Kind::Response => ResponseHead::decode(frame.body).map(drop),
        Kind::ResponseEnd => response::ResponseEnd::decode(frame.body).map(drop),
        Kind::Reset => frame.reset().map(drop),
        Kind::RequestCredit | Kind::ResponseCredit => frame.credit().map(drop),
        Kind::ReleaseCredit => frame.release_credit().map(drop),
        Kind::Encode => EncodeHead::decode(frame.body).map(drop),
        Kind::Verdict => verdict::Verdict::decode(frame.body).map(drop),
        Kind::RequestData | Kind::ResponseData | Kind::Lease | Kind::Tunnel => Ok(()),
    }
}

fn put_hello(out: &mut Vec<u8>, hello: &Hello) {
    out.extend_from_slice(&hello.protocol.to_le_bytes());
    out.extend_from_slice(&u16::from(hello.credit_unlimited).to_le_bytes());
    out.extend_from_slice(&[hello.front, hello.fronts]);
}

fn put_request(out: &mut Vec<u8>, head: &Request) -> Result<(), WireError> {
    let fixed = RequestHead {
        version: match head.version {
            Version::Http10 => request::Version::Http10,
            Version::Http11 => request::Version::Http11,
            Version::Http2 => request::Version::Http2,
        },
        secure: head.secure,
        expect_continue: head.expect_continue,
        single_client: head.single_client,
        trusted: head.trusted,
        released: head.released,
        forwarded: head.forwarded,
        paced: head.paced,
        body: length(head.body),
        held: head.held,
        site: head.site,
        policy: head.policy,
        listener: head.listener,
        client: Endpoint::from_socket(head.client.0),
        peer: Endpoint::from_socket(head.peer.0),
        tls_version: head.tls_version,
        tls_cipher: head.tls_cipher,
        connection: head.connection,
        request: head.request,
        method: &head.method.0,
        host: &head.host.0,
        host_port: head.host_port,
        sni: &head.sni.0,
        facts: HandshakeFacts::decode(&head.facts.0)?,
        target: &head.target.0,
        received: &head.received.0,
        location: &head.location.0,
        upgrade: &head.upgrade.0,
        line: &head.line.0,
        fields: wire_fields::Fields::default(),
    };
    fixed.encode_fixed(out)?;
    put_fields(out, &head.fields)
}

fn put_response(out: &mut Vec<u8>, head: &Response) -> Result<(), WireError> {
    let fixed = ResponseHead {
        status: head.status,
        lease: head.lease,
        interim: head.interim,
        upgrade: head.upgrade,
        close: head.close,
        denied: head.denied,
        own: head.own,
        pinned: head.pinned,
        usual: head.usual,
        body: length(head.body),
        backend: head.backend.unwrap_or(BACKEND_NONE),
        backend_us: head.backend_us,
        rule: head.rule,
        cause: response_cause(head.cause),
        retries: head.retries,
        fields: wire_fields::Fields::default(),
    };
    fixed.encode_fixed(out);
    put_fields(out, &head.fields)
}

fn put_encode(out: &mut Vec<u8>, head: &Encode) -> Result<(), WireError> {
    let fixed = EncodeHead {
        coding: match head.coding {
            Coding::Gzip => wire_encode::Coding::Gzip,
            Coding::Brotli => wire_encode::Coding::Brotli,
            Coding::Zstd => wire_encode::Coding::Zstd,
        },
        level: head.level,
        no_body: head.no_body,
        bytes_min: head.bytes_min,
        connection: head.connection,
        named_source: head.named_source,
        client: head.client.octets(),
        response: ResponseHead::default(),
    };
    fixed.encode_fixed(out);
    put_response(out, &head.response)
}

fn put_verdict(out: &mut Vec<u8>, verdict: &Verdict) -> Result<(), WireError> {
    let wire = verdict::Verdict {
        status: verdict.status,
        cause: cause(verdict.cause),
        rule: verdict.rule,
        retry_after: verdict.retry_after,
        site: verdict.site,
        request: verdict.request,
        location: &verdict.location.0,
        message: &verdict.message.0,
    };
    wire.encode(out)
}

fn put_fields(out: &mut Vec<u8>, fields: &Fields) -> Result<(), WireError> {
    wire_fields::put(out, fields.iter().map(|(name, value)| (name.0.as_slice(), value.0.as_slice())))
}

const fn length(length: Length) -> BodyLength {
    match length {
        Length::Exact(count) => BodyLength::Exact(count),
        Length::Word(LengthWord::None) => BodyLength::None,
        Length::Word(LengthWord::Chunked) => BodyLength::Chunked,
    }
}

const fn reason(reason: Reason) -> ResetReason {
    match reason {
        Reason::Client => ResetReason::Client,
        Reason::Backend => ResetReason::Backend,
        Reason::Timeout => ResetReason::Timeout,
        Reason::Limit => ResetReason::Limit,
        Reason::Echo => ResetReason::Echo,
        Reason::Denied => ResetReason::Denied,
    }
}

const fn response_cause(of: ResponseCause) -> response::Cause {
    match of {
        ResponseCause::None => response::Cause::None,
        ResponseCause::Denied(denial) => response::Cause::Denied(cause(denial)),
        ResponseCause::Backend => response::Cause::Backend,
        ResponseCause::Busy => response::Cause::Busy,
        ResponseCause::Timeout => response::Cause::Timeout,
        ResponseCause::Request => response::Cause::Request,
        ResponseCause::QueueFull => response::Cause::QueueFull,
        ResponseCause::QueueTimeout => response::Cause::QueueTimeout,
        ResponseCause::BufferFull => response::Cause::BufferFull,
        ResponseCause::Access => response::Cause::Access,
    }
}

const fn cause(cause: Cause) -> verdict::Cause {
    match cause {
        Cause::Rule => verdict::Cause::Rule,
        Cause::Protocol => verdict::Cause::Protocol,
        Cause::BodySize => verdict::Cause::BodySize,
        Cause::BodyEncoding => verdict::Cause::BodyEncoding,
        Cause::Memory => verdict::Cause::Memory,
        Cause::Budget => verdict::Cause::Budget,
        Cause::Rate => verdict::Cause::Rate,
        Cause::Spool => verdict::Cause::Spool,
        Cause::SpoolFull => verdict::Cause::SpoolFull,
        Cause::RulesLimit => verdict::Cause::RulesLimit,
    }
}
