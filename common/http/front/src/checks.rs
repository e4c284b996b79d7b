//! The limits of a policy, which hold whatever its firewall does: networks, heads, methods,
//! lengths, text, and how far a request goes.

use fosse_http1::{percent, via_passages};
use fosse_settings::ParsePolicy;
use fosse_wire::request::{BodyLength, Endpoint};

use crate::limits::VIA_PASSAGES_MAX;
use crate::refused::Refused;
use crate::request::Request;
use crate::settings::head_limits;

/// Checks whether a request goes on.
///
/// # Errors
/// [`Refused`] where it does not.
pub(crate) fn check(request: &Request<'_>, client: &Endpoint, policy: &ParsePolicy) -> Result<(), Refused> {
    if !policy.networks.is_empty() && !lets_in(policy, client) {
        return Err(Refused::NETWORK);
    }
    if let Some(limits) = &policy.head {
        request.check_limits(&head_limits(limits))?;
    }
    if !serves(policy, request.method) {
        return Err(Refused::METHOD);
    }
    if matches!(request.body, BodyLength::Exact(length) if length > policy.body_bytes_max) {
        return Err(Refused::BODY_SIZE);
    }
    if policy.utf8 && !is_utf8(request.target) {
        return Err(Refused::TEXT);
    }
    if request.has_via && via_passages(request.fields) > VIA_PASSAGES_MAX {
        return Err(Refused::LOOP);
    }
    if matches!(request.method, b"OPTIONS" | b"TRACE") { further(request) } else { Ok(()) }
}

fn serves(policy: &ParsePolicy, method: &[u8]) -> bool {
    let listed = policy.methods.iter().any(|listed| listed.as_bytes() == method);
    listed || (policy.other_methods && method != b"TRACE")
}

/// Returns whether a client may come: the smallest network that has its address decides, and where
/// none does, those that are let in are all there are.
fn lets_in(policy: &ParsePolicy, client: &Endpoint) -> bool {
    let networks = policy.networks.iter();
    let having = networks.filter(|one| client.ip().is_some() && one.net.contains(&client.addr));
    having
        .max_by_key(|one| one.net.prefix)
        .map_or_else(|| policy.networks.iter().all(|one| !one.allow), |one| one.allow)
}

/// Checks the hops that a request of OPTIONS or TRACE has left (RFC 9110, section 7.6.2). Of other
/// methods the field says nothing.
fn further(request: &Request<'_>) -> Result<(), Refused> {
    let mut counts = request.fields.iter().filter(|field| field.is("max-forwards"));
    let Some(count) = counts.next() else { return Ok(()) };
    if counts.next().is_some() || count.value.is_empty() || !count.value.iter().all(u8::is_ascii_digit) {
        return Err(Refused::HOPS);
    }
    match (request.method, count.value.iter().any(|digit| *digit != b'0')) {
        (_, true) => Ok(()),
        (b"OPTIONS", false) => Err(Refused::LAST_HOP),
        (_, false) => Err(Refused::TRACE),
    }
}

fn is_utf8(target: &[u8]) -> bool {
    target.splitn(2, |byte| *byte == b'?').all(|part| core::str::from_utf8(&percent::decode(part)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_http1::{HeadLimits, RequestHead};

    fn status(policy: &ParsePolicy, line: &str, fields: &str) -> u16 {
        let head = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let head = RequestHead::parse(head.as_bytes(), &HeadLimits::DEFAULT).unwrap();
        check(&Request::from(&head), &Endpoint::default(), policy).err().map_or(0, |refused| refused.status)
    }

    #[test]
    fn the_smallest_network_decides_and_those_let_in_are_all() {
        let admitted = |text: &str, prefix, allow| {
            let addr = text.parse::<std::net::Ipv6Addr>().unwrap().octets();
            fosse_settings::Admitted { net: fosse_settings::Net { addr, prefix }, allow }
        };
        let allow = admitted("::ffff:10.0.0.0", 104, true);
        let deny = admitted("::ffff:10.1.0.0", 112, false);
        for (networks, client, expected) in [
            (vec![allow], "10.9.9.9", true),
            (vec![allow], "192.0.2.1", false),
            (vec![allow, deny], "10.1.0.1", false),
            (vec![deny, allow], "10.2.0.1", true),
            (vec![deny], "192.0.2.1", true),
            (vec![deny], "10.1.2.3", false),
        ] {
            let policy = ParsePolicy { networks, ..ParsePolicy::default() };
            let client = Endpoint::from_socket((client.parse::<std::net::IpAddr>().unwrap(), 1).into());
            assert_eq!(lets_in(&policy, &client), expected, "{policy:?} {client:?}");
        }
        // A peer behind a unix socket has no address.
        assert!(!lets_in(&ParsePolicy { networks: vec![allow], ..ParsePolicy::default() }, &Endpoint::default()));
        assert!(lets_in(&ParsePolicy { networks: vec![deny], ..ParsePolicy::default() }, &Endpoint::default()));
    }

    #[test]
    fn what_a_site_does_not_take_gets_its_own_status() {
        let methods = ["GET", "OPTIONS", "TRACE", "POST"].map(str::to_owned).to_vec();
        let site = ParsePolicy { methods, body_bytes_max: 5, utf8: true, ..ParsePolicy::default() };
        for (line, fields, expected) in [
            ("GET /%c3%a9?%c3%a9", "", 0),
            ("GET /%ff", "", 400),
            ("GET /?%ff", "", 400),
            ("PUT /", "", 405),
            ("get /", "", 405),
            ("POST /", "Content-Length: 5\r\n", 0),
            ("POST /", "Content-Length: 6\r\n", 413),
            ("OPTIONS *", "Max-Forwards: 1\r\n", 0),
            ("OPTIONS *", "Max-Forwards: 00\r\n", 200),
            ("TRACE /", "Max-Forwards: 0\r\n", 405),
            ("TRACE /", "Max-Forwards: -1\r\n", 400),
            ("TRACE /", "Max-Forwards:\r\n", 400),
            ("TRACE /", "Max-Forwards: 1\r\nMax-Forwards: 1\r\n", 400),
            ("GET /", "Max-Forwards: 0\r\n", 0),
        ] {
            assert_eq!(status(&site, line, fields), expected, "{line} {fields}");
        }
        let any =
            ParsePolicy { methods: vec!["GET".to_owned()], other_methods: true, body_bytes_max: 5, ..site.clone() };
        for (line, expected) in [("GET /", 0), ("PROPFIND /", 0), ("TRACE /", 405)] {
            assert_eq!(status(&any, line, ""), expected, "{line}");
        }
        let via = "Via: 1.1 fosse\r\n";
        assert_eq!(status(&site, "GET /", &via.repeat(VIA_PASSAGES_MAX)), 0);
        assert_eq!(status(&site, "GET /", &via.repeat(VIA_PASSAGES_MAX + 1)), 508);
    }
}
