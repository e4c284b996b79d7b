//! From a frame to its line.

use std::net::{Ipv6Addr, SocketAddr};

use fosse_wire::encode::{self as wire_encode, EncodeHead};
use fosse_wire::fields::Fields as WireFields;
use fosse_wire::frame::ResetReason;
use fosse_wire::request::{self, BodyLength, Endpoint, RequestHead};
use fosse_wire::response::{self, ResponseHead};
use fosse_wire::{Frame, Kind, StreamId, WireError, verdict};

use crate::bytes::Bytes;
use crate::encode;
use crate::line::{
    Address, Cause, Coding, Credit, Data, Encode, Fields, Hello, Length, LengthWord, Line, Raw, Reason, Request,
    RequestEnd, Reset, Response, ResponseCause, ResponseEnd, Verdict, Version,
};

/// The line of a frame. Encoded it gives the frame's own bytes again: where the fields of its kind
/// would not, or cannot be read, it is a raw one.
#[must_use]
pub fn line(frame: &Frame<'_>) -> Line {
    let wrong = match fields_of(frame) {
        Ok(line) if encode::body(&line).as_deref() == Ok(frame.body) => return line,
        Ok(_) => "the fields would give other bytes".to_owned(),
        Err(error) => error.to_string(),
    };
    Line::Raw(Raw { stream: frame.stream.raw(), kind: frame.kind as u8, body: Bytes(frame.body.to_vec()), wrong })
}

fn fields_of(frame: &Frame<'_>) -> Result<Line, WireError> {
    let stream = frame.stream.raw();
    let data = || Data { stream, data: bytes(frame.body) };
    Ok(match frame.kind {
        Kind::Hello if frame.stream == StreamId::CONTROL => {
            let fosse_wire::frame::Hello { credit_unlimited, slots } = frame.hello()?;
            let (front, fronts) = (slots.front(), slots.fronts());
            Line::Hello(Hello { protocol: fosse_wire::PROTOCOL, credit_unlimited, front, fronts })
        }
        Kind::Hello => return Err(WireError::Field("stream")),
        Kind::Request => Line::Request(Box::new(request(stream, &RequestHead::decode(frame.body)?))),
        Kind::RequestData => Line::RequestData(data()),
        Kind::RequestEnd => Line::RequestEnd(RequestEnd { stream, trailers: fields(request::decode_end(frame.body)?) }),
        Kind::Response => Line::Response(response(stream, &ResponseHead::decode(frame.body)?)),
        Kind::ResponseData => Line::ResponseData(data()),
        Kind::ResponseEnd => {
            let end = response::ResponseEnd::decode(frame.body)?;
            Line::ResponseEnd(ResponseEnd { stream, leased_bytes: end.leased_bytes, trailers: fields(end.trailers) })
        }
        Kind::Reset => Line::Reset(Reset { stream, reason: reason(frame.reset()?) }),
        Kind::RequestCredit => Line::RequestCredit(Credit { stream, bytes: frame.credit()? }),
        Kind::ResponseCredit => Line::ResponseCredit(Credit { stream, bytes: frame.credit()? }),
        Kind::Verdict => Line::Verdict(verdict(stream, &verdict::Verdict::decode(frame.body)?)),
        Kind::Lease => Line::Lease(data()),
        Kind::Tunnel => Line::Tunnel(data()),
        Kind::Encode => Line::Encode(Box::new(encode_head(stream, &EncodeHead::decode(frame.body)?))),
        Kind::ReleaseCredit => Line::ReleaseCredit(Credit { stream, bytes: frame.release_credit()?.unwrap_or(0) }),
    })
}

