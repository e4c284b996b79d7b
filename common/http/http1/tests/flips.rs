//! Nothing panics and nothing that is taken changes its meaning, whatever bit or byte is off.

#[path = "../../../../fuzz/src/target/http1.rs"]
#[expect(unreachable_pub, reason = "fuzz/ calls them")]
mod target;

const CORPUS: [&[u8]; 7] = [
    b"GET /a/b?c=d&e=%20f HTTP/1.1\r\nHost: www.Example.com:8080\r\nAccept: */*\r\nCookie: a=b; c=d\r\nConnection: keep-alive\r\n\r\n",
    b"POST http://[2001:db8::1]/ HTTP/1.1\r\nHost: [2001:DB8::1]\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    b"\0HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\n",
    b"\x035\r\nhello\r\n0a;x=y\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\nGET",
    b"HTTP/1.0 200 OK\nContent-Length: 5\nX: y\n z\nContent-Length: 5\n\nhello",
    b"for=192.0.2.9;by=_x, For=\"[2001:db8::1]:80\" ; proto=https;host=\"a\\\"b\",for=unknown",
];

fn all(data: &[u8]) {
    target::request(data);
    target::response(data);
    target::chunked(data);
    target::lenient(data);
    target::forwarded(data);
    target::accept_encoding(data);
}

#[test]
fn survives_every_cut_and_every_flipped_bit() {
    for good in CORPUS {
        for end in 0..=good.len() {
            all(&good[..end]);
            all(&good[end..]);
        }
        let mut bytes = good.to_vec();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                all(&bytes);
                bytes[at] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn survives_every_byte_in_every_place() {
    for good in CORPUS {
        let mut bytes = good.to_vec();
        for at in 0..bytes.len() {
            let kept = bytes[at];
            for byte in [0, 9, 10, 11, 13, 32, 43, 44, 48, 58, 59, 95, 127, 128, 160, 255] {
                bytes[at] = byte;
                all(&bytes);
            }
            bytes[at] = kept;
        }
    }
}
