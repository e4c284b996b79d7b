//! The request of a client: the first line of a GET, or of a POST that changes something. The rest
//! of the head is read to its end and not looked at.

use std::net::Ipv6Addr;

use fosse_counters::Wanted;
use fosse_wire::purge::{By, Purge};

/// The pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `/status.json`: everything, for programs.
    Json,
    /// `/status.txt`: everything, one line a process, for `fosse status`.
    Lines,
    /// `/servers.txt`: one line for each backend server and lane.
    Servers,
    /// `/traffic.txt`: one line for each site and each backend, for `fosse status`.
    Traffic,
    /// `/rules.txt`: one line for each rule that has denied, for `fosse status`.
    Rules,
    /// `/reload.txt`: the last reload, for `fosse reload`.
    Reload,
    /// `/metrics`: sums by program, as Prometheus reads them.
    Metrics,
}

/// A request for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The page.
    pub target: Target,
    /// Only the head of the response is wanted (HEAD).
    pub head: bool,
    /// The client knows chunks (HTTP/1.1), so that it sees whether it has got all of a page.
    pub chunks: bool,
}

/// A change of the state of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It gets no clients but those that belong to it.
    Drain,
    /// It gets clients again.
    Ready,
    /// It has that weight; `None` for that of the configuration.
    Weight(Option<u16>),
}

/// A request for a change: `POST /servers/drain/NAME`, `/servers/ready/NAME`,
/// `/servers/weight/N/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOrder {
    /// The change.
    pub change: Change,
    /// The server that is meant.
    pub server: String,
}

/// A request to purge: `POST /purge/all/HOST`, `/purge/url/HOST/PATH`, `/purge/prefix/HOST/PATH`,
/// `/purge/tag/HOST/TAG`. HOST may have a port after a colon; where it may be any it is `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeOrder {
    /// The thing by which kept responses are chosen.
    pub by: By,
    /// Their host; empty for every one.
    pub host: String,
    /// Its port; 0 for every one.
    pub port: u16,
    /// Target, prefix or tag.
    pub text: String,
}

impl PurgeOrder {
    /// Returns the word for the thing by which responses are chosen.
    pub(crate) fn word(&self) -> &'static str {
        PURGED.iter().find(|(_, by)| *by == self.by).map_or("", |(word, _)| word)
    }

    /// Returns it as the cache is sent it.
    pub(crate) fn purge(&self) -> Purge<'_> {
        Purge { by: self.by, host: self.host.as_bytes(), port: self.port, text: self.text.as_bytes() }
    }
}

/// The words for the things by which kept responses are chosen.
const PURGED: [(&str, By); 4] = [("all", By::All), ("url", By::Target), ("prefix", By::Prefix), ("tag", By::Tag)];

/// The largest weight.
const WEIGHT_MAX: u16 = 256;

/// The meaning of the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The head is not complete.
    More,
    /// A request for a page.
    Request(Request),
    /// A request for a change.
    Order(ServerOrder),
    /// A request to purge.
    Purge(PurgeOrder),
    /// A request for the connections, or for the end of some: `GET /connections.txt`, `POST
    /// /connections/end/ID`, `POST /connections/end-all/ADDRESS/BITS`.
    Connections(Wanted),
    /// A request for the certificates, or (`true`) to read their files again:
    /// `GET /certificates.txt`, `POST /certificates/reload`.
    Certificates(bool),
    /// A complete head that gets this status in place of a page.
    Refused(u16),
}

/// Parses the bytes that a client has sent so far.
#[must_use]
pub fn progress(bytes: &[u8]) -> Progress {
    if !is_complete(bytes) {
        return Progress::More;
    }
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|b| *b == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, words.next()) else {
        return Progress::Refused(400);
    };
    if !version.starts_with(b"HTTP/1.") {
        return Progress::Refused(400);
    }
    let head = match method {
        b"GET" if target == b"/connections.txt" => return Progress::Connections(Wanted::List),
        b"GET" if target == b"/certificates.txt" => return Progress::Certificates(false),
        b"POST" if target == b"/certificates/reload" => return Progress::Certificates(true),
        b"GET" => false,
        b"HEAD" => true,
        b"POST" if target.starts_with(ENDS) => {
            return end(&target[ENDS.len()..]).map_or(Progress::Refused(400), Progress::Connections);
        }
        b"POST" if target.starts_with(ORDERS) => {
            return order(&target[ORDERS.len()..]).map_or(Progress::Refused(400), Progress::Order);
        }
        b"POST" if target.starts_with(PURGES) => {
            return purge(&target[PURGES.len()..]).map_or(Progress::Refused(400), Progress::Purge);
        }
        _ => return Progress::Refused(405),
    };
    let Some(target) = page(target) else { return Progress::Refused(404) };
    Progress::Request(Request { target, head, chunks: version != b"HTTP/1.0" })
}

