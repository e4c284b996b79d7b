//! What a backend may respond, and what becomes of it: what is no right response is a 502 and never
//! passed on, what breaks in its body never looks whole, and nothing that comes behind a response
//! is anybody else's.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use fosse_harness::{
    http::{Failed, Framing, Reader},
    sockets::{self, connect},
};
use fosse_soak::site::Setup;

use super::{MORE, PATIENCE, fits};

/// Name, method, bytes, whether the backend keeps the connection, and what the client sees:
/// `status=body` of each response, a status alone where the body does not matter, `cut` for a
/// response that visibly is not whole. Behind it comes a request whose response is `ok`.
type Row = (&'static str, &'static str, &'static [u8], bool, &'static str);

const RESPONSES: &[Row] = &[
    // Right ones.
    ("a length", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "200=hello+200=ok"),
    ("a length, connection kept", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true, "200=hello+200=ok"),
    ("chunks", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true, "200=hello+200=ok"),
    ("an end that is the length", "GET", b"HTTP/1.1 200 OK\r\n\r\nhello", false, "200=hello+200=ok"),
    ("an answer to HTTP/1.0", "GET", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "200=hello+200=ok"),
    ("no reason", "GET", b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello", false, "200=hello+200=ok"),
    ("no reason and no space", "GET", b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", false, "200=hello+200=ok"),
    ("a reason above ASCII", "GET", b"HTTP/1.1 200 \xe9\r\nContent-Length: 5\r\n\r\nhello", false, "200=hello+200=ok"),
    ("a status nobody knows", "GET", b"HTTP/1.1 299 x\r\nContent-Length: 5\r\n\r\nhello", false, "299=hello+200=ok"),
    ("a status above 599", "GET", b"HTTP/1.1 600 x\r\nContent-Length: 5\r\n\r\nhello", true, "600+200=ok"),
    ("the highest status", "GET", b"HTTP/1.1 999 Request denied\r\nContent-Length: 5\r\n\r\nhello", true, "999+200=ok"),
    ("the highest status for a head alone", "HEAD", b"HTTP/1.1 999 x\r\nContent-Length: 5\r\n\r\n", true, "999+200=ok"),
    ("no content", "GET", b"HTTP/1.1 204 x\r\n\r\n", true, "204=+200=ok"),
    ("no content of length 0", "GET", b"HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", true, "204=+200=ok"),
    ("nothing new", "GET", b"HTTP/1.1 304 x\r\n\r\n", true, "304=+200=ok"),
    ("nothing new, with the length it would have", "GET", b"HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", true, "304=+200=ok"),
    ("reset content", "GET", b"HTTP/1.1 205 x\r\nContent-Length: 0\r\n\r\n", true, "205=+200=ok"),
    ("a head alone", "HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, "200=+200=ok"),
    ("a head alone of chunks", "HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, "200=+200=ok"),
    ("a range", "GET", b"HTTP/1.1 206 x\r\nContent-Range: bytes 0-4/9\r\nContent-Length: 5\r\n\r\nhello", true, "206=hello+200=ok"),
    ("chunks with extensions and a trailer", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", true, "200=hello+200=ok"),
    ("a trailer that would frame", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n", true, "200=hello+200=ok|cut+200=ok|200+cut|cut"),
    ("an empty value", "GET", b"HTTP/1.1 200 OK\r\nX:\r\nContent-Length: 5\r\n\r\nhello", true, "200=hello+200=ok"),
    ("Connection names the length", "GET", b"HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\nhello", true, "200=hello+200=ok"),
    ("Connection names another field", "GET", b"HTTP/1.1 200 OK\r\nConnection: X-Smuggled\r\nX-Smuggled: 1\r\nContent-Length: 5\r\n\r\nhello", true, "200=hello+200=ok"),
    ("an upgrade offered", "GET", b"HTTP/1.1 200 OK\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello", true, "200=hello+200=ok"),
    // Interim ones.
    ("100 nobody asked for", "GET", b"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true, "200=hello+200=ok"),
    ("102", "GET", b"HTTP/1.1 102 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true, "200=hello+200=ok"),
    ("103", "GET", b"HTTP/1.1 103 x\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true, "103+200=hello+200=ok"),
    ("101 nobody asked for", "GET", b"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", false, "502+200=ok"),
    ("101 without a protocol", "GET", b"HTTP/1.1 101 x\r\n\r\n", false, "502+200=ok"),
    ("103 with a length", "GET", b"HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("103 with chunks", "GET", b"HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("interim ones and no answer", "GET", b"HTTP/1.1 103 x\r\n\r\n", false, "103+502+200=ok"),
    ("forty times 102", "GET", b"HTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true, "200=hello+200=ok"),
    ("seventeen times 103", "GET", b"HTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "103+103+103+103+103+103+103+103+103+103+103+103+103+103+103+103+502+200=ok"),
    // Status lines that are none.
    ("status line: a bare body", "GET", b"hello\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: another protocol", "GET", b"ICY 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: HTTP/2", "GET", b"HTTP/2 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: HTTP/3", "GET", b"HTTP/3.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: lower case", "GET", b"http/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: two spaces", "GET", b"HTTP/1.1  200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: a tab", "GET", b"HTTP/1.1\t200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: a space before", "GET", b" HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: an empty line before", "GET", b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: no status", "GET", b"HTTP/1.1 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: two digits", "GET", b"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: four digits", "GET", b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: below 100", "GET", b"HTTP/1.1 099 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: none at all", "GET", b"HTTP/1.1 000 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: a sign", "GET", b"HTTP/1.1 -20 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: letters", "GET", b"HTTP/1.1 2x0 OK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: a control byte in the reason", "GET", b"HTTP/1.1 200 O\x01K\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: a NUL in the reason", "GET", b"HTTP/1.1 200 O\0K\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: a bare CR in the reason", "GET", b"HTTP/1.1 200 O\rK\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("status line: a request", "GET", b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    // Fields that are none.
    ("field: a space before the colon", "GET", b"HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("field: a tab before the colon", "GET", b"HTTP/1.1 200 OK\r\nX\t: y\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("field: no colon", "GET", b"HTTP/1.1 200 OK\r\nxyz\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("field: no name", "GET", b"HTTP/1.1 200 OK\r\n: y\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("field: a name that is no token", "GET", b"HTTP/1.1 200 OK\r\nX(y): z\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("field: a name above ASCII", "GET", b"HTTP/1.1 200 OK\r\nX\xe9: z\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("field: a fold", "GET", b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("field: a NUL", "GET", b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("field: a control byte", "GET", b"HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("field: a bare CR", "GET", b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: smuggled\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("field: a bare LF", "GET", b"HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: smuggled\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("field: a fold first", "GET", b"HTTP/1.1 200 OK\r\n X: y\r\nContent-Length: 5\r\n\r\nhello", false, "502+200=ok"),
    ("bare LFs", "GET", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", false, "502+200=ok"),
    // Framing.
    ("framing: length and chunks", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: chunks and length", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: two lengths", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: the same length twice", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: a list of lengths", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: a signed length", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: a negative length", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: a length in hex", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: a length in words", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: no length behind its name", "GET", b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: a length beyond all numbers", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: a length behind a space", "GET", b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: a length with an underscore", "GET", b"HTTP/1.1 200 OK\r\nContent_Length: 5\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: an unknown coding", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: gzip and chunks", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: chunks and gzip", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: chunks twice", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: two coding fields", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: identity", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: an empty coding", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: a vertical tab before the coding", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0bchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: a quoted coding", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \"chunked\"\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: chunks in 1.0", "GET", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "502+200=ok"),
    ("framing: no content with a length", "GET", b"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\nhello", false, "204=+200=ok"),
    ("framing: no content with chunks", "GET", b"HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, "204=+200=ok"),
    ("framing: no content, chunks, and the connection kept", "GET", b"HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled", true, "204=+200=ok"),
    ("framing: a length with leading zeros", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 05\r\n\r\nhello", false, "502+200=ok"),
    ("chunks: sizes padded with zeros", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0005\r\nhello\r\n000\r\n\r\n", true, "200=hello+200=ok"),
    ("chunks: an extension without a name", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;\r\nhello\r\n0\r\n\r\n", false, "200+cut|cut"),
    // Bodies that are not as long as they said, and what comes behind a response.
    ("shorter than its length", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", false, "200+cut|cut"),
    ("longer than its length", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled", true, "200=hello+200=ok"),
    ("chunks without their end", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false, "200+cut|cut"),
    ("a chunk cut short", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello", false, "200+cut|cut"),
    ("chunks: no size", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n", false, "200+cut|cut"),
    ("chunks: a size in words", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n0\r\n\r\n", false, "200+cut|cut"),
    ("chunks: a signed size", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", false, "200+cut|cut"),
    ("chunks: a prefixed size", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", false, "200+cut|cut"),
    ("chunks: a size that wraps", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n", false, "200+cut|cut"),
    ("chunks: a space behind the size", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n", false, "200+cut|cut"),
    ("chunks: a bare LF behind the size", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", false, "200+cut|cut"),
    ("chunks: other bytes behind the data", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n", false, "200+cut|cut"),
    ("chunks: a bare LF behind the data", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n", false, "200+cut|cut"),
    ("chunks: a bare CR in an extension", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n", false, "200+cut|cut"),
    ("chunks: a trailer without a colon", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nxyz\r\n\r\n", false, "200+cut|cut"),
    ("chunks: a folded trailer", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n", false, "200+cut|cut"),
    ("a body behind a head alone", "HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true, "200=+200=ok"),
    ("a body behind no content", "GET", b"HTTP/1.1 204 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled", true, "204=+200=ok"),
    ("a body behind nothing new", "GET", b"HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\nhello", true, "304=+200=ok"),
    ("a second answer", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled", true, "200=hello+200=ok"),
    ("a second answer behind chunks", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled", true, "200=hello+200=ok"),
    // Ends.
    ("no answer", "GET", b"", false, "502+200=ok"),
    ("half a status line", "GET", b"HTTP/1.", false, "502+200=ok"),
    ("half a head", "GET", b"HTTP/1.1 200 OK\r\nContent-Le", false, "502+200=ok"),
    ("a head without its end", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", false, "502+200=ok"),
];

/// Responds to `/N` as row N says, and to everything else `ok`.
fn serve(mut stream: UnixStream) {
    let mut input = Vec::new();
    let mut piece = [0; 4096];
    loop {
        while let Some(end) = input.windows(4).position(|w| w == b"\r\n\r\n") {
            let head: Vec<u8> = input.drain(..end + 4).collect();
            let head = String::from_utf8_lossy(&head).into_owned();
            let number = head.split(' ').nth(1).and_then(|target| target.trim_start_matches('/').parse::<usize>().ok());
            let row = number.and_then(|number| RESPONSES.get(number));
            let ok = &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"[..];
            let (bytes, stays) = row.map_or((ok, true), |row| (row.2, row.3));
            if stream.write_all(bytes).is_err() || !stays {
                return;
            }
        }
        match stream.read(&mut piece) {
            Ok(count @ 1..) => input.extend_from_slice(&piece[..count]),
            _ => return,
        }
    }
}

/// What a client sees of a row and of the request behind it.
fn seen(address: std::net::SocketAddr, number: usize, method: &str) -> Vec<String> {
    let mut socket = connect(address, PATIENCE).unwrap();
    let requests = format!("{method} /{number} HTTP/1.1\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    let _ = socket.write_all(requests.as_bytes());
    let (mut reader, mut came, mut finals) = (Reader::new(socket), Vec::<String>::new(), 0);
    while finals < 3 {
        match reader.head() {
            Ok(head) if head.status() < 200 => came.push(head.status().to_string()),
            Ok(head) => {
                let (status, to_head) = (head.status(), method == "HEAD" && finals == 0);
                finals += 1;
                let mut body = Vec::new();
                let framing = Framing::of(&head).unwrap().unwrap_or(Framing::UntilEnd);
                let none = to_head || matches!(status, 204 | 304);
                let whole = none || reader.body(framing, &mut |part| body.extend_from_slice(part)).is_ok();
                match (whole, status) {
                    (false, _) => came.extend([status.to_string(), "cut".into()]),
                    (true, 400..) => came.push(status.to_string()),
                    (true, _) => came.push(format!("{status}={}", String::from_utf8_lossy(&body))),
                }
                assert!(!head.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-smuggled")), "{head:?}");
                if finals == 2 {
                    reader.source.set_read_timeout(Some(MORE)).unwrap();
                }
            }
            Err(Failed::Wrong(why)) => {
                came.push(why);
                return came;
            }
            Err(Failed::Cut { .. }) if finals == 0 => {
                came.push("cut".into());
                return came;
            }
            Err(_) => return came,
        }
    }
    came
}

#[test]
fn every_response_of_a_backend_arrives_as_it_should_or_not_at_all() {
    let edge = Setup { lanes: 1, ..Setup::default() }.start();
    sockets::listen(&edge.dir().join("a.sock"), serve);
    let (address, next, wrong) = (edge.address(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((name, method, _, _, expected)) = RESPONSES.get(number) else { return };
                    let came = seen(address, number, method);
                    if !fits(&came, expected) {
                        wrong.lock().unwrap().push(format!("{name}: {} and not {expected}", came.join("+")));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    println!("{} of {} responses as expected", RESPONSES.len() - wrong.len(), RESPONSES.len());
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(edge.alarms(), Vec::<String>::new());
    edge.stop();
}
