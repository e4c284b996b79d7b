//! Settings that blocks inherit from the blocks around them.

use super::directive::Directive;
use crate::notes::Notes;

/// Said of a directive that no reader knows.
pub(super) const UNKNOWN: &str = "not carried over: fosse migrate knows no key for it; see fosse.toml(5)";
/// Said of what fosse does in its own way.
const OWN_WAY: &str = "not carried over: fosse does this in its own way, and needs no setting for it";

/// Directives about what fosse decides itself: sockets, buffers, connections to servers.
const OWN: &[&str] = &[
    "sendfile",
    "sendfile_max_chunk",
    "tcp_nopush",
    "tcp_nodelay",
    "aio",
    "directio",
    "output_buffers",
    "types_hash_max_size",
    "types_hash_bucket_size",
    "server_names_hash_bucket_size",
    "server_names_hash_max_size",
    "variables_hash_max_size",
    "variables_hash_bucket_size",
    "proxy_headers_hash_max_size",
    "proxy_headers_hash_bucket_size",
    "client_body_buffer_size",
    "client_header_buffer_size",
    "proxy_buffers",
    "proxy_buffer_size",
    "proxy_busy_buffers_size",
    "proxy_buffering",
    "proxy_request_buffering",
    "proxy_temp_path",
    "client_body_temp_path",
    "proxy_max_temp_file_size",
    "server_tokens",
    "reset_timedout_connection",
    "keepalive_requests",
    "open_file_cache",
    "open_file_cache_valid",
    "open_file_cache_min_uses",
    "open_file_cache_errors",
    "default_type",
    "types",
    "charset",
    "etag",
    "if_modified_since",
    "proxy_cache_bypass",
    "proxy_no_cache",
    "proxy_socket_keepalive",
    "merge_slashes",
    "ignore_invalid_headers",
    "http2",
    "log_format",
    "log_not_found",
    "error_log",
    "msie_padding",
    "resolver",
    "resolver_timeout",
];

/// Beginnings of directives, and what to say of them.
const LEFT_OUT: &[(&str, &str)] = &[
    ("ssl", "not carried over: TLS is not in fosse yet; what ends TLS stands in front of it, and trusted names that"),
    ("gzip", "not carried over: fosse compresses nothing yet; responses of applications pass as they are"),
    ("brotli", "not carried over: fosse compresses nothing yet; responses of applications pass as they are"),
    (
        "auth_basic",
        "not carried over, so everybody is let in: let the application ask for the password, or keep nginx in front",
    ),
    ("auth_request", "not carried over, so everybody is let in: let the application ask, or keep nginx in front"),
    ("allow", "not carried over, so everybody is let in: see allow_networks and deny_networks of [[site]]"),
    ("deny", "not carried over, so everybody is let in: see allow_networks and deny_networks of [[site]]"),
    ("satisfy", "not carried over"),
    ("limit_", "not carried over: address_connections_max of [[listen]] limits the connections of an address"),
    ("access_log", "not carried over: access_log at the top of fosse.toml names one log for all sites"),
    ("add_header", "not carried over: see [site.response_headers]"),
    ("expires", "not carried over: let the application send it"),
    ("error_page", "not carried over: errors of applications pass as they are, and fosse has pages of its own"),
    ("proxy_intercept_errors", "not carried over: errors of applications pass as they are"),
    ("proxy_cache", "not carried over: fosse has no cache"),
    ("proxy_set_header", "not carried over: see [site.request_headers]"),
    ("proxy_hide_header", "not carried over: remove_response_headers of [[site]] leaves headers out"),
    ("proxy_redirect", "not carried over: Location passes as the application wrote it, but with strip_prefix"),
    ("proxy_ssl", "not carried over: fosse speaks plain HTTP to servers"),
    ("fastcgi", "not carried over: see protocol = \"fastcgi\" of [[backend]], which wants the scripts named"),
    ("uwsgi", "not carried over: only HTTP is spoken to servers; uWSGI has http-socket for it"),
    ("scgi", "not carried over: only HTTP is spoken to servers"),
    ("grpc", "not carried over: only HTTP/1.1 is spoken to servers"),
    ("rewrite", "not carried over: see rewrite and redirect of [[site.route]]"),
    ("return", "not carried over: a redirect to HTTPS belongs to what ends TLS; see redirect and respond of [[site]]"),
    ("if", "not carried over, nor is what is in it"),
    ("map", "not carried over: there are no variables of requests"),
    ("geo", "not carried over: there are no variables of requests"),
    ("set", "not carried over: there are no variables of requests"),
    ("real_ip", "not carried over: trusted of [[listen]] names the proxies whose word for the client counts"),
    ("set_real_ip_from", "not carried over: trusted of [[listen]] names the proxies whose word for the client counts"),
    ("client_header_timeout", "not carried over: head_seconds of [timeouts], for all sites"),
    ("client_body_timeout", "not carried over: body_seconds of [timeouts], for all sites"),
    ("send_timeout", "not carried over: write_seconds of [timeouts], for all sites"),
    ("keepalive_timeout", "not carried over: idle_seconds of [timeouts], for all sites"),
    ("large_client_header_buffers", "not carried over: head_bytes_max and header_bytes_max of [limits]"),
    ("underscores_in_headers", "not carried over: underscores of [[site]]"),
    ("proxy_next_upstream", "not carried over: [backend.retry]"),
    ("proxy_bind", "not carried over"),
    ("stub_status", "not carried over: fosse status, and /metrics of its socket"),
    ("location", "a location in a location: not carried over"),
    ("internal", "not carried over: this location is for what nginx itself asks for"),
];

/// The longest connect_seconds.
const CONNECT_SECONDS_MAX: f64 = 60.0;

