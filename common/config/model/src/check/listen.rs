//! Listeners: the word for public ones, what belongs to unix sockets only, overlaps.

use std::net::SocketAddr;

use crate::address::{ListenAddress, Source, is_loopback};
use crate::choices::TrustedFields;
use crate::model::Listen;
use crate::problem::{Problems, Span};
use crate::section::At;

/// Notes the problems of each listener and between them.
pub(crate) fn listeners(listeners: &[At<Listen>], problems: &mut Problems) {
    for (index, listen) in listeners.iter().enumerate() {
        one(listen, problems);
        let earlier = &listeners[..index];
        if let Some(Some(name)) = listen.name.written()
            && earlier.iter().any(|other| other.name.written() == Some(&Some(name.clone())))
        {
            problems.note_with_cure(
                &listen.name.span,
                format!("an earlier listener is named \"{}\"", name.0),
                "give it another name",
            );
        }
        if let Some((other, same)) = earlier.iter().find_map(|other| overlap(other, listen)) {
            let what = if same {
                format!("address {other} is already listened on")
            } else {
                format!("address overlaps with {other}, which is listened on too")
            };
            problems.note_with_cure(&listen.address.span, what, "remove one of the two");
        }
    }
}

fn one(listen: &Listen, problems: &mut Problems) {
    let Some(address) = listen.address.sound() else { return };
    if let (ListenAddress::Tcp(tcp), Some(false)) = (address, listen.public.sound())
        && !is_loopback(tcp)
    {
        let what = format!("other machines can reach {tcp}");
        problems.note_with_cure(&listen.address.span, what, "if that is meant, add public = true");
    }
    if let (ListenAddress::Unix(_), Some(true)) = (address, listen.public.written()) {
        problems.note_with_cure(&listen.public.span, "a unix socket is never public", "remove the line");
    }
    match address {
        ListenAddress::Unix(_) => tcp_only(listen, problems),
        ListenAddress::Tcp(_) => unix_only(listen, problems),
    }
    http2(listen, address, problems);
    trusted(listen, address, problems);
}

/// Notes HTTP/2 without TLS where it would be public, or where TLS says what is spoken.
fn http2(listen: &Listen, address: &ListenAddress, problems: &mut Problems) {
    if listen.http2.written() != Some(&true) {
        return;
    }
    if listen.tls.sound() == Some(&true) {
        let cure = "remove the line: with tls it is offered by itself, unless [tls] says http2 = false";
        problems.note_with_cure(&listen.http2.span, "http2 is for listeners without tls", cure);
    } else if let ListenAddress::Tcp(tcp) = address
        && !is_loopback(tcp)
    {
        let what = "HTTP/2 without TLS, and other machines can reach it";
        problems.note_with_cure(&listen.http2.span, what, "listen on 127.0.0.1, [::1] or a unix socket, or use tls");
    }
}

fn tcp_only(listen: &Listen, problems: &mut Problems) {
    let written = [
        ("keepalive_seconds", listen.keepalive_seconds.written().is_some(), &listen.keepalive_seconds.span),
        ("freebind", listen.freebind.written() == Some(&true), &listen.freebind.span),
    ];
    for (key, _, span) in written.into_iter().filter(|(_, is_written, _)| *is_written) {
        problems.note_with_cure(span, format!("{key} is for TCP"), "remove the line");
    }
}

fn unix_only(listen: &Listen, problems: &mut Problems) {
    let mut refuse = |written: bool, key: &str, span: &Span| {
        if written {
            problems.note_with_cure(span, format!("{key} is for unix sockets"), "remove the line");
        }
    };
    refuse(listen.owner.written().is_some(), "owner", &listen.owner.span);
    refuse(listen.group.written().is_some(), "group", &listen.group.span);
    refuse(listen.mode.written().is_some(), "mode", &listen.mode.span);
    refuse(listen.peer_uids.written().is_some(), "peer_uids", &listen.peer_uids.span);
}

/// Notes a PROXY header that no source may send, and sources that can never match.
fn trusted(listen: &Listen, address: &ListenAddress, problems: &mut Problems) {
    let Some(trusted) = listen.trusted.sound() else { return };
    if listen.proxy_protocol.written() == Some(&true) && trusted.is_empty() {
        let cure = match address {
            ListenAddress::Unix(_) => "add trusted = [\"unix\"]",
            _ => "name the proxies in trusted, as in trusted = [\"127.0.0.1/32\"]",
        };
        problems.note_with_cure(
            &listen.proxy_protocol.span,
            "proxy_protocol, but no source is trusted to send the header",
            cure,
        );
    }
    if listen.connection_per_client.written() == Some(&true) && trusted.is_empty() {
        problems.note_with_cure(
            &listen.connection_per_client.span,
            "connection_per_client is about trusted sources, and none is trusted",
            "remove the line: everybody else has connections of their own",
        );
    }
    trusted_fields(listen, trusted.is_empty(), problems);
    for source in trusted {
        let span = &source.span;
        match (source.sound(), address) {
            (Some(Source::Unix), ListenAddress::Tcp(_)) => {
                problems.note_with_cure(span, "\"unix\" is for unix sockets", "name the networks of the proxies");
            }
            (Some(Source::Network(_)), ListenAddress::Unix(_)) => {
                problems.note_with_cure(span, "the peers of a unix socket have no network", "write \"unix\"");
            }
            (Some(Source::Network(network)), _) if network.bits() == 0 => {
                problems.note_with_cure(span, "this trusts every address there is", "name the networks of the proxies");
            }
            _ => {}
        }
    }
}

fn trusted_fields(listen: &Listen, nobody: bool, problems: &mut Problems) {
    if listen.trusted_fields.written() == Some(&TrustedFields::Forwarded) && nobody {
        problems.note_with_cure(
            &listen.trusted_fields.span,
            "trusted_fields is about trusted sources, and none is trusted",
            "name the proxies in trusted, or remove the line",
        );
    }
}

/// Returns the other address as text, and whether it is the same one, if both cannot be listened on
/// together.
fn overlap(other: &Listen, listen: &Listen) -> Option<(String, bool)> {
    match (other.address.sound()?, listen.address.sound()?) {
        (ListenAddress::Tcp(one), ListenAddress::Tcp(two)) if one == two => Some((one.to_string(), true)),
        (ListenAddress::Tcp(one), ListenAddress::Tcp(two)) if covers(one, two) || covers(two, one) => {
            Some((one.to_string(), false))
        }
        (ListenAddress::Unix(one), ListenAddress::Unix(two)) if one == two => Some((format!("unix:{one}"), true)),
        _ => None,
    }
}

/// Returns whether one is all addresses of a family at the port of the other; `[::]` is IPv6 only,
/// so the families do not overlap.
pub(crate) fn covers(wide: &SocketAddr, narrow: &SocketAddr) -> bool {
    wide.ip().is_unspecified() && wide.port() == narrow.port() && wide.is_ipv4() == narrow.is_ipv4()
}
