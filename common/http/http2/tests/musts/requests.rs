//! Rows about what a request may have.

use super::Then::Stream;
use super::{Row, all, request, row, trailers, with};
use crate::client::*;
use fosse_http2::Code::Protocol;

#[expect(clippy::too_many_lines, reason = "a table, one row for each rule")]
pub(crate) fn requests() -> Vec<Row> {
    let malformed = Stream(1, Protocol);
    let pseudo = |fields: &[(&'static str, &'static str)]| request(fields);
    let [method, scheme, authority, path] = [PLAIN[0], PLAIN[1], PLAIN[2], PLAIN[3]];
    let mut rows = vec![
        row("8.1", "trailers that do not end the stream", trailers(0, &[("a", "b")]), malformed),
        row("8.1", "a pseudo-header field in trailers", trailers(END_STREAM, &[(":path", "/")]), malformed),
        row("8.1", "a status in trailers", trailers(END_STREAM, &[(":status", "200")]), malformed),
        row(
            "8.1.1",
            "less data than was announced",
            all(&[headers(1, 0, &[UPLOAD, &[("content-length", "5")]].concat()), frame(DATA, 1, 1, b"four")]),
            malformed,
        ),
        row(
            "8.1.1",
            "more data than was announced",
            all(&[headers(1, 0, &[UPLOAD, &[("content-length", "3")]].concat()), frame(DATA, 0, 1, b"four")]),
            malformed,
        ),
        row("8.1.1", "a length and no data", with(&[("content-length", "5")]), malformed),
        row(
            "8.1.1",
            "less data than was announced, before trailers",
            all(&[headers(1, 0, &[UPLOAD, &[("content-length", "5")]].concat()), headers(1, 1, &[("a", "b")])]),
            malformed,
        ),
        row("8.2.1", "an upper-case letter in a name", with(&[("X-a", "b")]), malformed),
        row("8.2.1", "an upper-case letter in a trailer", trailers(END_STREAM, &[("X-a", "b")]), malformed),
        row("8.2.2", "TE: gzip", with(&[("te", "gzip")]), malformed),
        row("8.2.2", "TE: trailers, gzip", with(&[("te", "trailers, gzip")]), malformed),
        row(
            "8.3",
            "an unknown pseudo-header field",
            pseudo(&[method, scheme, authority, path, (":x", "y")]),
            malformed,
        ),
        row("8.3", "a status in a request", pseudo(&[method, scheme, authority, path, (":status", "200")]), malformed),
        row(
            "8.3",
            "a pseudo-header field after a regular one",
            pseudo(&[method, scheme, authority, ("a", "b"), path]),
            malformed,
        ),
        row("8.3.1", "no method", pseudo(&[scheme, authority, path]), malformed),
        row("8.3.1", "no scheme", pseudo(&[method, authority, path]), malformed),
        row("8.3.1", "no path", pseudo(&[method, scheme, authority]), malformed),
        row("8.3.1", "neither authority nor Host", pseudo(&[method, scheme, path]), malformed),
        row("8.3.1", "an empty path", pseudo(&[method, scheme, authority, (":path", "")]), malformed),
        row("8.3.1", "* for GET", pseudo(&[method, scheme, authority, (":path", "*")]), malformed),
        row("8.3.1", "Host that is another than :authority", with(&[("host", "b.example")]), malformed),
        row("8.3.1", "an empty authority", pseudo(&[method, scheme, (":authority", ""), path]), malformed),
        row(
            "8.3.1",
            "a scheme with a request in it",
            pseudo(&[method, (":scheme", "http://b/?"), authority, path]),
            malformed,
        ),
        row("8.5", "CONNECT with a path", pseudo(&[(":method", "CONNECT"), authority, path]), malformed),
        row("8.5", "CONNECT with a scheme", pseudo(&[(":method", "CONNECT"), authority, scheme]), malformed),
        row("8.5", "CONNECT without authority", pseudo(&[(":method", "CONNECT")]), malformed),
        row(
            "RFC 8441 4",
            ":protocol of another method",
            pseudo(&[method, scheme, authority, path, (":protocol", "websocket")]),
            malformed,
        ),
        row(
            "RFC 8441 4",
            ":protocol without path",
            pseudo(&[(":method", "CONNECT"), scheme, authority, (":protocol", "websocket")]),
            malformed,
        ),
        row(
            "RFC 8441 4",
            ":protocol other than websocket",
            pseudo(&[(":method", "CONNECT"), scheme, authority, path, (":protocol", "h2c")]),
            malformed,
        ),
        row(
            "RFC 9110 8.6",
            "Content-Length twice",
            all(&[headers(1, 0, &[UPLOAD, &[("content-length", "1"), ("content-length", "1")]].concat())]),
            malformed,
        ),
    ];
    for length in ["+1", "-1", "1,1", "0x1", " 1", "", "1000000000000000", "1 "] {
        rows.push(row(
            "RFC 9110 8.6",
            "Content-Length that is no number",
            headers(1, 0, &[UPLOAD, &[("content-length", length)]].concat()),
            malformed,
        ));
    }
    for (at, (name, value)) in PLAIN.iter().enumerate() {
        let mut twice = PLAIN.to_vec();
        twice.insert(at, (name, value));
        rows.push(row("8.3", "a pseudo-header field twice", request(&twice), malformed));
    }
    for name in ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"] {
        rows.push(row("8.2.2", "a field of one connection", with(&[(name, "x")]), malformed));
        rows.push(row(
            "8.2.2",
            "a field of one connection in trailers",
            trailers(END_STREAM, &[(name, "x")]),
            malformed,
        ));
    }
    for name in ["content-length", "host", "te", "authorization", "cookie"] {
        rows.push(row(
            "RFC 9110 6.5.1",
            "a field of the head in trailers",
            trailers(END_STREAM, &[(name, "1")]),
            malformed,
        ));
    }
    rows
}