/// Returns the page of a target.
fn page(target: &[u8]) -> Option<Target> {
    Some(match target.split(|b| *b == b'?').next()? {
        b"/status.json" => Target::Json,
        b"/status.txt" => Target::Lines,
        b"/servers.txt" => Target::Servers,
        b"/traffic.txt" => Target::Traffic,
        b"/rules.txt" => Target::Rules,
        b"/reload.txt" => Target::Reload,
        b"/metrics" => Target::Metrics,
        _ => return None,
    })
}

const ORDERS: &[u8] = b"/servers/";
const PURGES: &[u8] = b"/purge/";

/// Reads what follows `/purge/`.
fn purge(text: &[u8]) -> Option<PurgeOrder> {
    let text = std::str::from_utf8(text).ok()?;
    let (word, rest) = text.split_once('/')?;
    let (authority, text) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (_, by) = *PURGED.iter().find(|(known, _)| *known == word)?;
    // The others begin with their slash.
    let text = if by == By::Tag { text.strip_prefix('/')? } else { text };
    let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        None => (authority, 0),
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
    };
    let host = if host == "*" { "" } else { Some(host).filter(|host| !host.is_empty())? };
    let order = PurgeOrder { by, host: host.to_ascii_lowercase(), port, text: text.to_owned() };
    order.purge().check().is_ok().then_some(order)
}

const ENDS: &[u8] = b"/connections/";

/// Reads what follows `/connections/`.
fn end(text: &[u8]) -> Option<Wanted> {
    let (word, rest) = std::str::from_utf8(text).ok()?.split_once('/')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match word {
        "end" => rest.parse().ok().filter(|_| digits(rest)).map(Wanted::End),
        "end-all" => {
            let (address, bits) = rest.split_once('/')?;
            let (address, bits): (Ipv6Addr, u8) = (address.parse().ok()?, bits.parse().ok().filter(|_| digits(bits))?);
            (bits <= 128).then(|| Wanted::EndAll(address.octets(), bits))
        }
        _ => None,
    }
}

/// Reads what follows `/servers/`.
fn order(text: &[u8]) -> Option<ServerOrder> {
    let text = std::str::from_utf8(text).ok()?;
    let (word, rest) = text.split_once('/')?;
    let (change, server) = match word {
        "drain" => (Change::Drain, rest),
        "ready" => (Change::Ready, rest),
        "weight" => {
            let (weight, server) = rest.split_once('/')?;
            (Change::Weight(if weight == "default" { None } else { Some(number(weight)?) }), server)
        }
        _ => return None,
    };
    let named = !server.is_empty() && server.bytes().all(|byte| byte.is_ascii_graphic());
    named.then(|| ServerOrder { change, server: server.to_owned() })
}

fn number(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|weight| *weight <= WEIGHT_MAX)
}

