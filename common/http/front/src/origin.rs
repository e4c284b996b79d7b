//! Whose request it is: the socket's peer, what a PROXY header said, what trusted proxies wrote
//! into X-Forwarded-For, or into Forwarded where the listener says that they do. The other of the
//! two is never looked at: a proxy that writes one lets its client's other pass.

use std::net::{IpAddr, SocketAddr};

use fosse_http1::{Fields, forwarded_hops, trim};
use fosse_wire::channel::Connection;
use fosse_wire::request::Endpoint;

use crate::limits::FORWARDED_HOPS_MAX;
use crate::settings::Settings;

/// The other end of a connection, as far as it is known before any request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client as the PROXY header named it, else the peer.
    pub client: Endpoint,
    /// The client reached the proxy over TLS, as the PROXY header said.
    pub secure: bool,
    /// `client` is a trusted proxy: its forwarding fields count.
    pub trusted: bool,
}

impl Origin {
    /// Returns the origin of a connection on which no PROXY header names another client: its peer.
    pub(crate) const fn of_peer(record: &Connection) -> Self {
        Self { client: record.peer, secure: false, trusted: record.trusted }
    }

    /// Returns the client that a PROXY header of a trusted peer names. The proxy's own connections
    /// (health checks) keep the peer's address.
    pub(crate) fn of_proxy(record: &Connection, header: &fosse_proxyproto::Header<'_>, settings: &Settings) -> Self {
        let Some((source, _)) = header.addresses else { return Self::of_peer(record) };
        let client = Endpoint::from_socket(source);
        let trusted = settings.trusts(record.listener, &client.addr);
        Self { client, secure: header.secure, trusted }
    }

    /// Returns the client of one request and whether it came over TLS: as the listener says, or
    /// from the fields that trusted proxies wrote. The client is the rightmost address that is no
    /// trusted proxy. A malformed entry ends the walk: it is not known who wrote the entries to the
    /// left of it.
    pub(crate) fn resolve(&self, fields: &Fields<'_>, listener: u16, settings: &Settings) -> (Endpoint, bool) {
        let secure = self.secure || settings.listener(listener).is_some_and(|listener| listener.behind_tls);
        if !self.trusted {
            return (self.client, secure);
        }
        let (client, https) = if settings.reads_forwarded(listener) {
            let hops = forwarded_hops(last(values(fields, "forwarded"))).take(FORWARDED_HOPS_MAX);
            self.walk(hops.map(|hop| (hop.client.map(Endpoint::from_socket), hop.secure)), false, listener, settings)
        } else {
            let hops = last(values(fields, "x-forwarded-for").flat_map(|value| value.split(|byte| *byte == b',')));
            let https = forwarded_scheme(fields).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"));
            self.walk(hops.map(|hop| (parse_hop(hop), https)), https, listener, settings)
        };
        (client, secure || https)
    }

    /// Goes from hop to hop as long as the one before is a trusted proxy, up to one without an
    /// address. Each says what its proxy knows of the scheme; `secure` is what is known before.
    fn walk(
        &self,
        hops: impl Iterator<Item = (Option<Endpoint>, bool)>,
        mut secure: bool,
        listener: u16,
        settings: &Settings,
    ) -> (Endpoint, bool) {
        let mut client = self.client;
        for (address, https) in hops {
            secure = https;
            let Some(address) = address else { break };
            client = address;
            if !settings.trusts(listener, &client.addr) {
                break;
            }
        }
        (client, secure)
    }
}

/// Iterates over the values of the fields of a name, which is given in lower case.
fn values<'a>(fields: &Fields<'a>, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |field| field.is(name)).map(|field| field.value)
}

/// Iterates over the last entries from the right. They are looked for in each request: fields are
/// few, and collecting them would cost more.
fn last<'a>(entries: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    let mut kept: [&[u8]; FORWARDED_HOPS_MAX] = [b""; FORWARDED_HOPS_MAX];
    let mut count = 0;
    for entry in entries {
        if let Some(slot) = kept.get_mut(count % FORWARDED_HOPS_MAX) {
            *slot = trim(entry);
        }
        count += 1;
    }
    let first = count.saturating_sub(FORWARDED_HOPS_MAX);
    (first..count).rev().filter_map(move |at| kept.get(at % FORWARDED_HOPS_MAX).copied())
}

/// Parses an address with or without a port, and IPv6 with or without brackets.
fn parse_hop(entry: &[u8]) -> Option<Endpoint> {
    let text = core::str::from_utf8(entry).ok()?;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Some(Endpoint::from_socket(SocketAddr::new(ip, 0)));
    }
    text.parse::<SocketAddr>().ok().map(Endpoint::from_socket)
}

