//! Settings that blocks inherit from the blocks around them.

use super::conditions::{self, Effect, RULES_COUNT_MAX, Rule};
use super::directive::Directive;
use super::params::FastCgi;
use super::rewrite;
use super::settings::Settings;
use super::units::{is_network, seconds};
use crate::edge::{Action, Keys};
use crate::notes::{Notes, UNKNOWN};
use crate::php::Php;

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
    "fastcgi_buffers",
    "fastcgi_buffer_size",
    "fastcgi_buffering",
    "fastcgi_busy_buffers_size",
    "fastcgi_request_buffering",
    "fastcgi_temp_path",
    "fastcgi_temp_file_write_size",
    "fastcgi_max_temp_file_size",
    "fastcgi_keep_conn",
    "fastcgi_cache_key",
    "fastcgi_cache_use_stale",
    "fastcgi_cache_lock",
    "fastcgi_no_cache",
    "fastcgi_cache_bypass",
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
    ("gzip", "not carried over: see the compress keys of [[site]]"),
    ("brotli", "not carried over: see the compress keys of [[site]]"),
    ("auth_basic", "not carried over, so its requests get 403: see [site.basic_auth]"),
    ("auth_request", "not carried over, so its requests get 403: see [site.forward_auth]"),
    ("auth_", "not carried over, so its requests get 403: see [site.forward_auth]"),
    ("auth_request_set", "not carried over: see copy_headers of [site.forward_auth]"),
    ("allow", "not carried over, so those are not let in: see allow_networks of [[site]]"),
    ("deny", "not carried over, so its requests get 403: see allow_networks and deny_networks of [[site]]"),
    ("limit_except", "not carried over, so its requests get 403: see methods of [[site]]"),
    ("satisfy", "not carried over"),
    ("limit_", "not carried over: address_connections_max of [[listen]] limits the connections of an address"),
    ("limit_rate", "not carried over: response_bytes_per_second of [[site]] is 1024 or more"),
    (
        "secure_link",
        "not carried over, so its requests get 403: links of [site.signed_links] are signed with HMAC-SHA256, see fosse sign",
    ),
    ("mirror", "not carried over: see [site.mirror]"),
    ("access_log", "not carried over: access_log at the top of fosse.toml names one log for all sites"),
    (
        "add_header",
        "not carried over: it has a variable that fosse has not, or is there twice; see [site.response_headers]",
    ),
    ("expires", "not carried over: see [site.response_headers]"),
    ("error_page", "not carried over: a page is a file or a text; see [[site.error]]"),
    ("proxy_intercept_errors", "not carried over: errors of applications pass as they are"),
    ("proxy_cache", "not carried over: see the cache keys of [[site]]"),
    ("proxy_set_header", "not carried over: see [site.request_headers]"),
    ("proxy_hide_header", "not carried over: see [site.response_headers]"),
    ("proxy_redirect", "not carried over: Location passes as the application wrote it, but with strip_prefix"),
    ("proxy_ssl", "not carried over: fosse speaks plain HTTP to servers"),
    ("fastcgi", "not carried over: see [backend.fastcgi] and the keys of [[backend]]"),
    (
        "fastcgi_param",
        "not carried over: params of [backend.fastcgi] has texts without variables, and none that fosse writes itself",
    ),
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
    ("client_body_timeout", "not carried over: body_seconds of [[site]]"),
    ("send_timeout", "not carried over: write_seconds of [timeouts], for all sites"),
    ("keepalive_timeout", "not carried over: idle_seconds of [timeouts], for all sites"),
    ("large_client_header_buffers", "not carried over: head_bytes_max and header_bytes_max of [[site]]"),
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
    pub settings: Settings,
    /// Keys that only a route can have: how its paths become those of its backend.
    pub of_route: Keys,
    /// Places where a path is looked up among files.
    pub try_files: Option<Vec<String>>,
    pub connect_seconds: Option<String>,
    pub read_seconds: Option<String>,
    pub root: Option<String>,
    pub index: Option<Vec<String>>,
    /// Networks of the proxies whose word for the client counts.
    pub trusted: Vec<String>,
    /// proxy_set_header says which host the application is asked for.
    pub passes_host: bool,
    pub fastcgi: FastCgi,
    /// The script that a directory stands for, and whether no file is looked for before.
    pub index_script: Option<String>,
    pub is_script_first: bool,
    pub index_line: Option<Directive>,
    /// The script that gets all paths that are no file's.
    pub front: Option<String>,
    /// Its requests go on to the location of the scripts.
    pub leads: bool,
    /// Keys of those that a directory stands for, and of the files of this place.
    pub script_keys: Keys,
    pub file_keys: Keys,
    /// Files beside the scripts that the requests of this place go to.
    pub beside: Option<Php>,
    /// The backend that directories go to.
    pub directories: Option<String>,
    /// Changes of the paths of this place, and redirects of some of them.
    pub rewrites: Vec<rewrite::Path>,
    pub redirects: Vec<(String, Action)>,
    /// Responses for some requests of this place, whatever else there is.
    pub rules: Vec<Rule>,
    /// Guards of this place that are not carried over, by their directives.
    pub lost: Vec<String>,
}

