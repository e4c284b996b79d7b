//! The fields of a client that pass to the application.

use fosse_http1::{members, same_name};
use fosse_wire::request::RequestHead;

use super::names::{DECIDED, DROPPED, FORWARDING, HINDERING, OF_HANDSHAKE, OF_TRUSTED};
use crate::policies::Policy;

/// Returns whether a field is one that trusted proxies write about their clients.
pub(super) fn is_of_proxy(name: &[u8]) -> bool {
    begins(name, FORWARDING) || begins(name, OF_HANDSHAKE) || OF_TRUSTED.contains(name)
}

fn begins(name: &[u8], start: &[u8]) -> bool {
    name.get(..start.len()).is_some_and(|begin| same_name(begin, start))
}

/// Returns whether a field says who the client is, which a trusted proxy alone may do.
pub(super) fn is_identity(name: &[u8], policy: &Policy) -> bool {
    policy.settings.identity_headers.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(name))
}

pub(super) fn is_dropped(name: &[u8], trusted: bool) -> bool {
    let forwarding = begins(name, FORWARDING);
    if trusted {
        forwarding && DECIDED.contains(name) || DROPPED.contains(name) && !OF_TRUSTED.contains(name)
    } else {
        forwarding || begins(name, OF_HANDSHAKE) || DROPPED.contains(name)
    }
}

/// Returns whether a field does not pass where responses are evaluated: it asks for coded ones, or
/// for parts of one that say nothing each. A server may always respond as if it were not there (RFC
/// 9110, sections 12.5.3 and 14.2).
pub(super) fn hinders_inspection(name: &[u8]) -> bool {
    named(&HINDERING, name)
}

/// Returns whether applications that read fields by the names of CGI, in which hyphens are
/// underscores too (RFC 3875, section 4.1.18), would take it for one that does not pass. Trusted
/// proxies write theirs with hyphens: of them as well only a client has a reason for such a name.
pub(super) fn reads_as_dropped(name: &[u8], policy: &Policy) -> bool {
    let read: Vec<u8> = name.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte }).collect();
    is_dropped(&read, false)
        || is_identity(&read, policy)
        || policy.request.drop(&read)
        || policy.settings.inspect_responses && hinders_inspection(&read)
}

/// Returns the names that the client's Connection fields declare hop by hop, besides the usual two.
pub(super) fn declared<'a>(head: &RequestHead<'a>) -> Vec<&'a [u8]> {
    head.fields
        .all(b"connection")
        .flat_map(members)
        .filter(|m| !m.eq_ignore_ascii_case(b"keep-alive") && !m.eq_ignore_ascii_case(b"close"))
        .collect()
}

pub(super) fn named(names: &[&[u8]], name: &[u8]) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}
