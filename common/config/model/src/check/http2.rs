//! Backends that speak HTTP/2: what goes with other protocols alone.

use crate::model::{Backend, BackendProtocol, ProxyOut};
use crate::problem::{Problems, Span};

/// Notes keys that mean nothing for servers of HTTP/2.
pub(super) fn http2(backend: &Backend, problems: &mut Problems) {
    let word = match backend.protocol.sound() {
        Some(BackendProtocol::H2) => "h2",
        Some(BackendProtocol::Grpc) => "grpc",
        Some(BackendProtocol::Http1) | None => return,
    };
    let upgrade = backend.upgrade.written().filter(|tokens| !tokens.is_empty()).map(|_| &backend.upgrade.span);
    let proxy = backend.proxy_protocol.written().filter(|out| **out != ProxyOut::Off);
    let other: [(Option<&Span>, &str); 5] = [
        (
            backend.fastcgi.sound().and_then(Option::as_ref).map(|_| &backend.fastcgi.span),
            "servers speak one protocol, and HTTP/2 is another one than FastCGI",
        ),
        (
            backend.files.sound().and_then(Option::as_ref).map(|_| &backend.files.span),
            "files are served by a process of fosse, which speaks HTTP/1.1",
        ),
        (upgrade, "no connection of HTTP/2 can be upgraded"),
        (
            proxy.map(|_| &backend.proxy_protocol.span),
            "connections of HTTP/2 are shared between clients, and a PROXY header names one",
        ),
        (
            backend.lenient_responses.written().filter(|lenient| **lenient).map(|_| &backend.lenient_responses.span),
            "there are no lines in HTTP/2 to be lenient about",
        ),
    ];
    for (span, what) in other {
        if let Some(span) = span {
            problems.note_with_cure(span, what, format!("remove it, or protocol = \"{word}\""));
        }
    }
}
