//! The reflecting backend the Core Rule Set tests against: `POST /reflect` sends what its JSON body
//! asks for.

use fosse_bodies::{Item, json};
use fosse_transform::Transform;

/// A response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Returns the backend's response.
pub fn reflect(method: &[u8], uri: &[u8], body: &[u8]) -> Reply {
    let path = uri.split(|byte| *byte == b'?').next().unwrap_or_default();
    let mut reply = Reply { status: 200, headers: Vec::new(), body: Vec::new() };
    if method == b"POST" && (path == b"/reflect" || path.starts_with(b"/reflect/")) {
        fill(&mut reply, body);
    }
    let has = |wanted: &[u8]| reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let (typed, sized) = (has(b"content-type"), has(b"content-length"));
    if !typed && !reply.body.is_empty() {
        reply.headers.push((b"Content-Type".to_vec(), sniffed(&reply.body).to_vec()));
    }
    if !sized {
        reply.headers.push((b"Content-Length".to_vec(), reply.body.len().to_string().into_bytes()));
    }
    reply
}

fn fill(reply: &mut Reply, body: &[u8]) {
    let (mut status, mut plain, mut encoded) = (Vec::new(), Vec::new(), Vec::new());
    let report = json::parse(body, &json::JsonOptions::default(), &mut |item| {
        let Item::Argument { name, value } = item else { return };
        match name.to_ascii_lowercase().as_slice() {
            b"status" => status = value.to_vec(),
            b"body" => plain = value.to_vec(),
            b"encodedbody" => encoded = value.to_vec(),
            lower if lower.starts_with(b"headers.") => {
                reply.headers.push((name[8..].to_vec(), value.to_vec()));
            }
            _ => {}
        }
    });
    if report.error.is_some() {
        (reply.status, reply.body) = (400, b"Invalid JSON in request body".to_vec());
        return;
    }
    reply.status = std::str::from_utf8(&status).ok().and_then(|status| status.parse().ok()).unwrap_or(200);
    reply.body = if plain.is_empty() { Transform::Base64Decode.apply(&encoded).into_owned() } else { plain };
}

/// Returns the media type a Go server gives a body that names none, for the kinds of bodies tests
/// have.
fn sniffed(body: &[u8]) -> &'static [u8] {
    const HTML: [&[u8]; 17] = [
        b"<!doctype html",
        b"<html",
        b"<head",
        b"<script",
        b"<iframe",
        b"<h1",
        b"<div",
        b"<font",
        b"<table",
        b"<a",
        b"<style",
        b"<title",
        b"<b",
        b"<body",
        b"<br",
        b"<p",
        b"<!--",
    ];
    let start = body.trim_ascii_start().to_ascii_lowercase();
    let tag = HTML.iter().any(|tag| {
        let after = start.strip_prefix(*tag).and_then(<[u8]>::first);
        *tag == b"<!--" && start.starts_with(tag) || matches!(after, Some(b' ' | b'>'))
    });
    let binary = |byte: &u8| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    if tag {
        b"text/html; charset=utf-8"
    } else if start.starts_with(b"<?xml") {
        b"text/xml; charset=utf-8"
    } else if start.starts_with(b"%pdf-") {
        b"application/pdf"
    } else if body.starts_with(b"\x1f\x8b\x08") {
        b"application/x-gzip"
    } else if body.iter().take(512).any(binary) {
        b"application/octet-stream"
    } else {
        b"text/plain; charset=utf-8"
    }
}
