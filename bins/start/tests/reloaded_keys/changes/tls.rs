//! Changes of TLS: of listeners, certificates, and the terms of the edge and of a site.

use super::{Change, Line};

const TLS: Line = ("[[listen]]", "tls", "true");
const FILE: Line = ("[[certificate]]", "file", "\"a.pem\"");
const KEY: Line = ("[[certificate]]", "key", "\"a.key\"");
const SERVED: &[Line] = &[TLS, FILE, KEY];
const ASKED: &[Line] = &[TLS, FILE, KEY, ("[site.tls]", "client_ca", "\"ca.pem\"")];

/// A listener of TLS, and one without it that leads there.
const BESIDE: &[Line] = &[
    ("[[listen]]", "address", "\"0.0.0.0:8443\""),
    ("[[listen]]", "public", "true"),
    ("[[listen]]", "tls", "true\n[[listen]]\naddress = \"0.0.0.0:8080\"\npublic = true"),
    FILE,
    KEY,
];

/// A certificate that is ordered; its authority has the name of the backend, which changes with it.
const LISTENERS: Line = ("[[listen]]", "tls", "true\n[[listen]]\naddress = \"127.0.0.1:8081\"");
const OF: Line = ("[[certificate]]", "acme", "\"app\"");
const NAMES: Line = ("[[certificate]]", "names", "[\"a.example\"]");
const AUTHORITY: Line = ("[[acme]]", "name", "\"app\"");
const AGREED: Line = ("[[acme]]", "agree_to_terms", "true");
const ORDERED: &[Line] = &[LISTENERS, OF, NAMES, AUTHORITY, AGREED];
/// Keys are written in the order of their names: the second authority stands behind the last.
const OF_TWO: &[Line] = &[
    LISTENERS,
    OF,
    NAMES,
    AGREED,
    (
        "[[acme]]",
        "name",
        "\"app\"\n[[acme]]\nname = \"second\"\ndirectory = \"https://ca.example/\"\nagree_to_terms = true",
    ),
];
const BOUND: &[Line] =
    &[LISTENERS, OF, NAMES, AUTHORITY, AGREED, ("[[acme]]", "key_id", "\"a\""), ("[[acme]]", "key_file", "\"a.eab\"")];
const TWO_HOSTS: &[Line] =
    &[LISTENERS, OF, NAMES, AUTHORITY, AGREED, ("[[site]]", "hosts", "[\"a.example\", \"b.example\"]")];

pub(super) const CHANGES: &[Change] = &[
    ("[[listen]]", "tls", "true", &[FILE, KEY, ("[[listen]]", "tls", "false")]),
    ("[[listen]]", "public_port", "8443", SERVED),
    ("[[certificate]]", "file", "\"b.pem\"", SERVED),
    ("[[certificate]]", "key", "\"b.key\"", SERVED),
    ("[[certificate]]", "acme", "\"second\"", OF_TWO),
    ("[[certificate]]", "names", "[\"a.example\", \"b.example\"]", TWO_HOSTS),
    ("[[certificate]]", "key_type", "\"rsa-2048\"", ORDERED),
    ("[[acme]]", "name", "\"renamed\"", ORDERED),
    ("[[acme]]", "directory", "\"https://ca.example/dir\"", ORDERED),
    ("[[acme]]", "challenge", "\"tls-alpn-01\"", ORDERED),
    ("[[acme]]", "contact", "[\"admin@a.example\"]", ORDERED),
    ("[[acme]]", "agree_to_terms", "true", &[LISTENERS, OF, NAMES, AUTHORITY]),
    ("[[acme]]", "ca_file", "\"ca.pem\"", ORDERED),
    ("[[acme]]", "profile", "\"short\"", ORDERED),
    ("[[acme]]", "key_id", "\"b\"", BOUND),
    ("[[acme]]", "key_file", "\"b.eab\"", BOUND),
    ("[tls]", "minimum_version", "\"1.3\"", SERVED),
    ("[tls]", "unknown_names", "\"default\"", SERVED),
    ("[tls]", "http2", "false", SERVED),
    ("[tls]", "ciphers", "[\"TLS_AES_128_GCM_SHA256\"]", SERVED),
    ("[tls]", "groups", "[\"x25519\"]", SERVED),
    ("[tls]", "handshake_seconds", "9", SERVED),
    ("[site.tls]", "enabled", "false", SERVED),
    ("[site.tls]", "redirect", "false", BESIDE),
    ("[site.tls]", "minimum_version", "\"1.3\"", SERVED),
    ("[site.tls]", "client_ca", "\"ca.pem\"", SERVED),
    ("[site.tls]", "client_crl", "\"crl.pem\"", ASKED),
    ("[site.tls]", "client_certificates", "\"optional\"", ASKED),
];
