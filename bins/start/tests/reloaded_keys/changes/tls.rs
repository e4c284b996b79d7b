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

pub(super) const CHANGES: &[Change] = &[
    ("[[listen]]", "tls", "true", &[FILE, KEY, ("[[listen]]", "tls", "false")]),
    ("[[listen]]", "public_port", "8443", SERVED),
    ("[[certificate]]", "file", "\"b.pem\"", SERVED),
    ("[[certificate]]", "key", "\"b.key\"", SERVED),
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
    ("[site.tls]", "client_certificates", "\"optional\"", ASKED),
];
