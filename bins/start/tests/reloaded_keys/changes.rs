//! A change of each key, and the parts of the plan that it reaches.

use std::collections::BTreeSet;

use fosse_model::{Accounts, model::SECTIONS};
use fosse_plan::Plan;

use crate::parts::{PARTS, differing};

type Line = (&'static str, &'static str, &'static str);

/// A configuration by tables, keys and values; an empty value is a key that is not written.
const BASE: &[Line] = &[
    ("[[listen]]", "address", "\"127.0.0.1:8080\""),
    ("[[site]]", "hosts", "[\"a.example\"]"),
    ("[[site]]", "backend", "\"app\""),
    ("[[site]]", "rules", "[\"a.conf\"]"),
    ("[[site.route]]", "prefix", "\"/p/\""),
    ("[[site.route]]", "backend", "\"app\""),
    ("[[site.exclude]]", "rules", "[920350]"),
    ("[[site.error]]", "status", "[403]"),
    ("[[site.error]]", "file", "\"pages/a.html\""),
    ("[site.forward_auth]", "backend", ""),
    ("[[site.request_headers.replace]]", "header", ""),
    ("[[backend]]", "name", "\"app\""),
    ("[[backend]]", "servers", "[\"127.0.0.1:3000\"]"),
    ("[[backend.server]]", "address", "\"127.0.0.1:3004\""),
    ("[[backend.cache_control]]", "paths", ""),
    ("[backend.health]", "path", "\"/\""),
];

const UNIX_LISTENER: Line = ("[[listen]]", "address", "\"unix:/run/l.sock\"");
const NAMED_SERVER: Line = ("[[backend]]", "servers", "[\"app.internal:80\"]");
const REMOTE: Line = ("[[backend]]", "remote", "true");
const UNIX_SERVER: Line = ("[[backend]]", "servers", "[\"unix:/run/s.sock\"]");
const ACCESS_LOG: Line = ("top", "access_log", "\"a.log\"");
const STATUS_ADDRESS: Line = ("top", "status_address", "\"192.0.2.7:9145\"");
const TRUSTED: Line = ("[[listen]]", "trusted", "[\"10.0.0.0/8\"]");
const RATE: Line = ("[[site]]", "response_bytes_per_second", "\"1 MiB\"");
const HASH: Line = ("[[backend]]", "balance", "\"hash\"");
const FILES: &[Line] = &[
    ("[[backend]]", "servers", "[]"),
    ("[[backend]]", "files", "\"/srv/a\""),
    ("[[backend.server]]", "address", ""),
    ("[backend.health]", "path", ""),
];
const FASTCGI: &[Line] = &[
    ("[backend.health]", "path", ""),
    ("[backend.fastcgi]", "root", "\"/srv/www\""),
    ("[backend.fastcgi]", "front_controller", "\"/index.php\""),
];
const CACHED: &[Line] = &[
    ("[[backend]]", "servers", "[]"),
    ("[[backend]]", "files", "\"/srv/a\""),
    ("[[backend.server]]", "address", ""),
    ("[backend.health]", "path", ""),
    ("[[backend.cache_control]]", "paths", "[\"/a\"]"),
    ("[[backend.cache_control]]", "value", "\"no-cache\""),
];
const CORS: &[Line] = &[("[site.cors]", "origins", "[\"https://a.example\"]")];
const USERS: &[Line] = &[("[site.basic_auth]", "users_file", "\"u\"")];
const USER: &str = "[\"ann:$2y$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.\"]";
const LINKS: &[Line] = &[("[site.signed_links]", "keys", "[\"a.key\"]")];
const KEPT: Line = ("[[site]]", "cache", "true");
const ON_DISK: Line = ("[limits]", "cache_disk_bytes_max", "\"1 GiB\"");
const COMPRESS: Line = ("[[site]]", "compress", "true");
const NO_BACKEND: Line = ("[[site]]", "backend", "");
const NO_PREFIX: Line = ("[[site.route]]", "prefix", "");
const NO_GOAL: Line = ("[[site.route]]", "backend", "");
const REPLACED: &[Line] = &[
    ("[[site.request_headers.replace]]", "header", "\"X-A\""),
    ("[[site.request_headers.replace]]", "regex", "\"a\""),
    ("[[site.request_headers.replace]]", "value", "\"b\""),
];
const AUTH: &[Line] = &[("[site.forward_auth]", "backend", "\"app\""), ("[site.forward_auth]", "path", "\"/auth\"")];
const MIRROR: &[Line] = &[("[site.mirror]", "backend", "\"shadow\"")];
const NO_FILE: Line = ("[[site.error]]", "file", "");
const NO_NUMBERS: Line = ("[[site.exclude]]", "rules", "");

/// The changes: table, key, new value, and what else both configurations have.
const CHANGES: &[(&str, &str, &str, &[Line])] = &[
    ("top", "lanes", "2", &[]),
    ("top", "uid_base", "80000", &[]),
    ("top", "group", "900", &[]),
    ("top", "scheduling", "\"batch\"", &[]),
    ("top", "name_servers", "[\"10.0.0.53:53\"]", &[NAMED_SERVER, REMOTE]),
    ("top", "drain_seconds_max", "60", &[]),
    ("top", "stop_seconds_max", "5", &[]),
    ("top", "access_log", "\"a.log\"", &[]),
    ("top", "access_log_format", "\"combined\"", &[ACCESS_LOG]),
    ("top", "access_log_fields", "[\"status\"]", &[ACCESS_LOG]),
    ("top", "slow_request_seconds", "3", &[]),
    ("top", "audit_log", "\"b.log\"", &[]),
    ("top", "status_socket", "\"/run/other.sock\"", &[]),
    ("top", "status_socket_owner", "33", &[]),
    ("top", "status_socket_group", "33", &[]),
    ("top", "status_socket_mode", "\"0600\"", &[]),
    ("top", "status_address", "\"127.0.0.1:9145\"", &[]),
    ("top", "status_public", "true", &[STATUS_ADDRESS]),
    ("top", "spool_directory", "\"/srv/spool\"", &[]),
    ("top", "cache_directory", "\"/srv/cache\"", &[KEPT, ON_DISK]),
    ("top", "allow", "[\"lists/a.txt\"]", &[]),
    ("top", "deny", "[\"lists/a.txt\"]", &[]),
    ("[timeouts]", "head_seconds", "9", &[]),
    ("[timeouts]", "body_seconds", "9", &[]),
    ("[timeouts]", "idle_seconds", "9", &[]),
    ("[timeouts]", "write_seconds", "9", &[]),
    ("[limits]", "connections_max", "1000", &[]),
    ("[limits]", "head_bytes_max", "\"16 KiB\"", &[]),
    ("[limits]", "target_bytes_max", "4096", &[]),
    ("[limits]", "header_bytes_max", "\"8 KiB\"", &[]),
    ("[limits]", "header_count_max", "50", &[]),
    ("[limits]", "connection_requests_max", "1000", &[]),
    ("[limits]", "lane_connections_max", "1000", &[]),
    ("[limits]", "lane_held_bytes_max", "\"32 MiB\"", &[]),
    ("[limits]", "spool_bytes_max", "\"2 GiB\"", &[]),
    ("[limits]", "lane_buffered_bytes_max", "\"32 MiB\"", &[]),
    ("[limits]", "lane_response_bytes_max", "\"32 MiB\"", &[]),
    ("[limits]", "cache_bytes_max", "\"2 MiB\"", &[KEPT]),
    ("[limits]", "cache_disk_bytes_max", "\"2 GiB\"", &[KEPT]),
    ("[limits]", "cached_response_bytes_max", "\"2 KiB\"", &[KEPT]),
    ("[limits]", "lane_encode_bytes_max", "\"8 MiB\"", &[COMPRESS]),
    ("[limits]", "response_head_bytes_max", "\"32 KiB\"", &[]),
    ("[limits]", "response_header_bytes_max", "\"16 KiB\"", &[]),
    ("[limits]", "response_header_count_max", "50", &[]),
    ("[limits]", "log_second_lines_max", "50", &[]),
    ("[[listen]]", "address", "\"127.0.0.1:8081\"", &[]),
    ("[[listen]]", "name", "\"web\"", &[]),
    ("[[listen]]", "public", "true", &[("[[listen]]", "address", "\"0.0.0.0:8080\"")]),
    ("[[listen]]", "owner", "33", &[UNIX_LISTENER]),
    ("[[listen]]", "group", "33", &[UNIX_LISTENER]),
    ("[[listen]]", "backlog", "7", &[]),
    ("[[listen]]", "keepalive_seconds", "60", &[]),
    ("[[listen]]", "freebind", "true", &[]),
    ("[[listen]]", "mode", "\"0600\"", &[UNIX_LISTENER]),
    ("[[listen]]", "peer_uids", "[33]", &[UNIX_LISTENER]),
    ("[[listen]]", "proxy_protocol", "true", &[TRUSTED]),
    ("[[listen]]", "behind_tls", "true", &[]),
    ("[[listen]]", "trusted", "[\"10.0.0.0/8\"]", &[]),
    ("[[listen]]", "trusted_fields", "\"forwarded\"", &[TRUSTED]),
    ("[[listen]]", "connection_per_client", "true", &[TRUSTED]),
    ("[[listen]]", "address_connections_max", "100", &[]),
    ("[[listen]]", "source_bytes_per_second", "\"1 MiB\"", &[]),
    ("[[listen]]", "allow", "[\"lists/a.txt\"]", &[]),
    ("[[listen]]", "deny", "[\"lists/a.txt\"]", &[]),
    ("[[site]]", "hosts", "[\"b.example\"]", &[]),
    ("[[site]]", "default", "true", &[]),
    ("[[site]]", "default_for", "[\"127.0.0.1:8080\"]", &[]),
    ("[[site]]", "backend", "\"other\"", &[]),
    (
        "[[site]]",
        "redirect",
        "\"https://b.example/\"",
        &[NO_BACKEND, ("[[site]]", "redirect", "\"https://c.example/\"")],
    ),
    ("[[site]]", "redirect_status", "301", &[NO_BACKEND, ("[[site]]", "redirect", "\"https://c.example/\"")]),
    ("[[site]]", "respond", "410", &[NO_BACKEND, ("[[site]]", "respond", "404")]),
    ("[[site]]", "respond_body", "\"x\"", &[NO_BACKEND, ("[[site]]", "respond", "404")]),
    (
        "[[site]]",
        "respond_type",
        "\"text/html\"",
        &[NO_BACKEND, ("[[site]]", "respond", "404"), ("[[site]]", "respond_body", "\"x\"")],
    ),
    ("[[site]]", "respond_file", "\"pages/a.html\"", &[NO_BACKEND, ("[[site]]", "respond", "404")]),
    ("[[site]]", "error_json", "true", &[]),
    ("[[site]]", "intercept_errors", "[404]", &[]),
    ("[[site]]", "send_files", "\"disk\"", &[]),
    ("[[site]]", "send_files_prefix", "\"/p\"", &[("[[site]]", "send_files", "\"disk\"")]),
    ("[[site]]", "waf", "\"detect\"", &[]),
    ("[[site]]", "rules", "[\"b.conf\"]", &[]),
    ("[[site]]", "rules_milliseconds_max", "60", &[]),
    ("[[site]]", "inspect_responses", "true", &[]),
    ("[[site]]", "compress", "[\"gzip\"]", &[]),
    ("[[site]]", "compress_types", "[\"text/html\"]", &[COMPRESS]),
    ("[[site]]", "compress_bytes_min", "100", &[COMPRESS]),
    ("[[site]]", "compress_secrets", "true", &[COMPRESS]),
    ("[[site]]", "methods", "[\"GET\"]", &[]),
    ("[[site]]", "underscores", "\"pass\"", &[]),
    ("[[site]]", "allow_networks", "[\"10.0.0.0/8\"]", &[]),
    ("[[site]]", "deny_networks", "[\"10.0.0.0/8\"]", &[]),
    ("[[site]]", "identity_headers", "[\"Remote-User\"]", &[]),
    ("[[site]]", "proxy_headers", "[]", &[]),
    ("[[site]]", "send_request_id", "true", &[]),
    ("[[site]]", "backend_host", "\"in.example\"", &[]),
    ("[[site]]", "security_headers", "\"basic\"", &[]),
    ("[[site]]", "body_seconds", "9", &[]),
    ("[[site]]", "first_byte_seconds", "9", &[]),
    ("[[site]]", "idle_seconds", "9", &[]),
    ("[[site]]", "response_bytes_per_second", "\"1 MiB\"", &[]),
    ("[[site]]", "response_rate_after_bytes", "\"1 MiB\"", &[RATE]),
    ("[[site]]", "source_bytes_per_second", "\"1 MiB\"", &[]),
    ("[[site]]", "retry", "false", &[]),
    ("[[site]]", "cache", "true", &[]),
    ("[[site]]", "cache_key_headers", "[\"X-A\"]", &[KEPT]),
    ("[[site]]", "cache_key_cookies", "[\"a\"]", &[KEPT]),
    ("[[site]]", "cache_key_query", "[\"a\"]", &[KEPT]),
    ("[[site]]", "cache_seconds", "9", &[KEPT]),
    ("[[site]]", "cache_errors", "true", &[KEPT]),
    ("[[site]]", "cache_set_cookie", "true", &[KEPT]),
    ("[[site]]", "cache_authorized", "true", &[KEPT]),
    ("[[site]]", "cache_key_only", "true", &[KEPT]),
    ("[[site]]", "utf8", "\"require\"", &[]),
    ("[[site]]", "body_bytes_max", "\"2 MiB\"", &[]),
    ("[[site]]", "body_over_limit", "\"pass-in-part\"", &[]),
    ("[[site.route]]", "path", "\"/q\"", &[NO_PREFIX, ("[[site.route]]", "path", "\"/p\"")]),
    ("[[site.route]]", "prefix", "\"/q/\"", &[]),
    ("[[site.route]]", "glob", "\"/q*\"", &[NO_PREFIX, ("[[site.route]]", "glob", "\"/p*\"")]),
    ("[[site.route]]", "regex", "\"^/q\"", &[NO_PREFIX, ("[[site.route]]", "regex", "\"^/p\"")]),
    ("[[site.route]]", "backend", "\"other\"", &[]),
    ("[[site.route]]", "redirect", "\"/b\"", &[NO_GOAL, ("[[site.route]]", "redirect", "\"/c\"")]),
    ("[[site.route]]", "redirect_status", "301", &[NO_GOAL, ("[[site.route]]", "redirect", "\"/c\"")]),
    ("[[site.route]]", "respond", "410", &[NO_GOAL, ("[[site.route]]", "respond", "404")]),
    ("[[site.route]]", "respond_body", "\"x\"", &[NO_GOAL, ("[[site.route]]", "respond", "404")]),
    (
        "[[site.route]]",
        "respond_type",
        "\"text/html\"",
        &[NO_GOAL, ("[[site.route]]", "respond", "404"), ("[[site.route]]", "respond_body", "\"x\"")],
    ),
    ("[[site.route]]", "respond_file", "\"pages/a.html\"", &[NO_GOAL, ("[[site.route]]", "respond", "404")]),
    ("[[site.route]]", "error_json", "true", &[]),
    ("[[site.route]]", "intercept_errors", "[404]", &[]),
    ("[[site.route]]", "send_files", "\"disk\"", &[]),
    ("[[site.route]]", "send_files_prefix", "\"/p\"", &[("[[site]]", "send_files", "\"disk\"")]),
    ("[[site.route]]", "strip_prefix", "true", &[]),
    ("[[site.route]]", "add_prefix", "\"/q\"", &[]),
    ("[[site.route]]", "rewrite", "\"/q\"", &[]),
    ("[[site.route]]", "waf", "\"detect\"", &[]),
    ("[[site.route]]", "rules", "[\"b.conf\"]", &[]),
    ("[[site.route]]", "rules_milliseconds_max", "60", &[]),
    ("[[site.route]]", "inspect_responses", "true", &[]),
    ("[[site.route]]", "compress", "[\"gzip\"]", &[]),
    ("[[site.route]]", "compress_types", "[\"text/html\"]", &[COMPRESS]),
    ("[[site.route]]", "compress_bytes_min", "100", &[COMPRESS]),
    ("[[site.route]]", "compress_secrets", "true", &[COMPRESS]),
    ("[[site.route]]", "methods", "[\"GET\"]", &[]),
    ("[[site.route]]", "allow_networks", "[\"10.0.0.0/8\"]", &[]),
    ("[[site.route]]", "deny_networks", "[\"10.0.0.0/8\"]", &[]),
    ("[[site.route]]", "underscores", "\"pass\"", &[]),
    ("[[site.route]]", "identity_headers", "[\"Remote-User\"]", &[]),
    ("[[site.route]]", "proxy_headers", "[]", &[]),
    ("[[site.route]]", "send_request_id", "true", &[]),
    ("[[site.route]]", "backend_host", "\"in.example\"", &[]),
    ("[[site.route]]", "security_headers", "\"basic\"", &[]),
    ("[[site.route]]", "utf8", "\"require\"", &[]),
    ("[[site.route]]", "body_bytes_max", "\"2 MiB\"", &[]),
    ("[[site.route]]", "body_over_limit", "\"pass-in-part\"", &[]),
    ("[[site.route]]", "body_seconds", "9", &[]),
    ("[[site.route]]", "first_byte_seconds", "9", &[]),
    ("[[site.route]]", "idle_seconds", "9", &[]),
    ("[[site.route]]", "response_bytes_per_second", "\"1 MiB\"", &[]),
    ("[[site.route]]", "response_rate_after_bytes", "\"1 MiB\"", &[RATE]),
    ("[[site.route]]", "retry", "false", &[]),
    ("[[site.route]]", "cache", "true", &[]),
    ("[[site.route]]", "cache_key_headers", "[\"X-A\"]", &[KEPT]),
    ("[[site.route]]", "cache_key_cookies", "[\"a\"]", &[KEPT]),
    ("[[site.route]]", "cache_key_query", "[\"a\"]", &[KEPT]),
    ("[[site.route]]", "cache_seconds", "9", &[KEPT]),
    ("[[site.route]]", "cache_errors", "true", &[KEPT]),
    ("[[site.route]]", "cache_set_cookie", "true", &[KEPT]),
    ("[[site.route]]", "cache_authorized", "true", &[KEPT]),
    ("[[site.route]]", "cache_key_only", "true", &[KEPT]),
    ("[site.route.when]", "method", "[\"PUT\"]", &[]),
    ("[site.route.when]", "header", "[\"X\"]", &[]),
    ("[site.route.when]", "query", "[\"x\"]", &[]),
    ("[site.route.when]", "cookie", "[\"x\"]", &[]),
    ("[site.route.when]", "listener", "[\"127.0.0.1:8080\"]", &[]),
    ("[site.route.when]", "network", "[\"10.0.0.0/8\"]", &[]),
    ("[site.forward_auth]", "backend", "\"other\"", AUTH),
    ("[site.forward_auth]", "path", "\"/other\"", AUTH),
    ("[site.forward_auth]", "copy_headers", "[\"X-User\"]", AUTH),
    ("[site.forward_auth]", "decision_seconds", "3", AUTH),
    ("[site.forward_auth]", "sign_in", "\"/login?rd={target}\"", AUTH),
    ("[site.cors]", "origins", "[\"https://b.example\"]", CORS),
    ("[site.cors]", "methods", "[\"PUT\"]", CORS),
    ("[site.cors]", "headers", "[\"X\"]", CORS),
    ("[site.cors]", "expose_headers", "[\"X\"]", CORS),
    ("[site.cors]", "credentials", "true", CORS),
    ("[site.cors]", "max_age_seconds", "60", CORS),
    ("[site.mirror]", "backend", "\"shade\"", MIRROR),
    ("[site.mirror]", "percent", "9", MIRROR),
    ("[site.basic_auth]", "realm", "\"r\"", USERS),
    ("[site.basic_auth]", "users", USER, USERS),
    ("[site.basic_auth]", "users_file", "\"v\"", USERS),
    ("[site.basic_auth]", "user_header", "\"X-User\"", USERS),
    ("[site.basic_auth]", "keep_authorization", "true", USERS),
    ("[site.basic_auth]", "anonymous_networks", "[\"10.0.0.0/8\"]", USERS),
    ("[site.signed_links]", "keys", "[\"b.key\"]", LINKS),
    ("[site.signed_links]", "expires_argument", "\"e\"", LINKS),
    ("[site.signed_links]", "signature_argument", "\"s\"", LINKS),
    ("[site.signed_links]", "bind_client", "true", LINKS),
    ("[site.signed_links]", "keep_arguments", "true", LINKS),
    ("[site.request_headers]", "set", "{ X = \"1\" }", &[]),
    ("[site.request_headers]", "add", "{ X = \"1\" }", &[]),
    ("[site.request_headers]", "default", "{ X = \"1\" }", &[]),
    ("[site.request_headers]", "remove", "[\"X\"]", &[]),
    ("[[site.request_headers.replace]]", "header", "\"X-B\"", REPLACED),
    ("[[site.request_headers.replace]]", "regex", "\"b\"", REPLACED),
    ("[[site.request_headers.replace]]", "value", "\"c\"", REPLACED),
    ("[[site.error]]", "status", "[404]", &[]),
    ("[[site.error]]", "file", "\"pages/b.html\"", &[]),
    ("[[site.error]]", "text", "\"x\"", &[NO_FILE, ("[[site.error]]", "text", "\"y\"")]),
    ("[[site.error]]", "content_type", "\"text/css\"", &[]),
    ("[[site.exclude]]", "rules", "[920351]", &[]),
    ("[[site.exclude]]", "tag", "\"t\"", &[NO_NUMBERS, ("[[site.exclude]]", "tag", "\"s\"")]),
    ("[[site.exclude]]", "path", "\"/x\"", &[]),
    ("[[site.exclude]]", "argument", "\"a\"", &[]),
    ("[[backend]]", "name", "\"renamed\"", &[]),
    ("[[backend]]", "servers", "[\"127.0.0.1:3009\"]", &[]),
    ("[[backend]]", "files", "\"/srv/b\"", FILES),
    ("[[backend]]", "index", "[\"home.html\"]", FILES),
    ("[[backend]]", "try_files", "[\"/index.html\"]", FILES),
    ("[[backend]]", "precompressed", "[\"gzip\"]", FILES),
    ("[[backend.cache_control]]", "paths", "[\"/b\"]", CACHED),
    ("[[backend.cache_control]]", "value", "\"no-store\"", CACHED),
    ("[[backend]]", "remote", "true", &[("[[backend]]", "servers", "[\"192.0.2.7:80\"]")]),
    ("[[backend]]", "addresses_max", "3", &[NAMED_SERVER, REMOTE]),
    ("[[backend]]", "address_family", "\"ipv4\"", &[NAMED_SERVER, REMOTE]),
    ("[[backend]]", "address_networks", "[\"10.0.0.0/8\"]", &[NAMED_SERVER, REMOTE]),
    ("[[backend]]", "source_address", "[\"127.0.0.2\"]", &[]),
    ("[[backend]]", "peer_uid", "33", &[UNIX_SERVER]),
    ("[[backend]]", "balance", "\"least-connections\"", &[]),
    ("[[backend]]", "hash_by", "\"path\"", &[HASH, ("[[backend]]", "hash_by", "\"source\"")]),
    ("[[backend]]", "sticky_cookie", "\"srv\"", &[]),
    ("[[backend]]", "affinity_seed", "\"0123456789abcdef\"", &[]),
    ("[[backend]]", "connections_max", "9", &[]),
    ("[[backend]]", "queue_requests_max", "9", &[]),
    ("[[backend]]", "queue_seconds", "9", &[]),
    ("[[backend]]", "pool_connections_max", "9", &[]),
    ("[[backend]]", "pool_idle_seconds", "9", &[]),
    ("[[backend]]", "connect_seconds", "9", &[]),
    ("[[backend]]", "first_byte_seconds", "9", &[]),
    ("[[backend]]", "idle_seconds", "9", &[]),
    ("[[backend]]", "retry", "false", &[]),
    ("[[backend]]", "retry_budget_percent", "9", &[]),
    ("[[backend]]", "retry_budget_min", "9", &[]),
    ("[[backend]]", "buffer_requests", "true", &[]),
    ("[[backend]]", "proxy_protocol", "\"v2\"", &[]),
    ("[[backend]]", "via", "false", &[]),
    ("[[backend]]", "abort_on_close", "true", &[]),
    ("[[backend]]", "lenient_responses", "true", &[]),
    ("[[backend]]", "upgrade", "[]", &[]),
    ("[[backend.server]]", "address", "\"127.0.0.1:3005\"", &[]),
    ("[[backend.server]]", "weight", "2", &[]),
    ("[[backend.server]]", "backup", "true", &[]),
    ("[backend.health]", "path", "\"/other\"", &[]),
    ("[backend.health]", "method", "\"HEAD\"", &[]),
    ("[backend.health]", "host", "\"b.example\"", &[]),
    ("[backend.health]", "port", "3001", &[]),
    ("[backend.health]", "status", "[204]", &[]),
    ("[backend.health]", "body", "\"ready\"", &[]),
    ("[backend.health]", "interval_seconds", "9", &[]),
    ("[backend.health]", "passes_min", "9", &[]),
    ("[backend.health]", "failures_max", "9", &[]),
    ("[backend.health]", "rest_seconds", "9", &[]),
    ("[backend.health]", "slow_start_seconds", "9", &[]),
    ("[backend.retry]", "on", "[\"timeout\"]", &[]),
    ("[backend.retry]", "status", "[503]", &[]),
    ("[backend.retry]", "methods", "\"any\"", &[]),
    ("[backend.retry]", "attempts_max", "9", &[]),
    ("[backend.retry]", "seconds_max", "9", &[]),
    ("[backend.fastcgi]", "root", "\"/srv/b\"", FASTCGI),
    ("[backend.fastcgi]", "scripts", "[\"/b.php\"]", FASTCGI),
    ("[backend.fastcgi]", "front_controller", "\"/b.php\"", FASTCGI),
    ("[backend.fastcgi]", "index", "\"b.php\"", FASTCGI),
    ("[backend.fastcgi]", "path_info", "true", FASTCGI),
    ("[backend.fastcgi]", "params", "{ B = \"b\" }", FASTCGI),
];

/// Keys whose value is a table, which has keys of its own, and those that name such tables.
const TABLES: &[&str] = &[
    "timeouts",
    "limits",
    "listen",
    "site",
    "backend",
    "route",
    "exclude",
    "error",
    "forward_auth",
    "replace",
    "server",
    "cache_control",
    "health",
    "fastcgi",
    "when",
    "signed_links",
    "basic_auth",
    "cors",
    "mirror",
    "request_headers",
    "response_headers",
    "template",
    "include",
];

/// Words that a person has to say: without them the configuration is refused, and so is a reload.
const WORDS: &[(&str, &str)] = &[("top", "status_public"), ("[[listen]]", "public"), ("[[backend]]", "remote")];

/// Keys that only tie parts of the configuration together.
const TIES: &[(&str, &str)] = &[("[[backend]]", "name")];

/// Writes a configuration, of whose lines for one key the last one counts.
fn written(lines: &[Line]) -> String {
    let titles = ["top"].into_iter().chain(SECTIONS.iter().skip(1).map(|section| section.title));
    let mut text = String::new();
    for title in titles {
        // The one makes its backend one of FastCGI, which others have no keys for; the others need
        // a key, or are a word elsewhere.
        if matches!(
            title,
            "[backend.fastcgi]"
                | "[backend.retry]"
                | "[site.signed_links]"
                | "[site.basic_auth]"
                | "[site.cors]"
                | "[site.mirror]"
        ) && !lines.iter().any(|line| line.0 == title)
        {
            continue;
        }
        let of_table = |line: &&Line| line.0 == title;
        let keys: BTreeSet<&str> = lines.iter().filter(of_table).map(|line| line.1).collect();
        let last = |key: &&str| *lines.iter().filter(of_table).rfind(|line| line.1 == *key).unwrap();
        let last: Vec<Line> = keys.iter().map(last).collect();
        // A table of which no key is written is not there itself.
        if title != "top" && (last.is_empty() || last.iter().any(|line| !line.2.is_empty())) {
            text.push_str(&format!("{title}\n"));
        }
        for (_, key, value) in last.iter().filter(|line| !line.2.is_empty()) {
            text.push_str(&format!("{key} = {value}\n"));
        }
    }
    text + "[[backend]]\nname = \"other\"\nservers = [\"127.0.0.1:3001\"]\n[[backend]]\nname = \"disk\"\nfiles = \"/srv/disk\"\n[[backend]]\nname = \"shadow\"\nservers = [\"127.0.0.1:3002\"]\n[[backend]]\nname = \"shade\"\nservers = [\"127.0.0.1:3003\"]\n"
}

fn compiled(text: &str) -> Result<Plan, String> {
    fosse_model::compile("fosse.toml", text.as_bytes(), &Accounts::from_files(b"", b""))
        .map_err(|report| format!("{report}\n{text}"))
}

/// Returns the plans before and after a change.
fn plans((table, key, value, with): &(&'static str, &'static str, &'static str, &[Line])) -> [Result<Plan, String>; 2] {
    let before = [BASE, with].concat();
    let mut after = written(&[&before[..], &[(*table, *key, *value)]].concat());
    if TIES.contains(&(*table, *key)) {
        after = after.replace("\"app\"", value);
    }
    [compiled(&written(&before)), compiled(&after)]
}

#[test]
fn a_change_of_any_key_changes_a_part_of_the_plan_that_a_reload_puts_in_force() {
    for change in CHANGES {
        let name = (change.0, change.1);
        let [before, after] = plans(change);
        let after = after.unwrap_or_else(|report| panic!("{report}"));
        let before = match before {
            Err(_) if WORDS.contains(&name) => continue,
            before => before.unwrap_or_else(|report| panic!("{report}")),
        };
        let parts = differing(&before, &after);
        assert!(!parts.is_empty() || TIES.contains(&name), "{name:?} changes nothing");
        let unknown: Vec<_> = parts.iter().filter(|part| !PARTS.contains(&part.as_str())).collect();
        assert!(
            unknown.is_empty(),
            "{name:?} changes {unknown:?}, of which no test says that a reload puts it in force"
        );
    }
}

#[test]
fn every_key_has_a_change() {
    let name = |title: &'static str, key: &'static str| (if title.starts_with('[') { title } else { "top" }, key);
    let keys = SECTIONS.iter().flat_map(|section| section.keys.iter().map(|key| name(section.title, key.name)));
    let keys: BTreeSet<_> = keys.filter(|(_, key)| !TABLES.contains(key) || *key == "backend").collect();
    let changed: BTreeSet<_> = CHANGES.iter().map(|(table, key, ..)| (*table, *key)).collect();
    let of_top = BTreeSet::from([("top", "backend")]);
    assert_eq!(keys.difference(&changed).copied().collect::<BTreeSet<_>>(), of_top);
    assert_eq!(changed.difference(&keys).collect::<Vec<_>>(), Vec::<&(&str, &str)>::new());
}
