//! What authorities say to fosse-acme and ask of it, and what it keeps.

use super::{texts, with_first};

/// Tokens of responses and questions.
pub const TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"HTTP/1.1 ",
    b"103 Early Hints",
    b"Content-Length: 2\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Replay-Nonce: ",
    b"Retry-After: ",
    b"0\r\n\r\n",
    b"GET ",
    b"HEAD ",
    b"/.well-known/acme-challenge/",
];

/// Responses, behind a byte that says what they respond to.
pub fn responses() -> Vec<Vec<u8>> {
    let all = texts(&[
        "HTTP/1.1 200 OK\r\nReplay-Nonce: abc\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 201 Created\r\nLocation: https://ca.example/1\r\n\
         Content-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nto the end",
        "HTTP/1.0 503 No\r\nRetry-After: 120\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx and more",
        "HTTP/1.1 204 No Content\r\n\r\n",
    ]);
    with_first(&[0, 1], &all)
}

/// Questions.
pub fn challenges() -> Vec<Vec<u8>> {
    texts(&[
        "GET /.well-known/acme-challenge/tok_en-1 HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "HEAD /.well-known/acme-challenge/tok_en-1 HTTP/1.1\r\n\r\n",
        "GET /.well-known/acme-challenge/other HTTP/1.0\r\n\r\n",
        "GET /.well-known/acme-challenge/../tok HTTP/1.1\r\n\r\n",
        "POST /.well-known/acme-challenge/tok_en-1 HTTP/1.1\r\n\r\n",
    ])
}

/// Extensions of a first message.
pub const PROTOCOLS: &[&[u8]] = &[b"\x00\x10\x00\x0d\x00\x0b\x0aacme-tls/1", b"\x0aacme-tls/1", b"\x02h2"];

/// First messages: one of an authority, one with another protocol beside that, one without a name.
pub fn hellos() -> Vec<Vec<u8>> {
    let name = &b"\x00\x00\x00\x0e\x00\x0c\x00\x00\x09a.example"[..];
    let alone = &b"\x00\x10\x00\x0d\x00\x0b\x0aacme-tls/1"[..];
    let beside = &b"\x00\x10\x00\x10\x00\x0e\x0aacme-tls/1\x02h2"[..];
    let hello = |extensions: &[&[u8]]| {
        let extensions = extensions.concat();
        let bare = [b"\x03\x03", &[7; 32][..], b"\x00\x00\x02\x13\x01\x01\x00"].concat();
        let body = [&bare[..], &[0, u8::try_from(extensions.len()).unwrap_or(0)], &extensions].concat();
        let length = u8::try_from(body.len()).unwrap_or(0);
        [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat()
    };
    vec![hello(&[name, alone]), hello(&[name, beside]), hello(&[alone])]
}

/// Files of the state: bodies of slots, and what is no slot at all.
pub fn states() -> Vec<Vec<u8>> {
    // One account, and one certificate that failed twice.
    let failed = [&[1][..], &[7; 16], b"\x02\x63\x02no"].concat();
    let body = [&b"\x01\x13https://ca.example/\x02{}"[..], &failed].concat();
    let slot = [&b"fosseac1\x04\0\0\0\0\0\0\0\x02\0\0\0\0\0"[..], &[0; 32]].concat();
    let sealed = with_first(&[1], &[body, b"\0\0".to_vec()]);
    [sealed, with_first(&[0], &[slot, Vec::new()])].concat()
}
