//! Every key of fosse.toml keeps its name: whoever looks for it finds the line that obeys it.

use std::collections::{BTreeMap, BTreeSet};

use fosse_tidy::exceptions::only;
use fosse_tidy::source::code;
use fosse_tidy::{File, files, none, read};

/// What fosse-config obeys itself, and what checks the keys against each other.
const CONFIG: &str = "common/config/model";
/// Chooses site and backend, for parse, dispatch and `fosse explain`.
const ROUTING: &str = "common/config/routing";
const ACCEPT: &str = "bins/accept";
const ACME: &str = "bins/acme";
const CACHE: &str = "bins/cache";
/// Checks certificates.
const CERTS: &str = "bins/certs";
const CONNECT: &str = "bins/connect";
const DISPATCH: &str = "bins/dispatch";
const ENCODE: &str = "bins/encode";
/// Checks servers.
const PROBER: &str = "bins/prober";
/// Follows names.
const RESOLVE: &str = "bins/resolve";
const LOAD: &str = "bins/load";
/// What every front does, parse among them.
const FRONT: &str = "common/http/front";
const LOG: &str = "bins/log";
/// Checks passwords.
const PASSWORD: &str = "bins/password";
const PARSE: &str = "bins/parse";
const TLS: &str = "bins/tls";
const CONNECT_TLS: &str = "bins/connect-tls";
const START: &str = "bins/start";
const STATIC: &str = "bins/static";
const WAF_FILTER: &str = "bins/waf-filter";

