//! Every key that a site, a route or a backend can say, and where it is compared with other
//! servers.

use std::{collections::BTreeSet, fs, path::Path};

use fosse_model::model::SECTIONS;

use crate::{access, copies, cors, kept, paths, responses, servers};

/// Keys that other files of these tests compare, the file, and the word of it that does.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("files", "files.rs", "files"),
    ("index", "files.rs", "index"),
    ("try_files", "files.rs", "try_files"),
    ("precompressed", "files.rs", "precompressed"),
    ("servers", "choice_of_servers.rs", "servers"),
    ("server", "choice_of_servers.rs", "server"),
    ("server.address", "choice_of_servers.rs", "address"),
    ("server.weight", "choice_of_servers.rs", "weight"),
    ("server.backup", "choice_of_servers.rs", "backup"),
    ("source_address", "choice_of_servers.rs", "source_address"),
    ("sticky_cookie", "choice_of_servers.rs", "sticky_cookie"),
    ("retry", "choice_of_servers.rs", "retry"),
    ("retry.on", "choice_of_servers.rs", "on"),
    ("retry.status", "choice_of_servers.rs", "status"),
    ("retry.methods", "choice_of_servers.rs", "methods"),
    ("response_bytes_per_second", "rates.rs", "response_bytes_per_second"),
    ("retry.attempts_max", "choice_of_servers.rs", "proxy_next_upstream_tries"),
    ("fastcgi", "php_fpm/pool.rs", "fastcgi"),
    ("fastcgi.root", "php_fpm/pool.rs", "root"),
    ("fastcgi.front_controller", "php_fpm/variables.rs", "front_controller"),
    ("hosts", "migrated.rs", "server_name"),
    ("default", "migrated.rs", "default_server"),
    ("backend", "migrated.rs", "proxy_pass"),
];

/// Keys that are compared with nobody, and why.
const ALONE: &[(&str, &str)] = &[
    ("name", WORD),
    ("route", WORD),
    ("template", WORD),
    ("tls", WORD),
    ("tls.enabled", WORD),
    ("remote", WORD),
    ("when.listener", WORD),
    ("peer_uid", "no other one looks who is at the other end of a socket"),
    ("waf", FIREWALL),
    ("rules", FIREWALL),
    ("exclude", FIREWALL),
    ("rules_milliseconds_max", FIREWALL),
    ("inspect_responses", FIREWALL),
    ("body_over_limit", FIREWALL),
    ("utf8", FIREWALL),
    ("respond_file", "it is respond_body, from a file"),
    ("error_json", "no other one has a problem (RFC 9457) for clients that would rather have JSON"),
    ("security_headers", "no other one has them by a word; each by itself is a header as any"),
    ("send_request_id", "each numbers requests in its own way"),
    ("compress_secrets", "no other one looks whether a length could tell a secret"),
    ("identity_headers", TRUSTED),
    ("proxy_headers", TRUSTED),
    ("affinity_seed", "values of cookies are each server's own"),
    ("pool_connections_max", COSTS),
    ("pool_idle_seconds", COSTS),
    ("retry_budget_percent", "no other one bounds what a backend that fails has to do more"),
    ("retry_budget_min", "no other one bounds what a backend that fails has to do more"),
    ("mirror.percent", "chance decides, here as there"),
    ("source_bytes_per_second", "no other one has a rate for an address over all its connections"),
    ("body_seconds", "nginx closes the connection without a word where fosse says 408 (RFC 9110, section 15.5.9)"),
    ("lenient_responses", "others take such responses always"),
    ("via", "neither nginx, HAProxy nor Caddy 2.6 writes it"),
    ("addresses_max", NAMES),
    ("address_family", NAMES),
    ("address_networks", NAMES),
    ("health.slow_start_seconds", COSTS),
    ("signed_links.keep_arguments", "nginx never takes them away"),
    ("protocol", "bins/dispatch-h2 has servers of HTTP/2 and gRPC; what clients see is what those say"),
    ("tls.ca_file", TRUST),
    ("tls.server_name", TRUST),
    ("tls.verify", TRUST),
];

const WORD: &str = "a word of the configuration, which no client sees";
const FIREWALL: &str = "the others have no firewall; the Core Rule Set's own tests are what rules are compared with";
const TRUSTED: &str = "behind_real_proxies.rs has the proxies in front; others pass what a client says";
const COSTS: &str = "what clients see is the same; bench has what it costs";
const TRUST: &str =
    "nginx believes every server where nothing is said; bins/connect-tls has those that are not to be believed";
const NAMES: &str = "names are asked of a server that tests of fosse-resolve(8) play";

/// Keys that others have as well, and that no row has yet. The list only gets shorter.
const OPEN: &[&str] = &[
    "abort_on_close",
    "connect_seconds",
    "default_for",
    "fastcgi.index",
    "fastcgi.params",
    "fastcgi.path_info",
    "fastcgi.scripts",
    "head_bytes_max",
    "header_bytes_max",
    "header_count_max",
    "health.body",
    "health.host",
    "health.port",
    "health.rest_seconds",
    "idle_seconds",
    "proxy_protocol",
    "response_rate_after_bytes",
    "retry.seconds_max",
    "signed_links.bind_client",
    "target_bytes_max",
    "tls.client_ca",
    "tls.client_certificates",
    "tls.client_crl",
    "tls.minimum_version",
    "tls.redirect",
];

/// Returns the name of a key of a table: those of sites, routes and backends have none before them.
fn named(title: &str, key: &str) -> String {
    let table = title.trim_matches(['[', ']']).rsplit('.').next().unwrap_or_default();
    match table {
        "site" | "route" | "backend" => key.to_owned(),
        "request_headers" => format!("headers.{key}"),
        table => format!("{table}.{key}"),
    }
}

fn known() -> BTreeSet<String> {
    let is_of_all = |title: &str| {
        let of_all =
            ["[limits]", "[timeouts]", "[tls]", "[[listen]]", "[[acme]]", "[[certificate]]", "[[site.exclude]]"];
        of_all.contains(&title) || !title.starts_with('[')
    };
    let tables = SECTIONS.iter().filter(|section| !is_of_all(section.title));
    tables.flat_map(|section| section.keys.iter().map(|key| named(section.title, key.name))).collect()
}

#[test]
fn every_key_of_a_site_a_route_and_a_backend_is_compared_or_has_a_reason() {
    let tables = [paths::ROWS, responses::ROWS, access::ROWS, access::LINKS, cors::ROWS, kept::ROWS];
    let rows =
        tables.iter().flat_map(|rows| rows.iter()).flat_map(|row| row.keys).chain(copies::KEYS).chain(servers::KEYS);
    let general = |key: &&str| key.replace("request_headers.", "headers.").replace("response_headers.", "headers.");
    let mut compared: BTreeSet<String> = rows.map(general).collect();
    for (key, file, word) in ELSEWHERE {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file)).unwrap();
        assert!(text.contains(word), "{file} says nothing of {key}");
        assert!(compared.insert((*key).to_owned()), "{key} has a row here");
    }
    for (key, reason) in ALONE {
        assert!(!reason.is_empty() && compared.insert((*key).to_owned()), "{key} is compared");
    }
    for key in OPEN {
        assert!(compared.insert((*key).to_owned()), "{key} has a row: take it out of the list");
    }
    let known = known();
    let missing: Vec<&String> = known.difference(&compared).collect();
    let unknown: Vec<&String> = compared.difference(&known).collect();
    assert!(missing.is_empty(), "compared with nobody, without a reason: {missing:#?}");
    assert!(unknown.is_empty(), "no keys: {unknown:#?}");
}
