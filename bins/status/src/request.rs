//! What a client asks for: the first line of a GET; the rest of the head is read to its end and not looked at.

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `/status.json`: everything, for programs.
    Json,
    /// `/status.txt`: everything, one line a process, for `fosse status`.
    Lines,
    /// `/servers.txt`: one line for each backend server and lane.
    Servers,
    /// `/metrics`: sums by program, as Prometheus reads them.
    Metrics,
}

/// What the bytes so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The head is not complete.
    More,
    /// A complete head that asks for this; `false` where only the answer's head is wanted (HEAD).
    Asked(Ask, bool),
    /// A complete head that cannot be answered, with the status that says so.
    Refused(u16),
}

/// Reads the bytes a client has sent so far.
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
    let body = match method {
        b"GET" => true,
        b"HEAD" => false,
        _ => return Progress::Refused(405),
    };
    match target.split(|b| *b == b'?').next().unwrap_or_default() {
        b"/status.json" => Progress::Asked(Ask::Json, body),
        b"/status.txt" => Progress::Asked(Ask::Lines, body),
        b"/servers.txt" => Progress::Asked(Ask::Servers, body),
        b"/metrics" => Progress::Asked(Ask::Metrics, body),
        _ => Progress::Refused(404),
    }
}

/// An empty line ends a head.
fn is_complete(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|w| w == b"\r\n\r\n") || bytes.windows(2).any(|w| w == b"\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURL: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";

    #[test]
    fn four_pages_are_served_and_nothing_else() {
        for (request, expected) in [
            (CURL, Progress::Asked(Ask::Metrics, true)),
            (b"GET /status.json HTTP/1.0\n\n".as_slice(), Progress::Asked(Ask::Json, true)),
            (b"HEAD /status.txt?x HTTP/1.0\r\n\r\n", Progress::Asked(Ask::Lines, false)),
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
    fn a_cut_request_asks_for_nothing() {
        for cut in 0..CURL.len() {
            assert_eq!(progress(&CURL[..cut]), Progress::More);
        }
    }
}