/// A table of fosse.toml(5), a key of it, and the places that obey the key.
const OBEYED_BY: &[(&str, &str, &[&str])] = &[
    ("top", "include", &[CONFIG]),
    ("top", "lanes", &[START]),
    ("top", "uid_base", &[START]),
    ("top", "scheduling", &[START]),
    ("top", "group", &[START]),
    ("top", "name_servers", &[RESOLVE]),
    ("top", "drain_seconds_max", &[PARSE, START]),
    ("top", "stop_seconds_max", &[START]),
    ("top", "access_log", &[FRONT, START]),
    ("top", "access_log_format", &[FRONT]),
    ("top", "access_log_fields", &[FRONT]),
    ("top", "slow_request_seconds", &[FRONT]),
    ("top", "audit_log", &[START]),
    ("top", "status_socket_owner", &[CONFIG]),
    ("top", "status_socket_group", &[CONFIG]),
    ("top", "status_socket_mode", &[CONFIG]),
    ("top", "status_address", &[START]),
    ("top", "status_public", &[CONFIG]),
    ("top", "status_socket", &[START]),
    ("top", "spool_directory", &[START]),
    ("top", "cache_directory", &[START]),
    ("top", "allow", &[LOAD]),
    ("top", "deny", &[LOAD]),
    ("top", "timeouts", &[CONFIG]),
    ("top", "limits", &[CONFIG]),
    ("top", "template", &[CONFIG]),
    ("top", "listen", &[CONFIG]),
    ("top", "certificate", &[CONFIG]),
    ("top", "acme", &[CONFIG]),
    ("top", "tls", &[CONFIG]),
    ("top", "site", &[CONFIG]),
    ("top", "backend", &[CONFIG]),
    ("[timeouts]", "head_seconds", &[PARSE]),
    ("[timeouts]", "body_seconds", &[PARSE]),
    ("[timeouts]", "idle_seconds", &[PARSE]),
    ("[timeouts]", "write_seconds", &[DISPATCH, PARSE]),
    ("[limits]", "connections_max", &[ACCEPT]),
    ("[limits]", "head_bytes_max", &[FRONT]),
    ("[limits]", "target_bytes_max", &[FRONT]),
    ("[limits]", "header_bytes_max", &[FRONT]),
    ("[limits]", "header_count_max", &[FRONT]),
    ("[limits]", "connection_requests_max", &[PARSE]),
    ("[limits]", "lane_connections_max", &[START]),
    ("[limits]", "lane_held_bytes_max", &[DISPATCH, WAF_FILTER]),
    ("[limits]", "spool_bytes_max", &[START]),
    ("[limits]", "cache_bytes_max", &[CONFIG]),
    ("[limits]", "cache_disk_bytes_max", &[START]),
    ("[limits]", "cached_response_bytes_max", &[CACHE]),
    ("[limits]", "lane_buffered_bytes_max", &[DISPATCH]),
    ("[limits]", "lane_response_bytes_max", &[DISPATCH]),
    ("[limits]", "lane_encode_bytes_max", &[ENCODE]),
    ("[limits]", "response_head_bytes_max", &[DISPATCH]),
    ("[limits]", "response_header_bytes_max", &[DISPATCH]),
    ("[limits]", "response_header_count_max", &[DISPATCH]),
    ("[limits]", "log_second_lines_max", &[LOG, START]),
    ("[[listen]]", "address", &[START]),
    ("[[listen]]", "name", &[START]),
    ("[[listen]]", "public", &[CONFIG]),
    ("[[listen]]", "owner", &[START]),
    ("[[listen]]", "group", &[START]),
    ("[[listen]]", "mode", &[START]),
    ("[[listen]]", "peer_uids", &[ACCEPT]),
    ("[[listen]]", "proxy_protocol", &[FRONT]),
    ("[[listen]]", "behind_tls", &[FRONT]),
    ("[[listen]]", "trusted", &[ACCEPT, FRONT]),
    ("[[listen]]", "trusted_fields", &[FRONT]),
    ("[[listen]]", "connection_per_client", &[FRONT]),
    ("[[listen]]", "address_connections_max", &[ACCEPT, FRONT]),
    ("[[listen]]", "source_bytes_per_second", &[FRONT]),
    ("[[listen]]", "backlog", &[START]),
    ("[[listen]]", "keepalive_seconds", &[START]),
    ("[[listen]]", "tls", &[ACCEPT]),
    ("[[listen]]", "http2", &[ACCEPT]),
    ("[[listen]]", "public_port", &[CONFIG]),
    ("[[certificate]]", "file", &[CERTS]),
    ("[[certificate]]", "key", &[CERTS]),
    ("[[certificate]]", "acme", &[CERTS]),
    ("[[certificate]]", "names", &[ACME]),
    ("[[certificate]]", "key_type", &[CONFIG]),
    ("[[acme]]", "name", &[ACME]),
    ("[[acme]]", "directory", &[ACME]),
    ("[[acme]]", "challenge", &[ACME]),
    ("[[acme]]", "contact", &[ACME]),
    ("[[acme]]", "agree_to_terms", &[CONFIG]),
    ("[[acme]]", "ca_file", &[ACME]),
    ("[[acme]]", "profile", &[ACME]),
    ("[[acme]]", "key_id", &[ACME]),
    ("[[acme]]", "key_file", &[ACME]),
    ("[tls]", "minimum_version", &[TLS]),
    ("[tls]", "ciphers", &[TLS]),
    ("[tls]", "groups", &[TLS]),
    ("[tls]", "unknown_names", &[TLS]),
    ("[tls]", "http2", &[TLS]),
    ("[tls]", "handshake_seconds", &[TLS]),
    ("[site.tls]", "enabled", &[TLS]),
    ("[site.tls]", "minimum_version", &[TLS]),
    ("[site.tls]", "client_ca", &[CONFIG]),
    ("[site.tls]", "client_crl", &[CONFIG]),
    ("[site.tls]", "redirect", &[CONFIG]),
    ("[site.tls]", "client_certificates", &[TLS]),
    ("[[listen]]", "freebind", &[START]),
    ("[[listen]]", "allow", &[LOAD]),
    ("[[listen]]", "deny", &[LOAD]),
    ("[[site]]", "template", &[CONFIG]),
    ("[[site]]", "hosts", &[ROUTING]),
    ("[[site]]", "default", &[ROUTING]),
    ("[[site]]", "default_for", &[ROUTING]),
    ("[[site]]", "backend", &[ROUTING]),
    ("[[site]]", "route", &[ROUTING]),
    ("[[site]]", "waf", &[WAF_FILTER]),
    ("[[site]]", "rules", &[LOAD, WAF_FILTER]),
    ("[[site]]", "exclude", &[CONFIG]),
    ("[[site]]", "rules_milliseconds_max", &[WAF_FILTER]),
    ("[[site]]", "inspect_responses", &[DISPATCH, START, WAF_FILTER]),
    ("[[site]]", "compress", &[DISPATCH]),
    ("[[site]]", "compress_types", &[DISPATCH]),
    ("[[site]]", "compress_bytes_min", &[DISPATCH]),
    ("[[site]]", "compress_secrets", &[DISPATCH]),
    ("[[site]]", "methods", &[FRONT]),
    ("[[site]]", "forward_auth", &[DISPATCH]),
    ("[[site]]", "underscores", &[DISPATCH]),
    ("[[site]]", "redirect", &[ROUTING]),
    ("[[site]]", "redirect_status", &[CONFIG]),
    ("[[site]]", "respond", &[DISPATCH]),
    ("[[site]]", "respond_body", &[CONFIG]),
    ("[[site]]", "respond_type", &[CONFIG]),
    ("[[site]]", "respond_file", &[FRONT]),
    ("[[site]]", "error", &[PARSE]),
    ("[[site]]", "error_json", &[FRONT]),
    ("[[site]]", "intercept_errors", &[DISPATCH]),
    ("[[site]]", "send_files", &[DISPATCH]),
    ("[[site]]", "send_files_prefix", &[DISPATCH]),
    ("[[site]]", "allow_networks", &[CONFIG]),
    ("[[site]]", "deny_networks", &[CONFIG]),
    ("[[site]]", "identity_headers", &[DISPATCH]),
    ("[[site]]", "proxy_headers", &[DISPATCH]),
    ("[[site]]", "send_request_id", &[FRONT]),
    ("[[site]]", "backend_host", &[CONFIG]),
    ("[[site]]", "request_headers", &[DISPATCH]),
    ("[[site]]", "signed_links", &[DISPATCH]),
    ("[[site]]", "cors", &[DISPATCH]),
    ("[[site]]", "tls", &[CONFIG]),
    ("[[site]]", "basic_auth", &[DISPATCH]),
    ("[[site]]", "response_headers", &[DISPATCH]),
    ("[[site]]", "security_headers", &[CONFIG]),
    ("[[site]]", "body_seconds", &[PARSE]),
    ("[[site]]", "first_byte_seconds", &[DISPATCH]),
    ("[[site]]", "idle_seconds", &[DISPATCH]),
    ("[[site]]", "response_bytes_per_second", &[FRONT]),
    ("[[site]]", "response_rate_after_bytes", &[FRONT]),
    ("[[site]]", "source_bytes_per_second", &[FRONT]),
    ("[[site]]", "buffer_requests", &[WAF_FILTER]),
    ("[[site]]", "retry", &[DISPATCH]),
    ("[[site]]", "mirror", &[DISPATCH]),
    ("[[site]]", "cache", &[CONFIG]),
    ("[[site]]", "cache_key_headers", &[DISPATCH]),
    ("[[site]]", "cache_key_cookies", &[DISPATCH]),
    ("[[site]]", "cache_key_query", &[DISPATCH]),
    ("[[site]]", "cache_seconds", &[DISPATCH]),
    ("[[site]]", "cache_errors", &[DISPATCH]),
    ("[[site]]", "cache_set_cookie", &[DISPATCH]),
    ("[[site]]", "cache_authorized", &[DISPATCH]),
    ("[[site]]", "cache_key_only", &[DISPATCH]),
    ("[[site]]", "utf8", &[FRONT, WAF_FILTER]),
    ("[[site]]", "body_bytes_max", &[FRONT, WAF_FILTER]),
    ("[[site]]", "head_bytes_max", &[FRONT]),
    ("[[site]]", "target_bytes_max", &[FRONT]),
    ("[[site]]", "header_bytes_max", &[FRONT]),
    ("[[site]]", "header_count_max", &[FRONT]),
    ("[[site]]", "body_over_limit", &[WAF_FILTER]),
    ("[[site.route]]", "response_bytes_per_second", &[FRONT]),
    ("[[site.route]]", "response_rate_after_bytes", &[FRONT]),
    ("[[site.route]]", "cache", &[CONFIG]),
    ("[[site.route]]", "cache_key_headers", &[DISPATCH]),
    ("[[site.route]]", "cache_key_cookies", &[DISPATCH]),
    ("[[site.route]]", "cache_key_query", &[DISPATCH]),
    ("[[site.route]]", "cache_seconds", &[DISPATCH]),
    ("[[site.route]]", "cache_errors", &[DISPATCH]),
    ("[[site.route]]", "cache_set_cookie", &[DISPATCH]),
    ("[[site.route]]", "cache_authorized", &[DISPATCH]),
    ("[[site.route]]", "cache_key_only", &[DISPATCH]),
    ("[[site.route]]", "path", &[ROUTING]),
    ("[[site.route]]", "prefix", &[ROUTING]),
    ("[[site.route]]", "glob", &[ROUTING]),
    ("[[site.route]]", "regex", &[ROUTING]),
    ("[[site.route]]", "when", &[CONFIG]),
    ("[[site.route]]", "backend", &[CONFIG]),
    ("[[site.route]]", "redirect", &[ROUTING]),
    ("[[site.route]]", "redirect_status", &[CONFIG]),
    ("[[site.route]]", "respond", &[DISPATCH]),
    ("[[site.route]]", "respond_body", &[CONFIG]),
    ("[[site.route]]", "respond_type", &[CONFIG]),
    ("[[site.route]]", "respond_file", &[FRONT]),
    ("[[site.route]]", "error", &[PARSE]),
    ("[[site.route]]", "error_json", &[FRONT]),
    ("[[site.route]]", "intercept_errors", &[DISPATCH]),
    ("[[site.route]]", "send_files", &[DISPATCH]),
    ("[[site.route]]", "send_files_prefix", &[DISPATCH]),
    ("[[site.route]]", "allow_networks", &[CONFIG]),
    ("[[site.route]]", "deny_networks", &[CONFIG]),
    ("[[site.route]]", "forward_auth", &[DISPATCH]),
    ("[[site.route]]", "identity_headers", &[DISPATCH]),
    ("[[site.route]]", "proxy_headers", &[DISPATCH]),
    ("[[site.route]]", "send_request_id", &[FRONT]),
    ("[[site.route]]", "backend_host", &[CONFIG]),
    ("[[site.route]]", "request_headers", &[DISPATCH]),
    ("[[site.route]]", "signed_links", &[DISPATCH]),
    ("[[site.route]]", "cors", &[DISPATCH]),
    ("[[site.route]]", "basic_auth", &[DISPATCH]),
    ("[[site.route]]", "response_headers", &[DISPATCH]),
    ("[[site.route]]", "security_headers", &[CONFIG]),
    ("[[site.route]]", "body_seconds", &[PARSE]),
    ("[[site.route]]", "first_byte_seconds", &[DISPATCH]),
    ("[[site.route]]", "idle_seconds", &[DISPATCH]),
    ("[[site.route]]", "buffer_requests", &[WAF_FILTER]),
    ("[[site.route]]", "retry", &[DISPATCH]),
    ("[[site.route]]", "mirror", &[DISPATCH]),
    ("[site.mirror]", "backend", &[DISPATCH]),
    ("[site.mirror]", "percent", &[DISPATCH]),
    ("[[site.route]]", "strip_prefix", &[CONFIG]),
    ("[[site.route]]", "add_prefix", &[CONFIG]),
    ("[[site.route]]", "rewrite", &[ROUTING]),
    ("[[site.route]]", "waf", &[WAF_FILTER]),
    ("[[site.route]]", "rules", &[LOAD, WAF_FILTER]),
    ("[[site.route]]", "rules_milliseconds_max", &[WAF_FILTER]),
    ("[[site.route]]", "inspect_responses", &[DISPATCH, START, WAF_FILTER]),
    ("[[site.route]]", "compress", &[DISPATCH]),
    ("[[site.route]]", "compress_types", &[DISPATCH]),
    ("[[site.route]]", "compress_bytes_min", &[DISPATCH]),
    ("[[site.route]]", "compress_secrets", &[DISPATCH]),
    ("[[site.route]]", "methods", &[FRONT]),
    ("[[site.route]]", "underscores", &[DISPATCH]),
    ("[[site.route]]", "utf8", &[FRONT, WAF_FILTER]),
    ("[[site.route]]", "body_bytes_max", &[FRONT, WAF_FILTER]),
    ("[[site.route]]", "head_bytes_max", &[FRONT]),
    ("[[site.route]]", "target_bytes_max", &[FRONT]),
    ("[[site.route]]", "header_bytes_max", &[FRONT]),
    ("[[site.route]]", "header_count_max", &[FRONT]),
    ("[[site.route]]", "body_over_limit", &[WAF_FILTER]),
    ("[site.forward_auth]", "backend", &[DISPATCH]),
    ("[site.forward_auth]", "path", &[DISPATCH]),
    ("[site.forward_auth]", "copy_headers", &[DISPATCH]),
    ("[site.forward_auth]", "sign_in", &[DISPATCH]),
    ("[site.forward_auth]", "decision_seconds", &[DISPATCH]),
    ("[site.route.when]", "method", &[ROUTING]),
    ("[site.route.when]", "header", &[ROUTING]),
    ("[site.route.when]", "query", &[ROUTING]),
    ("[site.route.when]", "cookie", &[ROUTING]),
    ("[site.route.when]", "listener", &[CONFIG]),
    ("[site.route.when]", "network", &[ROUTING]),
    ("[[site.error]]", "status", &[CONFIG]),
    ("[[site.error]]", "file", &[CONFIG]),
    ("[[site.error]]", "text", &[CONFIG]),
    ("[[site.error]]", "content_type", &[PARSE]),
    ("[site.cors]", "origins", &[DISPATCH]),
    ("[site.cors]", "methods", &[DISPATCH]),
    ("[site.cors]", "headers", &[DISPATCH]),
    ("[site.cors]", "expose_headers", &[CONFIG]),
    ("[site.cors]", "credentials", &[CONFIG]),
    ("[site.cors]", "max_age_seconds", &[DISPATCH]),
    ("[site.basic_auth]", "realm", &[DISPATCH]),
    ("[site.basic_auth]", "users", &[PASSWORD]),
    ("[site.basic_auth]", "users_file", &[CONFIG]),
    ("[site.basic_auth]", "user_header", &[DISPATCH]),
    ("[site.basic_auth]", "keep_authorization", &[CONFIG]),
    ("[site.basic_auth]", "anonymous_networks", &[DISPATCH]),
    ("[site.signed_links]", "keys", &[DISPATCH, LOAD]),
    ("[site.signed_links]", "expires_argument", &[DISPATCH]),
    ("[site.signed_links]", "signature_argument", &[DISPATCH]),
    ("[site.signed_links]", "bind_client", &[DISPATCH]),
    ("[site.signed_links]", "keep_arguments", &[DISPATCH]),
    ("[site.request_headers]", "set", &[CONFIG]),
    ("[site.request_headers]", "add", &[CONFIG]),
    ("[site.request_headers]", "default", &[CONFIG]),
    ("[site.request_headers]", "remove", &[CONFIG]),
    ("[site.request_headers]", "replace", &[CONFIG]),
    ("[[site.request_headers.replace]]", "header", &[CONFIG]),
    ("[[site.request_headers.replace]]", "regex", &[CONFIG]),
    ("[[site.request_headers.replace]]", "value", &[CONFIG]),
    ("[[site.exclude]]", "rules", &[CONFIG]),
    ("[[site.exclude]]", "tag", &[CONFIG]),
    ("[[site.exclude]]", "path", &[CONFIG]),
    ("[[site.exclude]]", "argument", &[CONFIG]),
    ("[[backend]]", "name", &[CONFIG]),
    ("[[backend]]", "servers", &[CONNECT, DISPATCH]),
    ("[[backend]]", "server", &[CONFIG]),
    ("[[backend]]", "files", &[START]),
    ("[[backend]]", "index", &[STATIC]),
    ("[[backend]]", "try_files", &[STATIC]),
    ("[[backend]]", "precompressed", &[STATIC]),
    ("[[backend]]", "cache_control", &[STATIC]),
    ("[[backend.cache_control]]", "paths", &[STATIC]),
    ("[[backend.cache_control]]", "value", &[STATIC]),
    ("[[backend]]", "remote", &[CONFIG]),
    ("[[backend]]", "addresses_max", &[CONFIG]),
    ("[[backend]]", "address_family", &[RESOLVE]),
    ("[[backend]]", "address_networks", &[CONFIG]),
    ("[[backend]]", "source_address", &[CONNECT]),
    ("[[backend]]", "peer_uid", &[CONNECT]),
    ("[[backend]]", "balance", &[DISPATCH]),
    ("[[backend]]", "hash_by", &[DISPATCH]),
    ("[[backend]]", "sticky_cookie", &[DISPATCH]),
    ("[[backend]]", "affinity_seed", &[DISPATCH]),
    ("[[backend]]", "connections_max", &[DISPATCH]),
    ("[[backend]]", "queue_requests_max", &[DISPATCH]),
    ("[[backend]]", "queue_seconds", &[DISPATCH]),
    ("[[backend]]", "pool_connections_max", &[DISPATCH]),
    ("[[backend]]", "pool_idle_seconds", &[DISPATCH]),
    ("[[backend]]", "connect_seconds", &[CONNECT, DISPATCH]),
    ("[[backend]]", "first_byte_seconds", &[DISPATCH, PROBER]),
    ("[[backend]]", "idle_seconds", &[DISPATCH]),
    ("[[backend]]", "retry", &[DISPATCH]),
    ("[[backend]]", "retry_budget_percent", &[DISPATCH]),
    ("[[backend]]", "retry_budget_min", &[DISPATCH]),
    ("[[backend]]", "buffer_requests", &[WAF_FILTER]),
    ("[[backend]]", "protocol", &[DISPATCH]),
    ("[[backend]]", "proxy_protocol", &[DISPATCH, PROBER]),
    ("[[backend]]", "via", &[DISPATCH]),
    ("[[backend]]", "abort_on_close", &[PARSE]),
    ("[[backend]]", "lenient_responses", &[DISPATCH, PROBER]),
    ("[[backend]]", "upgrade", &[DISPATCH, PARSE]),
    ("[[backend]]", "health", &[DISPATCH, PROBER]),
    ("[[backend.server]]", "address", &[CONNECT]),
    ("[[backend.server]]", "weight", &[DISPATCH]),
    ("[[backend.server]]", "backup", &[DISPATCH]),
    ("[[backend]]", "tls", &[CONFIG]),
    ("[backend.tls]", "ca_file", &[CONFIG]),
    ("[backend.tls]", "server_name", &[CONNECT_TLS]),
    ("[backend.tls]", "minimum_version", &[CONNECT_TLS]),
    ("[backend.tls]", "verify", &[CONFIG]),
    ("[backend.health]", "path", &[PROBER]),
    ("[backend.health]", "method", &[PROBER]),
    ("[backend.health]", "host", &[PROBER]),
    ("[backend.health]", "port", &[CONNECT]),
    ("[backend.health]", "status", &[PROBER]),
    ("[backend.health]", "body", &[PROBER]),
    ("[backend.health]", "interval_seconds", &[PROBER]),
    ("[backend.health]", "passes_min", &[PROBER]),
    ("[backend.health]", "failures_max", &[DISPATCH, PROBER]),
    ("[backend.health]", "rest_seconds", &[DISPATCH]),
    ("[backend.health]", "slow_start_seconds", &[DISPATCH]),
    ("[backend.retry]", "on", &[DISPATCH]),
    ("[backend.retry]", "status", &[DISPATCH]),
    ("[backend.retry]", "methods", &[DISPATCH]),
    ("[backend.retry]", "attempts_max", &[DISPATCH]),
    ("[backend.retry]", "seconds_max", &[DISPATCH]),
    ("[[backend]]", "fastcgi", &[DISPATCH, ROUTING]),
    ("[backend.fastcgi]", "root", &[DISPATCH]),
    ("[backend.fastcgi]", "scripts", &[ROUTING]),
    ("[backend.fastcgi]", "front_controller", &[ROUTING]),
    ("[backend.fastcgi]", "index", &[ROUTING]),
    ("[backend.fastcgi]", "path_info", &[DISPATCH, ROUTING]),
    ("[backend.fastcgi]", "params", &[DISPATCH]),
];

