//! Requests that get a local response, and the line that says why.

use fosse_die::{Escaped, info};
use fosse_http1::{HOST_BYTES_MAX, Refusal, trim};
use fosse_wire::request::Endpoint;
use fosse_wire::response::{Cause, ResponseHead};
use fosse_wire::verdict::Cause as Denied;

use crate::settings::Settings;

/// A local response with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Status of the response; 0 where the connection is closed without one.
    pub status: u16,
    /// The reason, for people.
    pub why: &'static str,
    /// The key of fosse.toml whose limit was reached; empty without one.
    pub limit: &'static str,
}

/// The request that is refused, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// The host as the client wrote it; empty where it has not come or is known by the site.
    pub host: &'a [u8],
    /// Index of the site.
    pub site: u32,
    /// Number of the policy.
    pub policy: u32,
}

impl Refused {
    /// The PROXY header that the listener asks for is not there.
    pub const PROXY: Self = Self::new(400, "the PROXY header is missing or malformed");
    /// The address lists deny the client that a trusted proxy names.
    pub const DENIED: Self = Self { limit: "deny", ..Self::new(403, "on a deny list") };
    /// The client that a trusted proxy names is penalised.
    pub const PENALISED: Self = Self::new(429, "penalised for its requests");
    /// The client that a trusted proxy names has as much as it may have.
    pub(crate) const ADDRESS_LIMIT: Self =
        Self { limit: "address_connections_max", ..Self::new(429, "too many connections from this address") };
    /// No site takes the host.
    pub const HOST: Self = Self::new(421, "no site has this host");
    /// Over a connection whose handshake was that of a site with other terms (RFC 9110, section
    /// 15.5.20).
    pub(crate) const OTHER_TERMS: Self = Self::new(421, "the connection is to a site with other terms of TLS");
    /// The head is longer than a frame.
    pub const HEAD: Self = Self::new(431, "the head does not fit into a frame");
    /// The end of the request is longer than a frame.
    pub const END: Self = Self::new(431, "the end of the request does not fit into a frame");
    /// The site does not serve the method.
    pub const METHOD: Self = Self { limit: "methods", ..Self::new(405, "the site does not serve this method") };
    /// The route lets other networks in.
    pub const NETWORK: Self = Self { limit: "networks", ..Self::new(403, "not from a network that is let in") };
    /// To look for the globs and regular expressions of the site in its path would take too long.
    pub(crate) const UNDECIDED: Self = Self::new(400, "its path takes the site's expressions too long");
    /// The target that a rewrite makes, or the location of a redirect, cannot be written.
    pub(crate) const REWRITE: Self = Self::new(400, "the target that it is rewritten to is none");
    /// The body is longer than the site takes.
    pub(crate) const BODY_SIZE: Self =
        Self { limit: "body_bytes_max", ..Self::new(413, "the body is over the site's limit") };
    /// The site takes UTF-8 alone.
    pub const TEXT: Self = Self { limit: "utf8", ..Self::new(400, "path or query is not UTF-8") };
    /// It has passed too many proxies of this name: its server asks them again (RFC 5842, section
    /// 7.2).
    pub const LOOP: Self = Self::new(508, "the request goes in a circle");
    /// Max-Forwards is no number.
    pub(crate) const HOPS: Self = Self::new(400, "Max-Forwards is no number");
    /// OPTIONS for the last proxy that Max-Forwards lets it reach, which is this one.
    pub(crate) const LAST_HOP: Self = Self::new(200, "Max-Forwards ends here");
    /// TRACE for this proxy. The response would show fields that a page must not see.
    pub const TRACE: Self = Self::new(405, "TRACE is for the server alone");
    /// The head did not come in time.
    pub const HEAD_LATE: Self = Self { limit: "head_seconds", ..Self::LATE };
    /// The body did not come in time.
    pub const BODY_LATE: Self = Self { limit: "body_seconds", ..Self::LATE };
    const LATE: Self = Self::new(408, "the request took too long");
    /// The ring has broken the exchange off.
    pub const NO_RESPONSE: Self = Self::new(502, "no response");
    /// The server responds to a stream that would switch protocols as if it had, and has not.
    pub const NO_SWITCH: Self = Self::new(502, "the server did not switch protocols");
    /// The ring is dead.
    pub const NO_RING: Self = Self::new(503, "the lane it was in has ended");