fn request(stream: u32, head: &RequestHead<'_>) -> Request {
    Request {
        stream,
        version: match head.version {
            request::Version::Http10 => Version::Http10,
            request::Version::Http11 => Version::Http11,
            request::Version::Http2 => Version::Http2,
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
        client: address(head.client),
        peer: address(head.peer),
        tls_version: head.tls_version,
        tls_cipher: head.tls_cipher,
        connection: head.connection,
        request: head.request,
        host_port: head.host_port,
        method: bytes(head.method),
        host: bytes(head.host),
        sni: bytes(head.sni),
        facts: bytes(head.facts.bytes()),
        upgrade: bytes(head.upgrade),
        target: bytes(head.target),
        received: bytes(head.received),
        location: bytes(head.location),
        line: bytes(head.line),
        fields: fields(head.fields),
    }
}

fn response(stream: u32, head: &ResponseHead<'_>) -> Response {
    Response {
        stream,
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
        backend: (head.backend != response::BACKEND_NONE).then_some(head.backend),
        backend_us: head.backend_us,
        rule: head.rule,
        cause: response_cause(head.cause),
        retries: head.retries,
        fields: fields(head.fields),
    }
}

fn encode_head(stream: u32, head: &EncodeHead<'_>) -> Encode {
    Encode {
        stream,
        coding: match head.coding {
            wire_encode::Coding::Gzip => Coding::Gzip,
            wire_encode::Coding::Brotli => Coding::Brotli,
            wire_encode::Coding::Zstd => Coding::Zstd,
        },
        level: head.level,
        no_body: head.no_body,
        bytes_min: head.bytes_min,
        connection: head.connection,
        named_source: head.named_source,
        client: Ipv6Addr::from(head.client),
        response: response(stream, &head.response),
    }
}

fn verdict(stream: u32, verdict: &verdict::Verdict<'_>) -> Verdict {
    Verdict {
        stream,
        status: verdict.status,
        cause: cause(verdict.cause),
        rule: verdict.rule,
        retry_after: verdict.retry_after,
        site: verdict.site,
        request: verdict.request,
        location: bytes(verdict.location),
        message: bytes(verdict.message),
    }
}

fn bytes(bytes: &[u8]) -> Bytes {
    Bytes(bytes.to_vec())
}

fn fields(fields: WireFields<'_>) -> Fields {
    fields.into_iter().map(|(name, value)| (bytes(name), bytes(value))).collect()
}

const fn length(length: BodyLength) -> Length {
    match length {
        BodyLength::None => Length::Word(LengthWord::None),
        BodyLength::Exact(count) => Length::Exact(count),
        BodyLength::Chunked => Length::Word(LengthWord::Chunked),
    }
}

fn address(endpoint: Endpoint) -> Address {
    Address(SocketAddr::new(Ipv6Addr::from(endpoint.addr).to_canonical(), endpoint.port))
}

const fn reason(reason: ResetReason) -> Reason {
    match reason {
        ResetReason::Client => Reason::Client,
        ResetReason::Backend => Reason::Backend,
        ResetReason::Timeout => Reason::Timeout,
        ResetReason::Limit => Reason::Limit,
        ResetReason::Echo => Reason::Echo,
        ResetReason::Denied => Reason::Denied,
    }
}

const fn response_cause(of: response::Cause) -> ResponseCause {
    match of {
        response::Cause::None => ResponseCause::None,
        response::Cause::Denied(denial) => ResponseCause::Denied(cause(denial)),
        response::Cause::Backend => ResponseCause::Backend,
        response::Cause::Busy => ResponseCause::Busy,
        response::Cause::Timeout => ResponseCause::Timeout,
        response::Cause::Request => ResponseCause::Request,
        response::Cause::QueueFull => ResponseCause::QueueFull,
        response::Cause::QueueTimeout => ResponseCause::QueueTimeout,
        response::Cause::BufferFull => ResponseCause::BufferFull,
        response::Cause::Access => ResponseCause::Access,
    }
}

const fn cause(cause: verdict::Cause) -> Cause {
    match cause {
        verdict::Cause::Rule => Cause::Rule,
        verdict::Cause::Protocol => Cause::Protocol,
        verdict::Cause::BodySize => Cause::BodySize,
        verdict::Cause::BodyEncoding => Cause::BodyEncoding,
        verdict::Cause::Memory => Cause::Memory,
        verdict::Cause::Budget => Cause::Budget,
        verdict::Cause::Rate => Cause::Rate,
        verdict::Cause::Spool => Cause::Spool,
        verdict::Cause::SpoolFull => Cause::SpoolFull,
        verdict::Cause::RulesLimit => Cause::RulesLimit,
    }
}