/// Keys that have another name where they are obeyed: the finding, as the test words it, and why.
const UNDER_ANOTHER_NAME: &[(&str, &str)] = &[
    ("deny of top: bins/load", "a list carries `allow`, which is false for deny"),
    ("deny of [[listen]]: bins/load", "a list carries `allow`, which is false for deny"),
    ("backend of [[site]]: common/config/routing", "a request has a policy, which says its backend"),
    ("header of [site.route.when]: common/config/routing", "`Header`, a kind of condition"),
    ("network of [site.route.when]: common/config/routing", "`Network`, a kind of condition"),
    ("peer_uid of [[backend]]: bins/connect", "`peer_uids`, as listeners have several; one is a list of one"),
];

/// The keys of the page, each with its table.
fn keys_of_the_page() -> BTreeSet<(String, String)> {
    let page = read("man/fosse.toml.5");
    let tables =
        page.split(".\\\" The tables below").nth(1).and_then(|rest| rest.split(".\\\" End of the tables").next());
    let (mut keys, mut table) = (BTreeSet::new(), String::new());
    for line in tables.expect("the page has the tables").lines() {
        if let Some(title) = line.strip_prefix(".Ss ") {
            let title = title.trim_end_matches("\\&");
            table = if title.starts_with('[') { title.to_owned() } else { "top".to_owned() };
        } else if let Some(key) = line.strip_prefix(".It Ic ") {
            keys.insert((table.clone(), key.to_owned()));
        }
    }
    keys
}