    /// Returns the refusal that a local response of dispatch is; `None` where the program that
    /// decided it has logged it.
    pub const fn of_response(head: &ResponseHead<'_>) -> Option<Self> {
        let (why, limit) = match head.cause {
            Cause::Denied(Denied::BodySize) => ("the body is over the site's limit", "body_bytes_max"),
            Cause::Denied(Denied::Memory) => ("memory for bodies is used up", "lane_held_bytes_max"),
            Cause::BufferFull => ("memory for bodies is used up", "lane_buffered_bytes_max"),
            Cause::Denied(Denied::SpoolFull) => ("the file for long bodies is full", "spool_bytes_max"),
            Cause::Denied(Denied::Spool) => ("the file for long bodies has lost its body", ""),
            Cause::Denied(Denied::Rate) => ("too many requests", ""),
            Cause::QueueFull => ("all connections to its servers and their queue are in use", "queue_requests_max"),
            Cause::QueueTimeout => ("no connection to its servers became free in time", "queue_seconds"),
            Cause::Busy => ("no server is there to take it", ""),
            Cause::Request if head.status == 413 => ("the body is over the site's limit", "body_bytes_max"),
            Cause::Request => ("it cannot be sent to a server", ""),
            Cause::None | Cause::Denied(_) | Cause::Backend | Cause::Timeout | Cause::Access => return None,
        };
        Some(Self { status: head.status, why, limit })
    }

    const fn new(status: u16, why: &'static str) -> Self {
        Self { status, why, limit: "" }
    }

    /// Writes the line of the event.
    pub(crate) fn report(self, program: &str, client: &Endpoint, of: &Whose<'_>, settings: &Settings) {
        let client = client.ip().map_or_else(|| "unix".to_owned(), |ip| ip.to_string());
        let Self { status, why, limit } = self;
        let host = optional("host", of.host);
        let site = optional("site", settings.site_name(of.site).as_bytes());
        let route = optional("route", settings.route_name(of.site, of.policy).as_bytes());
        let (why, limit) = (Escaped(why.as_bytes()), optional("limit", limit.as_bytes()));
        let status = if status == 0 { String::new() } else { format!(" status={status}") };
        info(program, format_args!("event=refused client={client}{host}{site}{route}{status} why={why}{limit}"));
    }
}

impl From<Refusal> for Refused {
    fn from(why: Refusal) -> Self {
        let limit = match why {
            Refusal::TargetTooLong => "target_bytes_max",
            Refusal::FieldTooLong => "header_bytes_max",
            Refusal::TooManyFields => "header_count_max",
            Refusal::HeadTooLong => "head_bytes_max",
            _ => "",
        };
        Self { status: why.status(), why: why.words(), limit }
    }
}

fn optional(name: &str, value: &[u8]) -> String {
    if value.is_empty() { String::new() } else { format!(" {name}={}", Escaped(value)) }
}

/// Returns the value of the first Host field in the bytes of a head that was refused, as the client
/// wrote it: for people, who want to know whom it was meant for.
pub fn host_of(head: &[u8]) -> &[u8] {
    let lines = head.split(|byte| *byte == b'\n').skip(1).take_while(|line| !matches!(*line, b"" | b"\r"));
    let values = lines.filter_map(|line| {
        let (name, value) = line.split_at_checked(5)?;
        name.eq_ignore_ascii_case(b"host:").then(|| trim(value.strip_suffix(b"\r").unwrap_or(value)))
    });
    let host = values.into_iter().next().unwrap_or_default();
    &host[..host.len().min(HOST_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_found_in_what_has_come_of_a_head() {
        for (head, host) in [
            (&b"GET / HTTP/1.1\r\nA: b\r\nhOST:  x.example:80 \r\nHost: y\r\n\r\n"[..], &b"x.example:80"[..]),
            (b"GET / HTTP/1.1\nHost:\nA", b""),
            (b"GET / HTTP/1.1\r\nA: b\r\n\r\nHost: body", b""),
            (b"Host: first.line", b""),
            (b"GET / HTTP/1.1\r\nHost: cut.of", b"cut.of"),
            (b"", b""),
        ] {
            assert_eq!(host_of(head), host);
        }
        let long = [&b"GET / HTTP/1.1\r\nHost: "[..], &[b'x'; 999]].concat();
        assert_eq!(host_of(&long).len(), HOST_BYTES_MAX);
    }
}
