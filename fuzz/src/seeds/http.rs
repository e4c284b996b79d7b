//! HTTP/1 heads, bodies and whole conversations.

use super::{texts, with_first};

/// Tokens of heads.
pub const TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b": ",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"OPTIONS * ",
    b"CONNECT ",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"http://",
    b"https://a:1/",
    b"Host: a\r\n",
    b"Host: b\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length",
    b"Content_Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding",
    b"transfer-encoding:\tchunked\r\n",
    b"chunked",
    b"gzip, chunked",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Connection: upgrade\r\n",
    b"Upgrade: websocket\r\n",
    b"Expect: 100-continue\r\n",
    b"Trailer: X\r\n",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b";a=b",
    b"ffffffffffffffff",
    b"18446744073709551616",
    b"[::1]",
    b"%00",
    b"%2e%2e/",
    b"X-Forwarded-For: 1.2.3.4, ::1\r\n",
    b"Forwarded: for=\"[::1]:1\"\r\n",
    b" \r\n",
    b"\x00",
    b"\xff",
];

/// Tokens of chunked bodies.
pub const CHUNKED: &[&[u8]] = &[
    b"\r\n",
    b"0\r\n",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b";",
    b";a=\"b\\\"\"",
    b"a: b\r\n",
    b"\n",
    b" ",
    b"fffffffffffffff",
    b"00000000000000001",
    b"0x1",
    b"+1",
    b"-1",
    b"Content-Length: 1\r\n",
];

/// Tokens of Accept-Encoding.
pub const CODINGS: &[&[u8]] =
    &[b"gzip", b"x-gzip", b"br", b"zstd", b"identity", b"*", b";q=0", b";q=0.5", b"q=1.000", b", "];

/// Tokens of Forwarded.
pub const FORWARDED: &[&[u8]] = &[
    b"for=",
    b"by=",
    b"proto=https",
    b"host=",
    b"192.0.2.1",
    b"\"[2001:db8::1]:80\"",
    b"unknown",
    b"_x",
    b"\"",
    b"\\\"",
    b"\\",
    b";",
    b",",
    b" ",
    b"=",
];

/// Lines of Forwarded.
pub fn forwarded() -> Vec<Vec<u8>> {
    texts(&[
        "for=192.0.2.60;proto=http;by=203.0.113.43",
        "For=\"[2001:db8:cafe::17]:4711\"; host=\"a.example:8443\" , for=_gazonk;by=unknown",
        "for=\"192.0.2.43:_p\", for=198.51.100.17;ext=\"a,\\\";b\"",
        "for=\", for=10.0.0.1",
    ])
}

/// Values of Accept-Encoding.
pub fn accept_encoding() -> Vec<Vec<u8>> {
    texts(&["gzip, deflate, br, zstd", "gzip;q=1.0, br;q=0.5, *;q=0", "identity;q=0, X-GZIP ; q=0.001", "*"])
}

/// Request heads.
pub fn requests() -> Vec<Vec<u8>> {
    texts(&[
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD /a?b=c HTTP/1.0\r\nHost: example.com:8080\r\nConnection: keep-alive\r\n\r\n",
        "POST http://[::1]:1/x HTTP/1.1\r\nHost: [::1]:1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        "PUT / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\nCookie: a=b; c=\"d\"\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: 192.0.2.1\r\nAccept: */*\r\nX:\r\nX: \t y z \t\r\n\r\n",
        "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /status.json?x HTTP/1.0\n\n",
        "POST /purge/tag/*/t HTTP/1.1\r\n\r\n",
        "GET /connections.txt HTTP/1.1\r\n\r\n",
        "POST /connections/end/17 HTTP/1.1\r\n\r\n",
        "POST /connections/end-all/::ffff:192.0.2.0/120 HTTP/1.1\r\n\r\n",
    ])
}

/// Answer heads; the first byte says whether they answer HEAD.
pub fn responses() -> Vec<Vec<u8>> {
    let heads = texts(&[
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\n",
        "HTTP/1.0 404 Not Found\r\n\r\n",
        "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nConnection: close\r\n\r\n",
    ]);
    with_first(&[0, 1], &heads)
}

/// Whole responses of a server; the first byte says what was asked for, the second is the step they
/// are cut by.
pub fn server_responses() -> Vec<Vec<u8>> {
    let responses = texts(&[
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nto the end",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nbytes",
        "HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate, Basic realm=a\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\nhello",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nConnection: close\r\n\r\n",
    ]);
    let cut = with_first(&[1, 7, 255], &responses);
    with_first(&[0, 1, 2, 6, 26], &cut)
}

/// Responses to health checks; the first byte is what the check wants.
pub fn check_responses() -> Vec<Vec<u8>> {
    with_first(&[0, 1, 6, 12], &responses())
}

/// Chunked bodies; the first byte is the step they are cut by.
pub fn chunked() -> Vec<Vec<u8>> {
    let bodies = texts(&[
        "0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "5;a=b;c=\"d\"\r\nhello\r\n1 \r\nx\r\n000\r\nA: b\r\nC: d\r\n\r\nrest",
        "a\r\n0123456789\r\nA\r\n0123456789\r\n0;x\r\n\r\n",
    ]);
    with_first(&[1, 2, 7, 255], &bodies)
}

/// What a client sends over one connection; the first byte is the step it is cut by.
pub fn conversations() -> Vec<Vec<u8>> {
    let mut all = requests();
    all.extend(texts(&[
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ]));
    with_first(&[1, 3, 64], &all)
}

/// Values of Cache-Control.
pub fn cache_controls() -> Vec<Vec<u8>> {
    let all = [
        "public, max-age=60, s-maxage=\"30\", stale-while-revalidate=5",
        "private=\"set-cookie, x\", no-cache, no-store, must-revalidate",
        "foo=\"a\\\"b, max-age=1\", max-age=99999999999999999999",
    ];
    all.iter().map(|value| value.as_bytes().to_vec()).collect()
}