impl Scope {
    /// Returns what a block inside of this place begins with.
    pub(super) fn enter(&self) -> Self {
        Self {
            settings: self.settings.enter(),
            fastcgi: self.fastcgi.enter(),
            of_route: Keys::new(),
            try_files: None,
            leads: false,
            beside: None,
            rewrites: Vec::new(),
            redirects: Vec::new(),
            directories: None,
            ..self.clone()
        }
    }

    /// Takes a directive that may stand in http, server and location, or notes why it is not
    /// carried over.
    pub(super) fn take(&mut self, directive: &Directive, notes: &mut Notes) {
        let arguments = directive.arguments();
        let known = match (directive.name(), arguments.as_slice()) {
            ("proxy_connect_timeout" | "fastcgi_connect_timeout", [time]) => {
                let time =
                    seconds(time).filter(|time| time.parse::<f64>().is_ok_and(|time| time <= CONNECT_SECONDS_MAX));
                time.map(|time| self.connect_seconds = Some(time))
            }
            ("proxy_read_timeout" | "proxy_send_timeout" | "fastcgi_read_timeout" | "fastcgi_send_timeout", [time]) => {
                seconds(time).map(|time| self.read_seconds = Some(time))
            }
            ("root", [directory]) if directory.starts_with('/') && !directory.contains('$') => {
                self.root = Some((*directory).trim_end_matches('/').to_owned());
                Some(())
            }
            ("index", names) if !names.iter().any(|name| name.contains(['$', '/'])) => {
                self.take_index(directive, names);
                Some(())
            }
            ("proxy_http_version", ["1.1"]) => Some(()),
            ("set_real_ip_from", [network]) if is_network(network) => {
                self.trusted.push((*network).to_owned());
                Some(())
            }
            ("real_ip_header", [name]) if name.eq_ignore_ascii_case("x-forwarded-for") => Some(()),
            ("real_ip_recursive", ["on"]) => Some(()),
            ("proxy_set_header", [name, value]) if self.header(name, value).is_some() => Some(()),
            // It is what fosse does with upgrades.
            ("map", ["$http_upgrade", "$connection_upgrade"]) => Some(()),
            ("if", _) => return self.condition(directive, notes),
            (name, words) => self.fastcgi.take(name, words).or_else(|| self.settings.take(directive, notes)),
        };
        match known {
            _ if arguments == ["off"] && is_guard(directive.name()) => {
                self.lost.retain(|guard| guard != directive.name())
            }
            Some(()) => {}
            None if is_guard(directive.name()) => self.lose(directive, notes),
            None => directive.left_out(why(directive.name()), notes),
        }
    }

    fn condition(&mut self, directive: &Directive, notes: &mut Notes) {
        match conditions::read(directive, notes) {
            Effect::None => {}
            Effect::Rules(rules) if self.rules.len() + rules.len() <= RULES_COUNT_MAX => self.rules.extend(rules),
            Effect::Methods(names) => self.settings.methods = Some(names),
            Effect::Front(script) => self.front = Some(script),
            Effect::Rules(_) => {
                directive.left_out(conditions::CLOSED, notes);
                self.lost.push("if".to_owned());
            }
            Effect::Lost => self.lost.push("if".to_owned()),
        }
    }

    fn take_index(&mut self, directive: &Directive, names: &[&str]) {
        // What is a script for nginx would be a text that everybody may read.
        let (scripts, files): (Vec<&str>, Vec<&str>) = names.iter().copied().partition(|name| name.ends_with(".php"));
        self.is_script_first = names.first().is_some_and(|name| name.ends_with(".php"));
        self.index_script = scripts.first().map(|name| (*name).to_owned());
        self.index_line = self.index_script.as_ref().map(|_| directive.clone());
        self.index = Some(files.into_iter().map(str::to_owned).collect());
    }

    /// Has no expressions for what is below this place; returns whether there were any.
    pub(super) fn drop_expressions(&mut self) -> bool {
        let had = self.beside.take().is_some() || !self.rewrites.is_empty() || !self.redirects.is_empty();
        self.rewrites.clear();
        self.redirects.clear();
        had | self.directories.take().is_some()
    }

    /// Notes a guard that is not carried over: nobody is let in where it stands.
    pub(super) fn lose(&mut self, directive: &Directive, notes: &mut Notes) {
        let guard = directive.name();
        // One file of users is asked for by the other directive.
        let guard = guard.strip_suffix("_user_file").unwrap_or(guard);
        if !self.lost.iter().any(|there| there == guard) {
            self.lost.push(guard.to_owned());
        }
        directive.left_out(why(directive.name()), notes);
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

/// Returns whether a directive keeps requests out.
pub(super) fn is_guard(name: &str) -> bool {
    let is_auth = name.starts_with("auth_") && name != "auth_request_set";
    is_auth || name.starts_with("secure_link") || matches!(name, "deny" | "limit_except")
}

/// Returns the reason that a directive is not carried over.
fn why(name: &str) -> &'static str {
    if OWN.contains(&name) {
        return OWN_WAY;
    }
    let longest = LEFT_OUT.iter().filter(|(beginning, _)| name.starts_with(beginning));
    longest.max_by_key(|(beginning, _)| beginning.len()).map_or(UNKNOWN, |(_, why)| why)
}