/// The words of the code below a place, without comments, strings and tests.
fn words(files: &[File], place: &str) -> BTreeSet<String> {
    let source = |file: &&File| file.is_source() && file.path.starts_with(&format!("{place}/src/"));
    let lines = files.iter().filter(source).flat_map(|file| file.without_tests().lines().map(code));
    let split =
        |line: String| line.split(|c: char| !(c.is_alphanumeric() || c == '_')).map(str::to_owned).collect::<Vec<_>>();
    lines.flat_map(split).collect()
}

#[test]
fn every_key_of_the_page_has_a_row_here_and_no_other_has() {
    let rows: BTreeSet<(String, String)> =
        OBEYED_BY.iter().map(|(table, key, _)| ((*table).to_owned(), (*key).to_owned())).collect();
    assert_eq!(rows.len(), OBEYED_BY.len(), "a key has two rows");
    let page = keys_of_the_page();
    let named = |(table, key): &(String, String)| format!("{key} of {table}");
    none("keys without a row", &page.difference(&rows).map(named).collect::<Vec<_>>());
    none("rows without a key", &rows.difference(&page).map(named).collect::<Vec<_>>());
}

#[test]
fn every_key_is_named_where_it_is_obeyed() {
    let files = files();
    let mut known: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut missing = Vec::new();
    for (table, key, places) in OBEYED_BY {
        for place in *places {
            let words = known.entry(place).or_insert_with(|| words(&files, place));
            assert!(!words.is_empty(), "{place} has no source");
            if !words.contains(*key) {
                missing.push(format!("{key} of {table}: {place}"));
            }
        }
    }
    let exceptions: Vec<&str> = UNDER_ANOTHER_NAME.iter().map(|(finding, _)| *finding).collect();
    only("keys that have another name where they are obeyed", &exceptions, &missing);
}
