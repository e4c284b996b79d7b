//! The names of request fields that there are rules about.

use fosse_http1::{NameSet, NameSieve};
use fosse_settings::DispatchPolicy;

use super::headers::Edits;

/// Names of fields by which clients lie about where they come from, or which certificate they have
/// (RFC 9440, section 4, and what servers and proxies call it).
const ABOUT_CLIENT: [&str; 14] = [
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "client-cert",
    "client-cert-chain",
    "ssl-client-cert",
    "ssl-client-verify",
    "ssl-client-subject-dn",
    "ssl-client-issuer-dn",
    "x-client-cert",
    "x-client-verify",
    "x-arr-clientcert",
];

/// Fields that never pass: hop by hop (RFC 9110, section 7.6.1), framing, those written here, and
/// those clients use to lie about themselves or about what they ask for.
pub(super) static DROPPED: NameSet<31> = NameSet::new(and_about_client([
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "proxy",
    "expect",
    "http2-settings",
    "forwarded",
    "x-original-url",
    "x-rewrite-url",
    "x-original-host",
    "x-request-id",
]));

const fn and_about_client(others: [&'static str; 17]) -> [&'static str; 31] {
    let mut all = [""; 31];
    let (first, rest) = all.split_at_mut(others.len());
    first.copy_from_slice(&others);
    rest.copy_from_slice(&ABOUT_CLIENT);
    all
}

/// Fields whose names begin so do not pass either.
pub(super) const FORWARDING: &[u8] = b"x-forwarded-";

/// Nor do those about a handshake.
pub(super) const OF_HANDSHAKE: &[u8] = b"x-ssl-";

/// Fields of these sets that a trusted proxy wrote about its client, and that pass.
pub(super) static OF_TRUSTED: NameSet<14> = NameSet::new(ABOUT_CLIENT);

/// Those that are written here whoever sent them: parse has looked at them and decided.
pub(super) static DECIDED: NameSet<2> = NameSet::new(["x-forwarded-for", "x-forwarded-proto"]);

/// Those that ask for coded responses, or for parts of one.
pub(super) const HINDERING: [&[u8]; 3] = [b"accept-encoding", b"range", b"if-range"];

/// Makes the sieve of the names that a policy has a rule about, whatever the request: fields of all
/// others pass as they are. The names in `own`, as checks write them, have one sign for all that is
/// neither a letter nor a digit.
pub(crate) fn sieve(settings: &DispatchPolicy, request: &Edits, own: &[Vec<u8>]) -> NameSieve {
    let mut sieve = NameSieve::default();
    let known = DROPPED.names().iter().chain(OF_TRUSTED.names()).chain(DECIDED.names()).map(|name| name.as_bytes());
    let chosen = settings.identity_headers.iter().map(String::as_bytes).chain(request.names());
    // The cookie of a backend is left out, and hops are counted.
    known.chain(chosen).chain([&b"cookie"[..], b"max-forwards"]).for_each(|name| sieve.add(name));
    if settings.inspect_responses {
        HINDERING.iter().for_each(|name| sieve.add(name));
    }
    for name in own {
        if name.first().is_some_and(u8::is_ascii_alphanumeric) { sieve.add(name) } else { sieve.add_all_as_long(name) }
    }
    [FORWARDING, OF_HANDSHAKE].iter().for_each(|start| sieve.add_all_beginning(start));
    sieve
}