/// An empty line ends a head.
fn is_complete(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|w| w == b"\r\n\r\n") || bytes.windows(2).any(|w| w == b"\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURL: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";

    fn page(target: Target, head: bool, chunks: bool) -> Progress {
        Progress::Request(Request { target, head, chunks })
    }

    #[test]
    fn seven_pages_are_served_and_nothing_else() {
        for (request, expected) in [
            (CURL, page(Target::Metrics, false, true)),
            (b"GET /status.json HTTP/1.0\n\n".as_slice(), page(Target::Json, false, false)),
            (b"GET /traffic.txt HTTP/1.0\r\n\r\n", page(Target::Traffic, false, false)),
            (b"GET /rules.txt HTTP/1.0\r\n\r\n", page(Target::Rules, false, false)),
            (b"GET /reload.txt HTTP/1.0\r\n\r\n", page(Target::Reload, false, false)),
            (b"HEAD /status.txt?x HTTP/1.0\r\n\r\n", page(Target::Lines, true, false)),
            (b"GET / HTTP/1.0\r\n\r\n", Progress::Refused(404)),
            (b"GET /../metrics HTTP/1.0\r\n\r\n", Progress::Refused(404)),
            (b"POST /metrics HTTP/1.0\r\n\r\n", Progress::Refused(405)),
            (b"GET /metrics\r\n\r\n", Progress::Refused(400)),
            (b"GET /metrics HTTP/1.0 x\r\n\r\n", Progress::Refused(400)),
            (b"\r\n\r\n", Progress::Refused(400)),
        ] {
            assert_eq!(progress(request), expected, "{}", request.escape_ascii());
        }
    }

    #[test]
    fn a_change_names_what_changes_and_the_server() {
        let order = |target: &str| progress(format!("POST {target} HTTP/1.1\r\n\r\n").as_bytes());
        let changes = |change, server: &str| Progress::Order(ServerOrder { change, server: server.into() });
        for (target, expected) in [
            ("/servers/drain/app/unix:/run/a", changes(Change::Drain, "app/unix:/run/a")),
            ("/servers/ready/127.0.0.1:1", changes(Change::Ready, "127.0.0.1:1")),
            ("/servers/weight/0/a/[::1]:1", changes(Change::Weight(Some(0)), "a/[::1]:1")),
            ("/servers/weight/256/a", changes(Change::Weight(Some(256)), "a")),
            ("/servers/weight/default/a", changes(Change::Weight(None), "a")),
            ("/servers/weight/257/a", Progress::Refused(400)),
            ("/servers/weight/+1/a", Progress::Refused(400)),
            ("/servers/weight/1", Progress::Refused(400)),
            ("/servers/drain/", Progress::Refused(400)),
            ("/servers/drain/\u{e9}", Progress::Refused(400)),
            ("/servers/remove/a", Progress::Refused(400)),
            ("/servers/", Progress::Refused(400)),
            ("/servers", Progress::Refused(405)),
        ] {
            assert_eq!(order(target), expected, "{target}");
        }
        assert_eq!(progress(b"GET /servers/drain/a HTTP/1.1\r\n\r\n"), Progress::Refused(404));
    }

    #[test]
    fn a_purge_names_a_host_or_every_one_and_what_is_to_go() {
        let order = |target: &str| progress(format!("POST {target} HTTP/1.1\r\n\r\n").as_bytes());
        let purges = |by, host: &str, port, text: &str| {
            Progress::Purge(PurgeOrder { by, host: host.into(), port, text: text.into() })
        };
        for (target, expected) in [
            ("/purge/all/*", purges(By::All, "", 0, "")),
            ("/purge/all/A.example", purges(By::All, "a.example", 0, "")),
            ("/purge/url/a.example/", purges(By::Target, "a.example", 0, "/")),
            ("/purge/url/[::1]:80/x/*?y=/z", purges(By::Target, "[::1]", 80, "/x/*?y=/z")),
            ("/purge/prefix/[::1]/x", purges(By::Prefix, "[::1]", 0, "/x")),
            ("/purge/tag/*/a/b", purges(By::Tag, "", 0, "a/b")),
            ("/purge/tag/a.example:8080/a", purges(By::Tag, "a.example", 8080, "a")),
            ("/purge/all/", Progress::Refused(400)),
            ("/purge/all/a/b", Progress::Refused(400)),
            ("/purge/url/*/x", Progress::Refused(400)),
            ("/purge/url/a.example", Progress::Refused(400)),
            ("/purge/url/a.example:0/", Progress::Refused(400)),
            ("/purge/url/a.example:65536/", Progress::Refused(400)),
            ("/purge/tag/*/", Progress::Refused(400)),
            ("/purge/tag/*", Progress::Refused(400)),
            ("/purge/tag/*/a,b", Progress::Refused(400)),
            ("/purge/url/a.example/\u{e9}", Progress::Refused(400)),
            ("/purge/some/a", Progress::Refused(400)),
            ("/purge", Progress::Refused(405)),
        ] {
            assert_eq!(order(target), expected, "{target}");
        }
        assert_eq!(progress(b"GET /purge/all/* HTTP/1.1\r\n\r\n"), Progress::Refused(404));
    }

    #[test]
    fn connections_are_asked_for_and_ended_by_number_or_network() {
        let asked = |line: &str| progress(format!("{line} HTTP/1.1\r\n\r\n").as_bytes());
        for (line, expected) in [
            ("GET /connections.txt", Progress::Connections(Wanted::List)),
            ("POST /connections/end/17", Progress::Connections(Wanted::End(17))),
            ("POST /connections/end-all/::/0", Progress::Connections(Wanted::EndAll([0; 16], 0))),
            ("POST /connections/end-all/::1/129", Progress::Refused(400)),
            ("POST /connections/end-all/1.2.3.4/8", Progress::Refused(400)),
            ("POST /connections/end/+1", Progress::Refused(400)),
            ("POST /connections/end/", Progress::Refused(400)),
            ("POST /connections/all/1", Progress::Refused(400)),
            ("GET /connections/end/17", Progress::Refused(404)),
            ("POST /connections.txt", Progress::Refused(405)),
        ] {
            assert_eq!(asked(line), expected, "{line}");
        }
    }

    #[test]
    fn a_cut_request_asks_for_nothing() {
        for cut in 0..CURL.len() {
            assert_eq!(progress(&CURL[..cut]), Progress::More);
        }
    }
}