/// Returns what the proxy nearest to us wrote last into X-Forwarded-Proto.
fn forwarded_scheme<'a>(fields: &Fields<'a>) -> Option<&'a [u8]> {
    let last = fields.iter().filter(|field| field.is("x-forwarded-proto")).last()?;
    last.value.rsplit(|byte| *byte == b',').next().map(trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_http1::{HeadLimits, RequestHead};
    use fosse_settings::{Net, Parse, ParseListener, TrustedFields};

    fn settings(trusted_fields: TrustedFields) -> Settings {
        let mut addr = [0; 16];
        addr[10..].copy_from_slice(&[0xff, 0xff, 10, 0, 0, 0]);
        let trusted = vec![Net { addr, prefix: 104 }];
        let listener = ParseListener { trusted, trusted_fields, ..ParseListener::default() };
        Settings::new(Parse { listeners: vec![listener], ..Parse::default() })
    }

    fn resolved(trusted: bool, lines: &str, settings: &Settings) -> (String, bool) {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let head = RequestHead::parse(head.as_bytes(), &HeadLimits::DEFAULT).unwrap();
        let client = Endpoint::from_socket("10.0.0.1:9".parse().unwrap());
        let origin = Origin { client, secure: false, trusted };
        let (client, secure) = origin.resolve(&head.fields, 0, settings);
        (client.ip().unwrap().to_string(), secure)
    }

    fn resolve(trusted: bool, lines: &str) -> (String, bool) {
        resolved(trusted, lines, &settings(TrustedFields::XForwarded))
    }

    #[test]
    fn takes_the_rightmost_address_that_is_no_trusted_proxy() {
        for (lines, expected) in [
            ("", "10.0.0.1"),
            ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
            ("X-Forwarded-For: 6.6.6.6, 192.0.2.1\r\n", "192.0.2.1"),
            ("X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.9.9.9\r\n", "192.0.2.1"),
            ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.1:77\r\n", "192.0.2.1"),
            ("X-Forwarded-For: [2001:db8::1]:5, 10.1.1.1\r\n", "2001:db8::1"),
            ("X-Forwarded-For: 2001:DB8::1\r\n", "2001:db8::1"),
            ("X-Forwarded-For: 10.2.2.2, 10.1.1.1\r\n", "10.2.2.2"),
            ("X-Forwarded-For: 192.0.2.1, junk, 10.1.1.1\r\n", "10.1.1.1"),
            ("X-Forwarded-For: 192.0.2.1,\r\n", "10.0.0.1"),
            ("X-Forwarded-For: unknown\r\n", "10.0.0.1"),
        ] {
            assert_eq!(resolve(true, lines).0, expected, "{lines:?}");
        }
        let many = format!("X-Forwarded-For: 6.6.6.6{}\r\n", ", 10.1.1.1".repeat(40));
        assert_eq!(resolve(true, &many).0, "10.1.1.1");
    }

    #[test]
    fn fields_of_a_peer_that_is_not_trusted_do_not_count() {
        let lines = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n";
        assert_eq!(resolve(false, lines), ("10.0.0.1".into(), false));
        assert_eq!(resolve(true, lines), ("192.0.2.1".into(), true));
        assert!(!resolve(true, "X-Forwarded-Proto: https, http\r\n").1);
    }

    #[test]
    fn forwarded_is_read_in_place_of_the_others_and_never_beside_them() {
        let forwarded = settings(TrustedFields::Forwarded);
        let other = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n";
        for (lines, client, secure) in [
            ("", "10.0.0.1", false),
            ("Forwarded: for=192.0.2.1;proto=https\r\n", "192.0.2.1", true),
            ("Forwarded: for=6.6.6.6;proto=https, for=192.0.2.1;proto=http\r\n", "192.0.2.1", false),
            ("Forwarded: for=192.0.2.1;proto=https, for=10.9.9.9;proto=http\r\n", "192.0.2.1", true),
            ("Forwarded: for=6.6.6.6\r\nForwarded: for=\"[2001:db8::1]:5\";proto=HTTPS\r\n", "2001:db8::1", true),
            ("Forwarded: for=\", for=192.0.2.1\r\n", "192.0.2.1", false),
            ("Forwarded: for=6.6.6.6;proto=https\r\nForwarded: for=192.0.2.1:80\r\n", "10.0.0.1", false),
            ("Forwarded: for=6.6.6.6, for=unknown;proto=https\r\n", "10.0.0.1", true),
            ("Forwarded: for=6.6.6.6, for=_x, for=10.2.2.2\r\n", "10.2.2.2", false),
        ] {
            for lines in [lines.to_owned(), format!("{other}{lines}"), format!("{lines}{other}")] {
                assert_eq!(resolved(true, &lines, &forwarded), (client.into(), secure), "{lines:?}");
            }
            assert_eq!(resolved(false, lines, &forwarded), ("10.0.0.1".into(), false), "{lines:?}");
            assert_eq!(resolve(true, &format!("{lines}X-Forwarded-For: 192.0.2.9\r\n")).0, "192.0.2.9", "{lines:?}");
        }
        let many = format!("Forwarded: for=6.6.6.6{}\r\n", ", for=10.1.1.1".repeat(40));
        assert_eq!(resolved(true, &many, &forwarded).0, "10.1.1.1");
        let lines = format!("Forwarded: for=6.6.6.6\r\n{}", "Forwarded: for=10.1.1.1\r\n".repeat(40));
        assert_eq!(resolved(true, &lines, &forwarded).0, "10.1.1.1");
    }
}
