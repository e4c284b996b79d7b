//! The response to a check: whether it is what the check wants, as soon as that can be said.

use std::fmt::{self, Display, Formatter};

use fosse_http1::{HeadLimits, Refusal, ResponseHead, find_response_end, strict_response, whole_body};
use fosse_settings::Check;

/// The reason for which a check failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no connection; the word says why.
    NoConnection(&'static str),
    /// The response is not there in time.
    Late,
    /// The connection was closed before the response was whole.
    Closed,
    /// The response is no HTTP/1.x.
    Invalid,
    /// The response is too long to be looked at whole.
    TooLong,
    /// The response has a status that is no health.
    Status(u16),
    /// The body does not hold the text.
    Body,
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConnection(why) => write!(f, "no connection: {why}"),
            Self::Late => f.write_str("no response in time"),
            Self::Closed => f.write_str("closed before the response was whole"),
            Self::Invalid => f.write_str("no valid response"),
            Self::TooLong => f.write_str("response too long"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Body => f.write_str("body without the text"),
        }
    }
}

/// Judges the part of a response that has come. `ended`: nothing comes after it. Returns `None`
/// while more is needed.
#[must_use]
pub fn judge(bytes: &[u8], ended: bool, check: &Check) -> Option<Result<(), Fault>> {
    try_judge(bytes, ended, check).unwrap_or(Some(Err(Fault::Invalid)))
}

fn try_judge(mut bytes: &[u8], ended: bool, check: &Check) -> Result<Option<Result<(), Fault>>, Refusal> {
    let lenient = check.lenient_responses;
    loop {
        let Some(end) = find_response_end(bytes, 0, lenient)? else { return Ok(None) };
        let head = strict_response(&bytes[..end], lenient)?;
        let head = ResponseHead::parse(&head, check.method == "HEAD", &HeadLimits::DEFAULT)?;
        bytes = &bytes[end..];
        // Interim responses say nothing, but there is no protocol to switch to.
        if (100..=199).contains(&head.status) && head.status != 101 {
            continue;
        }
        if !check.status.iter().any(|(first, last)| (*first..=*last).contains(&head.status)) {
            return Ok(Some(Err(Fault::Status(head.status))));
        }
        if check.body.is_empty() {
            return Ok(Some(Ok(())));
        }
        let (body, whole) = whole_body(bytes, head.body, ended, lenient)?;
        if body.windows(check.body.len()).any(|part| part == check.body.as_bytes()) {
            return Ok(Some(Ok(())));
        }
        return Ok(whole.then_some(Err(Fault::Body)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: &[(u16, u16)], body: &str) -> Check {
        Check { method: "GET".into(), status: status.to_vec(), body: body.into(), ..Check::default() }
    }

    fn good(response: &[u8], ended: bool, check: &Check) -> Option<bool> {
        judge(response, ended, check).map(|result| result.is_ok())
    }

    #[test]
    fn the_status_decides_and_interim_responses_do_not() {
        let any = check(&[(200, 399)], "");
        assert_eq!(good(b"HTTP/1.1 204 No Content\r\n\r\n", false, &any), Some(true));
        assert_eq!(good(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", false, &any), Some(false));
        let hint = b"HTTP/1.1 103 Early Hints\r\n\r\n".as_slice();
        assert_eq!(good(hint, false, &any), None);
        assert_eq!(good(&[hint, b"HTTP/1.1 200 OK\r\n\r\n"].concat(), false, &any), Some(true));
        let listed = check(&[(200, 200), (401, 403)], "");
        for (status, passes) in [(200, true), (204, false), (400, false), (401, true), (403, true), (404, false)] {
            let response = format!("HTTP/1.1 {status} x\r\n\r\n");
            assert_eq!(good(response.as_bytes(), false, &listed), Some(passes), "{status}");
        }
        assert_eq!(good(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", false, &any), Some(false));
    }

    #[test]
    fn a_text_is_looked_for_in_the_body_alone_however_it_is_framed_and_cut() {
        let ready = check(&[(200, 200)], "ready");
        for response in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nis ready"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nis r\r\n4\r\neady\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nis ready",
        ] {
            assert_eq!(good(response, true, &ready), Some(true), "{}", response.escape_ascii());
            for cut in 0..response.len() {
                assert_ne!(good(&response[..cut], false, &ready), Some(false), "cut at {cut}");
            }
        }
        for response in [
            &b"HTTP/1.1 200 OK\r\nX: ready\r\nContent-Length: 3\r\n\r\nno ready"[..],
            b"HTTP/1.1 200 ready\r\nTransfer-Encoding: chunked\r\n\r\n2;ready\r\nno\r\n0\r\n\r\n",
            b"HTTP/1.1 204 ready\r\n\r\n",
        ] {
            assert_eq!(good(response, false, &ready), Some(false), "{}", response.escape_ascii());
        }
    }
}
