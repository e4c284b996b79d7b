//! Keys of other programs, and those of what is not there yet, each with what is written here in
//! its place.

/// Cure for what others have for TLS.
const TLS: &str = "write tls = true in a [[listen]], and [[certificate]] with file and key";
/// Cure for TLS towards servers.
const TLS_TO_SERVERS: &str = "write https:// before its servers, and whom to trust in [backend.tls]";
/// Cure for certificates that come by themselves.
const ACME: &str = "write [[acme]], and [[certificate]] with acme = \"NAME\" and names";
/// Cure for the protocols that clients are offered.
const PROTOCOLS: &str = "write http2 = true in [tls]";
/// Cure for what neither a site nor a route does.
const NOT_YET: &str = "not in this version; the application, or a proxy in front, has to do it";
/// Cure for headers.
const HEADERS: &str = "write [site.request_headers] or [site.response_headers], with set, add, default or remove";
/// Cure for responses.
const RESPONSES: &str = "write redirect = \"https://...\", or respond = STATUS";
/// Cure for a directory of files that is written anywhere but in a backend.
const FILES: &str = "a [[backend]] with files = \"/srv/www\" serves a directory";

/// Keys that stand for one of this table: the title of the table, the words, the key.
const MEANT: &[(&str, &[&str], &str)] = &[
    ("[[listen]]", &["bind", "port", "addr", "listen", "socket"], "address"),
    ("[[site]]", &["host", "server_name", "server_names", "domain", "domains", "name", "names"], "hosts"),
    ("[[site]]", &["proxy_pass", "upstream", "server", "servers", "use_backend", "default_backend"], "backend"),
    ("[[site]]", &["location", "locations", "path", "paths"], "route"),
    ("[[site]]", &["client_max_body_size", "max_body_size", "body_max"], "body_bytes_max"),
    ("[[site.route]]", &["location", "match", "paths"], "prefix"),
    ("[[site.route]]", &["method", "header", "query", "cookie", "network", "listener"], "when"),
    ("[[site.route]]", &["strip", "strip_path_prefix"], "strip_prefix"),
    ("[[site.route]]", &["proxy_pass", "upstream", "server", "servers"], "backend"),
    ("[[backend]]", &["address", "addresses", "url", "upstream", "proxy_pass", "host"], "servers"),
    ("[[backend]]", &["root", "directory", "dir", "document_root", "alias", "file_server"], "files"),
    ("[[backend]]", &["gzip_static", "brotli_static"], "precompressed"),
];

/// Keys of what is not there, wherever they are written.
const MISSING: &[(&[&str], &str)] = &[
    (&["ssl", "https", "certificates", "cert"], TLS),
    (&["tls_cert", "tls_key", "ssl_certificate", "ssl_certificate_key", "crt"], TLS),
    (&["acme", "letsencrypt", "auto_https", "acme_certificate", "acme_issuer"], ACME),
    (&["http2", "h2", "alpn"], PROTOCOLS),
    (&["headers", "header", "proxy_set_header", "add_header", "header_up", "header_down"], HEADERS),
    (&["return", "redirects", "respond_status"], RESPONSES),
    (&["root", "document_root", "alias", "file_server"], FILES),
    (&["rate_limit", "rate_limits", "limit_req", "challenge", "cache", "compression", "gzip"], NOT_YET),
];

/// Returns the cure for a key that another program has in this place.
pub(crate) fn cure(title: &str, written: &str) -> Option<String> {
    if title == "[[backend]]" && ["ssl", "https", "certificate"].contains(&written) {
        return Some(TLS_TO_SERVERS.to_owned());
    }
    let meant = MEANT.iter().find(|(table, words, _)| *table == title && words.contains(&written));
    let missing = || MISSING.iter().find(|(words, _)| words.contains(&written)).map(|(_, cure)| (*cure).to_owned());
    meant.map(|(.., key)| format!("did you mean {key}?")).or_else(missing)
}

/// Returns the cure for a size in the units of other programs: "64k", "10MB".
pub(crate) fn size(number: &str, unit: &str) -> Option<String> {
    let number: u64 = number.parse().ok()?;
    if matches!(unit.trim(), "KiB" | "MiB" | "GiB") {
        return None;
    }
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" => return Some(format!("write the bare number, {number}, for bytes")),
        "k" | "kb" | "kib" => "KiB",
        "m" | "mb" | "mib" => "MiB",
        "g" | "gb" | "gib" => "GiB",
        _ => return None,
    };
    Some(format!("write \"{number} {unit}\""))
}