/// Headers that fosse writes or passes as nginx is told to here.
const SAME_HEADERS: &[(&str, &[&str])] = &[
    ("host", &["$host", "$http_host"]),
    ("x-real-ip", &["$remote_addr"]),
    ("x-forwarded-for", &["$proxy_add_x_forwarded_for", "$remote_addr"]),
    ("x-forwarded-proto", &["$scheme"]),
    ("x-forwarded-host", &["$host", "$http_host"]),
    ("x-forwarded-port", &["$server_port"]),
    ("upgrade", &["$http_upgrade"]),
    ("connection", &["", "upgrade", "$connection_upgrade", "keep-alive", "close"]),
];

/// The settings in force at a place.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub body_bytes_max: Option<u64>,
    pub connect_seconds: Option<String>,
    pub read_seconds: Option<String>,
    pub root: Option<String>,
    pub index: Option<Vec<String>>,
    /// Networks of the proxies whose word for the client counts.
    pub trusted: Vec<String>,
    /// proxy_set_header says which host the application is asked for.
    pub passes_host: bool,
}

impl Scope {
    /// Takes a directive that may stand in http, server and location, or notes why it is not
    /// carried over.
    pub(super) fn take(&mut self, directive: &Directive, notes: &mut Notes) {
        let arguments = directive.arguments();
        let known = match (directive.name(), arguments.as_slice()) {
            ("client_max_body_size", [size]) => self.body_size(directive, size, notes),
            ("proxy_connect_timeout", [time]) => {
                let time =
                    seconds(time).filter(|time| time.parse::<f64>().is_ok_and(|time| time <= CONNECT_SECONDS_MAX));
                time.map(|time| self.connect_seconds = Some(time))
            }
            ("proxy_read_timeout" | "proxy_send_timeout", [time]) => {
                seconds(time).map(|time| self.read_seconds = Some(time))
            }
            ("root", [directory]) if directory.starts_with('/') && !directory.contains('$') => {
                self.root = Some((*directory).trim_end_matches('/').to_owned());
                Some(())
            }
            ("index", names) if !names.iter().any(|name| name.contains(['$', '/'])) => {
                self.index = Some(names.iter().map(|name| (*name).to_owned()).collect());
                Some(())
            }
            ("proxy_http_version", ["1.1"]) => Some(()),
            ("set_real_ip_from", [network]) if is_network(network) => {
                self.trusted.push((*network).to_owned());
                Some(())
            }
            ("real_ip_header", [name]) if name.eq_ignore_ascii_case("x-forwarded-for") => Some(()),
            ("real_ip_recursive", ["on"]) => Some(()),
            ("proxy_set_header", [name, value]) => self.header(name, value),
            _ => None,
        };
        if known.is_none() {
            directive.left_out(why(directive.name()), notes);
        }
    }

    /// Takes the longest body, in nginx's units; 0 is no limit.
    fn body_size(&mut self, directive: &Directive, written: &str, notes: &mut Notes) -> Option<()> {
        const BYTES_MAX: u64 = 16 << 30;
        let bytes = size(written)?;
        if bytes == 0 || bytes > BYTES_MAX {
            directive.left_out("carried over as 16 GiB, the most there is", notes);
        }
        self.body_bytes_max = Some(if bytes == 0 { BYTES_MAX } else { bytes.min(BYTES_MAX) });
        Some(())
    }

    fn header(&mut self, name: &str, value: &str) -> Option<()> {
        let name = name.to_ascii_lowercase();
        let (_, values) = SAME_HEADERS.iter().find(|(known, _)| *known == name)?;
        if !values.contains(&value) {
            return None;
        }
        self.passes_host |= name == "host";
        Some(())
    }
}

/// Returns whether a word is an address, or one with the length of its network.
fn is_network(word: &str) -> bool {
    let (address, bits) = word.split_once('/').unwrap_or((word, "0"));
    address.parse::<std::net::IpAddr>().is_ok() && bits.parse::<u8>().is_ok()
}

/// Returns the reason that a directive is not carried over.
fn why(name: &str) -> &'static str {
    if OWN.contains(&name) {
        return OWN_WAY;
    }
    let longest = LEFT_OUT.iter().filter(|(beginning, _)| name.starts_with(beginning));
    longest.max_by_key(|(beginning, _)| beginning.len()).map_or(UNKNOWN, |(_, why)| why)
}

/// Reads a size: bytes, or with k, m or g (nginx.org, "Configuration file measurement units").
fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|one: char| !one.is_ascii_digit());
    let scale = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

/// Reads a time as seconds: a number, or numbers with ms, s, m, h or d; for fosse 1 to 3600.
fn seconds(text: &str) -> Option<String> {
    let mut rest = text;
    let mut milliseconds = 0_u64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let unit: String = after.chars().take_while(char::is_ascii_alphabetic).collect();
        let scale = match unit.as_str() {
            "ms" => 1,
            "" | "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        milliseconds = milliseconds.checked_add(number.parse::<u64>().ok()?.checked_mul(scale)?)?;
        rest = after[unit.len()..].trim_start();
    }
    (1000..=3_600_000).contains(&milliseconds).then(|| match milliseconds % 1000 {
        0 => (milliseconds / 1000).to_string(),
        part => format!("{}.{part:03}", milliseconds / 1000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_nginxs() {
        assert_eq!(
            (size("8m"), size("1G"), size("7"), size("x"), size("8mm")),
            (Some(8 << 20), Some(1 << 30), Some(7), None, None)
        );
        let times = ["60", "1m", "1m 30s", "1500ms", "2h", "10ms", "", "x"].map(seconds);
        let expected = [Some("60"), Some("60"), Some("90"), Some("1.500"), None, None, None, None];
        assert_eq!(times, expected.map(|time| time.map(str::to_owned)));
    }
}
