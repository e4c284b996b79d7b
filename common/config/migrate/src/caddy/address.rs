//! Addresses of sites: `a.example`, `http://a.example:8080`, `:80`.

/// An address of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Its host in small letters; empty for every one.
    pub host: String,
    /// The port of plain HTTP; `None` where Caddy speaks TLS.
    pub port: Option<u16>,
}

/// Reads an address; `None` for one with a path, a variable or an odd port.
pub(super) fn address(written: &str) -> Option<Address> {
    let written = written.trim_end_matches(',');
    let (scheme, rest) = written.split_once("://").unwrap_or(("", written));
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '{', '$']) || !matches!(scheme, "" | "http" | "https") {
        return None;
    }
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port.parse::<u16>().ok().filter(|port| *port > 0)?)),
        Some(_) => return None,
        None => (rest, None),
    };
    let port = match (scheme, port) {
        ("https", _) | (_, Some(443)) => None,
        ("http", port) => Some(port.unwrap_or(80)),
        (_, Some(port)) if port == 80 || host.is_empty() => Some(port),
        // A name alone, or with another port, has a certificate.
        _ => None,
    };
    Some(Address { host: host.to_ascii_lowercase(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_caddys() {
        let shown = |written: &str| address(written).map(|one| format!("{} {:?}", one.host, one.port));
        for (written, expected) in [
            ("A.example,", Some("a.example None")),
            ("http://a.example", Some("a.example Some(80)")),
            ("http://a.example:8080/", Some("a.example Some(8080)")),
            ("https://a.example", Some("a.example None")),
            (":8080", Some(" Some(8080)")),
            ("a.example:80", Some("a.example Some(80)")),
            ("a.example:8443", Some("a.example None")),
            ("*.a.example", Some("*.a.example None")),
            ("a.example/x", None),
            ("{$HOST}", None),
            ("a.example:0", None),
        ] {
            assert_eq!(shown(written).as_deref(), expected, "{written}");
        }
    }
}
