//! PROXY headers as trusted proxies send them, and malformed ones.

use std::net::SocketAddr;

use fosse_proxyproto::{ProxyError, decode, encode_v1, encode_v2};

#[path = "../../../../fuzz/src/target/proxyproto.rs"]
#[expect(unreachable_pub, reason = "fuzz/ calls them")]
mod target;

fn pair(source: &str, destination: &str) -> Option<(SocketAddr, SocketAddr)> {
    Some((source.parse().unwrap(), destination.parse().unwrap()))
}

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend_from_slice(&[command, family]);
    bytes.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

#[test]
fn what_is_encoded_is_decoded_however_it_is_cut() {
    for addresses in [pair("192.0.2.1:1234", "198.51.100.7:443"), pair("[2001:db8::1]:1", "[2001:db8::2]:65535"), None]
    {
        for encode in [encode_v1, encode_v2] {
            let mut bytes = Vec::new();
            encode(&mut bytes, addresses);
            let whole = bytes.len();
            bytes.extend_from_slice(b"GET / HTTP/1.1\r\n");
            let (header, used) = decode(&bytes).unwrap().unwrap();
            assert_eq!((header.addresses, used), (addresses, whole));
            for end in 0..whole {
                assert_eq!(decode(&bytes[..end]), Ok(None), "cut at {end}");
            }
        }
    }
}

#[test]
fn refuses_every_malformed_line() {
    for line in [
        "PROXY\r\n",
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
        "PROXY TCP4 1.2.3.4\r1.2.3.4 1 2\r\n",
        "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "GET / HTTP/1.1\r\n",
        "PUT / HTTP/1.1\r\n",
        "PROXY TCP4 \u{e9}\r\n",
    ] {
        assert!(decode(line.as_bytes()).is_err(), "{line:?}");
    }
    let long = format!("PROXY UNKNOWN {}", "x".repeat(200));
    assert_eq!(decode(long.as_bytes()), Err(ProxyError::BadLine));
}

#[test]
fn refuses_every_malformed_binary_header() {
    for (bytes, why) in [
        (v2(0x11, 0x11, &[0; 12]), ProxyError::BadCommand),
        (v2(0x22, 0x11, &[0; 12]), ProxyError::BadCommand),
        (v2(0x21, 0x41, &[0; 12]), ProxyError::BadCommand),
        (v2(0x21, 0x13, &[0; 12]), ProxyError::BadCommand),
        (v2(0x21, 0x11, &[0; 11]), ProxyError::BadLength),
        (v2(0x21, 0x21, &[0; 35]), ProxyError::BadLength),
        (v2(0x21, 0x11, &[0; 5000]), ProxyError::BadLength),
        (v2(0x21, 0x11, &[0; 13]), ProxyError::BadExtension),
        (v2(0x21, 0x11, &[&[0; 12][..], &[4, 0, 2, 0]].concat()), ProxyError::BadExtension),
    ] {
        assert_eq!(decode(&bytes), Err(why), "{bytes:?}");
    }
}

#[test]
fn reads_what_tls_the_client_used() {
    let extensions = [&[0u8; 12][..], &[2, 0, 3], b"a.b", &[0x20, 0, 5, 1, 0, 0, 0, 0], &[4, 0, 0]].concat();
    let bytes = v2(0x21, 0x11, &extensions);
    let (header, _) = decode(&bytes).unwrap().unwrap();
    assert_eq!((header.secure, header.authority), (true, &b"a.b"[..]));
    let local = v2(0x20, 0x11, &extensions);
    let (header, used) = decode(&local).unwrap().unwrap();
    assert_eq!((header.addresses, header.secure, used), (None, false, local.len()));
}

#[test]
fn survives_every_flipped_bit() {
    let mut line = Vec::new();
    encode_v1(&mut line, pair("192.0.2.1:1234", "198.51.100.7:443"));
    let binary = v2(0x21, 0x11, &[&[9u8; 12][..], &[2, 0, 3], b"a.b", &[0x20, 0, 1, 1]].concat());
    for good in [line, binary] {
        let mut bytes = good.clone();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                target::decode(&bytes);
                bytes[at] ^= 1 << bit;
            }
        }
    }
}
